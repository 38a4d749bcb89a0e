#ifndef WASL_WIRE_LINK_H
#define WASL_WIRE_LINK_H
/*
 * Hardened ZeroMQ sockets and the frames of a session: [head][protobuf][payload], always three, after the
 * routing id on the bus's side. Head is two bytes: protocol version (1), verb. All limits stand here.
 */
#include "base/bytes.h"
#include "crypto/keys.h"

#define LINK_VERSION      1
#define LINK_FRAME_MOST   ((size_t)1 << 20)   /* ZMQ_MAXMSGSIZE */
#define LINK_MESSAGE_MOST ((size_t)64 * 1024) /* protobuf frame */
#define LINK_PAYLOAD_MOST ((size_t)262160)    /* one sealed chunk */
/* Messages that libzmq queues for and from one peer. Credit windows stay well below the first. */
#define LINK_SEND_QUEUE    1000
#define LINK_RECEIVE_QUEUE 128

enum verb {
    VERB_HELLO = 1,
    VERB_WELCOME = 2,
    VERB_SUBMIT = 3,
    VERB_RECEIPT = 4,
    VERB_REFUSED = 5,
    VERB_DELIVER = 6,
    VERB_CHUNK = 7,
    VERB_PROVE = 8,
    VERB_PROOF = 9,
    VERB_FETCH = 10,
    VERB_OBJECT = 11,
    VERB_PING = 12,
    VERB_PONG = 13,
    VERB_CREDIT = 14,
    VERB_NOTICE = 15,
    VERB_BYE = 16,
};
const char *verb_name(unsigned verb);

struct error;

/* A received message. The frames are freed with frame_message_free. */
struct frame_message {
    uint8_t routing_id[256]; /* bus side only */
    size_t routing_id_len;
    uint8_t peer[32];    /* bus side only: the link key that ZAP vouched for */
    int fd;              /* bus side only: of the connection that it came over, maybe closed since; -1 */
    uint64_t connection; /* the gate's number of it, where there is a gate; else 0 */
    size_t wire_bytes;   /* that it was on the wire, handshake and heartbeats not counted */
    unsigned version, verb;
    struct bytes message; /* protobuf frame */
    struct bytes payload;
    void *frames; /* opaque */
};
enum frame_status {
    FRAME_OK,
    FRAME_NONE, /* nothing to receive now */
    FRAME_BAD,  /* wrong count, sizes or head (another version or verb): peer is set, or zero where it is not
                   known; the  whole multipart message was eaten */
    FRAME_ANONYMOUS, /* no User-Id: hostile or ZAP is gone */
    FRAME_FAILED,    /* the socket is broken */
};
/* Never waits. */
enum frame_status link_receive(void *socket, bool router, struct frame_message *out);
void frame_message_free(struct frame_message *message);
/* Never waits. routing_id empty on the adapter's side. message: serialized protobuf. 0; 1: would block, or
 * the peer has vanished (nothing was sent); -1: socket broken. */
int link_send(void *socket, struct bytes routing_id, unsigned verb, struct bytes message,
              struct bytes payload);

/* Is it "tcp://HOST:PORT"? libzmq itself takes 99999 for the port 34463. any_port: "*" is a port too. */
bool link_endpoint_valid(const char *endpoint, bool any_port);

/* Bytes of a frame on the wire, under CURVE. */
size_t link_wire_size(size_t frame);

/* ROUTER with CURVE, hardened; the ZAP handler of wire/zap.h must be bound before it listens. NULL with e
 * set. */
void *link_router(void *zmq_context, const struct link_key *key, struct error *e);
/* endpoint "tcp://127.0.0.1:*" picks a port: bound_endpoint (room for 256) says which. 0, -1. */
int link_listen(void *socket, const char *endpoint, char *bound_endpoint, struct error *e);
/* Both. */
void *link_bind(void *zmq_context, const char *endpoint, const struct link_key *key, char *bound_endpoint,
                struct error *e);
/* DEALER with CURVE to a bus whose public key is known. */
void *link_connect(void *zmq_context, const char *endpoint, const struct link_key *key,
                   const uint8_t server_public[32], struct error *e);
void link_close(void *socket); /* LINGER 0; NULL is harmless */
/* Closes, but lets the end of the context wait that long for what was sent last (a BYE). */
void link_close_after(void *socket, int milliseconds);

#endif
