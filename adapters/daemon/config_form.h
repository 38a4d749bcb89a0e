#ifndef WASL_DAEMON_CONFIG_FORM_H
#define WASL_DAEMON_CONFIG_FORM_H
/* The configuration file as libcyaml loads it: form only. config.c makes sense of it. */
#include <cyaml/cyaml.h>
#include <stdbool.h>
#include <stdint.h>

struct form_bus {
    char *endpoint, *public_key;
};
struct form_keys {
    char *signing, *chain, *link;
    char *subject;
    char **sealing;
    unsigned sealing_count;
};
struct form_authority {
    char **keys;
    unsigned keys_count;
    uint32_t threshold;
};
struct form_caller { /* of `peers` (user) or `clients` (certificate) */
    char *user, *certificate;
    char **subsystems;
    unsigned subsystems_count;
};
struct form_tls {
    char *certificate, *key;
    struct form_caller *clients;
    unsigned clients_count;
};
struct form_listener {
    char *address, *unix_path, *mode;
    struct form_tls *tls;
    struct form_caller *peers;
    unsigned peers_count;
    char **subsystems;
    unsigned subsystems_count;
};
struct form_statement {
    char *operation, *text;
    char **parameters;
    unsigned parameters_count;
    bool one, writes;
};
struct form_sql {
    char *connection;
    uint32_t threads;
    uint64_t timeout_ms, most_rows;
    struct form_statement *statements;
    unsigned statements_count;
};
struct form_rest {
    char *url, *unix_path, *ca, *certificate, *key;
    uint32_t connections, slow_seconds;
    uint64_t connect_timeout_ms, timeout_ms, least_speed;
};
struct form_service {
    char *service, *connector;
    struct form_sql *sql;
    struct form_rest *rest;
};
struct form_limits {
    uint32_t most_asks, connections, connections_per_client, requests_per_client, requests_per_subsystem;
    uint32_t idle_seconds, head_seconds, body_seconds, answer_seconds;
    uint64_t most_answer_bytes;
    uint64_t most_ask_bytes, most_body_bytes, request_timeout_ms, unproven_ms, clock_skew_ms, crl_grace_hours,
        registry_alarm_hours;
};
struct form_config {
    char *instance, *member, *state, *registry, *log_level, *fault_spelling, *metrics, *user;
    struct form_bus bus;
    struct form_keys keys;
    struct form_authority authority;
    struct form_listener *listeners;
    unsigned listeners_count;
    struct form_service *services;
    unsigned services_count;
    struct form_limits *limits;
};

extern const cyaml_schema_value_t config_schema;

#endif
