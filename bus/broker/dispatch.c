#include "broker/dispatch.h"

#include "base/log.h"
#include "broker/change.h"
#include "broker/ending.h"
#include "broker/relay.h"
#include "broker/replies.h"
#include "wire/entry.h"

#include <string.h>

/* The peer's session, if it is still the one that the job came over. */
static struct session *session_of(const struct peer *peer, const struct job *job)
{
    struct session *s = peer == NULL ? NULL : peer->session;
    return s != NULL && s->serial == job->session ? s : NULL;
}

/* --- messages --- */

static void release_room(struct message *m)
{
    if (m->provider == NULL)
        return;
    room_give(&m->consumer->asking, m->room_bytes);
    shares_give(&m->provider->answering, m->consumer->member, m->room_bytes);
    m->consumer = m->provider = NULL;
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
        replies_refused(io->peers, peer, m->header.exchange_id, m->leaf, m->answer, &m->entry, &m->proof);
}

static void finish_request(struct io *io, struct peer *peer, struct job *job)
{
    struct message *m = &job->message;
    if (m->old && m->ended)
        answer_ended(io, peer, m);
    else if (m->old)
        relay_ask_again(io, peer, m);
    else
        relay_open(io, m);
}

static void finish_response(struct io *io, struct peer *peer, struct job *job)
{
    struct message *m = &job->message;
    if (session_of(peer, job) != NULL)
        replies_receipt(io->peers, peer, m);
    if (m->old || m->entry_type != ENTRY_ADMITTED)
        return; /* late: kept, not delivered */
    struct exchange *x = exchanges_find(io->exchanges, m->header.exchange_id);
    if (x == NULL) {
        log_error("response_without_exchange", "member=%s", peer->member);
        return;
    }
    struct peer *consumer = x->consumer;
    struct delivery *d = replies_deliver(m, x);
    relay_end(io, x);
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
            replies_refused(io->peers, peer, m->form == REFUSAL_NONE ? m->header.exchange_id : NULL, m->leaf,
                            m->answer, &m->entry, &m->proof);
    } else if (m->header.kind == MESSAGE_REQUEST) {
        finish_request(io, peer, job);
    } else if (m->header.kind == MESSAGE_RESPONSE) {
        finish_response(io, peer, job);
    } else if (session_of(peer, job) != NULL) {
        replies_receipt(io->peers, peer, m);
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
        replies_refused(io->peers, x->consumer, x->id, x->leaf, end->reason, &end->entry, &end->proof);
    }
    relay_end(io, x);
}

/* --- sessions --- */

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
    relay_to_session(io, peer);
    replies_welcome(io, peer, h);
    peers_pump(io->peers, peer);
}

/* --- answers to questions --- */

/* Who asked, if that session is still there: one of its questions is answered now. */
static struct peer *asker_of(struct io *io, const struct job *job)
{
    struct peer *peer = peers_find(io->peers, job->peer);
    struct session *s = session_of(peer, job);
    if (s == NULL)
        return NULL;
    s->questions--;
    return peer;
}

static void finish_prove(struct io *io, struct job *job)
{
    struct peer *peer = asker_of(io, job);
    if (peer != NULL)
        replies_proof(io->peers, peer, &job->prove);
}

static void finish_fetch(struct io *io, struct job *job)
{
    struct peer *peer = asker_of(io, job);
    if (peer != NULL)
        replies_object(io->peers, peer, &job->fetch);
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
