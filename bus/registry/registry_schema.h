#ifndef WASL_REGISTRY_SCHEMA_H
#define WASL_REGISTRY_SCHEMA_H
/*
 * The form of registry.yaml, as libcyaml loads it: names of keys, which are optional, what is a list. What
 * the values mean is judged by registry_load.c and registry_check.c. README.md shows an annotated file.
 */
#include <cyaml/cyaml.h>
#include <stdbool.h>
#include <stdint.h>

struct form_names {
    char *ar, *fr, *en;
};
struct form_authority {
    uint32_t threshold;
    char **keys;
    unsigned keys_count;
};
struct form_ledger_key {
    char *key;
    uint64_t from;
};
struct form_dated_key {
    char *key, *not_before, *not_after;
};
struct form_anchor {
    char *name, *certificate;
};
struct form_operation {
    char *code, *method, *path;
    bool *safe;
};
struct form_service {
    char *code, *kind;
    struct form_names name;
    char *media_type, *subject;
    char **fields;
    unsigned fields_count;
    char *max_request, *max_response;
    uint32_t timeout_ms;
    char *retention, *evidence, *description;
    bool pad;
    struct form_operation *operations;
    unsigned operations_count;
};
struct form_subsystem {
    char *code;
    struct form_names name;
    struct form_service *services;
    unsigned services_count;
};
struct form_member {
    char *id;
    struct form_names name;
    char *trust_anchor, *certificate_subject;
    char **link_keys;
    unsigned link_keys_count;
    struct form_dated_key *sealing_keys;
    unsigned sealing_keys_count;
    char *witness_key;
    bool suspended;
    struct form_subsystem *subsystems;
    unsigned subsystems_count;
};
struct form_purpose {
    char *code;
    struct form_names name;
    char *legal_basis;
};
struct form_endpoint {
    char *method, *path;
};
struct form_grant {
    char *consumer, *service, *purpose;
    char **operations;
    unsigned operations_count;
    struct form_endpoint *endpoints;
    unsigned endpoints_count;
    char **fields;
    unsigned fields_count;
    bool whole;
    char *expires;
    uint64_t per_day;
};
struct registry_form {
    char *instance;
    uint64_t version;
    char *valid_until, *hard_limit;
    struct form_authority authority;
    struct form_ledger_key *ledger;
    unsigned ledger_count;
    struct form_dated_key *oversight;
    unsigned oversight_count;
    struct form_anchor *trust_anchors;
    unsigned trust_anchors_count;
    struct form_member *members;
    unsigned members_count;
    struct form_purpose *purposes;
    unsigned purposes_count;
    struct form_grant *grants;
    unsigned grants_count;
};

extern const cyaml_schema_value_t registry_schema;

#endif
