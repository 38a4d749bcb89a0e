#include "broker/dispatch.h"

#include "base/error.h"
#include "base/log.h"
#include "broker/change.h"
#include "broker/ending.h"
#include "session.pb-c.h"
#include "crypto/seal.h"
#include "wire/entry.h"
#include "wire/link.h"
#include "wire/strict.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_SOON 1000 /* milliseconds */

static const struct bytes nothing = {(const uint8_t *)"", 0};

/* The peer's session, if it is still the one that the job came over. */
static struct session *session_of(const struct peer *peer, const struct job *job)
{
    struct session *s = peer == NULL ? NULL : peer->session;
    return s != NULL && s->serial == job->session ? s : NULL;
}

/* --- receipts and refusals --- */

static uint64_t retry_after(enum refusal reason)
{
    switch (reason) {
    case REFUSAL_PROVIDER_UNAVAILABLE:
    case REFUSAL_PROVIDER_BUSY:
    case REFUSAL_TOO_MANY:
    case REFUSAL_DISK_FULL:
    case REFUSAL_STOPPED:
        return RETRY_SOON;
    default:
        return 0;
    }
}

static void say_refused(struct io *io, struct peer *peer, const uint8_t *exchange_id,
                        const uint8_t leaf[HASH_SIZE], enum refusal reason, const struct buffer *entry,
                        const struct buffer *proof)
{
    Wasl__V1__Refused refused = WASL__V1__REFUSED__INIT;
    refused.exchange_id = strict_field(bytes_make(exchange_id, exchange_id == NULL ? 0 : 16));
    refused.leaf = strict_field(bytes_make(leaf, HASH_SIZE));
    refused.reason = (uint32_t)reason;
    refused.entry = strict_field(buffer_bytes(entry));
    refused.proof = strict_field(buffer_bytes(proof));
    refused.retry_after = retry_after(reason);
    peers_say(io->peers, peer, VERB_REFUSED, &refused.base, nothing);
}

static void say_receipt(struct io *io, struct peer *peer, const struct message *m)
{
    Wasl__V1__Receipt receipt = WASL__V1__RECEIPT__INIT;
    receipt.entry = strict_field(buffer_bytes(&m->entry));
    receipt.proof = strict_field(buffer_bytes(&m->proof));
    peers_say(io->peers, peer, VERB_RECEIPT, &receipt.base, nothing);
}

/* --- deliveries --- */

/* Takes the chunks out of the message. request: the exchange that a response answers, NULL for a request. */
static struct delivery *delivery_of(struct message *m, const struct exchange *request)
{
    uint8_t hash[HASH_SIZE];
    ProtobufCBinaryData hashes[1] = {{HASH_SIZE, hash}};
    BUG_ON(m->slot_count != 1); /* admitted: each kind has one receiver */
    slot_hash(buffer_bytes(&m->slots[0]), hash);
    Wasl__V1__Deliver deliver = WASL__V1__DELIVER__INIT;
    deliver.entry = strict_field(buffer_bytes(&m->entry));
    deliver.proof = strict_field(buffer_bytes(&m->proof));
    deliver.n_slot_hash = 1;
    deliver.slot_hash = hashes;
    deliver.slot = strict_field(buffer_bytes(&m->slots[0]));
    if (request != NULL) {
        deliver.request_entry = strict_field(buffer_bytes(&request->entry));
        deliver.request_proof = strict_field(buffer_bytes(&request->proof));
    }
    struct buffer packed = {0};
    strict_pack(&deliver.base, &packed);
    struct delivery *d = delivery_new(m->leaf, m->header.expires, &packed, m->chunks, m->chunk_count);
    m->chunks = NULL;
    m->chunk_count = 0;
    return d;
}

/* --- exchanges --- */

static void release_room(struct message *m)
{
    if (m->provider == NULL)
        return;
    room_give(&m->consumer->asking, m->room_bytes);
    shares_give(&m->provider->answering, m->consumer->member, m->room_bytes);
    m->consumer = m->provider = NULL;
}

static void count_open(struct io *io)
{
    atomic_store(&io->status->exchanges_open, exchanges_count(io->exchanges));
}

static void post_request(struct exchange *x)
{
    /* Never full: the room taken at the door is what bounds it. Where it is, the deadline ends the exchange.
     */
    if (mailbox_post(&x->provider->requests, x->delivery, &x->posting) == NULL)
        log_error("mailbox_full", "member=%s", x->provider->member);
}

/* It is no longer among those of its provider; another of the same consumer may take its place. */
static void leave_provider(struct io *io, struct exchange *x)
{
    struct peer *provider = x->provider;
    struct exchange *next = shares_done(&provider->answering, x->consumer->member, x);
    shares_give(&provider->answering, x->consumer->member, x->room);
    if (x->posting != NULL)
        mailbox_withdraw(&provider->requests, x->posting);
    if (next == NULL || next->ending) /* that one makes room again when it has ended */
        return;
    post_request(next);
    peers_pump(io->peers, provider);
}

static void end_exchange(struct io *io, struct exchange *x)
{
    room_give(&x->consumer->asking, x->room);
    leave_provider(io, x);
    exchanges_remove(io->exchanges, x);
    count_open(io);
}

static void open_exchange(struct io *io, struct job *job)
{
    struct message *m = &job->message;
    struct exchange *x = memory_zeroed(1, sizeof(*x));
    memcpy(x->id, m->header.exchange_id, sizeof(x->id));
    memcpy(x->leaf, m->leaf, HASH_SIZE);
    x->provider_id = string_copy(m->header.provider);
    x->consumer = m->consumer;
    x->provider = m->provider;
    x->room = m->room_bytes;
    x->deadline = m->deadline;
    x->delivery = delivery_of(m, NULL);
    x->entry = m->entry;
    x->proof = m->proof;
    m->entry = m->proof = (struct buffer){0};
    m->consumer = m->provider = NULL; /* the exchange holds the room now */
    exchanges_add(io->exchanges, x);
    count_open(io);
    if (io->stopping) { /* it was inside when the rest was ended */
        ending_begin(io, x, ENTRY_INTERRUPTED, REFUSAL_INTERRUPTED);
        return;
    }
    enum refusal standing = ending_due(io, x->provider);
    if (standing != REFUSAL_NONE) { /* since the door looked */
        ending_begin(io, x, ENTRY_INTERRUPTED, standing);
        return;
    }
    if (!shares_send(&x->provider->answering, x->consumer->member, x, io->limits->pair_under_way, io->now))
        return;
    post_request(x);
    peers_pump(io->peers, x->provider);
}

/* The same request again while it is open: the answer goes to where it was asked last. */
static void ask_again(struct io *io, struct peer *peer, const struct message *m)
{
    struct exchange *x = exchanges_find(io->exchanges, m->header.exchange_id);
    if (x == NULL || x->consumer == peer)
        return;
    room_give(&x->consumer->asking, x->room);
    x->consumer = peer;
    x->consumer->asking.messages++;
    x->consumer->asking.bytes += x->room;
}

static void post_response(struct io *io, struct peer *peer, struct delivery *d)
{
    /* A consumer that takes nothing loses the delivery, not the entry: it may ask again. */
    if (mailbox_post(&peer->responses, d, NULL) == NULL)
        log_warn("response_not_kept", "member=%s", peer->member);
    peers_pump(io->peers, peer);
}

static void answer_ended(struct io *io, struct peer *peer, const struct message *m)
{
    struct delivery *d = cache_get(io->cache, m->header.exchange_id);
    if (d != NULL)
        post_response(io, peer, d);
    else
        say_refused(io, peer, m->header.exchange_id, m->leaf, m->answer, &m->entry, &m->proof);
}

static void finish_request(struct io *io, struct peer *peer, struct job *job)
{
    struct message *m = &job->message;
    if (m->old && m->ended)
        answer_ended(io, peer, m);
    else if (m->old)
        ask_again(io, peer, m);
    else
        open_exchange(io, job);
}

static void finish_response(struct io *io, struct peer *peer, struct job *job)
{
    struct message *m = &job->message;
    if (session_of(peer, job) != NULL)
        say_receipt(io, peer, m);
    if (m->old || m->entry_type != ENTRY_ADMITTED)
        return; /* late: kept, not delivered */
    struct exchange *x = exchanges_find(io->exchanges, m->header.exchange_id);
    if (x == NULL) {
        log_error("response_without_exchange", "member=%s", peer->member);
        return;
    }
    struct peer *consumer = x->consumer;
    struct delivery *d = delivery_of(m, x);
    end_exchange(io, x);
    cache_put(io->cache, m->header.exchange_id, d);
    post_response(io, consumer, d);
    delivery_free(d);
}

static void log_refusal(const struct job *job)
{
    const struct message *m = &job->message;
    char id[37] = "-";
    if (m->form == REFUSAL_NONE)
        uuid_format(m->header.exchange_id, id);
    log_info("refused", "member=%s exchange=%s reason=%s", job->member, id,
             refusal_name((unsigned)m->answer));
}

static void finish_message(struct io *io, struct job *job)
{
    struct message *m = &job->message;
    struct peer *peer = peers_find(io->peers, job->peer);
    /* A refusal that another's absence or the disk explains is no fault of its sender; to have asked for more
     * than its share is, and so is to repeat oneself without end. */
    if (m->old || (m->answer != REFUSAL_NONE && m->answer != REFUSAL_PROVIDER_UNAVAILABLE &&
                   m->answer != REFUSAL_DISK_FULL && m->answer != REFUSAL_STOPPED))
        peers_done_refused(io->peers, peer, job->session, m->credit_messages, m->credit_bytes, io->monotonic);
    else
        peers_done(io->peers, peer, job->session, m->credit_messages, m->credit_bytes);
    if (m->answer != REFUSAL_NONE && !m->ended) {
        if (m->entry.len > 0)
            log_refusal(job); /* those that are only counted have one line a second */
        if (session_of(peer, job) != NULL)
            say_refused(io, peer, m->form == REFUSAL_NONE ? m->header.exchange_id : NULL, m->leaf, m->answer,
                        &m->entry, &m->proof);
    } else if (m->header.kind == MESSAGE_REQUEST) {
        finish_request(io, peer, job);
    } else if (m->header.kind == MESSAGE_RESPONSE) {
        finish_response(io, peer, job);
    } else if (session_of(peer, job) != NULL) {
        say_receipt(io, peer, m);
    }
    release_room(m);
}

static void finish_end(struct io *io, struct job *job)
{
    struct end *end = &job->end;
    struct exchange *x = exchanges_find(io->exchanges, end->exchange_id);
    /* Where a response came first the exchange is gone; a ledger that is stopped ends nothing. */
    if (x == NULL)
        return;
    if (!end->old) {
        char id[37];
        uuid_format(end->exchange_id, id);
        log_info("exchange_ended", "exchange=%s type=%s provider=%s", id, entry_type_name(end->type),
                 x->provider_id);
        say_refused(io, x->consumer, x->id, x->leaf, end->reason, &end->entry, &end->proof);
    }
    end_exchange(io, x);
}

/* --- sessions --- */

/* A new session of the member answers what its link keys without one have open, and has been sent before. */
static void deliver_again(struct io *io, struct peer *peer)
{
    if (peer->session->revoked)
        return;
    for (struct peer *from = peers_first(io->peers); from != NULL; from = from->next) {
        if (strcmp(from->member, peer->member) != 0 || (from != peer && from->session != NULL))
            continue;
        struct exchange *after;
        for (struct exchange *x = from->answers; x != NULL; x = after) {
            after = x->after;
            size_t member = strlen(peer->member) + 1;
            if (x->ending || !session_answers_for(peer->session, x->provider_id + member))
                continue;
            if (from != peer) {
                if (!shares_take(&peer->answering, x->consumer->member, x->room, io->limits))
                    return;
                leave_provider(io, x);
                exchanges_move(io->exchanges, x, peer);
                shares_send(&peer->answering, x->consumer->member, x, io->limits->pair_under_way, io->now);
            }
            if (x->posting == NULL && x->under_way)
                post_request(x);
        }
    }
}

static void say_welcome(struct io *io, struct peer *peer, struct hello *h)
{
    const struct registry *registry = snapshot_registry(io->snapshot);
    size_t crls = snapshot_crl_count(io->snapshot);
    ProtobufCBinaryData *crl = memory_zeroed(crls + 1, sizeof(*crl));
    for (size_t i = 0; i < crls; i++)
        crl[i] = strict_field(bytes_make(snapshot_crl(io->snapshot, i), HASH_SIZE));
    ProtobufCBinaryData *proof = memory_zeroed(h->proof_count + 1, sizeof(*proof));
    for (size_t i = 0; i < h->proof_count; i++)
        proof[i] = strict_field(bytes_make(h->proof[i], HASH_SIZE));
    Wasl__V1__Welcome w = WASL__V1__WELCOME__INIT;
    w.version = h->version;
    w.session = strict_field(bytes_make(h->id, sizeof(h->id)));
    w.time = io->now;
    w.checkpoint = strict_field(buffer_bytes(&h->latest));
    w.n_consistency = h->proof_count;
    w.consistency = proof;
    w.registry_version = registry_version(registry);
    w.registry_hash = strict_field(bytes_make(registry_hash(registry), HASH_SIZE));
    w.n_crl = crls;
    w.crl = crl;
    w.credit_messages = (uint32_t)io->limits->submit_messages;
    w.credit_bytes = io->limits->submit_bytes;
    w.software = strict_field(bytes_of_string("wasl-bus " WASL_VERSION));
    peers_say(io->peers, peer, VERB_WELCOME, &w.base, nothing);
    free(proof);
    free(crl);
}

static void finish_hello(struct io *io, struct job *job)
{
    struct hello *h = &job->hello;
    struct peer *peer = peers_find(io->peers, job->peer);
    struct bytes routing_id = bytes_make(h->routing_id, h->routing_id_len);
    peer->hellos--;
    if (h->inconsistent) {
        io->inconsistent = true;
        peers_bye(io->peers, routing_id, REFUSAL_INCONSISTENT);
        dispatch_bye_all(io, REFUSAL_INCONSISTENT, buffer_bytes(&h->checkpoint));
        return;
    }
    if (memcmp(peer->wanted, h->id, sizeof(h->id)) != 0)
        return; /* a later HELLO is on its way */
    if (h->verdict == REFUSAL_NONE && io->stopping)
        h->verdict = REFUSAL_STOPPED;
    if (h->verdict != REFUSAL_NONE) {
        log_warn("hello_refused", "member=%s reason=%s", peer->member, refusal_name((unsigned)h->verdict));
        peers_bye(io->peers, routing_id, h->verdict);
        return;
    }
    if (h->crl_stale)
        log_warn("crl_stale", "member=%s", peer->member);
    log_info("session_opened", "member=%s version=%u", peer->member, h->version);
    peers_open(io->peers, peer, h, io->monotonic);
    deliver_again(io, peer);
    say_welcome(io, peer, h);
    peers_pump(io->peers, peer);
}

/* --- answers to questions --- */

static void finish_prove(struct io *io, struct job *job)
{
    struct peer *peer = peers_find(io->peers, job->peer);
    struct session *s = session_of(peer, job);
    if (s == NULL)
        return;
    s->questions--;
    struct prove *p = &job->prove;
    ProtobufCBinaryData *hashes = memory_zeroed(p->proof_count + 1, sizeof(*hashes));
    for (size_t i = 0; i < p->proof_count; i++)
        hashes[i] = strict_field(bytes_make(p->proof[i], HASH_SIZE));
    Wasl__V1__Proof proof = WASL__V1__PROOF__INIT;
    proof.old_size = p->old_size;
    proof.new_size = p->new_size;
    proof.n_hash = p->proof_count;
    proof.hash = hashes;
    proof.checkpoint = strict_field(buffer_bytes(&p->note));
    peers_say(io->peers, peer, VERB_PROOF, &proof.base, nothing);
    free(hashes);
}

static void finish_fetch(struct io *io, struct job *job)
{
    struct peer *peer = peers_find(io->peers, job->peer);
    struct session *s = session_of(peer, job);
    if (s == NULL)
        return;
    s->questions--;
    const struct fetch *f = &job->fetch;
    Wasl__V1__Object object = WASL__V1__OBJECT__INIT;
    object.kind = (Wasl__V1__ObjectRef)f->what;
    object.hash = strict_field(bytes_make(f->hash, f->has_hash ? HASH_SIZE : 0));
    object.offset = f->offset;
    object.total = f->total;
    peers_say(io->peers, peer, VERB_OBJECT, &object.base, buffer_bytes(&f->data));
}

void dispatch_result(struct io *io, struct job *job)
{
    pipeline_leave(io->pipeline, job);
    switch (job->kind) {
    case JOB_MESSAGE:
        finish_message(io, job);
        break;
    case JOB_HELLO:
        finish_hello(io, job);
        break;
    case JOB_PROVE:
        finish_prove(io, job);
        break;
    case JOB_FETCH:
        finish_fetch(io, job);
        break;
    case JOB_END:
        finish_end(io, job);
        break;
    case JOB_CHANGE:
        change_apply(io, job);
        break;
    case JOB_CLOSE:
        io->closed = true;
        break;
    }
    job_free(job);
}

/* --- ends --- */

void dispatch_deadlines(struct io *io)
{
    struct exchange *x;
    while ((x = exchanges_first(io->exchanges)) != NULL && x->deadline <= io->now)
        ending_begin(io, x, ENTRY_TIMED_OUT, REFUSAL_PROVIDER_TIMEOUT);
}

uint64_t dispatch_next_deadline(const struct io *io)
{
    const struct exchange *x = exchanges_first(io->exchanges);
    return x == NULL ? UINT64_MAX : x->deadline;
}

void dispatch_interrupt_all(struct io *io)
{
    struct exchange *x;
    while ((x = exchanges_first(io->exchanges)) != NULL)
        ending_begin(io, x, ENTRY_INTERRUPTED, REFUSAL_INTERRUPTED);
}

void dispatch_bye_all(struct io *io, enum refusal reason, struct bytes checkpoint)
{
    for (struct peer *p = peers_first(io->peers); p != NULL; p = p->next)
        peers_close(io->peers, p, reason, checkpoint);
}
