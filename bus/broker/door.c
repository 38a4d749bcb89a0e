#include "broker/door.h"

#include "base/clock.h"
#include "base/log.h"
#include "session.pb-c.h"
#include "wire/strict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELLOS_MOST       4 /* of one peer with admit and writer; it repeats what is dropped */
#define HELLOS_A_SECOND   10
#define FRAMES_A_SECOND   1000 /* that need no credit */
#define SUBSYSTEMS_MOST   64
#define CERTIFICATES_MOST 6
#define SECOND            (1000000ULL)

static struct bytes routing_id(const struct frame_message *frame)
{
    return bytes_make(frame->routing_id, frame->routing_id_len);
}

static bool same_connection(const struct session *s, const struct frame_message *frame)
{
    return bytes_equal(session_routing_id(s), routing_id(frame));
}

/* Dropped and counted; too many in a minute end the session. */
static void fault(struct io *io, struct peer *peer, const struct frame_message *frame)
{
    if (io->monotonic >= peer->fault_minute + 60 * SECOND) {
        peer->fault_minute = io->monotonic;
        peer->faults = 0;
    }
    status_count(&io->status->unattributed);
    if (++peer->faults < DOOR_FAULTS_MOST)
        return;
    if (peer->faults == DOOR_FAULTS_MOST)
        log_warn("frames_malformed", "member=%s count=%u", peer->member, peer->faults);
    if (peer->session != NULL)
        peers_close(io->peers, peer, REFUSAL_MALFORMED, bytes_make("", 0));
    else if (peer->faults == DOOR_FAULTS_MOST)
        peers_bye(io->peers, routing_id(frame), REFUSAL_MALFORMED);
    peers_cut(io->peers, frame->connection);
}

/* Credit bounds SUBMIT and CHUNK of a session; everything else that a member says is bounded here. */
static bool floods(struct io *io, struct peer *peer, const struct frame_message *frame, bool credited)
{
    if (io->monotonic >= peer->frames_second + SECOND) {
        peer->frames_second = io->monotonic;
        peer->frames = 0;
    }
    if (credited || ++peer->frames <= FRAMES_A_SECOND)
        return false;
    status_count(&io->status->unattributed);
    if (peer->frames == FRAMES_A_SECOND + 1)
        log_warn("member_floods", "member=%s verb=%s", peer->member, verb_name(frame->verb));
    if (peer->session != NULL && same_connection(peer->session, frame))
        peers_close(io->peers, peer, REFUSAL_CREDIT_EXCEEDED, bytes_make("", 0));
    peers_cut(io->peers, frame->connection);
    return true;
}

static struct peer *peer_of(struct io *io, const struct frame_message *frame)
{
    struct peer *peer = peers_find(io->peers, frame->peer);
    if (peer != NULL)
        return peer;
    const struct registry_member *member =
        registry_member_by_link_key(snapshot_registry(io->snapshot), frame->peer);
    return member == NULL ? NULL : peers_add(io->peers, frame->peer, member->id);
}

void door_anonymous(struct io *io)
{
    status_count(&io->status->unattributed);
    log_error("frame_without_link_key", NULL);
}

void door_bad(struct io *io, const struct frame_message *frame)
{
    struct peer *peer = peer_of(io, frame);
    if (peer == NULL)
        status_count(&io->status->unattributed);
    else
        fault(io, peer, frame);
}

static struct job *job_of(struct io *io, enum job_kind kind, const struct peer *peer)
{
    struct job *job = job_new(kind, io->snapshot, io->now);
    memcpy(job->peer, peer->key, sizeof(job->peer));
    memcpy(job->member, peer->member, sizeof(job->member));
    job->session = peer->session == NULL ? 0 : peer->session->serial;
    return job;
}

/* Told at most once a second, so that two adapters with one key cannot make us shout. */
static void send_away(struct io *io, struct peer *peer, const struct frame_message *frame)
{
    if (frame->verb == VERB_BYE || (peer->sent_away != 0 && io->monotonic < peer->sent_away + SECOND))
        return;
    peer->sent_away = io->monotonic;
    enum refusal standing = registry_link_standing(snapshot_registry(io->snapshot), peer->key, peer->member);
    peers_bye(io->peers, routing_id(frame), standing == REFUSAL_NONE ? REFUSAL_NOT_WELCOME : standing);
}

/* --- HELLO --- */

static bool hello_good(const Wasl__V1__Hello *m)
{
    if (m->session.len != 16 || m->n_certificate == 0 || m->n_certificate > CERTIFICATES_MOST ||
        m->n_subsystem > SUBSYSTEMS_MOST)
        return false;
    for (size_t i = 0; i < m->n_subsystem; i++)
        if (!identifier_part_valid(strict_bytes(m->subsystem[i])))
            return false;
    return true;
}

static void fill_hello(struct hello *h, const Wasl__V1__Hello *m, const struct frame_message *frame)
{
    memcpy(h->routing_id, frame->routing_id, frame->routing_id_len);
    h->routing_id_len = frame->routing_id_len;
    h->connection = frame->connection;
    memcpy(h->id, m->session.data, sizeof(h->id));
    h->version = LINK_VERSION;
    h->credit_messages = m->credit_messages;
    h->credit_bytes = m->credit_bytes;
    h->subsystem_count = m->n_subsystem;
    h->subsystems = memory_zeroed(m->n_subsystem + 1, sizeof(*h->subsystems));
    for (size_t i = 0; i < m->n_subsystem; i++)
        memcpy(h->subsystems[i], m->subsystem[i].data, m->subsystem[i].len);
    for (size_t i = 0; i < m->n_certificate; i++)
        buffer_append_bytes(&h->chain, strict_bytes(m->certificate[i]));
    buffer_append_bytes(&h->checkpoint, strict_bytes(m->checkpoint));
}

/* Whose key it is by the registry in force: it may have been taken away, or given to another member. */
static bool still_its_own(struct io *io, struct peer *peer)
{
    const struct registry_member *member =
        registry_member_by_link_key(snapshot_registry(io->snapshot), peer->key);
    if (member == NULL)
        return false;
    if (strcmp(member->id, peer->member) == 0)
        return true;
    if (peer->session != NULL || peer->answers != NULL || peer->asking.messages > 0 || peer->hellos > 0)
        return false; /* when what the old owner has open is over */
    mailbox_clear(&peer->responses);
    snprintf(peer->member, sizeof(peer->member), "%s", member->id);
    return true;
}

/* Each costs a chain's verification and a line of the log. An adapter says one every two seconds. */
static bool hellos_too_fast(struct io *io, struct peer *peer)
{
    if (io->monotonic >= peer->hello_second + SECOND) {
        peer->hello_second = io->monotonic;
        peer->hellos_said = 0;
    }
    return ++peer->hellos_said > HELLOS_A_SECOND;
}

static void take_hello(struct io *io, struct peer *peer, const struct frame_message *frame)
{
    struct strict_message hold;
    if (hellos_too_fast(io, peer)) {
        status_count(&io->status->unattributed);
        return;
    }
    if (!still_its_own(io, peer)) {
        peers_bye(io->peers, routing_id(frame), REFUSAL_UNKNOWN_MEMBER);
        return;
    }
    if (registry_link_standing(snapshot_registry(io->snapshot), peer->key, peer->member) != REFUSAL_NONE) {
        send_away(io, peer, frame);
        return;
    }
    if (!strict_unpack(&wasl__v1__hello__descriptor, frame->message, &hold)) {
        fault(io, peer, frame);
        return;
    }
    const Wasl__V1__Hello *m = hold.message;
    if (!hello_good(m)) {
        fault(io, peer, frame);
    } else if (m->version_min > LINK_VERSION || m->version_max < LINK_VERSION) {
        peers_bye(io->peers, routing_id(frame), REFUSAL_UNSUPPORTED_VERSION);
    } else if (io->stopping) {
        peers_bye(io->peers, routing_id(frame), REFUSAL_STOPPED);
    } else if (peer->hellos < HELLOS_MOST) {
        struct job *job = job_of(io, JOB_HELLO, peer);
        fill_hello(&job->hello, m, frame);
        job->bytes = frame->message.len;
        memcpy(peer->wanted, job->hello.id, sizeof(peer->wanted));
        peer->hellos++;
        pipeline_enter(io->pipeline, job, true);
    }
    strict_free(&hold);
}

/* --- SUBMIT and CHUNK --- */

/* Step 6, and room for the exchange until it ends. Held from here on: whoever ends the job gives it back. */
static enum refusal reserve(struct io *io, struct peer *peer, struct job *job)
{
    struct message *m = &job->message;
    const struct exchange *open = exchanges_find(io->exchanges, m->header.exchange_id);
    if (open != NULL && memcmp(open->leaf, m->leaf, HASH_SIZE) == 0)
        return REFUSAL_NONE; /* sent again: it has its room */
    struct peer *provider = peers_provider(io->peers, m->header.provider);
    if (provider == NULL)
        return REFUSAL_PROVIDER_UNAVAILABLE;
    if (exchanges_count(io->exchanges) >= io->limits->exchanges ||
        !room_take(&peer->asking, job->bytes, io->limits))
        return REFUSAL_TOO_MANY;
    if (!shares_take(&provider->answering, peer->member, job->bytes, io->limits)) {
        room_give(&peer->asking, job->bytes);
        return REFUSAL_PROVIDER_BUSY;
    }
    m->consumer = peer;
    m->provider = provider;
    m->room_bytes = job->bytes;
    return REFUSAL_NONE;
}

static void enter(struct io *io, struct peer *peer, struct job *job)
{
    struct message *m = &job->message;
    if (m->form == REFUSAL_NONE && m->header.kind == MESSAGE_REQUEST)
        m->room = reserve(io, peer, job);
    pipeline_enter(io->pipeline, job, true);
}

static void fill_message(struct job *job, const Wasl__V1__Submit *s, const struct frame_message *frame)
{
    struct message *m = &job->message;
    buffer_append_bytes(&m->context, strict_bytes(s->context));
    buffer_append_bytes(&m->body, strict_bytes(s->body));
    buffer_append_bytes(&m->signature, strict_bytes(s->signature));
    m->slots = memory_zeroed(s->n_slot + 1, sizeof(*m->slots));
    for (size_t i = 0; i < s->n_slot; i++)
        buffer_append_bytes(&m->slots[m->slot_count++], strict_bytes(s->slot[i]));
    m->form = header_decode(strict_bytes(s->context), strict_bytes(s->body), &m->header);
    envelope_leaf(strict_bytes(s->context), strict_bytes(s->body), m->leaf);
    m->credit_messages = 1;
    m->credit_bytes = job->bytes = frame->message.len + frame->payload.len;
}

static void fill_chunk(struct message *m, struct bytes payload)
{
    if (payload.len == 0)
        return;
    m->chunks = memory_zeroed(1, sizeof(*m->chunks));
    buffer_append_bytes(&m->chunks[m->chunk_count++], payload);
}

/* A message sent twice before it is whole begins anew. */
static void drop_earlier(struct io *io, struct peer *peer, const uint8_t leaf[HASH_SIZE])
{
    struct job *earlier = assemblies_withdraw(&peer->session->assemblies, leaf);
    if (earlier == NULL)
        return;
    peers_done(io->peers, peer, earlier->session, earlier->message.credit_messages,
               earlier->message.credit_bytes);
    job_free(earlier);
}

static void submit(struct io *io, struct peer *peer, const Wasl__V1__Submit *s,
                   const struct frame_message *frame)
{
    struct job *job = job_of(io, JOB_MESSAGE, peer);
    struct message *m = &job->message;
    fill_message(job, s, frame);
    bool body = m->form == REFUSAL_NONE && m->header.has_body;
    if (body && m->header.sealed_length > io->limits->body_bytes) {
        m->oversize = true;
    } else if (body && assembly_chunks(m->header.sealed_length) > 1 && frame->payload.len > 0) {
        fill_chunk(m, frame->payload);
        drop_earlier(io, peer, m->leaf);
        if (assemblies_begin(&peer->session->assemblies, job, io->monotonic))
            return;
        job_free(job);
        peers_close(io->peers, peer, REFUSAL_CREDIT_EXCEEDED, bytes_make("", 0));
        return;
    } else if (m->form == REFUSAL_NONE) {
        fill_chunk(m, frame->payload);
        m->whole = true;
    }
    enter(io, peer, job);
}

static void take_submit(struct io *io, struct peer *peer, const struct frame_message *frame)
{
    if (!window_take(&peer->session->in, 1, frame->message.len + frame->payload.len)) {
        peers_close(io->peers, peer, REFUSAL_CREDIT_EXCEEDED, bytes_make("", 0));
        return;
    }
    struct strict_message hold;
    if (!strict_unpack(&wasl__v1__submit__descriptor, frame->message, &hold)) {
        peers_done(io->peers, peer, peer->session->serial, 1, frame->message.len + frame->payload.len);
        fault(io, peer, frame);
        return;
    }
    submit(io, peer, hold.message, frame);
    strict_free(&hold);
}

static void take_chunk(struct io *io, struct peer *peer, const struct frame_message *frame)
{
    uint64_t bytes = frame->message.len + frame->payload.len;
    if (!window_take(&peer->session->in, 0, bytes)) {
        peers_close(io->peers, peer, REFUSAL_CREDIT_EXCEEDED, bytes_make("", 0));
        return;
    }
    struct strict_message hold;
    bool good = strict_unpack(&wasl__v1__chunk__descriptor, frame->message, &hold);
    const Wasl__V1__Chunk *c = hold.message;
    if (!good || c->leaf.len != HASH_SIZE) {
        strict_free(&hold);
        peers_done(io->peers, peer, peer->session->serial, 0, bytes);
        fault(io, peer, frame);
        return;
    }
    struct job *job = NULL;
    enum assembly_step step =
        assemblies_chunk(&peer->session->assemblies, c->leaf.data, c->index, frame->payload, bytes, &job);
    strict_free(&hold);
    if (step == ASSEMBLY_UNKNOWN)
        peers_done(io->peers, peer, peer->session->serial, 0,
                   bytes); /* of a message that is refused already */
    else if (job != NULL)
        enter(io, peer, job);
}

/* --- questions --- */

static bool may_ask(struct io *io, struct peer *peer)
{
    if (peer->session->questions < SESSION_QUESTIONS_MOST) {
        peer->session->questions++;
        return true;
    }
    peers_close(io->peers, peer, REFUSAL_CREDIT_EXCEEDED, bytes_make("", 0));
    return false;
}

/* So many a second of one session; those above wait, and a tick brings them back. */
static void ask(struct io *io, struct peer *peer, struct job *question)
{
    if (session_ask(peer->session, question, io->monotonic))
        pipeline_enter(io->pipeline, question, question->kind != JOB_PROVE);
}

static void take_prove(struct io *io, struct peer *peer, const struct frame_message *frame)
{
    struct strict_message hold;
    if (!strict_unpack(&wasl__v1__prove__descriptor, frame->message, &hold)) {
        fault(io, peer, frame);
        return;
    }
    const Wasl__V1__Prove *m = hold.message;
    if (may_ask(io, peer)) {
        struct job *job = job_of(io, JOB_PROVE, peer);
        job->prove.old_size = m->old_size;
        job->prove.new_size = m->new_size;
        ask(io, peer, job);
    }
    strict_free(&hold);
}

static void take_fetch(struct io *io, struct peer *peer, const struct frame_message *frame)
{
    struct strict_message hold;
    if (!strict_unpack(&wasl__v1__fetch__descriptor, frame->message, &hold)) {
        fault(io, peer, frame);
        return;
    }
    const Wasl__V1__Fetch *m = hold.message;
    if (m->kind == WASL__V1__OBJECT_REF__REF_UNSPECIFIED || (m->hash.len != 0 && m->hash.len != HASH_SIZE)) {
        fault(io, peer, frame);
    } else if (may_ask(io, peer)) {
        struct job *job = job_of(io, JOB_FETCH, peer);
        job->fetch.what = (unsigned)m->kind;
        job->bytes = LINK_PAYLOAD_MOST; /* what it may bring */
        job->fetch.offset = m->offset;
        job->fetch.has_hash = m->hash.len == HASH_SIZE;
        if (job->fetch.has_hash)
            memcpy(job->fetch.hash, m->hash.data, HASH_SIZE);
        ask(io, peer, job);
    }
    strict_free(&hold);
}

/* --- the session's own verbs --- */

static void take_ping(struct io *io, struct peer *peer, const struct frame_message *frame)
{
    struct strict_message hold;
    if (!strict_unpack(&wasl__v1__ping__descriptor, frame->message, &hold)) {
        fault(io, peer, frame);
        return;
    }
    Wasl__V1__Pong pong = WASL__V1__PONG__INIT;
    pong.nonce = ((const Wasl__V1__Ping *)hold.message)->nonce;
    strict_free(&hold);
    peers_say(io->peers, peer, VERB_PONG, &pong.base, bytes_make("", 0));
}

static void take_credit(struct io *io, struct peer *peer, const struct frame_message *frame)
{
    struct strict_message hold;
    if (!strict_unpack(&wasl__v1__credit__descriptor, frame->message, &hold)) {
        fault(io, peer, frame);
        return;
    }
    const Wasl__V1__Credit *m = hold.message;
    struct session *s = peer->session;
    credit_add(&s->out, m->messages, m->bytes);
    if (!s->linked && s->out.messages > 0) {
        s->linked = true;
        log_info("session_linked", "member=%s", peer->member);
    }
    strict_free(&hold);
    peers_pump(io->peers, peer);
}

static void take_bye(struct io *io, struct peer *peer, const struct frame_message *frame)
{
    struct strict_message hold;
    unsigned reason = 0;
    if (strict_unpack(&wasl__v1__bye__descriptor, frame->message, &hold))
        reason = ((const Wasl__V1__Bye *)hold.message)->reason;
    strict_free(&hold);
    log_info("session_left", "member=%s reason=%s", peer->member,
             reason == 0 ? "stopping" : refusal_name(reason));
    if (reason == REFUSAL_INCONSISTENT)
        log_error("member_finds_ledger_inconsistent", "member=%s", peer->member);
    peers_leave(io->peers, peer);
}

void door_take(struct io *io, const struct frame_message *frame)
{
    struct peer *peer = peer_of(io, frame);
    if (peer == NULL) {
        status_count(&io->status->unattributed);
        return;
    }
    bool in_session =
        peer->session != NULL && !peer->session->broken && same_connection(peer->session, frame);
    /* PROVE has a bound of its own: so many without an answer. */
    bool bounded = frame->verb == VERB_SUBMIT || frame->verb == VERB_CHUNK || frame->verb == VERB_PROVE;
    if (floods(io, peer, frame, in_session && bounded))
        return;
    if (frame->verb == VERB_HELLO) {
        take_hello(io, peer, frame);
        return;
    }
    if (!in_session) {
        send_away(io, peer, frame);
        return;
    }
    peer->session->heard = io->monotonic;
    switch (frame->verb) {
    case VERB_SUBMIT:
        take_submit(io, peer, frame);
        break;
    case VERB_CHUNK:
        take_chunk(io, peer, frame);
        break;
    case VERB_PROVE:
        take_prove(io, peer, frame);
        break;
    case VERB_FETCH:
        take_fetch(io, peer, frame);
        break;
    case VERB_PING:
        take_ping(io, peer, frame);
        break;
    case VERB_PONG:
        break; /* that it came is all it says */
    case VERB_CREDIT:
        take_credit(io, peer, frame);
        break;
    case VERB_BYE:
        take_bye(io, peer, frame);
        break;
    default: /* what only the bus says */
        fault(io, peer, frame);
        break;
    }
}

void door_tick(struct io *io)
{
    for (struct peer *peer = peers_first(io->peers); peer != NULL; peer = peer->next) {
        if (peer->session == NULL)
            continue;
        struct job *job;
        while (!io->stopping && !pipeline_full(io->pipeline) &&
               (job = assemblies_expired(&peer->session->assemblies, io->monotonic)) != NULL)
            enter(io, peer, job); /* not whole: admit refuses it */
        while (!io->stopping && !pipeline_full(io->pipeline) &&
               (job = session_next_question(peer->session, io->monotonic)) != NULL)
            pipeline_enter(io->pipeline, job, job->kind != JOB_PROVE);
    }
}
