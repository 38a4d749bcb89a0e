#ifndef WASL_DAEMON_CONFIG_H
#define WASL_DAEMON_CONFIG_H
/*
 * The adapter's one configuration file (README.md has it whole). Immutable: loaded, judged as a whole, then
 * used. Paths are relative to the file's own folder.
 */
#include "base/log.h"
#include "base/yamlfile.h"
#include "connectors/connectors.h"
#include "front/front.h"
#include "registry/registry.h"

struct config_service {
    const char *service;   /* five-part id */
    const char *connector; /* "echo", "sql", "rest" */
    struct sql_options sql;
    struct rest_options rest;
};
struct config {
    const char *instance, *member, *state;
    const char *bus_endpoint;
    uint8_t bus_public_key[32];
    const char *signing_key, *chain, *link_key;
    const char *subject_keys; /* NULL: in the state folder */
    const char *const *sealing_keys;
    size_t sealing_key_count;
    struct registry_authority authority;
    const char *registry; /* NULL: from the bus */
    const char *metrics;  /* address of the metrics' server; NULL: none */
    const char *user;     /* to become when started as root; NULL: stay */
    const struct front_listener *listeners;
    size_t listener_count;
    const struct config_service *services;
    size_t service_count;
    enum log_level log_level;
    enum fault_spelling fault_spelling;
    /* 0: the default of whom it concerns */
    struct front_options front; /* all but the core */
    uint32_t most_asks;
    uint64_t most_ask_bytes, request_timeout, unproven_most, clock_skew, crl_grace, registry_alarm;

    struct yamlfile *file; /* for faults of meaning that are found later */
    struct config_memory *memory;
};

/* NULL with at least one fault. */
struct config *config_load(const char *path, struct faults *faults);
void config_free(struct config *config); /* NULL is harmless */

#endif
