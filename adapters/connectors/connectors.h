#ifndef WASL_ADAPTERS_CONNECTORS_CONNECTORS_H
#define WASL_ADAPTERS_CONNECTORS_CONNECTORS_H
/* What the daemon can compose. Each constructor's options are plain structs, filled from the configuration.
 */
#include "core/connector.h"

struct error;

/* echo: answers 200 with the request's body; for benchmarks and for trying a link. */
struct connector *connector_echo_new(void);

/* sql: libpq in a small pool of threads. A statement for each operation. */
struct sql_statement {
    const char *operation;
    const char *text; /* with $1, $2, ...: parameters are bound, never pasted */
    const char *const
        *parameters; /* names of the operation's path parameters ("iuc"), "query.NAME", "body./pointer",
                        "exchange.id", "consumer": in the order of $1, $2, ... */
    size_t parameter_count;
    bool one;    /* exactly one row as an object; none: UNKNOWN_SUBJECT. Else an array */
    bool writes; /* read-write transaction: only for operations that are not safe */
};
struct sql_options {
    const char *name;       /* of the service, for the log */
    const char *connection; /* libpq conninfo; a password belongs in its passfile */
    unsigned threads;       /* 0: 4 */
    uint64_t timeout;       /* statement_timeout, microseconds; 0: 5 s */
    uint64_t most_rows;     /* 0: 1000 */
    const struct sql_statement *statements;
    size_t statement_count;
};
/* What can be said about them without a database. 0, or -1 with e set (ERROR_CONFIG). */
int connector_sql_check(const struct sql_statement *statement, struct error *e);
int connector_sql_check_connection(const char *connection, struct error *e);
/* Everything in options must outlive the connector. A database that is down is no error here: its threads
 * connect, and go on trying. */
struct connector *connector_sql_new(const struct sql_options *options, struct error *e);

/* rest: libcurl on one thread of its own. The call's method, path and query go to `url` as they are. */
struct rest_options {
    const char *name;      /* of the service, five parts: for the log and for X-Road-Service */
    const char *url;       /* https://HOST[:PORT][/base]; http:// only to loopback or over unix_path */
    const char *unix_path; /* connect to this socket; NULL: to the url's host */
    /* PEM files, read when the connector is made; only, and `ca` always, with https. */
    const char *ca;           /* who may certify the system: these and nobody else */
    const char *certificate;  /* ours, leaf first; NULL: none is shown */
    const char *key;          /* its key, not encrypted, readable by its owner alone */
    unsigned connections;     /* 0: 16; at most 256 */
    uint64_t connect_timeout; /* microseconds, name and TLS handshake included; 0: 3 s */
    uint64_t timeout;         /* microseconds, of a whole call; 0: the call's deadline alone */
    uint64_t least_speed;     /* bytes a second, once the answer has begun; 0: 64 */
    unsigned slow_seconds;    /* how long it may be slower than that; 0: 10 */
};
/* What can be said about them without a network; reads the files. 0, or -1 with e set (ERROR_CONFIG) and *key
 * the name of the option that is wrong: "url", "unix", "ca", "certificate", "key", "connections". */
int connector_rest_check(const struct rest_options *options, const char **key, struct error *e);
/* Everything in options must outlive the connector. A system that is down is no error here. Freeing it gives
 * calls that are under way REST_END_MOST to end, and answers all others at once. */
#define REST_END_MOST (5 * 1000000ULL) /* microseconds */
struct connector *connector_rest_new(const struct rest_options *options, struct error *e);

#endif
