#ifndef WASL_BROKER_SESSION_H
#define WASL_BROKER_SESSION_H
/* One session of one link key: credit both ways, what is being assembled, what the socket would not take yet.
 */
#include "broker/assembly.h"
#include "broker/credit.h"

#include <protobuf-c/protobuf-c.h>

/* How messages leave: the ROUTER, or a test. 0 sent, 1 would block or the peer has vanished, -1 the socket is
 * broken. */
struct transport {
    int (*send)(void *arg, struct bytes routing_id, unsigned verb, struct bytes message,
                struct bytes payload);
    void *arg;
    /* What is known of connections; NULL in tests. Their numbers are those of frame_message. */
    void (*session_runs)(void *arg, uint64_t connection, bool runs);
    uint64_t (*confirmed)(void *arg,
                          uint64_t connection); /* bytes that the peer's kernel has; 0: not known */
    void (*cut)(void *arg, uint64_t connection);
};

#define SESSION_QUESTIONS_MOST 64 /* PROVE and FETCH without an answer */
/* A second's questions, each at its cost. An adapter has every checkpoint that it accepts proven, and each
 * commit makes one: fewer than there may be commits would leave checkpoints unproven and end its answering.
 */
#define SESSION_QUESTIONS_SECOND 2000
#define SESSION_FETCH_COST       10
#define SESSION_BACKLOG_MOST     1024 /* answers that the socket would not take */
#define SESSION_BACKLOG_BYTES    ((uint64_t)8 << 20)
/* Sent and not confirmed by the peer's kernel: what libzmq holds for somebody who reads nothing and gives
 * credit without end. */
#define SESSION_UNCONFIRMED ((uint64_t)16 << 20)
#define SESSION_SILENCE     (5 * 1000000ULL)  /* then PING */
#define SESSION_DEAD        (15 * 1000000ULL) /* of silence */

struct session {
    uint64_t serial; /* ours, never used twice: the id in HELLO is the adapter's word and may be */
    uint8_t routing_id[256];
    size_t routing_id_len;
    uint64_t connection;
    uint64_t sent, confirmed; /* bytes on the wire; confirmed when nothing was sent */
    char (*subsystems)[CODE_MOST + 1];
    size_t subsystem_count;
    struct window in;               /* what the adapter may send */
    struct credit out;              /* what we may */
    uint8_t certificate[HASH_SIZE]; /* presented in HELLO: hash of its leaf */
    bool revoked; /* by the CRLs in force: what it sends is refused, and nothing is delivered to it */
    bool linked;  /* it has given credit */
    bool broken;  /* its backlog overflowed or the socket is gone: closed at the next tick */
    unsigned questions;
    unsigned asked; /* questions since asked_second began; what is too many waits, in order */
    uint64_t asked_second;
    struct job *first_question, *last_question;
    unsigned refused; /* messages by their sender's fault since refused_second began; the credit of what is
                         too many */
    uint64_t refused_second;
    struct credit refused_credit; /* is kept until the second is over */
    uint64_t heard, pinged;       /* monotonic */
    uint64_t nonce;
    struct assemblies assemblies;
    struct backlog *first, *last;
    size_t backlog;
    uint64_t backlog_bytes;
};

struct session *session_new(struct hello *hello, uint64_t serial, struct credit window, uint64_t now);
void session_free(struct session *session); /* NULL is harmless */
struct bytes session_routing_id(const struct session *session);
bool session_answers_for(const struct session *session, const char *subsystem_code);
/* An answer: kept in the backlog while the socket does not take it. */
void session_say(struct session *session, const struct transport *transport, unsigned verb,
                 const ProtobufCMessage *message, struct bytes payload);
/* Now or not at all; false while anything else is waiting. */
bool session_send_now(struct session *session, const struct transport *transport, unsigned verb,
                      struct bytes message, struct bytes payload);
/* May this question go on now? If not it waits here, the session's until session_next_question. */
bool session_ask(struct session *session, struct job *question, uint64_t now);
struct job *session_next_question(struct session *session, uint64_t now); /* NULL: none whose turn it is */
/* A message was refused by its sender's fault. Does its credit go back at once? With more than `most` a
 * second it is kept. */
bool session_refused(struct session *session, uint64_t messages, uint64_t bytes, uint64_t most, uint64_t now);
/* What was kept, when the second is over. */
bool session_refused_credit(struct session *session, uint64_t now, struct credit *out);
/* Tries the backlog again. */
void session_flush(struct session *session, const struct transport *transport);

#endif
