#include "gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/origin.h"

#define ENDPOINT "inproc://wasl-gate"
/* Not ACCEPT_FAILED: without descriptors libzmq would tell of it without end. Descriptors are bounded
 * instead. */
#define EVENTS  (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED)
#define BUCKETS 4096 /* of sources; two that meet share a bound */
#define FD_BITS 20
/* Greeting, HELLO, INITIATE and their answers are not messages, and neither are heartbeats: those of both
 * sides come to 17 bytes a second, and another implementation's that beats ten times a second to 430. */
#define HANDSHAKE_BYTES  1024
#define HEARTBEAT_SECOND 512
/* A connection whose session has ended may still have under way what the session allowed. */
#define SESSION_GRACE (2 * MICROSECONDS)

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct connection {
    uint64_t id;
    int fd;
    union address remote;
    uint16_t bucket;
    bool half_open, cut, session;
    bool named; /* peer is set */
    uint8_t peer[32];
    uint64_t accepted, heard, grace, doomed; /* monotonic */
    uint64_t received, confirmed;            /* by the kernel, at the last tick */
    uint64_t consumed;                       /* bytes of messages that came out */
    uint64_t forgiven;                       /* handshake and heartbeats */
    struct connection *before, *after;
};

struct list {
    struct connection *first, *last;
};

struct gate {
    struct gate_limits limits;
    void *socket, *monitor;
    gate_told told;
    void *arg;
    struct connection **by_fd;
    size_t fds;
    struct list half_open, spoken; /* oldest first */
    uint16_t of_bucket[BUCKETS];
    uint64_t seed;
    uint64_t serial;
    uint64_t live_bytes; /* waiting, at the last tick */
    uint64_t dead_bytes; /* whole messages of connections that are gone */
    uint64_t cut_bytes;  /* of those that were cut and that libzmq still holds, at the last tick */
    uint64_t ticked;     /* when time was last counted; 0: not yet */
    uint64_t blind;      /* nothing was read at this time: silence is nobody's fault */
    struct gate_counters counters;
};

const char *gate_reason_name(enum gate_reason reason)
{
    static const char *const names[] = {
        "half_open", "slow", "silent", "waiting_bytes", "waiting_total", "too_many_of_key", "session_over"};
    return names[reason];
}

/* --- connections --- */

static void append(struct list *list, struct connection *c)
{
    c->before = list->last;
    c->after = NULL;
    if (list->last != NULL)
        list->last->after = c;
    else
        list->first = c;
    list->last = c;
}

static void take_out(struct list *list, struct connection *c)
{
    if (c->before != NULL)
        c->before->after = c->after;
    else
        list->first = c->after;
    if (c->after != NULL)
        c->after->before = c->before;
    else
        list->last = c->before;
}

static struct connection *at(const struct gate *gate, int fd)
{
    return fd >= 0 && (size_t)fd < gate->fds ? gate->by_fd[fd] : NULL;
}

static struct connection *find(const struct gate *gate, uint64_t id)
{
    struct connection *c = id == 0 ? NULL : at(gate, (int)(id & ((1U << FD_BITS) - 1)));
    return c != NULL && c->id == id ? c : NULL;
}

static uint16_t bucket_of(const struct gate *gate, const union address *a)
{
    uint64_t key = (origin_number(&a->any) ^ gate->seed) * 0x9E3779B97F4A7C15ULL;
    key = (key ^ (key >> 29)) * 0xBF58476D1CE4E5B9ULL;
    return (uint16_t)((key >> 32) % BUCKETS);
}

static bool remote_of(int fd, union address *out)
{
    socklen_t len = sizeof *out;
    memset(out, 0, sizeof *out);
    return getpeername(fd, &out->any, &len) == 0 && origin_known(&out->any);
}

static uint64_t waiting_of(const struct connection *c)
{
    uint64_t known = c->consumed + c->forgiven;
    return c->received > known ? c->received - known : 0;
}

/* It is no longer counted among those without a message. */
static void leave_half_open(struct gate *gate, struct connection *c)
{
    take_out(&gate->half_open, c);
    append(&gate->spoken, c);
    gate->of_bucket[c->bucket]--;
    gate->counters.half_open--;
    c->half_open = false;
}

static void forget(struct gate *gate, struct connection *c)
{
    if (c->half_open)
        leave_half_open(gate, c);
    take_out(&gate->spoken, c);
    gate->dead_bytes += waiting_of(c);
    gate->by_fd[c->fd] = NULL;
    gate->counters.connections--;
    free(c);
}

/* --- cutting --- */

static void count_cut(struct gate_counters *counters, enum gate_reason reason)
{
    switch (reason) {
    case GATE_HALF_OPEN:
        counters->cut_half_open++;
        break;
    case GATE_SLOW:
        counters->cut_slow++;
        break;
    case GATE_SILENT:
        counters->cut_silent++;
        break;
    case GATE_BYTES:
        counters->cut_bytes++;
        break;
    case GATE_TOTAL:
        counters->cut_total++;
        break;
    case GATE_MANY:
        counters->cut_many++;
        break;
    case GATE_ASKED:
        counters->cut_asked++;
        break;
    }
}

/* The descriptor belongs to libzmq's own thread, which may have closed it a moment ago and accepted another
 * under its number: that one has another peer. Should it still be hit, in the instant between the question
 * and the cut, it connects again. */
static void cut(struct gate *gate, struct connection *c, enum gate_reason reason)
{
    struct gate_cut told = {.reason = reason, .bytes = waiting_of(c)};
    union address now;
    if (c->cut)
        return;
    c->cut = true; /* forgotten when libzmq says that it is gone */
    if (c->half_open)
        leave_half_open(gate, c);
    if (!remote_of(c->fd, &now) || memcmp(&now, &c->remote, sizeof now) != 0 ||
        shutdown(c->fd, SHUT_RDWR) != 0)
        return;
    count_cut(&gate->counters, reason);
    told.peer = c->named ? c->peer : NULL;
    origin_address_text(&c->remote.any, told.source);
    gate->told(gate->arg, &told);
}

static struct connection *oldest_of(const struct gate *gate, uint16_t bucket)
{
    struct connection *c = gate->half_open.first;
    while (c != NULL && c->bucket != bucket)
        c = c->after;
    return c;
}

static void bound_half_open(struct gate *gate, uint16_t bucket)
{
    if (gate->of_bucket[bucket] > gate->limits.half_open_of_source)
        cut(gate, oldest_of(gate, bucket), GATE_HALF_OPEN);
    else if (gate->counters.half_open > gate->limits.half_open)
        cut(gate, gate->half_open.first, GATE_HALF_OPEN);
}

/* --- what libzmq tells --- */

static void accepted(struct gate *gate, int fd, uint64_t now)
{
    union address remote;
    gate->counters.accepted++;
    struct connection *c = at(gate, fd);
    if (c != NULL)
        forget(gate, c);
    if (fd < 0 || fd >= 1 << FD_BITS || !remote_of(fd, &remote))
        return; /* gone already */
    if ((size_t)fd >= gate->fds) {
        size_t fds = ((size_t)fd + 1) * 2;
        struct connection **by_fd = memory_zeroed(fds, sizeof *by_fd);
        if (gate->fds > 0)
            memcpy(by_fd, gate->by_fd, gate->fds * sizeof *by_fd);
        free(gate->by_fd);
        gate->by_fd = by_fd;
        gate->fds = fds;
    }
    c = memory_zeroed(1, sizeof *c);
    c->id = (++gate->serial << FD_BITS) | (unsigned)fd;
    c->fd = fd;
    c->remote = remote;
    c->bucket = bucket_of(gate, &remote);
    c->half_open = true;
    c->accepted = c->heard = now;
    c->forgiven = HANDSHAKE_BYTES;
    gate->by_fd[fd] = c;
    append(&gate->half_open, c);
    gate->of_bucket[c->bucket]++;
    gate->counters.connections++;
    gate->counters.half_open++;
    /* Somebody fills and leaves one connection after the other while nothing is read. */
    if (gate->dead_bytes + gate->cut_bytes > gate->limits.total_bytes)
        cut(gate, c, GATE_TOTAL);
    bound_half_open(gate, c->bucket);
}

static void disconnected(struct gate *gate, int fd)
{
    struct connection *c = at(gate, fd);
    if (c != NULL)
        forget(gate, c);
}

void gate_read(struct gate *gate, uint64_t now)
{
    uint8_t event[6];
    while (zmq_recv(gate->monitor, event, sizeof event, ZMQ_DONTWAIT) == (int)sizeof event) {
        uint16_t number;
        int32_t value;
        zmq_recv(gate->monitor, NULL, 0, ZMQ_DONTWAIT); /* our own address */
        memcpy(&number, event, sizeof number);
        memcpy(&value, event + 2, sizeof value);
        if (number == ZMQ_EVENT_ACCEPTED)
            accepted(gate, value, now);
        else if (number == ZMQ_EVENT_DISCONNECTED)
            disconnected(gate, value);
    }
}

/* --- what came out --- */

static void bound_of_peer(struct gate *gate, const struct connection *newest)
{
    struct connection *oldest = NULL;
    unsigned count = 0;
    for (struct connection *c = gate->spoken.first; c != NULL; c = c->after) {
        if (c->cut || !c->named || memcmp(c->peer, newest->peer, sizeof c->peer) != 0)
            continue;
        count++;
        if (oldest == NULL && !c->session && c != newest)
            oldest = c;
    }
    if (count > gate->limits.of_peer && oldest != NULL)
        cut(gate, oldest, GATE_MANY);
}

uint64_t gate_received(struct gate *gate, const struct frame_message *frame, uint64_t now)
{
    static const uint8_t none[32];
    /* libzmq tells of a connection before it hands out its messages: a first one may have come since. */
    gate_read(gate, now);
    struct connection *c = at(gate, frame->fd);
    if (c == NULL)
        return 0;
    c->consumed += frame->wire_bytes;
    c->heard = now;
    /* Without a link key it is hostile, or ZAP is gone: nothing makes it one that has spoken. */
    if (memcmp(frame->peer, none, sizeof none) == 0)
        return c->id;
    if (c->half_open)
        leave_half_open(gate, c);
    if (!c->named || memcmp(c->peer, frame->peer, sizeof c->peer) != 0) {
        memcpy(c->peer, frame->peer, sizeof c->peer);
        c->named = true;
        bound_of_peer(gate, c);
    }
    return c->id;
}

void gate_drained(struct gate *gate)
{
    gate->dead_bytes = 0;
}

void gate_session(struct gate *gate, uint64_t connection, bool runs, uint64_t now)
{
    struct connection *c = find(gate, connection);
    if (c == NULL)
        return;
    c->session = runs;
    c->grace = now + SESSION_GRACE;
}

uint64_t gate_confirmed(const struct gate *gate, uint64_t connection)
{
    const struct connection *c = find(gate, connection);
    return c == NULL ? 0 : c->confirmed;
}

void gate_cut(struct gate *gate, uint64_t connection, uint64_t when)
{
    struct connection *c = find(gate, connection);
    if (c != NULL && (c->doomed == 0 || when < c->doomed))
        c->doomed = when;
}

/* --- time --- */

/* Heartbeats are forgiven by time. What was forgiven and did not come, or was counted for the connection that
 * had this descriptor before, is taken back: nobody gathers credit. */
static void measure(struct connection *c, uint64_t forgive)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    if (c->cut || getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return;
    c->received = info.tcpi_bytes_received;
    c->confirmed = info.tcpi_bytes_acked;
    if (c->consumed > c->received)
        c->consumed = c->received;
    c->forgiven += forgive;
    if (c->forgiven > c->received - c->consumed)
        c->forgiven = c->received - c->consumed;
    if (c->forgiven < HANDSHAKE_BYTES)
        c->forgiven = HANDSHAKE_BYTES;
}

static void judge(struct gate *gate, struct connection *c, uint64_t now)
{
    uint64_t waiting = waiting_of(c);
    uint64_t most = c->session || now < c->grace ? gate->limits.session_bytes : gate->limits.stranger_bytes;
    bool sighted = gate->blind == 0 || now >= gate->blind + gate->limits.silence;
    if (waiting > gate->counters.waiting_most)
        gate->counters.waiting_most = waiting;
    if (waiting > most)
        cut(gate, c, GATE_BYTES);
    else if (c->doomed != 0 && now >= c->doomed)
        cut(gate, c, GATE_ASKED);
    else if (c->half_open && sighted && now >= c->accepted + gate->limits.first_time)
        cut(gate, c, GATE_SLOW);
    else if (sighted && now >= c->heard + gate->limits.silence)
        cut(gate, c, GATE_SILENT);
}

static void look_at(struct gate *gate, struct list *list, uint64_t forgive, uint64_t now,
                    struct connection **largest)
{
    struct connection *after;
    for (struct connection *c = list->first; c != NULL; c = after) {
        after = c->after;
        measure(c, forgive);
        judge(gate, c, now);
        gate->counters.waiting_bytes += waiting_of(c);
        if (c->cut) {
            gate->cut_bytes += waiting_of(c);
            continue;
        }
        gate->live_bytes += waiting_of(c);
        if (*largest == NULL || waiting_of(c) > waiting_of(*largest))
            *largest = c;
    }
}

void gate_tick(struct gate *gate, uint64_t now, bool reading)
{
    struct connection *largest = NULL;
    uint64_t forgive = 0;
    if (gate->ticked == 0)
        gate->ticked = now;
    /* In whole seconds, or the rest of each division would be lost. */
    if (now >= gate->ticked + MICROSECONDS) {
        uint64_t seconds = (now - gate->ticked) / MICROSECONDS;
        forgive = seconds * HEARTBEAT_SECOND;
        gate->ticked += seconds * MICROSECONDS;
    }
    if (!reading)
        gate->blind = now;
    gate->counters.waiting_bytes = gate->dead_bytes;
    gate->live_bytes = gate->cut_bytes = 0;
    /* In this order: one of the half open that is cut moves to the end of the others. */
    look_at(gate, &gate->spoken, forgive, now, &largest);
    look_at(gate, &gate->half_open, forgive, now, &largest);
    /* What those that are gone have left is only waited for: cutting others would not make it less. */
    if (gate->live_bytes > gate->limits.total_bytes && largest != NULL)
        cut(gate, largest, GATE_TOTAL);
}

const struct gate_counters *gate_counters(const struct gate *gate)
{
    return &gate->counters;
}

/* --- opening --- */

void *gate_socket(const struct gate *gate)
{
    return gate->monitor;
}

struct gate *gate_new(void *zmq_context, void *socket, const struct gate_limits *limits, gate_told told,
                      void *arg, struct error *e)
{
    int none = 0;
    struct gate *gate = memory_zeroed(1, sizeof *gate);
    gate->limits = *limits;
    gate->told = told;
    gate->arg = arg;
    BUG_ON(getrandom(&gate->seed, sizeof gate->seed, 0) != sizeof gate->seed);
    gate->monitor = zmq_socket(zmq_context, ZMQ_PAIR);
    /* Without a bound: libzmq's own thread would wait for room, and with it every peer. It is read each turn.
     */
    if (gate->monitor == NULL || zmq_setsockopt(gate->monitor, ZMQ_LINGER, &none, sizeof none) != 0 ||
        zmq_setsockopt(gate->monitor, ZMQ_RCVHWM, &none, sizeof none) != 0 ||
        zmq_socket_monitor(socket, ENDPOINT, EVENTS) != 0) {
        error_set(e, ERROR_IO, "connections cannot be watched: %s", zmq_strerror(errno));
        goto failed;
    }
    gate->socket = socket;
    if (zmq_connect(gate->monitor, ENDPOINT) != 0) {
        error_set(e, ERROR_IO, "connections cannot be watched: %s", zmq_strerror(errno));
        goto failed;
    }
    return gate;
failed:
    gate_free(gate);
    return NULL;
}

void gate_free(struct gate *gate)
{
    if (gate == NULL)
        return;
    /* First, or libzmq's thread would wait for somebody to take its next event. */
    if (gate->socket != NULL)
        zmq_socket_monitor(gate->socket, NULL, 0);
    if (gate->monitor != NULL)
        zmq_close(gate->monitor);
    while (gate->half_open.first != NULL)
        forget(gate, gate->half_open.first);
    while (gate->spoken.first != NULL)
        forget(gate, gate->spoken.first);
    free(gate->by_fd);
    free(gate);
}
