#include "core/session.h"

#include "base/error.h"
#include "base/log.h"
#include "base/refusal.h"
#include "core/session_frames.h"
#include "core/session_inside.h"
#include "wire/link.h"
#include "wire/strict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- going down --- */

static void forget_traffic(struct session *s)
{
    session_forget_output(s);
    session_forget_input(s);
    s->proves = 0;
    s->may_send_messages = s->may_receive_messages = s->owed_messages = 0;
    s->may_send_bytes = s->may_receive_bytes = s->owed_bytes = 0;
}

static void disconnect(struct session *s)
{
    if (s->socket == NULL)
        return;
    loop_remove(s->loop, s->source);
    intake_free(s->intake);
    s->intake = NULL;
    link_close_after(s->socket, BYE_LINGER); /* a BYE may still be on its way */
    s->source = NULL;
    s->socket = NULL;
    s->ending = (struct ending){0};
}

static void go_down(struct session *s, unsigned reason, uint64_t pause)
{
    enum session_state before = s->state;
    if (before == SESSION_DOWN || before == SESSION_ENDED)
        return;
    disconnect(s);
    forget_traffic(s);
    s->state = SESSION_DOWN;
    if (s->back_off < pause)
        s->back_off = pause;
    s->retry_at = session_now(s) + s->back_off;
    s->back_off = s->back_off * 2 < BACK_OFF_MOST ? s->back_off * 2 : BACK_OFF_MOST;
    log_warn("session_lost", "reason=%s linked=%d", reason == 0 ? "none" : refusal_name(reason),
             before == SESSION_LINKED);
    s->options.events.lost(s->options.arg, reason);
}

static void say_bye(struct session *s, unsigned reason, struct bytes checkpoint)
{
    Wasl__V1__Bye m = WASL__V1__BYE__INIT;
    struct buffer bye = {0};
    m.reason = reason;
    m.checkpoint = strict_field(checkpoint);
    strict_pack(&m.base, &bye);
    link_send(s->socket, bytes_make(NULL, 0), VERB_BYE, buffer_bytes(&bye), bytes_make(NULL, 0));
    buffer_free(&bye);
}

/* Carries out the end that somebody asked for. */
static void settle(struct session *s)
{
    struct ending ending = s->ending;
    if (!ending.due)
        return;
    s->ending = (struct ending){0};
    if (ending.bye && s->socket != NULL)
        say_bye(s, ending.reason, bytes_make(NULL, 0));
    go_down(s, ending.reason, ending.pause);
}

static void readable(void *arg)
{
    session_take(arg);
    settle(arg);
}

static void writable(void *arg)
{
    session_pump(arg);
    settle(arg);
}

static void say_hello(struct session *s)
{
    Wasl__V1__Hello m = WASL__V1__HELLO__INIT;
    struct buffer checkpoint = {0};
    struct hello_view view;
    uint64_t version = 0;
    s->options.events.hello(s->options.arg, &checkpoint, &version);
    hello_view_make(&view, s->options.chain, s->options.subsystems, s->options.subsystem_count);
    uuid_random(s->id);
    m.version_min = LINK_VERSION;
    m.version_max = LINK_VERSION;
    m.software = strict_field(bytes_of_string("wasl-adapter 0.1.0"));
    m.session = strict_field(bytes_make(s->id, sizeof(s->id)));
    m.checkpoint = strict_field(buffer_bytes(&checkpoint));
    m.registry_version = version;
    m.n_subsystem = view.subsystem_count;
    m.subsystem = view.subsystems;
    m.n_certificate = view.certificate_count;
    m.certificate = view.certificates;
    /* Only the newest HELLO may wait: until the connection stands each would be another one. */
    forget_traffic(s);
    s->hello_sent = session_now(s);
    session_queue(s, VERB_HELLO, &m.base);
    hello_view_clear(&view);
    buffer_free(&checkpoint);
}

static void connect_bus(struct session *s)
{
    struct error e;
    s->socket =
        link_connect(s->context, s->options.endpoint, s->options.link_key, s->options.bus_public_key, &e);
    if (s->socket != NULL)
        s->intake = intake_new(s->context, s->socket, &e);
    if (s->intake == NULL) {
        link_close(s->socket);
        s->socket = NULL;
        log_error("bus_not_connected", "why=%s", e.text);
        s->state = SESSION_DOWN;
        s->retry_at = session_now(s) + s->back_off;
        return;
    }
    s->source = loop_add_socket(s->loop, s->socket, readable, s);
    s->state = SESSION_HELLO;
    s->last_heard = s->last_sent = session_now(s);
    say_hello(s);
}

static void tick(void *arg)
{
    struct session *s = arg;
    uint64_t now = session_now(s);
    loop_timer_set(s->timer, now + TICK);
    if (s->intake != NULL && intake_floods(s->intake, INTAKE_MOST, now)) {
        log_error("bus_floods", "what=%s",
                  "a message without end, or more than anybody takes: the link is cut");
        go_down(s, REFUSAL_CREDIT_EXCEEDED, BACK_OFF);
        return;
    }
    switch (s->state) {
    case SESSION_DOWN:
        if (now >= s->retry_at)
            connect_bus(s);
        return;
    case SESSION_HELLO:
        if (now - s->hello_sent < HELLO_AGAIN)
            return;
        /* libzmq says nothing of a refused key or a name that does not resolve: a person must hear it from
         * us. */
        if (++s->unanswered == SILENCE_FIRST || s->unanswered % SILENCE_AGAIN == 0)
            log_warn(
                "bus_silent", "endpoint=%s seconds=%llu check=%s", s->options.endpoint,
                (unsigned long long)(s->unanswered * HELLO_AGAIN / MICROSECONDS),
                "is the bus running there, is bus.public_key its key, and is our link key in its registry?");
        /* A connection whose key was refused is dead for libzmq: it is made anew, so that a member that is
         * registered or reinstated meanwhile gets in. */
        if (s->unanswered % SILENCE_RECONNECT == 0) {
            disconnect(s);
            connect_bus(s);
        } else {
            say_hello(s);
        }
        return;
    case SESSION_ENDED:
        return;
    default:
        break;
    }
    if (now - s->last_heard >= DEAD_AFTER) {
        go_down(s, REFUSAL_NONE, BACK_OFF);
        return;
    }
    /* Not only our own silence: a bus that we send to and that says nothing must be asked too. */
    if (now - s->last_heard >= PING_AFTER && !s->pinged) {
        Wasl__V1__Ping m = WASL__V1__PING__INIT;
        m.nonce = now;
        s->pinged = session_queue(s, VERB_PING, &m.base);
    }
    for (size_t i = 0; i < OPEN_MOST; i++)
        if (s->gathering[i] != NULL && now - s->gathering[i]->begun > GATHER_MOST)
            session_drop_gathering(s, i);
    session_say_credit(s);
}

struct session *session_new(struct loop *loop, void *zmq_context, const struct session_options *options)
{
    struct session *s = memory_zeroed(1, sizeof(*s));
    s->loop = loop;
    s->context = zmq_context;
    s->options = *options;
    s->controls_end = &s->controls;
    s->transfers_end = &s->transfers;
    s->back_off = BACK_OFF;
    s->state = SESSION_DOWN;
    s->writable = writable;
    s->timer = loop_timer_new(loop, tick, s);
    loop_timer_set(s->timer, 0);
    return s;
}

void session_free(struct session *s)
{
    if (s == NULL)
        return;
    session_end(s, REFUSAL_NONE, bytes_make(NULL, 0));
    loop_timer_free(s->timer);
    free(s);
}

enum session_state session_state(const struct session *s)
{
    return s->state;
}

void session_link(struct session *s)
{
    if (s->state != SESSION_WELCOMED)
        return;
    s->state = SESSION_LINKED;
    s->back_off = BACK_OFF;
    s->owed_messages = s->options.window_messages;
    s->owed_bytes = s->options.window_bytes;
    session_say_credit(s);
    log_info("session_linked", NULL);
}

void session_drop(struct session *s, unsigned reason)
{
    if (s->socket == NULL)
        return;
    say_bye(s, reason, bytes_make(NULL, 0));
    go_down(s, reason, BACK_OFF);
}

void session_present(struct session *s, const struct chain *chain, const char *const *subsystems,
                     size_t subsystem_count, bool differs)
{
    s->options.chain = chain;
    s->options.subsystems = subsystems;
    s->options.subsystem_count = subsystem_count;
    if (differs)
        session_drop(s, REFUSAL_NONE);
}

void session_end(struct session *s, unsigned reason, struct bytes checkpoint)
{
    if (s->socket != NULL)
        say_bye(s, reason, checkpoint);
    disconnect(s);
    forget_traffic(s);
    s->state = SESSION_ENDED;
}
