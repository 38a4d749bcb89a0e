#include "link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "base/error.h"

#define FRAMES 3 /* head, message, payload */

/* What a frame costs on the wire besides itself: CURVE's command name, nonce, box and flags, and ZMTP's flags
 * and length (RFC 26, RFC 23). */
#define WIRE_CURVE 33
#define WIRE_SHORT 2
#define WIRE_LONG  9

/* A frame up to this size is copied: libzmq hands out small ones as parts of a shared receive buffer of 8
 * KiB, which a frame that somebody keeps would pin. Larger ones have memory of their own and are moved. */
#define COPY_MOST ((size_t)8192)

/* What a frame_message's views point into. */
struct held {
    zmq_msg_t large[2];
    uint8_t small[];
};

const char *verb_name(unsigned verb)
{
    static const char *const names[] = {"",        "hello", "welcome", "submit", "receipt", "refused",
                                        "deliver", "chunk", "prove",   "proof",  "fetch",   "object",
                                        "ping",    "pong",  "credit",  "notice", "bye"};
    return verb >= VERB_HELLO && verb <= VERB_BYE ? names[verb] : "unknown";
}

bool link_endpoint_valid(const char *endpoint, bool any_port)
{
    if (strncmp(endpoint, "tcp://", 6) != 0)
        return false;
    const char *host = endpoint + 6, *colon = strrchr(host, ':');
    uint64_t port;
    if (colon == NULL || colon == host || strchr(host, '/') != NULL)
        return false;
    for (const char *p = host; p < colon; p++) /* a name that libzmq would only fail to resolve, for ever */
        if (*p <= ' ' || *p >= 0x7f)
            return false;
    if (any_port && strcmp(colon + 1, "*") == 0)
        return true;
    return decimal_parse(bytes_of_string(colon + 1), &port) && port >= 1 && port <= 65535;
}

/* Receiving */

size_t link_wire_size(size_t frame)
{
    size_t command = frame + WIRE_CURVE;
    return command + (command <= 255 ? WIRE_SHORT : WIRE_LONG);
}

/* One frame, which waits already or not at all. *msg must be initialised. False: errno says why. */
static bool next_frame(void *socket, zmq_msg_t *msg, struct frame_message *out)
{
    while (zmq_msg_recv(msg, socket, ZMQ_DONTWAIT) < 0)
        if (errno != EINTR)
            return false;
    out->wire_bytes += link_wire_size(zmq_msg_size(msg));
    return true;
}

/* Eats the rest of a message whose last frame read is `msg`. ROUTER and DEALER hand a message on only when it
 * is whole, so this does not wait for a peer; what an endless message costs before that is the gate's to
 * bound (wire/gate.h), and the intake's in an adapter. */
static bool eat_rest(void *socket, zmq_msg_t *msg, struct frame_message *out)
{
    while (zmq_msg_more(msg))
        if (!next_frame(socket, msg, out))
            return false;
    return true;
}

/* The link key that the ZAP handler vouched for. It stands on the first body frame, never on the routing id.
 */
static bool peer_of(zmq_msg_t *head, uint8_t peer[32])
{
    const char *user = zmq_msg_gets(head, "User-Id");
    return user != NULL && hex_decode(user, strlen(user), peer, 32);
}

static bool head_is_good(zmq_msg_t *frame, struct frame_message *out)
{
    const uint8_t *p = zmq_msg_data(frame);
    if (zmq_msg_size(frame) != 2)
        return false;
    out->version = p[0];
    out->verb = p[1];
    return p[0] == LINK_VERSION && p[1] >= VERB_HELLO && p[1] <= VERB_BYE;
}

static void hold(struct frame_message *out, zmq_msg_t *message, zmq_msg_t *payload)
{
    zmq_msg_t *frames[2] = {message, payload};
    struct bytes *views[2] = {&out->message, &out->payload};
    size_t small = 0;
    for (int i = 0; i < 2; i++)
        small += zmq_msg_size(frames[i]) <= COPY_MOST ? zmq_msg_size(frames[i]) : 0;
    struct held *held = memory_zeroed(1, sizeof *held + small);
    uint8_t *at = held->small;
    for (int i = 0; i < 2; i++) {
        size_t size = zmq_msg_size(frames[i]);
        zmq_msg_init(&held->large[i]);
        if (size > COPY_MOST) {
            BUG_ON(zmq_msg_move(&held->large[i], frames[i]) != 0);
            *views[i] = bytes_make(zmq_msg_data(&held->large[i]), size);
        } else {
            if (size > 0)
                memcpy(at, zmq_msg_data(frames[i]), size);
            *views[i] = bytes_make(at, size);
            at += size;
        }
    }
    out->frames = held;
}

/* The routing id. FRAME_OK: body frames follow. */
static enum frame_status receive_routing_id(void *socket, zmq_msg_t *frame, struct frame_message *out)
{
    if (!next_frame(socket, frame, out))
        return errno == EAGAIN ? FRAME_NONE : FRAME_FAILED;
    out->routing_id_len = zmq_msg_size(frame);
    if (out->routing_id_len > sizeof out->routing_id) {
        out->routing_id_len = 0;
        return eat_rest(socket, frame, out) ? FRAME_BAD : FRAME_FAILED;
    }
    out->wire_bytes = 0; /* the routing id came with the handshake */
    memcpy(out->routing_id, zmq_msg_data(frame), out->routing_id_len);
    return zmq_msg_more(frame) ? FRAME_OK : FRAME_BAD;
}

/* Exactly three body frames of good form; whatever else it is, the message is read to its end. */
static enum frame_status receive_body(void *socket, bool router, zmq_msg_t frames[FRAMES],
                                      struct frame_message *out)
{
    int count = 0;
    bool good = true;
    if (!next_frame(socket, &frames[0], out))
        return errno == EAGAIN && !router ? FRAME_NONE : FRAME_FAILED;
    if (router)
        out->fd = zmq_msg_get(&frames[0], ZMQ_SRCFD);
    if (router && !peer_of(&frames[0], out->peer))
        return eat_rest(socket, &frames[0], out) ? FRAME_ANONYMOUS : FRAME_FAILED;
    while (zmq_msg_more(&frames[count]) && count + 1 < FRAMES)
        if (!next_frame(socket, &frames[++count], out))
            return FRAME_FAILED;
    if (zmq_msg_more(&frames[count])) {
        good = false;
        if (!eat_rest(socket, &frames[count], out))
            return FRAME_FAILED;
    }
    good = good && count + 1 == FRAMES && head_is_good(&frames[0], out) &&
           zmq_msg_size(&frames[1]) <= LINK_MESSAGE_MOST && zmq_msg_size(&frames[2]) <= LINK_PAYLOAD_MOST;
    return good ? FRAME_OK : FRAME_BAD;
}

enum frame_status link_receive(void *socket, bool router, struct frame_message *out)
{
    zmq_msg_t frames[FRAMES];
    enum frame_status status = FRAME_OK;
    memset(out, 0, sizeof *out);
    out->fd = -1;
    for (int i = 0; i < FRAMES; i++)
        zmq_msg_init(&frames[i]);
    if (router)
        status = receive_routing_id(socket, &frames[0], out);
    if (status == FRAME_OK)
        status = receive_body(socket, router, frames, out);
    if (status == FRAME_OK)
        hold(out, &frames[1], &frames[2]);
    for (int i = 0; i < FRAMES; i++)
        zmq_msg_close(&frames[i]);
    return status;
}

void frame_message_free(struct frame_message *message)
{
    struct held *held = message->frames;
    if (held != NULL) {
        zmq_msg_close(&held->large[0]);
        zmq_msg_close(&held->large[1]);
        free(held);
    }
    message->frames = NULL;
    message->message = message->payload = bytes_make(NULL, 0);
}

/* Sending */

/* 0, 1 would block or unreachable, -1. */
static int send_frame(void *socket, struct bytes frame, bool more)
{
    while (zmq_send(socket, frame.data, frame.len, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0) {
        if (errno == EINTR)
            continue;
        return errno == EAGAIN || errno == EHOSTUNREACH ? 1 : -1;
    }
    return 0;
}

int link_send(void *socket, struct bytes routing_id, unsigned verb, struct bytes message,
              struct bytes payload)
{
    const uint8_t head[2] = {LINK_VERSION, (uint8_t)verb};
    BUG_ON(verb < VERB_HELLO || verb > VERB_BYE || message.len > LINK_MESSAGE_MOST ||
           payload.len > LINK_PAYLOAD_MOST);
    struct bytes frames[] = {routing_id, bytes_make(head, 2), message, payload};
    size_t first = routing_id.len > 0 ? 0 : 1;
    int lost = 0;
    for (size_t i = first; i < 4; i++) {
        int result = send_frame(socket, frames[i], i < 3);
        if (result < 0 || (result > 0 && i == first))
            return result;
        /* The connection broke in the middle: libzmq has thrown away what it had and swallows the rest, which
         * it must be given so that the next message does not count as that rest. */
        if (result > 0)
            lost = 1;
    }
    return lost;
}

/* Sockets */

struct option {
    int name, value;
};

/* Limits that hold for both sides. */
static const struct option common[] = {
    {ZMQ_LINGER, 0},
    {ZMQ_IPV6, 1},
    {ZMQ_MAXMSGSIZE, -1}, /* 64 bits wide: set by harden */
    {ZMQ_HANDSHAKE_IVL, 3000},
    {ZMQ_HEARTBEAT_IVL, 5000},
    {ZMQ_HEARTBEAT_TIMEOUT, 15000},
    {ZMQ_HEARTBEAT_TTL, 15000},
    {ZMQ_SNDHWM, LINK_SEND_QUEUE},
    {ZMQ_RCVHWM, LINK_RECEIVE_QUEUE},
};

static const struct option of_the_bus[] = {
    {ZMQ_CURVE_SERVER, 1},
    {ZMQ_BACKLOG, 1024}, /* strangers who knock all at once leave room for others */
    {ZMQ_ROUTER_MANDATORY, 1},
    /* A peer chooses its routing id: with handover any member could take over the connection of another. */
    {ZMQ_ROUTER_HANDOVER, 0},
};

static const struct option of_an_adapter[] = {
    {ZMQ_IMMEDIATE, 1},
    {ZMQ_RECONNECT_IVL, 500},
    {ZMQ_RECONNECT_IVL_MAX, 30000},
    {ZMQ_CONNECT_TIMEOUT, 5000},
};

static int socket_error(struct error *e, const char *what, const char *endpoint)
{
    return error_set(e, ERROR_IO, "cannot %s %s: %s", what, endpoint, zmq_strerror(errno));
}

static int set_options(void *socket, const struct option *options, size_t count)
{
    int64_t frame_most = (int64_t)LINK_FRAME_MOST;
    for (size_t i = 0; i < count; i++) {
        int result =
            options[i].name == ZMQ_MAXMSGSIZE
                ? zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_most, sizeof frame_most)
                : zmq_setsockopt(socket, options[i].name, &options[i].value, sizeof options[i].value);
        if (result != 0)
            return -1;
    }
    return 0;
}

#define SET(socket, table) set_options(socket, table, sizeof(table) / sizeof((table)[0]))

void *link_router(void *zmq_context, const struct link_key *key, struct error *e)
{
    void *socket = zmq_socket(zmq_context, ZMQ_ROUTER);
    if (socket == NULL) {
        socket_error(e, "make a socket for", "members");
        return NULL;
    }
    if (SET(socket, common) != 0 || SET(socket, of_the_bus) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, key->secret_key, 32) != 0 ||
        zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "wasl", 4) != 0) {
        socket_error(e, "harden the socket for", "members");
        link_close(socket);
        return NULL;
    }
    return socket;
}

int link_listen(void *socket, const char *endpoint, char *bound_endpoint, struct error *e)
{
    size_t len = 256;
    if (zmq_bind(socket, endpoint) != 0)
        return socket_error(e, "listen on", endpoint);
    if (bound_endpoint != NULL && zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound_endpoint, &len) != 0)
        return socket_error(e, "find out the port of", endpoint);
    return 0;
}

void *link_bind(void *zmq_context, const char *endpoint, const struct link_key *key, char *bound_endpoint,
                struct error *e)
{
    void *socket = link_router(zmq_context, key, e);
    if (socket != NULL && link_listen(socket, endpoint, bound_endpoint, e) != 0) {
        link_close(socket);
        socket = NULL;
    }
    return socket;
}

void *link_connect(void *zmq_context, const char *endpoint, const struct link_key *key,
                   const uint8_t server_public[32], struct error *e)
{
    void *socket = zmq_socket(zmq_context, ZMQ_DEALER);
    if (socket == NULL) {
        socket_error(e, "make a socket for", endpoint);
        return NULL;
    }
    if (SET(socket, common) != 0 || SET(socket, of_an_adapter) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_public, 32) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, key->public_key, 32) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, key->secret_key, 32) != 0) {
        socket_error(e, "harden the socket of", endpoint);
        goto failed;
    }
    if (zmq_connect(socket, endpoint) != 0) {
        socket_error(e, "connect to", endpoint);
        goto failed;
    }
    return socket;
failed:
    link_close(socket);
    return NULL;
}

void link_close(void *socket)
{
    link_close_after(socket, 0);
}

void link_close_after(void *socket, int milliseconds)
{
    if (socket == NULL)
        return;
    BUG_ON(zmq_setsockopt(socket, ZMQ_LINGER, &milliseconds, sizeof milliseconds) != 0 && errno != ETERM);
    BUG_ON(zmq_close(socket) != 0);
}
