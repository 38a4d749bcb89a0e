#ifndef WASL_WIRE_GATE_H
#define WASL_WIRE_GATE_H
/*
 * Bounds what peers make libzmq hold. ZMQ_MAXMSGSIZE is a bound for one frame and the high-water marks for
 * whole messages, so a peer that sends frame after frame of one message makes libzmq grow without end before
 * anybody behind it sees a byte; and nothing bounds how many connections are half open.
 *
 * The gate hears of each accepted connection (zmq_socket_monitor), asks the kernel how many bytes it has
 * received (TCP_INFO), and compares with the bytes of the messages that came out of libzmq (ZMQ_SRCFD). What
 * is missing is inside libzmq or before it. Where that is too much the connection is shut down: libzmq then
 * drops what was unfinished. One thread: the one that owns the socket.
 */
#include "wire/link.h"

#include <stdbool.h>
#include <stdint.h>

struct error;
struct gate;

struct gate_limits {
    unsigned half_open;           /* connections without a message yet; the oldest is cut */
    unsigned half_open_of_source; /* the same of one address (of one /64 of IPv6) */
    unsigned of_peer;             /* connections of one link key */
    uint64_t stranger_bytes;      /* waiting of one connection over which no session runs */
    uint64_t session_bytes;       /* of one over which one does */
    uint64_t total_bytes;         /* of all together: the one with the most is cut */
    uint64_t first_time;          /* microseconds until the first message */
    uint64_t silence;             /* microseconds without a whole message */
};

enum gate_reason {
    GATE_HALF_OPEN, /* too many without a message */
    GATE_SLOW,      /* no message in time */
    GATE_SILENT,    /* no whole message for too long */
    GATE_BYTES,     /* more than it may have waiting: an endless message, or a flood */
    GATE_TOTAL,     /* the largest, when all together were too many */
    GATE_MANY,      /* another connection of a link key that has enough of them */
    GATE_ASKED,     /* gate_cut */
};
const char *gate_reason_name(enum gate_reason reason);

/* One connection was cut. */
struct gate_cut {
    enum gate_reason reason;
    const uint8_t *peer; /* link key, 32 bytes; NULL: it never gave a whole message */
    char source[64];     /* address, without the port */
    uint64_t bytes;      /* that it had waiting */
};
typedef void (*gate_told)(void *arg, const struct gate_cut *cut);

struct gate_counters {
    uint64_t accepted;
    uint64_t cut_half_open, cut_slow, cut_silent, cut_bytes, cut_total, cut_many, cut_asked;
    uint64_t connections, half_open; /* now */
    uint64_t waiting_bytes;          /* now: in libzmq and before it */
    uint64_t waiting_most;           /* ever, of one connection */
};

/* socket: a ROUTER that is not bound yet. NULL with e set. */
struct gate *gate_new(void *zmq_context, void *socket, const struct gate_limits *limits, gate_told told,
                      void *arg, struct error *e);
/* Before the ROUTER is closed. NULL is harmless. */
void gate_free(struct gate *gate);
/* A socket to poll for reading, and what to call then. now: monotonic microseconds. */
void *gate_socket(const struct gate *gate);
void gate_read(struct gate *gate, uint64_t now);
/* Asks the kernel and cuts. Every GATE_PERIOD. reading: whether messages are being taken from the ROUTER. */
#define GATE_PERIOD (20 * 1000ULL)
void gate_tick(struct gate *gate, uint64_t now, bool reading);

/*
 * A message has come out of libzmq (of whatever status but NONE and FAILED). Its connection: a number that is
 * never used twice; 0: it is gone already.
 *
 * libzmq names a connection by its descriptor alone. Where one ends, and the next is accepted under its
 * number before the ROUTER has handed out what the first had left, those messages are taken for the second
 * one's: it counts as having spoken, under the first one's link key until its own first message, and may have
 * so many bytes more waiting as they had. Whose message it is is not concerned (User-Id comes with each); the
 * bound on all together holds, for what the dead have left is in it until gate_drained.
 */
uint64_t gate_received(struct gate *gate, const struct frame_message *frame, uint64_t now);
/* libzmq has nothing more to read: what connections that are gone had left is read too. */
void gate_drained(struct gate *gate);
/* A session runs over this connection, or no more. */
void gate_session(struct gate *gate, uint64_t connection, bool runs, uint64_t now);
/* Bytes that the peer's kernel has confirmed, as of the last tick; 0: it is gone. */
uint64_t gate_confirmed(const struct gate *gate, uint64_t connection);
/* At that time, so that a last word leaves before. */
void gate_cut(struct gate *gate, uint64_t connection, uint64_t when);
const struct gate_counters *gate_counters(const struct gate *gate);

#endif
