#ifndef WASL_FRONT_CONNECTIONS_H
#define WASL_FRONT_CONNECTIONS_H
/*
 * The connections of one listener: how many there may be, and how long each may keep us waiting. A connection
 * waits for its client (in every phase but WORK) or for us. When there is no room, the connection that has
 * kept us waiting for longest makes room, those that never had a request answered first: ten thousand
 * connections that say nothing never lock out one that does. Closing is shutdown(2) on the descriptor: MHD,
 * which owns it, then sees the end and cleans up. The listener's thread and the watch call in; each function
 * locks.
 */
#include "front/caller.h"
#include "front/tally.h"

enum connection_phase {
    CONNECTION_NEW,    /* no request line yet; the TLS handshake is in here */
    CONNECTION_HEAD,   /* request line seen */
    CONNECTION_BODY,   /* the head is whole */
    CONNECTION_WORK,   /* with us: never closed for waiting */
    CONNECTION_ANSWER, /* being read by the client */
    CONNECTION_IDLE,   /* answered, the next request line is to come */
    CONNECTION_PHASES
};
struct connections;
struct connection;

struct connections *connections_new(void);
void connections_free(struct connections *connections); /* none may be left; NULL is harmless */

/* The connection of a descriptor that was just accepted. NULL: there is no room that could be made, shut it
 * down. now: monotonic. key: caller_connection_key. */
struct connection *connections_admit(struct connections *connections, const struct rules *rules, int fd,
                                     const char *key, uint64_t now);
/* While the descriptor is still open. */
void connections_leave(struct connections *connections, struct connection *connection);
void connections_enter(struct connections *connections, struct connection *connection,
                       enum connection_phase phase, uint64_t now);

/* Shuts down whatever has been in its phase for too long. Returns how many. */
size_t connections_expire(struct connections *connections, const struct front_options *limits, uint64_t now);
/* Shuts down the connections that have been in this phase for longest, at least `age`, at most `most` of
 * them. */
size_t connections_shed(struct connections *connections, enum connection_phase phase, uint64_t age,
                        size_t most, uint64_t now);
size_t connections_count(struct connections *connections);

#endif
