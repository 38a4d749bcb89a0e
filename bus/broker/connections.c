#include "broker/connections.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* A HELLO with six certificates fits four times. */
#define STRANGER_BYTES ((uint64_t)128 << 10)
/* Beside the credit of a session: receipts asked for, credit given, PINGs. */
#define SESSION_SLACK ((uint64_t)1 << 20)
/* The framing of one message with credit. */
#define MESSAGE_FRAMING 128
#define OF_PEER         4
#define FIRST_TIME      (10 * MICROSECONDS)
/* The bus PINGs a session after 5 s, and an adapter without one says HELLO every 2 s. */
#define SILENCE (30 * MICROSECONDS)

#define DESCRIPTORS_WANTED 65536
#define DESCRIPTORS_KEPT   512 /* for files, the audit socket, members' sessions */
#define LINES_A_SECOND     20  /* of the log, for strangers */
#define NAMED_A_SECOND     100

struct connections {
    struct loop *loop;
    const struct peers *peers;
    struct gate *gate;
    struct loop_source *source;
    struct loop_timer *timer;
    bool reading;
    uint64_t second; /* of the log's bound */
    uint64_t said, unsaid;
};

uint64_t connections_session_bytes(const struct config_limits *limits)
{
    return limits->submit_bytes + limits->submit_messages * MESSAGE_FRAMING + SESSION_SLACK;
}

static void say_unsaid(struct connections *c, uint64_t now)
{
    if (now < c->second + MICROSECONDS)
        return;
    if (c->unsaid > 0)
        log_warn("connections_cut", "more=%llu", (unsigned long long)c->unsaid);
    c->second = now;
    c->said = c->unsaid = 0;
}

/* Strangers that come and go in thousands leave room in the log for the names of members. */
static void on_cut(void *arg, const struct gate_cut *cut)
{
    struct connections *c = arg;
    const struct peer *peer = cut->peer == NULL ? NULL : peers_find(c->peers, cut->peer);
    metric_add(METRIC_CONNECTIONS_CUT, 1);
    if (c->said >= (peer == NULL ? LINES_A_SECOND : NAMED_A_SECOND)) {
        c->unsaid++;
        return;
    }
    c->said++; /* only lines: what strangers were refused takes nothing from members */
    const char *member = peer == NULL ? "-" : peer->member, *reason = gate_reason_name(cut->reason);
    if (cut->reason == GATE_SILENT || cut->reason == GATE_ASKED)
        log_info("connection_cut", "member=%s address=%s reason=%s", member, cut->source, reason);
    else
        log_warn("connection_cut", "member=%s address=%s reason=%s bytes=%llu", member, cut->source, reason,
                 (unsigned long long)cut->bytes);
}

static void on_event(void *arg)
{
    struct connections *c = arg;
    gate_read(c->gate, loop_now_monotonic(c->loop));
}

static void on_tick(void *arg)
{
    struct connections *c = arg;
    uint64_t now = loop_now_monotonic(c->loop);
    gate_read(c->gate, now);
    gate_tick(c->gate, now, c->reading);
    say_unsaid(c, now);
    const struct gate_counters *counters = gate_counters(c->gate);
    metric_set(METRIC_CONNECTIONS, (int64_t)counters->connections);
    metric_set(METRIC_CONNECTIONS_HALF_OPEN, (int64_t)counters->half_open);
    metric_set(METRIC_CONNECTIONS_WAITING, (int64_t)counters->waiting_bytes);
    loop_timer_set(c->timer, now + GATE_PERIOD);
}

/* libzmq that cannot accept for want of a descriptor asks again without a pause. */
static unsigned half_open_most(const struct config_limits *limits)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return (unsigned)limits->half_open;
    rlim_t wanted = files.rlim_max < DESCRIPTORS_WANTED ? files.rlim_max : DESCRIPTORS_WANTED;
    if (files.rlim_cur < wanted) {
        files.rlim_cur = wanted;
        if (setrlimit(RLIMIT_NOFILE, &files) != 0 && getrlimit(RLIMIT_NOFILE, &files) != 0)
            return (unsigned)limits->half_open;
    }
    /* Half of what is left is for those that have come and are not known of yet. */
    uint64_t room = files.rlim_cur > DESCRIPTORS_KEPT ? (files.rlim_cur - DESCRIPTORS_KEPT) / 2 : 16;
    if (room >= limits->half_open)
        return (unsigned)limits->half_open;
    log_warn("few_descriptors", "limit=%llu half_open=%llu mend=%s", (unsigned long long)files.rlim_cur,
             (unsigned long long)room, "raise the limit on open files (LimitNOFILE)");
    return (unsigned)room;
}

struct connections *connections_new(void *zmq_context, void *socket, struct loop *loop,
                                    const struct config_limits *limits, const struct peers *peers,
                                    struct error *e)
{
    struct connections *c = memory_zeroed(1, sizeof(*c));
    const struct gate_limits bounds = {
        .half_open = half_open_most(limits),
        .half_open_of_source = (unsigned)limits->half_open_of_address,
        .of_peer = OF_PEER,
        .stranger_bytes = STRANGER_BYTES,
        .session_bytes = connections_session_bytes(limits),
        .total_bytes = limits->waiting_bytes,
        .first_time = FIRST_TIME,
        .silence = SILENCE,
    };
    c->loop = loop;
    c->peers = peers;
    c->reading = true;
    c->gate = gate_new(zmq_context, socket, &bounds, on_cut, c, e);
    if (c->gate == NULL) {
        free(c);
        return NULL;
    }
    c->source = loop_add_socket(loop, gate_socket(c->gate), on_event, c);
    c->timer = loop_timer_new(loop, on_tick, c);
    loop_timer_set(c->timer, clock_monotonic() + GATE_PERIOD);
    return c;
}

void connections_free(struct connections *connections)
{
    if (connections == NULL)
        return;
    loop_timer_free(connections->timer);
    loop_remove(connections->loop, connections->source);
    gate_free(connections->gate);
    free(connections);
}

struct gate *connections_gate(struct connections *connections)
{
    return connections->gate;
}

void connections_set_reading(struct connections *connections, bool reading)
{
    connections->reading = reading;
}
