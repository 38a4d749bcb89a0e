#include "registry/registry_schema.h"

#define TEXT      CYAML_FLAG_POINTER
#define LIST      CYAML_FLAG_POINTER
#define PERHAPS   (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT_MOST 4096
#define PEM_MOST  16384

static const cyaml_schema_field_t names_fields[] = {
    CYAML_FIELD_STRING_PTR("ar", TEXT, struct form_names, ar, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("fr", TEXT, struct form_names, fr, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("en", TEXT, struct form_names, en, 1, TEXT_MOST),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MOST),
};

static const cyaml_schema_field_t authority_fields[] = {
    CYAML_FIELD_UINT("threshold", CYAML_FLAG_DEFAULT, struct form_authority, threshold),
    CYAML_FIELD_SEQUENCE("keys", LIST, struct form_authority, keys, &text_entry, 1, 64),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t ledger_fields[] = {
    CYAML_FIELD_STRING_PTR("key", TEXT, struct form_ledger_key, key, 1, TEXT_MOST),
    CYAML_FIELD_UINT("from", CYAML_FLAG_DEFAULT, struct form_ledger_key, from),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t ledger_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_ledger_key, ledger_fields),
};

static const cyaml_schema_field_t dated_key_fields[] = {
    CYAML_FIELD_STRING_PTR("key", TEXT, struct form_dated_key, key, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("not_before", TEXT, struct form_dated_key, not_before, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("not_after", TEXT, struct form_dated_key, not_after, 1, TEXT_MOST),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t dated_key_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_dated_key, dated_key_fields),
};

static const cyaml_schema_field_t anchor_fields[] = {
    CYAML_FIELD_STRING_PTR("name", TEXT, struct form_anchor, name, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("certificate", TEXT, struct form_anchor, certificate, 1, PEM_MOST),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t anchor_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_anchor, anchor_fields),
};

static const cyaml_schema_field_t operation_fields[] = {
    CYAML_FIELD_STRING_PTR("code", TEXT, struct form_operation, code, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("method", TEXT, struct form_operation, method, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("path", TEXT, struct form_operation, path, 1, TEXT_MOST),
    CYAML_FIELD_BOOL_PTR("safe", PERHAPS, struct form_operation, safe),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t operation_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_operation, operation_fields),
};

static const cyaml_schema_field_t service_fields[] = {
    CYAML_FIELD_STRING_PTR("code", TEXT, struct form_service, code, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("kind", TEXT, struct form_service, kind, 1, TEXT_MOST),
    CYAML_FIELD_MAPPING("name", CYAML_FLAG_DEFAULT, struct form_service, name, names_fields),
    CYAML_FIELD_STRING_PTR("media_type", PERHAPS, struct form_service, media_type, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("subject", PERHAPS, struct form_service, subject, 1, TEXT_MOST),
    CYAML_FIELD_SEQUENCE("fields", PERHAPS, struct form_service, fields, &text_entry, 0, 1024),
    CYAML_FIELD_STRING_PTR("max_request", PERHAPS, struct form_service, max_request, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("max_response", PERHAPS, struct form_service, max_response, 1, TEXT_MOST),
    CYAML_FIELD_UINT("timeout_ms", CYAML_FLAG_OPTIONAL, struct form_service, timeout_ms),
    CYAML_FIELD_STRING_PTR("retention", TEXT, struct form_service, retention, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("evidence", PERHAPS, struct form_service, evidence, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("description", PERHAPS, struct form_service, description, 1, TEXT_MOST),
    CYAML_FIELD_BOOL("pad", CYAML_FLAG_OPTIONAL, struct form_service, pad),
    CYAML_FIELD_SEQUENCE("operations", PERHAPS, struct form_service, operations, &operation_entry, 0, 256),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t service_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_service, service_fields),
};

static const cyaml_schema_field_t subsystem_fields[] = {
    CYAML_FIELD_STRING_PTR("code", TEXT, struct form_subsystem, code, 1, TEXT_MOST),
    CYAML_FIELD_MAPPING("name", CYAML_FLAG_DEFAULT, struct form_subsystem, name, names_fields),
    CYAML_FIELD_SEQUENCE("services", PERHAPS, struct form_subsystem, services, &service_entry, 0, 1000),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t subsystem_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_subsystem, subsystem_fields),
};

static const cyaml_schema_field_t member_fields[] = {
    CYAML_FIELD_STRING_PTR("id", TEXT, struct form_member, id, 1, TEXT_MOST),
    CYAML_FIELD_MAPPING("name", CYAML_FLAG_DEFAULT, struct form_member, name, names_fields),
    CYAML_FIELD_STRING_PTR("trust_anchor", TEXT, struct form_member, trust_anchor, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("certificate_subject", TEXT, struct form_member, certificate_subject, 1,
                           TEXT_MOST),
    CYAML_FIELD_SEQUENCE("link_keys", LIST, struct form_member, link_keys, &text_entry, 1, 64),
    CYAML_FIELD_SEQUENCE("sealing_keys", LIST, struct form_member, sealing_keys, &dated_key_entry, 1, 64),
    CYAML_FIELD_STRING_PTR("witness_key", PERHAPS, struct form_member, witness_key, 1, TEXT_MOST),
    CYAML_FIELD_BOOL("suspended", CYAML_FLAG_OPTIONAL, struct form_member, suspended),
    CYAML_FIELD_SEQUENCE("subsystems", PERHAPS, struct form_member, subsystems, &subsystem_entry, 0, 1000),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t member_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_member, member_fields),
};

static const cyaml_schema_field_t purpose_fields[] = {
    CYAML_FIELD_STRING_PTR("code", TEXT, struct form_purpose, code, 1, TEXT_MOST),
    CYAML_FIELD_MAPPING("name", CYAML_FLAG_DEFAULT, struct form_purpose, name, names_fields),
    CYAML_FIELD_STRING_PTR("legal_basis", TEXT, struct form_purpose, legal_basis, 1, TEXT_MOST),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t purpose_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_purpose, purpose_fields),
};

static const cyaml_schema_field_t endpoint_fields[] = {
    CYAML_FIELD_STRING_PTR("method", TEXT, struct form_endpoint, method, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("path", TEXT, struct form_endpoint, path, 1, TEXT_MOST),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t endpoint_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_endpoint, endpoint_fields),
};

static const cyaml_schema_field_t grant_fields[] = {
    CYAML_FIELD_STRING_PTR("consumer", TEXT, struct form_grant, consumer, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("service", TEXT, struct form_grant, service, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("purpose", TEXT, struct form_grant, purpose, 1, TEXT_MOST),
    /* Loaded, an empty list looks like none, and none means every operation or path: so it may not be empty.
     */
    CYAML_FIELD_SEQUENCE("operations", PERHAPS, struct form_grant, operations, &text_entry, 1, 256),
    CYAML_FIELD_SEQUENCE("endpoints", PERHAPS, struct form_grant, endpoints, &endpoint_entry, 1, 32),
    CYAML_FIELD_SEQUENCE("fields", PERHAPS, struct form_grant, fields, &text_entry, 0, 256),
    CYAML_FIELD_BOOL("whole", CYAML_FLAG_OPTIONAL, struct form_grant, whole),
    CYAML_FIELD_STRING_PTR("expires", TEXT, struct form_grant, expires, 1, TEXT_MOST),
    CYAML_FIELD_UINT("per_day", CYAML_FLAG_OPTIONAL, struct form_grant, per_day),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t grant_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_grant, grant_fields),
};

static const cyaml_schema_field_t root_fields[] = {
    CYAML_FIELD_STRING_PTR("instance", TEXT, struct registry_form, instance, 1, TEXT_MOST),
    CYAML_FIELD_UINT("version", CYAML_FLAG_DEFAULT, struct registry_form, version),
    CYAML_FIELD_STRING_PTR("valid_until", TEXT, struct registry_form, valid_until, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("hard_limit", PERHAPS, struct registry_form, hard_limit, 1, TEXT_MOST),
    CYAML_FIELD_MAPPING("authority", CYAML_FLAG_DEFAULT, struct registry_form, authority, authority_fields),
    CYAML_FIELD_SEQUENCE("ledger", LIST, struct registry_form, ledger, &ledger_entry, 1, 64),
    CYAML_FIELD_SEQUENCE("oversight", PERHAPS, struct registry_form, oversight, &dated_key_entry, 0, 64),
    CYAML_FIELD_SEQUENCE("trust_anchors", LIST, struct registry_form, trust_anchors, &anchor_entry, 1, 64),
    CYAML_FIELD_SEQUENCE("members", LIST, struct registry_form, members, &member_entry, 1, 10000),
    CYAML_FIELD_SEQUENCE("purposes", PERHAPS, struct registry_form, purposes, &purpose_entry, 0, 10000),
    CYAML_FIELD_SEQUENCE("grants", PERHAPS, struct registry_form, grants, &grant_entry, 0, 100000),
    CYAML_FIELD_END,
};

const cyaml_schema_value_t registry_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct registry_form, root_fields),
};
