#include "daemon/config_form.h"

#define TEXT           CYAML_FLAG_POINTER
#define LIST           CYAML_FLAG_POINTER
#define PERHAPS        (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT_MOST      4096
#define STATEMENT_MOST 65536

static const cyaml_schema_value_t text_entry = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MOST)};

static const cyaml_schema_field_t bus_fields[] = {
    CYAML_FIELD_STRING_PTR("endpoint", TEXT, struct form_bus, endpoint, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("public_key", TEXT, struct form_bus, public_key, 1, TEXT_MOST),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t keys_fields[] = {
    CYAML_FIELD_STRING_PTR("signing", TEXT, struct form_keys, signing, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("chain", TEXT, struct form_keys, chain, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("link", TEXT, struct form_keys, link, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("subject", PERHAPS, struct form_keys, subject, 1, TEXT_MOST),
    CYAML_FIELD_SEQUENCE("sealing", LIST, struct form_keys, sealing, &text_entry, 1, 64),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t authority_fields[] = {
    CYAML_FIELD_SEQUENCE("keys", LIST, struct form_authority, keys, &text_entry, 1, 64),
    CYAML_FIELD_UINT("threshold", CYAML_FLAG_DEFAULT, struct form_authority, threshold),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t peer_fields[] = {
    CYAML_FIELD_STRING_PTR("user", TEXT, struct form_caller, user, 1, TEXT_MOST),
    CYAML_FIELD_SEQUENCE("subsystems", LIST, struct form_caller, subsystems, &text_entry, 1, 1000),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t peer_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_caller, peer_fields)};
static const cyaml_schema_field_t client_fields[] = {
    CYAML_FIELD_STRING_PTR("certificate", TEXT, struct form_caller, certificate, 1, TEXT_MOST),
    CYAML_FIELD_SEQUENCE("subsystems", LIST, struct form_caller, subsystems, &text_entry, 1, 1000),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t client_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_caller, client_fields)};
static const cyaml_schema_field_t tls_fields[] = {
    CYAML_FIELD_STRING_PTR("certificate", TEXT, struct form_tls, certificate, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("key", TEXT, struct form_tls, key, 1, TEXT_MOST),
    CYAML_FIELD_SEQUENCE("clients", LIST, struct form_tls, clients, &client_entry, 1, 1000),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t listener_fields[] = {
    CYAML_FIELD_STRING_PTR("address", PERHAPS, struct form_listener, address, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("unix", PERHAPS, struct form_listener, unix_path, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("mode", PERHAPS, struct form_listener, mode, 1, TEXT_MOST),
    CYAML_FIELD_SEQUENCE("subsystems", PERHAPS, struct form_listener, subsystems, &text_entry, 1, 1000),
    CYAML_FIELD_MAPPING_PTR("tls", PERHAPS, struct form_listener, tls, tls_fields),
    CYAML_FIELD_SEQUENCE("peers", PERHAPS, struct form_listener, peers, &peer_entry, 1, 1000),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t listener_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_listener, listener_fields)};

static const cyaml_schema_field_t statement_fields[] = {
    CYAML_FIELD_STRING_PTR("operation", TEXT, struct form_statement, operation, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("text", TEXT, struct form_statement, text, 1, STATEMENT_MOST),
    CYAML_FIELD_SEQUENCE("parameters", PERHAPS, struct form_statement, parameters, &text_entry, 0, 64),
    CYAML_FIELD_BOOL("one", CYAML_FLAG_OPTIONAL, struct form_statement, one),
    CYAML_FIELD_BOOL("writes", CYAML_FLAG_OPTIONAL, struct form_statement, writes),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t statement_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_statement, statement_fields)};

static const cyaml_schema_field_t sql_fields[] = {
    CYAML_FIELD_STRING_PTR("connection", TEXT, struct form_sql, connection, 0, TEXT_MOST),
    CYAML_FIELD_UINT("threads", CYAML_FLAG_OPTIONAL, struct form_sql, threads),
    CYAML_FIELD_UINT("timeout_ms", CYAML_FLAG_OPTIONAL, struct form_sql, timeout_ms),
    CYAML_FIELD_UINT("most_rows", CYAML_FLAG_OPTIONAL, struct form_sql, most_rows),
    CYAML_FIELD_SEQUENCE("statements", LIST, struct form_sql, statements, &statement_entry, 1, 256),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t rest_fields[] = {
    CYAML_FIELD_STRING_PTR("url", TEXT, struct form_rest, url, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("unix", PERHAPS, struct form_rest, unix_path, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("ca", PERHAPS, struct form_rest, ca, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("certificate", PERHAPS, struct form_rest, certificate, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("key", PERHAPS, struct form_rest, key, 1, TEXT_MOST),
    CYAML_FIELD_UINT("connections", CYAML_FLAG_OPTIONAL, struct form_rest, connections),
    CYAML_FIELD_UINT("connect_timeout_ms", CYAML_FLAG_OPTIONAL, struct form_rest, connect_timeout_ms),
    CYAML_FIELD_UINT("timeout_ms", CYAML_FLAG_OPTIONAL, struct form_rest, timeout_ms),
    CYAML_FIELD_UINT("least_speed", CYAML_FLAG_OPTIONAL, struct form_rest, least_speed),
    CYAML_FIELD_UINT("slow_seconds", CYAML_FLAG_OPTIONAL, struct form_rest, slow_seconds),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t service_fields[] = {
    CYAML_FIELD_STRING_PTR("service", TEXT, struct form_service, service, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("connector", TEXT, struct form_service, connector, 1, TEXT_MOST),
    CYAML_FIELD_MAPPING_PTR("sql", PERHAPS, struct form_service, sql, sql_fields),
    CYAML_FIELD_MAPPING_PTR("rest", PERHAPS, struct form_service, rest, rest_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t service_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_service, service_fields)};

static const cyaml_schema_field_t limits_fields[] = {
    CYAML_FIELD_UINT("most_asks", CYAML_FLAG_OPTIONAL, struct form_limits, most_asks),
    CYAML_FIELD_UINT("most_ask_bytes", CYAML_FLAG_OPTIONAL, struct form_limits, most_ask_bytes),
    CYAML_FIELD_UINT("most_body_bytes", CYAML_FLAG_OPTIONAL, struct form_limits, most_body_bytes),
    CYAML_FIELD_UINT("connections", CYAML_FLAG_OPTIONAL, struct form_limits, connections),
    CYAML_FIELD_UINT("connections_per_client", CYAML_FLAG_OPTIONAL, struct form_limits,
                     connections_per_client),
    CYAML_FIELD_UINT("requests_per_client", CYAML_FLAG_OPTIONAL, struct form_limits, requests_per_client),
    CYAML_FIELD_UINT("requests_per_subsystem", CYAML_FLAG_OPTIONAL, struct form_limits,
                     requests_per_subsystem),
    CYAML_FIELD_UINT("most_answer_bytes", CYAML_FLAG_OPTIONAL, struct form_limits, most_answer_bytes),
    CYAML_FIELD_UINT("idle_seconds", CYAML_FLAG_OPTIONAL, struct form_limits, idle_seconds),
    CYAML_FIELD_UINT("head_seconds", CYAML_FLAG_OPTIONAL, struct form_limits, head_seconds),
    CYAML_FIELD_UINT("body_seconds", CYAML_FLAG_OPTIONAL, struct form_limits, body_seconds),
    CYAML_FIELD_UINT("answer_seconds", CYAML_FLAG_OPTIONAL, struct form_limits, answer_seconds),
    CYAML_FIELD_UINT("request_timeout_ms", CYAML_FLAG_OPTIONAL, struct form_limits, request_timeout_ms),
    CYAML_FIELD_UINT("unproven_ms", CYAML_FLAG_OPTIONAL, struct form_limits, unproven_ms),
    CYAML_FIELD_UINT("clock_skew_ms", CYAML_FLAG_OPTIONAL, struct form_limits, clock_skew_ms),
    CYAML_FIELD_UINT("crl_grace_hours", CYAML_FLAG_OPTIONAL, struct form_limits, crl_grace_hours),
    CYAML_FIELD_UINT("registry_alarm_hours", CYAML_FLAG_OPTIONAL, struct form_limits, registry_alarm_hours),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t config_fields[] = {
    CYAML_FIELD_STRING_PTR("instance", TEXT, struct form_config, instance, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("member", TEXT, struct form_config, member, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("state", TEXT, struct form_config, state, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("registry", PERHAPS, struct form_config, registry, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("log_level", PERHAPS, struct form_config, log_level, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("fault_spelling", PERHAPS, struct form_config, fault_spelling, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("metrics", PERHAPS, struct form_config, metrics, 1, TEXT_MOST),
    CYAML_FIELD_STRING_PTR("user", PERHAPS, struct form_config, user, 1, 32),
    CYAML_FIELD_MAPPING("bus", CYAML_FLAG_DEFAULT, struct form_config, bus, bus_fields),
    CYAML_FIELD_MAPPING("keys", CYAML_FLAG_DEFAULT, struct form_config, keys, keys_fields),
    CYAML_FIELD_MAPPING("authority", CYAML_FLAG_DEFAULT, struct form_config, authority, authority_fields),
    CYAML_FIELD_SEQUENCE("listeners", PERHAPS, struct form_config, listeners, &listener_entry, 0, 64),
    CYAML_FIELD_SEQUENCE("services", PERHAPS, struct form_config, services, &service_entry, 0, 1000),
    CYAML_FIELD_MAPPING_PTR("limits", PERHAPS, struct form_config, limits, limits_fields),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t config_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct form_config, config_fields)};
