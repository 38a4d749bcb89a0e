#ifndef WASL_CONNECTORS_SQL_STATE_H
#define WASL_CONNECTORS_SQL_STATE_H
/* PostgreSQL's error codes in our words. Its own words quote data and stay unread. */
#include "base/refusal.h"
#include <stdbool.h>

enum refusal sql_state_refusal(const char *state);
const char *sql_state_words(const char *state);
/* The session cannot go on: the server is stopping, or no longer has our prepared statements as they were. */
bool sql_state_connection(const char *state);

#endif
