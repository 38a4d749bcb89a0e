#ifndef WASL_CONNECTORS_SQLSTATE_H
#define WASL_CONNECTORS_SQLSTATE_H
/* PostgreSQL's error codes in our words. Its own words quote data and stay unread. */
#include "base/refusal.h"
#include <stdbool.h>

enum refusal sqlstate_refusal(const char *state);
const char *sqlstate_words(const char *state);
/* The session cannot go on: the server is stopping, or no longer has our prepared statements as they were. */
bool sqlstate_connection(const char *state);

#endif
