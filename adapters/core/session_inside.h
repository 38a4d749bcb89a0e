#ifndef WASL_ADAPTERS_CORE_SESSION_INSIDE_H
#define WASL_ADAPTERS_CORE_SESSION_INSIDE_H
/*
 * What the three files of a session share. Each uses only those behind it: session.c (its life, and time),
 * session_in.c (what comes), session_out.c (what is sent, credit in both directions). Nobody else includes
 * this.
 */
#include "base/clock.h"
#include "base/loop.h"
#include "core/session.h"
#include "session.pb-c.h"
#include "wire/intake.h"

#define TICK              (100 * 1000u)
#define HELLO_AGAIN       (2 * MICROSECONDS)
#define SILENCE_FIRST     2   /* HELLOs without an answer before a person is told */
#define SILENCE_RECONNECT 2   /* and before a new connection is tried */
#define SILENCE_AGAIN     150 /* and how often again: every five minutes */
#define PING_AFTER        (5 * MICROSECONDS)
#define DEAD_AFTER        (15 * MICROSECONDS)
#define BACK_OFF          (MICROSECONDS / 2)
#define BACK_OFF_MOST     (30 * MICROSECONDS)
#define GATHER_MOST       (30 * MICROSECONDS) /* for the chunks of one message */
#define OPEN_MOST         16                  /* messages interleaved in one direction */
#define FETCHES_MOST      16
#define PROVES_MOST       32
#define OBJECT_MOST       ((size_t)16 << 20)
#define TURN_MOST         256 /* messages taken in one turn of the loop */
#define CONTROL_MOST      1024
#define MALFORMED_MOST    10
/* Bytes that may wait in libzmq. It holds 128 whole messages (42 MiB) and then reads no more; what is more is
 * part of one that does not end. */
#define INTAKE_MOST ((uint64_t)64 << 20)
#define BYE_LINGER  500 /* milliseconds, in the background */

/* A verb that waits for room in the socket. Those that are not SUBMIT or CHUNK are few and need no credit. */
struct control {
    unsigned verb;
    struct buffer message;
    struct control *next;
};
/* A message of ours on its way out. */
struct transfer {
    struct parcel *parcel;
    size_t next_chunk;
    struct buffer submit; /* packed; freed once sent */
    struct transfer *next;
};
struct fetch {
    bool open;
    enum session_object kind;
    uint8_t hash[HASH_SIZE];
    struct buffer got;
};

/* Why this session has to end. Whoever finds that out only says so; session.c carries it out. */
struct ending {
    bool due;
    bool bye; /* the bus is told */
    unsigned reason;
    uint64_t pause; /* before the next one, at least */
};

struct session {
    struct loop *loop;
    void *context;
    struct session_options options;
    enum session_state state;
    void *socket;
    struct intake *intake;
    struct loop_source *source;
    void (*writable)(void *session); /* what the loop calls when there is room to send */
    struct loop_timer *timer;
    struct ending ending;
    uint8_t id[16];
    uint64_t hello_sent, last_sent, last_heard, retry_at, back_off; /* monotonic */
    unsigned unanswered;                                            /* HELLOs since the last WELCOME */
    bool pinged;

    struct control *controls, **controls_end;
    size_t control_count;
    struct transfer *transfers, **transfers_end; /* those behind OPEN_MOST wait */
    uint32_t may_send_messages;                  /* the bus's credit to us */
    uint64_t may_send_bytes;

    uint32_t may_receive_messages; /* our credit to the bus */
    uint64_t may_receive_bytes;
    uint32_t owed_messages; /* given back, but not yet said */
    uint64_t owed_bytes;
    struct delivery *gathering[OPEN_MOST];

    struct fetch fetches[FETCHES_MOST];
    unsigned proves;
    unsigned malformed;
    uint64_t malformed_since;
};

/* Monotonic; the loop's reading of this turn. */
static inline uint64_t session_now(const struct session *s)
{
    return loop_now_monotonic(s->loop);
}

/* session_out.c */
/* The session has to end, without a word or with a BYE. The first reason stands. */
void session_lose(struct session *s, unsigned reason, uint64_t pause);
void session_fail(struct session *s, unsigned reason);
/* Sends what waits, as far as there is room and credit. */
void session_pump(struct session *s);
/* Queues a verb that needs no credit. False: too many wait. */
bool session_queue(struct session *s, unsigned verb, const ProtobufCMessage *message);
void session_want_writable(struct session *s, bool wanted);
void session_say_credit(struct session *s);
/* Credit that the bus gets back. */
void session_owe(struct session *s, uint32_t messages, uint64_t bytes);
/* Credit that the bus uses; false when it uses more than it has: then the session has to end. */
bool session_spend(struct session *s, uint32_t messages, uint64_t bytes);
/* Everything that waits to be sent. */
void session_forget_output(struct session *s);

/* session_in.c */
/* Takes what has come, until the session has to end. */
void session_take(struct session *s);
/* Gives up message i of those being gathered. */
void session_drop_gathering(struct session *s, size_t i);
/* Everything that is half here. */
void session_forget_input(struct session *s);

#endif
