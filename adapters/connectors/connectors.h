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

#endif
