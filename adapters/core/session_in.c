#include "core/session_inside.h"

#include "base/error.h"
#include "base/log.h"
#include "base/refusal.h"
#include "core/session_frames.h"
#include "wire/link.h"
#include "wire/strict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void session_forget_input(struct session *s)
{
    for (size_t i = 0; i < OPEN_MOST; i++) {
        delivery_free(s->gathering[i]);
        s->gathering[i] = NULL;
    }
    for (size_t i = 0; i < FETCHES_MOST; i++) {
        buffer_free(&s->fetches[i].got);
        s->fetches[i].open = false;
    }
}

static void malformed(struct session *s, unsigned verb)
{
    if (session_now(s) - s->malformed_since > 60 * MICROSECONDS) {
        s->malformed = 0;
        s->malformed_since = session_now(s);
    }
    log_warn("bus_message_malformed", "verb=%s", verb_name(verb));
    if (++s->malformed >= MALFORMED_MOST)
        session_fail(s, REFUSAL_MALFORMED);
}

/* --- what comes: messages --- */
static void hand_on(struct session *s, struct delivery *d)
{
    s->options.events.deliver(s->options.arg, d);
}

static void take_deliver(struct session *s, const struct frame_message *f)
{
    uint64_t cost = f->message.len + f->payload.len;
    if (!session_spend(s, 1, cost))
        return;
    struct delivery *d = delivery_open(f->message, f->payload, session_now(s));
    if (d == NULL) {
        session_owe(s, 1, cost);
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
    session_owe(s, 1, cost);
    malformed(s, VERB_DELIVER);
}

void session_drop_gathering(struct session *s, size_t i)
{
    session_owe(s, 1, s->gathering[i]->credit);
    delivery_free(s->gathering[i]);
    s->gathering[i] = NULL;
}

static void take_chunk(struct session *s, const struct frame_message *f)
{
    uint64_t cost = f->message.len + f->payload.len;
    if (!session_spend(s, 0, cost))
        return;
    struct strict_message hold;
    if (!strict_unpack(&wasl__v1__chunk__descriptor, f->message, &hold)) {
        session_owe(s, 0, cost);
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
            session_drop_gathering(s, i);
            malformed(s, VERB_CHUNK);
        } else if (delivery_whole(d)) {
            s->gathering[i] = NULL;
            hand_on(s, d);
        }
        strict_free(&hold);
        return;
    }
    /* Of a message that was given up. */
    session_owe(s, 0, cost);
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
    s->unanswered = 0;
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
    session_lose(s, m->reason, pause);
}

static void take_credit(struct session *s, const Wasl__V1__Credit *m)
{
    s->may_send_messages =
        UINT32_MAX - s->may_send_messages < m->messages ? UINT32_MAX : s->may_send_messages + m->messages;
    s->may_send_bytes = UINT64_MAX - s->may_send_bytes < m->bytes ? UINT64_MAX : s->may_send_bytes + m->bytes;
    if (s->transfers != NULL)
        session_want_writable(s, true);
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
    return session_queue(s, VERB_FETCH, &m.base);
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

void session_forget(struct session *s, enum session_object kind, const uint8_t hash[HASH_SIZE])
{
    struct fetch *f = find_fetch(s, kind, hash);
    if (f == NULL)
        return;
    buffer_free(&f->got);
    f->open = false;
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
    if (f->got.len < m->total && ask_object(s, f))
        return;
    struct buffer got = f->got;
    f->got = (struct buffer){0};
    f->open = false;
    uint8_t hash[HASH_SIZE];
    memcpy(hash, f->hash, HASH_SIZE);
    s->options.events.object(s->options.arg, (enum session_object)m->kind, hash,
                             got.len < m->total || m->total == 0 ? bytes_make(NULL, 0) : buffer_bytes(&got));
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
    if (!session_queue(s, VERB_PROVE, &m.base))
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
    session_queue(s, VERB_PONG, &pong.base);
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
    s->last_heard = session_now(s);
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

void session_take(struct session *s)
{
    /* An event may have closed the socket. */
    for (unsigned i = 0; i < TURN_MOST && s->socket != NULL && !s->ending.due; i++) {
        struct frame_message f;
        enum frame_status status = link_receive(s->socket, false, &f);
        intake_received(s->intake, f.wire_bytes, session_now(s));
        switch (status) {
        case FRAME_OK:
            take_frame(s, &f);
            frame_message_free(&f);
            break;
        case FRAME_NONE:
            return;
        case FRAME_FAILED:
            session_lose(s, REFUSAL_NONE, BACK_OFF);
            return;
        default:
            malformed(s, 0);
            break;
        }
    }
}
