#ifndef WASL_CONNECTORS_SQL_SESSION_H
#define WASL_CONNECTORS_SQL_SESSION_H
/* One thread's connection to PostgreSQL: opened again after a loss with growing pauses, statements prepared
 * by name, each run bounded in time, rows and bytes. Belongs to one thread. */
#include "connectors/connectors.h"
#include <stdatomic.h>

struct sql_session;

/* What the sessions of one connector have told the log already: a line for each change, not for each thread.
 */
struct sql_told {
    atomic_int database;     /* 0 nothing yet, 1 up, 2 down */
    atomic_bool *statements; /* by position: unusable */
};
struct sql_session *sql_session_new(const struct sql_options *options, struct sql_told *told);
void sql_session_free(struct sql_session *session);
/* Connects where there is no connection and the pause after the last failure is over. True: there is one. */
bool sql_session_open(struct sql_session *session);
/* Monotonic time of the next attempt; 0 when there is a connection. */
uint64_t sql_session_retry_at(const struct sql_session *session);

enum sql_outcome {
    SQL_ANSWERED, /* call->reply is filled, with an answer or a refusal */
    SQL_LOST,     /* the connection was gone and nothing took effect: may be run again on a fresh one */
};
enum sql_outcome sql_session_run(struct sql_session *session, size_t statement, struct call *call);

#endif
