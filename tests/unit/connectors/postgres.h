#ifndef WASL_TESTS_POSTGRES_H
#define WASL_TESTS_POSTGRES_H
/* A PostgreSQL of our own, in a temporary folder, on a unix socket there and nowhere else. A watchdog process
 * ends it and removes the folder when this process ends, however it ends. */
#include <stdbool.h>

struct postgres;

struct postgres *postgres_start(void); /* NULL: said why on standard error */
void postgres_stop(struct postgres *postgres);
const char *postgres_connection(const struct postgres *postgres);        /* libpq conninfo of the superuser */
void postgres_execute(const struct postgres *postgres, const char *sql); /* aborts when it fails */
/* Ends the server at once, and starts it again: the connections that others have are gone. */
void postgres_end(struct postgres *postgres);
void postgres_begin(struct postgres *postgres);
/* Whether its log holds this text. */
bool postgres_log_holds(const struct postgres *postgres, const char *text);

#endif
