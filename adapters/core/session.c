#include "core/session.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/refusal.h"
#include "core/session_frames.h"
#include "session.pb-c.h"
#include "wire/link.h"
#include "wire/strict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TICK           (200 * 1000u)
#define HELLO_AGAIN    (2 * MICROSECONDS)
#define PING_AFTER     (5 * MICROSECONDS)
#define DEAD_AFTER     (15 * MICROSECONDS)
#define BACK_OFF       (MICROSECONDS / 2)
#define BACK_OFF_MOST  (30 * MICROSECONDS)
#define GATHER_MOST    (30 * MICROSECONDS) /* for the chunks of one message */
#define OPEN_MOST      16                  /* messages interleaved in one direction */
#define FETCHES_MOST   16
#define PROVES_MOST    32
#define OBJECT_MOST    ((size_t)16 << 20)
#define TURN_MOST      256 /* messages taken in one turn of the loop */
#define CONTROL_MOST   1024
#define MALFORMED_MOST 10
#define BYE_LINGER     500 /* milliseconds, in the background */

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

struct session {
    struct loop *loop;
    void *context;
    struct session_options options;
    enum session_state state;
    void *socket;
    struct loop_source *source;
    struct loop_timer *timer;
    uint8_t id[16];
    uint64_t hello_sent, last_sent, last_heard, retry_at, back_off; /* monotonic */
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

static uint64_t now_of(const struct session *s)
{
    return loop_now_monotonic(s->loop);
}

/* --- going down --- */

static void transfer_free(struct transfer *t)
{
    parcel_free(t->parcel);
    buffer_free(&t->submit);
    free(t);
}

static void forget_traffic(struct session *s)
{
    while (s->controls != NULL) {
        struct control *c = s->controls;
        s->controls = c->next;
        buffer_free(&c->message);
        free(c);
    }
    s->controls_end = &s->controls;
    s->control_count = 0;
    while (s->transfers != NULL) {
        struct transfer *t = s->transfers;
        s->transfers = t->next;
        transfer_free(t);
    }
    s->transfers_end = &s->transfers;
    for (size_t i = 0; i < OPEN_MOST; i++) {
        delivery_free(s->gathering[i]);
        s->gathering[i] = NULL;
    }
    for (size_t i = 0; i < FETCHES_MOST; i++) {
        buffer_free(&s->fetches[i].got);
        s->fetches[i].open = false;
    }
    s->proves = 0;
    s->may_send_messages = s->may_receive_messages = s->owed_messages = 0;
    s->may_send_bytes = s->may_receive_bytes = s->owed_bytes = 0;
}

static void disconnect(struct session *s)
{
    if (s->socket == NULL)
        return;
    loop_remove(s->loop, s->source);
    link_close_after(s->socket, BYE_LINGER); /* a BYE may still be on its way */
    s->source = NULL;
    s->socket = NULL;
}

/* Ends this session and plans the next one. */
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
    s->retry_at = now_of(s) + s->back_off;
    s->back_off = s->back_off * 2 < BACK_OFF_MOST ? s->back_off * 2 : BACK_OFF_MOST;
    log_warn("session_lost", "reason=%s linked=%d", reason == 0 ? "none" : refusal_name(reason),
             before == SESSION_LINKED);
    s->options.events.lost(s->options.arg, reason);
}

/* --- sending --- */

static void pump(void *arg);

static void want_writable(struct session *s, bool wanted)
{
    if (s->source != NULL)
        loop_set_writable(s->source, wanted ? pump : NULL);
}

/* 0 sent, 1 no room, -1 the session is over. */
static int send_now(struct session *s, unsigned verb, struct bytes message, struct bytes payload)
{
    int result = link_send(s->socket, bytes_make(NULL, 0), verb, message, payload);
    if (result == 0)
        s->last_sent = now_of(s);
    if (result < 0)
        go_down(s, REFUSAL_NONE, BACK_OFF);
    return result;
}

static bool queue_control(struct session *s, unsigned verb, const ProtobufCMessage *message)
{
    if (s->socket == NULL || s->control_count >= CONTROL_MOST)
        return false;
    struct control *c = memory_zeroed(1, sizeof(*c));
    c->verb = verb;
    strict_pack(message, &c->message);
    *s->controls_end = c;
    s->controls_end = &c->next;
    s->control_count++;
    want_writable(s, true);
    return true;
}

/* 0: none is left; 1: no room; -1: over. */
static int pump_controls(struct session *s)
{
    while (s->controls != NULL) {
        struct control *c = s->controls;
        int result = send_now(s, c->verb, buffer_bytes(&c->message), bytes_make(NULL, 0));
        if (result != 0)
            return result;
        s->controls = c->next;
        if (s->controls == NULL)
            s->controls_end = &s->controls;
        s->control_count--;
        buffer_free(&c->message);
        free(c);
    }
    return 0;
}

enum sent { SENT, SENT_NO_ROOM, SENT_NO_CREDIT, SENT_OVER };

/* One frame of one transfer. */
static enum sent send_frame(struct session *s, struct transfer *t)
{
    struct bytes payload = parcel_chunk(t->parcel, t->next_chunk);
    struct buffer chunk = {0};
    struct bytes message;
    if (t->next_chunk == 0) {
        if (t->submit.len == 0)
            parcel_submit(t->parcel, &t->submit);
        message = buffer_bytes(&t->submit);
    } else {
        Wasl__V1__Chunk m = WASL__V1__CHUNK__INIT;
        m.leaf = strict_field(bytes_make(t->parcel->leaf, HASH_SIZE));
        m.index = (uint32_t)t->next_chunk;
        strict_pack(&m.base, &chunk);
        message = buffer_bytes(&chunk);
    }
    uint64_t cost = message.len + payload.len;
    enum sent sent = SENT_NO_CREDIT;
    if (cost <= s->may_send_bytes && (t->next_chunk > 0 || s->may_send_messages > 0)) {
        int result = send_now(s, t->next_chunk == 0 ? VERB_SUBMIT : VERB_CHUNK, message, payload);
        sent = result == 0 ? SENT : result == 1 ? SENT_NO_ROOM : SENT_OVER;
    }
    buffer_free(&chunk);
    if (sent != SENT)
        return sent; /* when it is over, t is gone */
    s->may_send_bytes -= cost;
    if (t->next_chunk == 0)
        s->may_send_messages--;
    t->next_chunk++;
    return SENT;
}

/* Round robin over the first OPEN_MOST transfers, a frame each. True when there is more to send and the
 * socket is full. What lacks credit waits for CREDIT, and what stands behind it too: nobody is overtaken for
 * ever. */
static bool pump_transfers(struct session *s)
{
    for (bool progress = true; progress;) {
        progress = false;
        size_t place = 0;
        for (struct transfer **at = &s->transfers; *at != NULL && place < OPEN_MOST;) {
            struct transfer *t = *at;
            enum sent sent = send_frame(s, t);
            if (sent != SENT)
                return sent == SENT_NO_ROOM;
            progress = true;
            if (t->next_chunk >= t->parcel->chunk_count) {
                *at = t->next;
                if (t->next == NULL)
                    s->transfers_end = at;
                transfer_free(t);
            } else {
                at = &t->next;
                place++;
            }
        }
    }
    return false;
}

static void pump(void *arg)
{
    struct session *s = arg;
    int result = pump_controls(s);
    bool left = result == 1;
    if (result == 0 && s->state == SESSION_LINKED)
        left = pump_transfers(s);
    if (s->socket != NULL)
        want_writable(s, left);
}

bool session_submit(struct session *s, struct parcel *parcel)
{
    if (s->state != SESSION_LINKED)
        return false;
    for (struct transfer *t = s->transfers; t != NULL; t = t->next)
        if (t->parcel == parcel)
            return true;
    struct transfer *t = memory_zeroed(1, sizeof(*t));
    t->parcel = parcel_ref(parcel);
    *s->transfers_end = t;
    s->transfers_end = &t->next;
    want_writable(s, true);
    return true;
}

void session_withdraw(struct session *s, const struct parcel *parcel)
{
    for (struct transfer **at = &s->transfers; *at != NULL; at = &(*at)->next) {
        struct transfer *t = *at;
        if (t->parcel != parcel || t->next_chunk > 0)
            continue;
        *at = t->next;
        if (t->next == NULL)
            s->transfers_end = at;
        transfer_free(t);
        return;
    }
}

/* --- credit to the bus --- */

static void say_credit(struct session *s)
{
    if (s->state != SESSION_LINKED || (s->owed_messages == 0 && s->owed_bytes == 0))
        return;
    Wasl__V1__Credit m = WASL__V1__CREDIT__INIT;
    m.messages = s->owed_messages;
    m.bytes = s->owed_bytes;
    if (!queue_control(s, VERB_CREDIT, &m.base))
        return;
    s->may_receive_messages += s->owed_messages;
    s->may_receive_bytes += s->owed_bytes;
    s->owed_messages = 0;
    s->owed_bytes = 0;
}

static void owe(struct session *s, uint32_t messages, uint64_t bytes)
{
    s->owed_messages += messages;
    s->owed_bytes += bytes;
    /* Said in portions: a CREDIT for each message would double the traffic. The tick says the rest. */
    if (s->owed_messages >= s->options.window_messages / 4 || s->owed_bytes >= s->options.window_bytes / 4)
        say_credit(s);
}

void session_done_with(struct session *s, const struct delivery *delivery)
{
    if (s->state == SESSION_LINKED && delivery->begun >= s->hello_sent)
        owe(s, 1, delivery->credit);
}

static void protocol_error(struct session *s, unsigned reason)
{
    Wasl__V1__Bye m = WASL__V1__BYE__INIT;
    struct buffer bye = {0};
    m.reason = reason;
    strict_pack(&m.base, &bye);
    link_send(s->socket, bytes_make(NULL, 0), VERB_BYE, buffer_bytes(&bye), bytes_make(NULL, 0));
    buffer_free(&bye);
    go_down(s, reason, BACK_OFF);
}

static bool spend(struct session *s, uint32_t messages, uint64_t bytes)
{
    if (messages > s->may_receive_messages || bytes > s->may_receive_bytes) {
        protocol_error(s, REFUSAL_CREDIT_EXCEEDED);
        return false;
    }
    s->may_receive_messages -= messages;
    s->may_receive_bytes -= bytes;
    return true;
}

static void malformed(struct session *s, unsigned verb)
{
    if (now_of(s) - s->malformed_since > 60 * MICROSECONDS) {
        s->malformed = 0;
        s->malformed_since = now_of(s);
    }
    log_warn("bus_message_malformed", "verb=%s", verb_name(verb));
    if (++s->malformed >= MALFORMED_MOST)
        protocol_error(s, REFUSAL_MALFORMED);
}

/* --- what comes: messages --- */

static void hand_on(struct session *s, struct delivery *d)
{
    s->options.events.deliver(s->options.arg, d);
}

static void take_deliver(struct session *s, const struct frame_message *f)
{
    uint64_t cost = f->message.len + f->payload.len;
    if (!spend(s, 1, cost))
        return;
    struct delivery *d = delivery_open(f->message, f->payload, now_of(s));
    if (d == NULL) {
        owe(s, 1, cost);
        malformed(s, VERB_DELIVER);
        return;
    }
    d->credit = cost;
    if (delivery_whole(d)) {
        hand_on(s, d);
        return;
    }
    for (size_t i = 0; i < OPEN_MOST; i++)
        if (s->gathering[i] == NULL) {
            s->gathering[i] = d;
            return;
        }
    delivery_free(d);
    owe(s, 1, cost);
    malformed(s, VERB_DELIVER);
}

static void drop_gathering(struct session *s, size_t i)
{
    owe(s, 1, s->gathering[i]->credit);
    delivery_free(s->gathering[i]);
    s->gathering[i] = NULL;
}

static void take_chunk(struct session *s, const struct frame_message *f)
{
    uint64_t cost = f->message.len + f->payload.len;
    if (!spend(s, 0, cost))
        return;
    struct strict_message hold;
    if (!strict_unpack(&wasl__v1__chunk__descriptor, f->message, &hold)) {
        owe(s, 0, cost);
        malformed(s, VERB_CHUNK);
        return;
    }
    const Wasl__V1__Chunk *m = hold.message;
    for (size_t i = 0; i < OPEN_MOST; i++) {
        struct delivery *d = s->gathering[i];
        if (d == NULL || m->leaf.len != HASH_SIZE || memcmp(d->leaf, m->leaf.data, HASH_SIZE) != 0)
            continue;
        d->credit += cost;
        if (!delivery_add(d, m->index, f->payload)) {
            drop_gathering(s, i);
            malformed(s, VERB_CHUNK);
        } else if (delivery_whole(d)) {
            s->gathering[i] = NULL;
            hand_on(s, d);
        }
        strict_free(&hold);
        return;
    }
    /* Of a message that was given up. */
    owe(s, 0, cost);
    strict_free(&hold);
}

/* --- what comes: the session --- */

static void take_welcome(struct session *s, const Wasl__V1__Welcome *m)
{
    if (s->state != SESSION_HELLO || m->session.len != sizeof(s->id) ||
        memcmp(m->session.data, s->id, sizeof(s->id)) != 0)
        return; /* the answer to an earlier HELLO */
    struct welcome_view view;
    if (m->version != LINK_VERSION || !welcome_view_make(m, &view)) {
        malformed(s, VERB_WELCOME);
        return;
    }
    s->state = SESSION_WELCOMED;
    s->may_send_messages = m->credit_messages;
    s->may_send_bytes = m->credit_bytes;
    log_info("session_welcomed", "software=%.*s registry=%" PRIu64,
             (int)(m->software.len < 64 ? m->software.len : 64), (const char *)m->software.data,
             m->registry_version);
    s->options.events.welcome(s->options.arg, &view.welcome);
    welcome_view_clear(&view);
}

static void take_bye(struct session *s, const Wasl__V1__Bye *m)
{
    /* A HELLO that was repeated supersedes the one before it, of this same connection. */
    if (s->state == SESSION_HELLO && m->reason == REFUSAL_SUPERSEDED)
        return;
    log_warn("bus_said_bye", "reason=%s", m->reason == 0 ? "going_down" : refusal_name(m->reason));
    uint64_t pause = BACK_OFF;
    if (m->reason == REFUSAL_SUPERSEDED || m->reason == REFUSAL_UNSUPPORTED_VERSION)
        pause = 10 * MICROSECONDS; /* a person has to do something */
    if (m->reason == REFUSAL_NOT_WELCOME)
        s->back_off = pause = 10 * 1000; /* the bus is back and does not know us: at once */
    go_down(s, m->reason, pause);
}

static void take_credit(struct session *s, const Wasl__V1__Credit *m)
{
    s->may_send_messages =
        UINT32_MAX - s->may_send_messages < m->messages ? UINT32_MAX : s->may_send_messages + m->messages;
    s->may_send_bytes = UINT64_MAX - s->may_send_bytes < m->bytes ? UINT64_MAX : s->may_send_bytes + m->bytes;
    if (s->transfers != NULL)
        want_writable(s, true);
}

static void take_proof(struct session *s, const Wasl__V1__Proof *m)
{
    uint8_t(*hashes)[HASH_SIZE];
    if (s->proves > 0)
        s->proves--;
    if (m->n_hash > TREE_HASHES_MOST || !hashes_take(m->n_hash, m->hash, &hashes)) {
        malformed(s, VERB_PROOF);
        return;
    }
    s->options.events.proof(s->options.arg, m->old_size, m->new_size, (const uint8_t(*)[HASH_SIZE])hashes,
                            m->n_hash);
    free(hashes);
}

/* --- fetching --- */

static bool ask_object(struct session *s, const struct fetch *f)
{
    Wasl__V1__Fetch m = WASL__V1__FETCH__INIT;
    m.kind = (Wasl__V1__ObjectRef)f->kind;
    if (f->kind != OBJECT_LATEST_REGISTRY)
        m.hash = strict_field(bytes_make(f->hash, HASH_SIZE));
    m.offset = f->got.len;
    return queue_control(s, VERB_FETCH, &m.base);
}

static struct fetch *find_fetch(struct session *s, enum session_object kind, const uint8_t *hash)
{
    for (size_t i = 0; i < FETCHES_MOST; i++) {
        struct fetch *f = &s->fetches[i];
        if (f->open && f->kind == kind &&
            (kind == OBJECT_LATEST_REGISTRY || memcmp(f->hash, hash, HASH_SIZE) == 0))
            return f;
    }
    return NULL;
}

bool session_fetch(struct session *s, enum session_object kind, const uint8_t hash[HASH_SIZE])
{
    if (s->state != SESSION_WELCOMED && s->state != SESSION_LINKED)
        return false;
    if (find_fetch(s, kind, hash) != NULL)
        return true;
    for (size_t i = 0; i < FETCHES_MOST; i++) {
        struct fetch *f = &s->fetches[i];
        if (f->open)
            continue;
        *f = (struct fetch){.open = true, .kind = kind};
        memcpy(f->hash, hash, HASH_SIZE);
        f->open = ask_object(s, f);
        return f->open;
    }
    return false;
}

static void take_object(struct session *s, const Wasl__V1__Object *m, struct bytes payload)
{
    bool latest = m->kind == WASL__V1__OBJECT_REF__LATEST_REGISTRY;
    struct fetch *f =
        latest || m->hash.len == HASH_SIZE ? find_fetch(s, (enum session_object)m->kind, m->hash.data) : NULL;
    if (f == NULL || m->offset != f->got.len)
        return; /* of a fetch that was given up */
    if (m->total > OBJECT_MOST || payload.len > m->total - (m->total < f->got.len ? m->total : f->got.len) ||
        (m->total > 0 && payload.len == 0)) {
        malformed(s, VERB_OBJECT);
        return;
    }
    buffer_append_bytes(&f->got, payload);
    if (f->got.len < m->total) {
        if (!ask_object(s, f))
            f->open = false;
        return;
    }
    struct buffer got = f->got;
    f->got = (struct buffer){0};
    f->open = false;
    uint8_t hash[HASH_SIZE];
    memcpy(hash, f->hash, HASH_SIZE);
    s->options.events.object(s->options.arg, (enum session_object)m->kind, hash,
                             m->total == 0 ? bytes_make(NULL, 0) : buffer_bytes(&got));
    buffer_free(&got);
}

bool session_may_prove(const struct session *s)
{
    return (s->state == SESSION_WELCOMED || s->state == SESSION_LINKED) && s->proves < PROVES_MOST &&
           s->control_count < CONTROL_MOST;
}

bool session_prove(struct session *s, uint64_t old_size, uint64_t new_size)
{
    if (!session_may_prove(s))
        return false;
    Wasl__V1__Prove m = WASL__V1__PROVE__INIT;
    m.old_size = old_size;
    m.new_size = new_size;
    if (!queue_control(s, VERB_PROVE, &m.base))
        return false;
    s->proves++;
    return true;
}

/* --- dispatch --- */

static const ProtobufCMessageDescriptor *descriptor_of(unsigned verb)
{
    switch (verb) {
    case VERB_WELCOME:
        return &wasl__v1__welcome__descriptor;
    case VERB_RECEIPT:
        return &wasl__v1__receipt__descriptor;
    case VERB_REFUSED:
        return &wasl__v1__refused__descriptor;
    case VERB_PROOF:
        return &wasl__v1__proof__descriptor;
    case VERB_OBJECT:
        return &wasl__v1__object__descriptor;
    case VERB_PING:
        return &wasl__v1__ping__descriptor;
    case VERB_PONG:
        return &wasl__v1__pong__descriptor;
    case VERB_CREDIT:
        return &wasl__v1__credit__descriptor;
    case VERB_NOTICE:
        return &wasl__v1__notice__descriptor;
    case VERB_BYE:
        return &wasl__v1__bye__descriptor;
    default:
        return NULL;
    }
}

static void take_refused(struct session *s, const Wasl__V1__Refused *m)
{
    struct session_refused refused = {
        .exchange_id = m->exchange_id.len == 16 ? m->exchange_id.data : NULL,
        .leaf = m->leaf.len == HASH_SIZE ? m->leaf.data : NULL,
        .reason = m->reason,
        .entry = strict_bytes(m->entry),
        .proof = strict_bytes(m->proof),
    };
    s->options.events.refused(s->options.arg, &refused);
}

static void take_ping(struct session *s, const Wasl__V1__Ping *m)
{
    Wasl__V1__Pong pong = WASL__V1__PONG__INIT;
    pong.nonce = m->nonce;
    queue_control(s, VERB_PONG, &pong.base);
}

static void take_notice(struct session *s, const Wasl__V1__Notice *m)
{
    struct notice_view view;
    if (!notice_view_make(m, &view)) {
        malformed(s, VERB_NOTICE);
        return;
    }
    s->options.events.notice(s->options.arg, &view.holdings);
    notice_view_clear(&view);
}

static void take_message(struct session *s, const struct frame_message *f, const void *m)
{
    switch (f->verb) {
    case VERB_WELCOME:
        take_welcome(s, m);
        break;
    case VERB_RECEIPT:
        s->options.events.receipt(s->options.arg, strict_bytes(((const Wasl__V1__Receipt *)m)->entry),
                                  strict_bytes(((const Wasl__V1__Receipt *)m)->proof));
        break;
    case VERB_REFUSED:
        take_refused(s, m);
        break;
    case VERB_PROOF:
        take_proof(s, m);
        break;
    case VERB_OBJECT:
        take_object(s, m, f->payload);
        break;
    case VERB_PING:
        take_ping(s, m);
        break;
    case VERB_PONG:
        break;
    case VERB_CREDIT:
        take_credit(s, m);
        break;
    case VERB_NOTICE:
        take_notice(s, m);
        break;
    case VERB_BYE:
        take_bye(s, m);
        break;
    default:
        break;
    }
}

static void take_frame(struct session *s, const struct frame_message *f)
{
    s->last_heard = now_of(s);
    s->pinged = false;
    /* Before WELCOME nothing but WELCOME and BYE means anything. */
    if (s->state == SESSION_HELLO && f->verb != VERB_WELCOME && f->verb != VERB_BYE)
        return;
    if (f->verb == VERB_DELIVER || f->verb == VERB_CHUNK) {
        if (f->verb == VERB_DELIVER)
            take_deliver(s, f);
        else
            take_chunk(s, f);
        return;
    }
    const ProtobufCMessageDescriptor *descriptor = descriptor_of(f->verb);
    struct strict_message hold = {0};
    if (descriptor == NULL || !strict_unpack(descriptor, f->message, &hold) ||
        (f->payload.len > 0 && f->verb != VERB_OBJECT))
        malformed(s, f->verb);
    else
        take_message(s, f, hold.message);
    strict_free(&hold);
}

static void readable(void *arg)
{
    struct session *s = arg;
    for (unsigned i = 0; i < TURN_MOST && s->socket != NULL; i++) {
        struct frame_message f;
        switch (link_receive(s->socket, false, &f)) {
        case FRAME_OK:
            take_frame(s, &f);
            frame_message_free(&f);
            break;
        case FRAME_NONE:
            return;
        case FRAME_FAILED:
            go_down(s, REFUSAL_NONE, BACK_OFF);
            return;
        default:
            malformed(s, 0);
            break;
        }
    }
}

/* --- life --- */

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
    s->hello_sent = now_of(s);
    queue_control(s, VERB_HELLO, &m.base);
    hello_view_clear(&view);
    buffer_free(&checkpoint);
}

static void connect_bus(struct session *s)
{
    struct error e;
    s->socket =
        link_connect(s->context, s->options.endpoint, s->options.link_key, s->options.bus_public_key, &e);
    if (s->socket == NULL) {
        log_error("bus_not_connected", "why=%s", e.text);
        s->retry_at = now_of(s) + s->back_off;
        return;
    }
    s->source = loop_add_socket(s->loop, s->socket, readable, s);
    s->state = SESSION_HELLO;
    s->last_heard = s->last_sent = now_of(s);
    say_hello(s);
}

static void tick(void *arg)
{
    struct session *s = arg;
    uint64_t now = now_of(s);
    loop_timer_set(s->timer, now + TICK);
    switch (s->state) {
    case SESSION_DOWN:
        if (now >= s->retry_at)
            connect_bus(s);
        return;
    case SESSION_HELLO:
        if (now - s->hello_sent >= HELLO_AGAIN)
            say_hello(s);
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
        s->pinged = queue_control(s, VERB_PING, &m.base);
    }
    for (size_t i = 0; i < OPEN_MOST; i++)
        if (s->gathering[i] != NULL && now - s->gathering[i]->begun > GATHER_MOST)
            drop_gathering(s, i);
    say_credit(s);
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
    say_credit(s);
    log_info("session_linked", NULL);
}

void session_drop(struct session *s, unsigned reason)
{
    if (s->socket != NULL)
        protocol_error(s, reason);
}

void session_end(struct session *s, unsigned reason, struct bytes checkpoint)
{
    if (s->socket != NULL) {
        Wasl__V1__Bye m = WASL__V1__BYE__INIT;
        struct buffer bye = {0};
        m.reason = reason;
        m.checkpoint = strict_field(checkpoint);
        strict_pack(&m.base, &bye);
        link_send(s->socket, bytes_make(NULL, 0), VERB_BYE, buffer_bytes(&bye), bytes_make(NULL, 0));
        buffer_free(&bye);
    }
    disconnect(s);
    forget_traffic(s);
    s->state = SESSION_ENDED;
}
