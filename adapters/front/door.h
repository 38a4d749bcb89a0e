#ifndef WASL_FRONT_DOOR_H
#define WASL_FRONT_DOOR_H
/*
 * A listener as its MHD daemon sees it: who comes in, and who they are. One struct caller for each
 * connection, kept by MHD as the socket's context; everything of it but the connection's place belongs to the
 * listener's thread.
 */
#include "front/connections.h"
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

/* What all listeners share. */
struct front_shared {
    struct front_core core;
    _Atomic enum fault_spelling spelling;
    atomic_uint_fast64_t most_body_bytes, most_answer_bytes;
    atomic_uint_fast64_t body_bytes;   /* of all requests under way */
    atomic_uint_fast64_t answer_bytes; /* of all answers that wait to be read */
    atomic_uint open;                  /* requests under way */
    struct tally *requests;            /* under way, by caller_request_key and by subsystem */
    pthread_rwlock_t lock;             /* over stopping: whoever calls the core holds it for reading */
    bool stopping;
};
struct front_door {
    struct front_shared *shared;
    const char *address; /* for the log */
    struct connections *connections;
    pthread_mutex_t mutex;   /* over rules */
    struct rules *rules;     /* those in force; replaced by a reload */
    uint64_t turned_away_at; /* when a line about a stranger was last logged; the listener's thread */
};
struct caller {
    struct front_door *door;
    struct connection *connection;
    struct rules *rules; /* by which it was judged last */
    struct tls *tls;     /* of its session */
    struct tls_judge judge;
    struct evidence evidence;
    char key[CALLER_KEY_MOST];         /* of its connections */
    char request_key[CALLER_KEY_MOST]; /* of its requests */
};

/* A reference to the rules in force. */
struct rules *door_rules(struct front_door *door);
void door_set_rules(struct front_door *door, struct rules *rules); /* takes the reference */

/* MHD's callback for connections that open and close; arg is the struct front_door. */
void door_notify(void *arg, struct MHD_Connection *connection, void **context,
                 enum MHD_ConnectionNotificationCode code);
/* Whose connection it is; NULL when it was not let in and is about to end. */
struct caller *door_caller(struct MHD_Connection *connection);
/* By the rules in force now, which stay with the caller until the next time. On the listener's thread. */
enum caller_verdict door_judge(struct caller *caller, struct speaker *speaker);
void door_enter(struct caller *caller, enum connection_phase phase);

#endif
