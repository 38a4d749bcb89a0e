#ifndef WASL_CONNECTORS_SQL_SERVERLOG_H
#define WASL_CONNECTORS_SQL_SERVERLOG_H
/* Keeping personal data out of PostgreSQL's own log, as far as a session may. */
#include <libpq-fe.h>

/* Sets what this user may set, and says in our log which settings of the server could write bound values or
 * rows into its log; README.md tells the database's administrator what to do. service NULL: says nothing. */
void sql_serverlog_restrain(PGconn *conn, const char *service);

#endif
