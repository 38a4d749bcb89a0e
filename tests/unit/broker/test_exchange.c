/* Whole exchanges through door, verifiers, writer and dispatch, without sockets. */
#include "desk.h"

#include "base/clock.h"
#include "base/error.h"
#include "session.pb-c.h"
#include "wire/entry.h"
#include "wire/strict.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct bytes nothing = {(const uint8_t *)"", 0};

#define AWAIT(name, verb, m, connection)                                                                     \
    struct sent *name = desk_take(d, m, connection, verb);                                                   \
    assert_non_null(name)
#define NOT_SENT(verb, m, connection) assert_null(desk_take(d, m, connection, verb))

/* REFUSED's reason; 0 when none came. */
static unsigned refused(struct desk *d, int m, uint8_t connection, bool *recorded)
{
    struct sent *s = desk_take(d, m, connection, VERB_REFUSED);
    if (s == NULL)
        return 0;
    struct strict_message hold;
    assert_true(strict_unpack(&wasl__v1__refused__descriptor, buffer_bytes(&s->message), &hold));
    const Wasl__V1__Refused *r = hold.message;
    unsigned reason = r->reason;
    if (recorded != NULL)
        *recorded = r->entry.len > 0;
    strict_free(&hold);
    sent_free(s);
    return reason;
}

static unsigned said_bye(struct desk *d, int m, uint8_t connection)
{
    struct sent *s = desk_take(d, m, connection, VERB_BYE);
    assert_non_null(s);
    struct strict_message hold;
    assert_true(strict_unpack(&wasl__v1__bye__descriptor, buffer_bytes(&s->message), &hold));
    unsigned reason = ((const Wasl__V1__Bye *)hold.message)->reason;
    strict_free(&hold);
    sent_free(s);
    return reason;
}

static void assert_receipt(struct bytes entry_bytes, struct bytes proof, unsigned type, const uint8_t *leaf)
{
    struct entry entry;
    struct entry_hold hold;
    struct checkpoint checkpoint;
    assert_int_equal(receipt_check(entry_bytes, proof, type, leaf, &country()->ledger.verifier, 1, &entry,
                                   &hold, &checkpoint),
                     REFUSAL_NONE);
    entry_release(&hold);
}

static void assert_delivered(const struct sent *s, const struct letter *l, const struct letter *request)
{
    struct strict_message hold;
    assert_true(strict_unpack(&wasl__v1__deliver__descriptor, buffer_bytes(&s->message), &hold));
    const Wasl__V1__Deliver *m = hold.message;
    assert_receipt(strict_bytes(m->entry), strict_bytes(m->proof), ENTRY_ADMITTED, l->leaf);
    if (request != NULL)
        assert_receipt(strict_bytes(m->request_entry), strict_bytes(m->request_proof), ENTRY_ADMITTED,
                       request->leaf);
    assert_true(bytes_equal(strict_bytes(m->slot), buffer_bytes(&l->sealed.slots[0])));
    assert_true(bytes_equal(buffer_bytes(&s->payload), buffer_bytes(&l->sealed.chunks[0])));
    strict_free(&hold);
}

static struct desk *linked(void)
{
    struct desk *d = desk_open();
    desk_hello(d, MEN, 1, 1, 64);
    desk_hello(d, MI, 1, 1, 64);
    return d;
}

static void ask(struct desk *d, struct letter *request)
{
    letter_request(request, 100);
    desk_submit(d, MEN, 1, request);
    desk_settle(d);
}

static void a_request_is_delivered_with_the_receipt_of_itself(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q, a;
    ask(d, &q);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    assert_delivered(delivered, &q, NULL);
    letter_response(&a, &q, 50);
    desk_submit(d, MI, 1, &a);
    desk_settle(d);
    AWAIT(receipt, VERB_RECEIPT, MI, 1);
    AWAIT(answered, VERB_DELIVER, MEN, 1);
    assert_delivered(answered, &a, &q);
    assert_int_equal(exchanges_count(d->io.exchanges), 0);
    struct peer *men = peers_find(d->io.peers, country()->link[MEN].public_key);
    assert_int_equal(men->asking.messages, 0);
    assert_int_equal(men->asking.bytes, 0);
    sent_free(delivered);
    sent_free(receipt);
    sent_free(answered);
    letter_free(&q);
    letter_free(&a);
    desk_close(d);
}

static void an_exchange_has_one_terminal_entry(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q, a, b;
    ask(d, &q);
    letter_response(&a, &q, 50);
    letter_response(&b, &q, 60);
    desk_submit(d, MI, 1, &a);
    desk_submit(d, MI, 1, &b);
    desk_submit(d, MI, 1, &a);
    desk_settle(d);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_ADMITTED), 2); /* request and one response */
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_LATE), 1);
    AWAIT(answered, VERB_DELIVER, MEN, 1);
    NOT_SENT(VERB_DELIVER, MEN, 1);
    sent_free(answered);
    letter_free(&q);
    letter_free(&a);
    letter_free(&b);
    desk_close(d);
}

static void a_request_without_a_provider_is_refused_and_recorded(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    struct letter q;
    bool recorded;
    desk_hello(d, MEN, 1, 1, 64);
    ask(d, &q);
    assert_int_equal(refused(d, MEN, 1, &recorded), REFUSAL_PROVIDER_UNAVAILABLE);
    assert_true(recorded);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_REFUSED), 1);
    letter_free(&q);
    desk_close(d);
}

static void a_provider_without_credit_counts_as_not_connected(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    struct letter q, r;
    desk_hello(d, MEN, 1, 1, 64);
    desk_hello(d, MI, 1, 1, 0);
    ask(d, &q);
    assert_int_equal(refused(d, MEN, 1, NULL), REFUSAL_PROVIDER_UNAVAILABLE);
    Wasl__V1__Credit credit = WASL__V1__CREDIT__INIT;
    credit.messages = 5;
    credit.bytes = 1 << 20;
    desk_say(d, MI, 1, VERB_CREDIT, &credit.base, nothing);
    ask(d, &r);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    sent_free(delivered);
    letter_free(&q);
    letter_free(&r);
    desk_close(d);
}

static void a_grant_that_does_not_exist_is_refused_before_the_provider_is_looked_for(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    struct letter q;
    desk_hello(d, MEN, 1, 1, 64);
    letter_request(&q, 100);
    strcpy(q.header.purpose, "social");
    strcpy(q.header.legal_basis, "law-1960-30");
    letter_seal(&q, MEN, MI, 100);
    desk_submit(d, MEN, 1, &q);
    desk_settle(d);
    assert_int_equal(refused(d, MEN, 1, NULL), REFUSAL_WRONG_PURPOSE);
    letter_free(&q);
    desk_close(d);
}

static void each_step_of_admission_has_its_own_code(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q;
#define REFUSES(code, change)                                                                                \
    do {                                                                                                     \
        letter_request(&q, 100);                                                                             \
        change;                                                                                              \
        desk_submit(d, MEN, 1, &q);                                                                          \
        desk_settle(d);                                                                                      \
        bool recorded;                                                                                       \
        assert_int_equal(refused(d, MEN, 1, &recorded), code);                                               \
        assert_true(recorded);                                                                               \
        letter_free(&q);                                                                                     \
    } while (0)
#define SEALED(change)                                                                                       \
    do {                                                                                                     \
        change;                                                                                              \
        letter_seal(&q, MEN, MI, 100);                                                                       \
    } while (0)
    REFUSES(REFUSAL_MALFORMED, buffer_append(&q.envelope.context, "\xf8\x01\x01", 3));
    REFUSES(REFUSAL_MALFORMED, q.envelope.signature.len--);
    REFUSES(REFUSAL_UNSUPPORTED_VERSION, q.envelope.context.data[1] = 2);
    REFUSES(REFUSAL_WRONG_INSTANCE, SEALED(strcpy(q.header.instance, "XX")));
    REFUSES(REFUSAL_UNKNOWN_MEMBER, SEALED(strcpy(q.header.consumer, "TN/GOV/NOBODY/x")));
    REFUSES(REFUSAL_WRONG_SIGNER, SEALED(strcpy(q.header.consumer, "TN/GOV/MAS/social")));
    REFUSES(REFUSAL_UNKNOWN_CERTIFICATE, letter_seal(&q, MAS, MI, 100));
    REFUSES(REFUSAL_WRONG_SIGNER, letter_seal(&q, MI, MI, 100)); /* another member's */
    REFUSES(REFUSAL_BAD_SIGNATURE, q.envelope.signature.data[q.envelope.signature.len - 1] ^= 1);
    REFUSES(REFUSAL_CREATED_AHEAD,
            SEALED(q.header.created += 90 * MICROSECONDS; q.header.expires = q.header.created + 1));
    REFUSES(REFUSAL_EXPIRED,
            SEALED(q.header.created -= 90 * MICROSECONDS; q.header.expires = q.header.created + 1));
    REFUSES(REFUSAL_LIFETIME_TOO_LONG, SEALED(q.header.expires += 120 * MICROSECONDS));
    REFUSES(REFUSAL_BAD_SEAL, q.sealed.chunks[0].data[5] ^= 1);
    REFUSES(REFUSAL_BAD_SEAL, q.sealed.slots[0].data[q.sealed.slots[0].len - 1] ^= 1);
    REFUSES(REFUSAL_BAD_SEAL, letter_seal(&q, MEN, MAS, 100)); /* to another receiver */
    REFUSES(REFUSAL_UNKNOWN_SERVICE, SEALED(strcpy(q.header.service, "nothing")));
    REFUSES(REFUSAL_UNKNOWN_OPERATION, SEALED(strcpy(q.header.operation, "nothing")));
    REFUSES(REFUSAL_WRONG_LEGAL_BASIS, SEALED(strcpy(q.header.legal_basis, "law-1960-30")));
    REFUSES(REFUSAL_SUBJECT_KEY_MISSING, SEALED(q.header.has_subject = true));
    desk_close(d);
}

static void a_day_key_is_kept_and_then_pseudonyms_are_admitted(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter k, q;
    letter_subject_key(&k);
    desk_submit(d, MEN, 1, &k);
    desk_settle(d);
    AWAIT(receipt, VERB_RECEIPT, MEN, 1);
    struct buffer kept = {0};
    assert_int_equal(vault_get(d->vault, k.leaf, &kept, NULL), 1);
    assert_int_equal(get_u32be(kept.data), k.sealed.slots[0].len);
    letter_request(&q, 100);
    q.header.has_subject = true;
    letter_seal(&q, MEN, MI, 100);
    desk_submit(d, MEN, 1, &q);
    desk_settle(d);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    sent_free(receipt);
    sent_free(delivered);
    buffer_free(&kept);
    letter_free(&k);
    letter_free(&q);
    desk_close(d);
}

static void a_full_vault_refuses_day_keys_and_nothing_else(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter l;
    unsigned reason = 0, kept = 0;
    for (; reason == 0 && kept < 5000; kept++) {
        letter_subject_key(&l);
        desk_submit(d, MEN, 1, &l);
        desk_settle(d);
        sent_free(desk_take(d, MEN, 1, VERB_PONG)); /* what came for it is of no interest */
        struct buffer there = {0};
        if (vault_get(d->vault, l.leaf, &there, NULL) == 0)
            reason = desk_entries(d, l.header.exchange_id, ENTRY_REFUSED) == 1 ? REFUSAL_DISK_FULL
                                                                               : REFUSAL_INTERNAL;
        buffer_free(&there);
        letter_free(&l);
    }
    assert_int_equal(reason, REFUSAL_DISK_FULL);
    assert_true(kept > 10);
    ask(d, &l);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    sent_free(delivered);
    letter_free(&l);
    desk_close(d);
}

static void what_a_crash_left_in_the_vault_without_an_entry_is_destroyed(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter k;
    struct vault_record orphan = {.leaf = {7}, .data = bytes_of_string("sealed day key")};
    struct buffer out = {0};
    char folder[96];
    letter_subject_key(&k);
    desk_submit(d, MEN, 1, &k);
    desk_settle(d);
    assert_int_equal(vault_put(d->vault, &orphan, 1, NULL), 0);
    strcpy(folder, d->state);
    desk_close(d);
    d = desk_open_on(folder, &country()->ledger);
    assert_int_equal(vault_get(d->vault, orphan.leaf, &out, NULL), 0);
    assert_int_equal(vault_get(d->vault, k.leaf, &out, NULL), 1);
    buffer_free(&out);
    letter_free(&k);
    desk_close(d);
}

static void a_reported_refusal_is_recorded_and_gets_a_receipt(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    struct letter r;
    desk_hello(d, MEN, 1, 1, 64);
    letter_request(&r, 0);
    r.header.kind = MESSAGE_REFUSAL;
    r.header.outcome = REFUSAL_SUBJECT_DIGITS;
    r.header.has_body = false;
    envelope_free(&r.envelope);
    sealed_free(&r.sealed);
    memset(&r.sealed, 0, sizeof(r.sealed));
    header_encode_context(&r.header, &r.envelope.context);
    assert_int_equal(envelope_sign(country()->signer[MEN], "TN", &r.envelope, 1, NULL), 0);
    desk_submit(d, MEN, 1, &r);
    desk_submit(d, MEN, 1, &r); /* sent again: the same receipt */
    desk_settle(d);
    AWAIT(receipt, VERB_RECEIPT, MEN, 1);
    AWAIT(again, VERB_RECEIPT, MEN, 1);
    assert_int_equal(desk_entries(d, r.header.exchange_id, ENTRY_REFUSED), 1);
    sent_free(receipt);
    sent_free(again);
    letter_free(&r);
    desk_close(d);
}

static void the_same_request_again_is_answered_as_before(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q, a;
    ask(d, &q);
    desk_submit(d, MEN, 1, &q); /* while it is open: once delivered, once answered */
    desk_settle(d);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    NOT_SENT(VERB_DELIVER, MI, 1);
    letter_response(&a, &q, 50);
    desk_submit(d, MI, 1, &a);
    desk_settle(d);
    AWAIT(answered, VERB_DELIVER, MEN, 1);
    desk_hello(d, MEN, 2, 2, 64); /* the consumer comes back on another connection */
    desk_submit(d, MEN, 2, &q);
    desk_settle(d);
    AWAIT(again, VERB_DELIVER, MEN, 2);
    assert_true(bytes_equal(buffer_bytes(&again->message), buffer_bytes(&answered->message)));
    cache_expire(d->io.cache, UINT64_MAX); /* the body is gone: its entry is what is left */
    desk_submit(d, MEN, 2, &q);
    desk_settle(d);
    bool recorded;
    assert_int_equal(refused(d, MEN, 2, &recorded), REFUSAL_INTERRUPTED);
    assert_true(recorded);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_ADMITTED), 2);
    sent_free(delivered);
    sent_free(answered);
    sent_free(again);
    letter_free(&q);
    letter_free(&a);
    desk_close(d);
}

static void another_request_with_a_known_id_is_refused(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q, other;
    ask(d, &q);
    letter_request(&other, 100);
    memcpy(other.header.exchange_id, q.header.exchange_id, 16);
    letter_seal(&other, MEN, MI, 100);
    desk_submit(d, MEN, 1, &other);
    desk_settle(d);
    assert_int_equal(refused(d, MEN, 1, NULL), REFUSAL_REPLAYED_ID);
    struct peer *men = peers_find(d->io.peers, country()->link[MEN].public_key);
    assert_int_equal(men->asking.messages, 1); /* the first is still open, the second holds nothing */
    letter_free(&q);
    letter_free(&other);
    desk_close(d);
}

static void a_provider_that_does_not_answer_is_timed_out_once(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q, a;
    ask(d, &q);
    letter_response(&a, &q, 50);
    d->io.now = dispatch_next_deadline(&d->io);
    dispatch_deadlines(&d->io);
    dispatch_deadlines(&d->io);
    desk_settle(d);
    bool recorded;
    assert_int_equal(refused(d, MEN, 1, &recorded), REFUSAL_PROVIDER_TIMEOUT);
    assert_true(recorded);
    assert_int_equal(refused(d, MEN, 1, NULL), 0);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_TIMED_OUT), 1);
    desk_submit(d, MI, 1, &a); /* too late: kept, receipted, not delivered */
    desk_settle(d);
    AWAIT(receipt, VERB_RECEIPT, MI, 1);
    NOT_SENT(VERB_DELIVER, MEN, 1);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_LATE), 1);
    desk_submit(d, MEN, 1, &q); /* asked again: the same end */
    desk_settle(d);
    assert_int_equal(refused(d, MEN, 1, NULL), REFUSAL_PROVIDER_TIMEOUT);
    sent_free(receipt);
    letter_free(&q);
    letter_free(&a);
    desk_close(d);
}

static void a_response_that_came_first_beats_the_time_out(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q, a;
    ask(d, &q);
    letter_response(&a, &q, 50);
    desk_submit(d, MI, 1, &a);
    /* The response is written, its result not taken yet. */
    struct pollfd written = {queue_event_fd(pipeline_results(d->io.pipeline)), POLLIN, 0};
    assert_int_equal(poll(&written, 1, 20000), 1);
    d->io.now = dispatch_next_deadline(&d->io);
    dispatch_deadlines(&d->io);
    desk_settle(d);
    AWAIT(answered, VERB_DELIVER, MEN, 1);
    assert_int_equal(refused(d, MEN, 1, NULL), 0);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_TIMED_OUT), 0);
    assert_int_equal(exchanges_count(d->io.exchanges), 0);
    sent_free(answered);
    letter_free(&q);
    letter_free(&a);
    desk_close(d);
}

static void a_provider_that_comes_back_gets_the_request_again(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q;
    ask(d, &q);
    AWAIT(first, VERB_DELIVER, MI, 1);
    desk_hello(d, MI, 2, 2, 64);
    assert_int_equal(said_bye(d, MI, 1), REFUSAL_SUPERSEDED);
    AWAIT(second, VERB_DELIVER, MI, 2);
    assert_true(bytes_equal(buffer_bytes(&first->message), buffer_bytes(&second->message)));
    desk_say_raw(d, MI, 1, VERB_PING, bytes_make("\x08\x01", 2), nothing);
    assert_int_equal(said_bye(d, MI, 1), REFUSAL_NOT_WELCOME);
    sent_free(first);
    sent_free(second);
    letter_free(&q);
    desk_close(d);
}

static void an_exchange_open_at_a_crash_is_interrupted_at_the_next_start(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q;
    char folder[96];
    ask(d, &q);
    strcpy(folder, d->state);
    desk_close(d);
    d = desk_open_on(folder, &country()->ledger);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_INTERRUPTED), 1);
    desk_hello(d, MEN, 1, 1, 64);
    desk_submit(d, MEN, 1, &q);
    desk_settle(d);
    assert_int_equal(refused(d, MEN, 1, NULL), REFUSAL_INTERRUPTED);
    letter_free(&q);
    desk_close(d);
}

static void a_large_body_comes_in_chunks(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q;
    letter_request(&q, 700000);
    assert_int_equal(q.sealed.chunk_count, 3);
    desk_submit(d, MEN, 1, &q);
    desk_settle(d);
    AWAIT(first, VERB_DELIVER, MI, 1);
    AWAIT(second, VERB_CHUNK, MI, 1);
    AWAIT(third, VERB_CHUNK, MI, 1);
    assert_true(bytes_equal(buffer_bytes(&second->payload), buffer_bytes(&q.sealed.chunks[1])));
    assert_true(bytes_equal(buffer_bytes(&third->payload), buffer_bytes(&q.sealed.chunks[2])));
    sent_free(first);
    sent_free(second);
    sent_free(third);
    letter_free(&q);
    desk_close(d);
}

static void a_body_that_stays_incomplete_or_is_too_large_is_refused(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q, large;
    letter_request(&q, 700000);
    q.sealed.chunk_count = 2;
    desk_submit(d, MEN, 1, &q);
    desk_settle(d);
    assert_int_equal(refused(d, MEN, 1, NULL), 0);
    d->io.monotonic += ASSEMBLY_TIME;
    door_tick(&d->io);
    desk_settle(d);
    assert_int_equal(refused(d, MEN, 1, NULL), REFUSAL_BAD_SEAL);
    q.sealed.chunk_count = 3;
    letter_free(&q);

    letter_request(&large, 3 << 20);
    desk_submit(d, MEN, 1, &large);
    desk_settle(d);
    assert_int_equal(refused(d, MEN, 1, NULL), REFUSAL_TOO_LARGE);
    /* All credit came or comes back: nothing of it is held. */
    const struct session *s = peers_find(d->io.peers, country()->link[MEN].public_key)->session;
    assert_int_equal(s->in.left.bytes + s->in.owed.bytes, s->in.size.bytes);
    assert_int_equal(s->in.left.messages + s->in.owed.messages, s->in.size.messages);
    letter_free(&large);
    desk_close(d);
}

static void who_sends_more_than_its_credit_is_sent_away(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q;
    letter_request(&q, 100);
    for (uint64_t i = 0; i <= d->limits.submit_messages; i++)
        desk_submit(d, MEN, 1, &q);
    assert_int_equal(said_bye(d, MEN, 1), REFUSAL_CREDIT_EXCEEDED);
    desk_settle(d);
    letter_free(&q);
    desk_close(d);
}

static void ten_malformed_frames_in_a_minute_end_the_session(void **state)
{
    (void)state;
    struct desk *d = linked();
    for (int i = 0; i < 9; i++)
        desk_say_raw(d, MEN, 1, VERB_PROVE, bytes_make("\x08\x00", 2), nothing);
    d->io.monotonic += 61 * MICROSECONDS; /* another minute */
    for (int i = 0; i < 9; i++)
        desk_say_raw(d, MEN, 1, VERB_WELCOME, nothing, nothing); /* what only the bus says */
    NOT_SENT(VERB_BYE, MEN, 1);
    desk_say_raw(d, MEN, 1, VERB_SUBMIT, bytes_make("x", 1), nothing);
    assert_int_equal(said_bye(d, MEN, 1), REFUSAL_MALFORMED);
    assert_int_equal(d->status.unattributed, 19);
    desk_close(d);
}

static void a_silent_peer_is_asked_and_then_forgotten(void **state)
{
    (void)state;
    struct desk *d = linked();
    uint64_t start = d->io.monotonic;
    peers_tick(d->io.peers, d->io.now, start + 4 * MICROSECONDS);
    NOT_SENT(VERB_PING, MEN, 1);
    peers_tick(d->io.peers, d->io.now, start + 5 * MICROSECONDS);
    AWAIT(ping, VERB_PING, MEN, 1);
    d->io.monotonic = start + 6 * MICROSECONDS;
    desk_say_raw(d, MEN, 1, VERB_PONG, bytes_make("\x08\x01", 2), nothing);
    peers_tick(d->io.peers, d->io.now, start + 15 * MICROSECONDS);
    assert_non_null(peers_find(d->io.peers, country()->link[MEN].public_key)->session);
    assert_null(peers_find(d->io.peers, country()->link[MI].public_key)->session);
    sent_free(ping);
    desk_close(d);
}

static void a_provider_with_more_than_it_can_take_is_busy(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q;
    desk_hello(d, MAS, 1, 1, 64);
    d->limits.mailbox_messages = 3;
    for (int i = 0; i < 3; i++) {
        ask(d, &q);
        letter_free(&q);
    }
    ask(d, &q); /* the consumer's own bound */
    assert_int_equal(refused(d, MEN, 1, NULL), REFUSAL_TOO_MANY);
    letter_free(&q);
    letter_request(&q, 100);
    strcpy(q.header.consumer, "TN/GOV/MAS/social");
    strcpy(q.header.purpose, "social");
    strcpy(q.header.legal_basis, "law-1960-30");
    letter_seal(&q, MAS, MI, 100);
    desk_submit(d, MAS, 1, &q);
    desk_settle(d);
    assert_int_equal(refused(d, MAS, 1, NULL), REFUSAL_PROVIDER_BUSY);
    letter_free(&q);
    desk_close(d);
}

static void refusals_that_come_too_fast_are_counted_in_one_entry(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct letter q;
    uint64_t before = desk_size(d);
    unsigned recorded = 0, counted = 0;
    letter_request(&q, 100);
    strcpy(q.header.service, "nothing");
    for (int i = 0; i < 600; i++) {
        uuid_random(q.header.exchange_id);
        letter_seal(&q, MEN, MI, 100);
        desk_submit(d, MEN, 1, &q);
        desk_settle(d);
        bool written;
        assert_int_equal(refused(d, MEN, 1, &written), REFUSAL_UNKNOWN_SERVICE);
        *(written ? &recorded : &counted) += 1;
    }
    assert_true(counted > 0);
    assert_true(recorded >= 50);
    /* At the end the rest is written too. */
    pipeline_own(d->io.pipeline, job_new(JOB_CLOSE, d->io.snapshot, d->io.now));
    desk_settle(d);
    assert_true(d->io.closed);
    uint64_t sum = 0;
    for (uint64_t i = before; i < desk_size(d); i++) {
        struct buffer data = {0};
        struct entry entry;
        struct entry_hold hold;
        assert_int_equal(ledger_read_entry(d->ledger, i, &data, NULL), 1);
        assert_true(entry_decode(buffer_bytes(&data), &entry, &hold));
        if (entry.type == ENTRY_REFUSED)
            sum += entry.count > 0 ? entry.count : 1;
        entry_release(&hold);
        buffer_free(&data);
    }
    assert_int_equal(sum, 600);
    letter_free(&q);
    desk_close(d);
}

/* HELLO with a checkpoint; settles. */
static void hello_with(struct desk *d, int m, uint8_t connection, const struct buffer *checkpoint)
{
    uint8_t session[16] = {connection, 9};
    struct buffer der = {0};
    chain_der(country()->chain[m], &der);
    ProtobufCBinaryData certificate = strict_field(buffer_bytes(&der));
    Wasl__V1__Hello hello = WASL__V1__HELLO__INIT;
    hello.version_min = hello.version_max = 1;
    hello.session = strict_field(bytes_make(session, 16));
    hello.n_certificate = 1;
    hello.certificate = &certificate;
    hello.checkpoint = strict_field(buffer_bytes(checkpoint));
    desk_say(d, m, connection, VERB_HELLO, &hello.base, nothing);
    buffer_free(&der);
    desk_settle(d);
}

static void a_bus_that_was_rolled_back_stops_and_says_why(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct buffer note = {0};
    struct error e = {0};
    struct checkpoint ahead = {.origin = "bus.example.tn/ledger", .size = desk_size(d) + 5};
    checkpoint_sign(&ahead, &country()->ledger, &note);
    uint64_t before = desk_size(d);
    hello_with(d, MEN, 2, &note);
    assert_true(d->io.inconsistent);
    assert_int_equal(said_bye(d, MEN, 2), REFUSAL_INCONSISTENT);
    assert_int_equal(said_bye(d, MI, 1), REFUSAL_INCONSISTENT);
    assert_int_equal(desk_size(d), before); /* nothing more is signed */
    char folder[160];
    snprintf(folder, sizeof(folder), "%s/ledger", d->state);
    const struct ledger_options options = {folder, 64 << 20, &country()->ledger, true};
    desk_close(d);
    assert_null(ledger_open(&options, &e));
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    buffer_free(&note);
}

static void a_checkpoint_of_another_key_stops_nobody(void **state)
{
    (void)state;
    struct desk *d = linked();
    struct buffer note = {0};
    struct checkpoint ahead = {.origin = "bus.example.tn/ledger", .size = desk_size(d) + 5};
    checkpoint_sign(&ahead, &country()->other_ledger, &note);
    hello_with(d, MEN, 2, &note);
    assert_false(d->io.inconsistent);
    assert_int_equal(said_bye(d, MEN, 2), REFUSAL_INCONSISTENT);
    NOT_SENT(VERB_BYE, MI, 1);
    buffer_free(&note);
    desk_close(d);
}

static void a_proof_leads_from_the_adapters_checkpoint_to_the_latest(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    struct buffer note = {0};
    struct checkpoint old, latest;
    ledger_checkpoint(d->ledger, &note, &old);
    desk_hello(d, MI, 1, 1, 64);
    hello_with(d, MEN, 1, &note);
    AWAIT(welcome, VERB_WELCOME, MEN, 1);
    struct strict_message hold;
    assert_true(strict_unpack(&wasl__v1__welcome__descriptor, buffer_bytes(&welcome->message), &hold));
    const Wasl__V1__Welcome *w = hold.message;
    assert_true(checkpoint_open(strict_bytes(w->checkpoint), &country()->ledger.verifier, 1, &latest));
    assert_true(latest.size > old.size);
    uint8_t proof[64][HASH_SIZE];
    for (size_t i = 0; i < w->n_consistency; i++)
        memcpy(proof[i], w->consistency[i].data, HASH_SIZE);
    assert_true(tree_check_consistency(old.size, old.root, latest.size, latest.root,
                                       (const uint8_t(*)[HASH_SIZE])proof, w->n_consistency));
    strict_free(&hold);
    sent_free(welcome);
    /* Sizes that the ledger does not have get no proof and do no harm. */
    Wasl__V1__Prove prove = WASL__V1__PROVE__INIT;
    prove.old_size = 1000;
    desk_say(d, MEN, 1, VERB_PROVE, &prove.base, nothing);
    prove.old_size = 0;
    desk_say(d, MEN, 1, VERB_PROVE, &prove.base, nothing);
    desk_settle(d);
    AWAIT(none, VERB_PROOF, MEN, 1);
    AWAIT(some, VERB_PROOF, MEN, 1);
    sent_free(none);
    sent_free(some);
    buffer_free(&note);
    desk_close(d);
}

static void objects_are_fetched_in_slices(void **state)
{
    (void)state;
    struct desk *d = linked();
    Wasl__V1__Fetch fetch = WASL__V1__FETCH__INIT;
    fetch.kind = WASL__V1__OBJECT_REF__LATEST_REGISTRY;
    desk_say(d, MEN, 1, VERB_FETCH, &fetch.base, nothing);
    desk_settle(d);
    AWAIT(object, VERB_OBJECT, MEN, 1);
    assert_true(bytes_equal(buffer_bytes(&object->payload), buffer_bytes(&country()->registry)));
    fetch.offset = 10;
    desk_say(d, MEN, 1, VERB_FETCH, &fetch.base, nothing);
    fetch.kind = WASL__V1__OBJECT_REF__CHAIN_OF;
    fetch.offset = 0;
    fetch.hash = strict_field(bytes_make(chain_leaf_hash(country()->chain[MI]), HASH_SIZE));
    desk_settle(d);
    AWAIT(rest, VERB_OBJECT, MEN, 1);
    assert_int_equal(rest->payload.len, country()->registry.len - 10);
    desk_say(d, MEN, 1, VERB_FETCH, &fetch.base, nothing);
    desk_settle(d);
    AWAIT(chain, VERB_OBJECT, MEN, 1);
    struct buffer der = {0};
    chain_der(country()->chain[MI], &der);
    assert_true(bytes_equal(buffer_bytes(&chain->payload), buffer_bytes(&der)));
    buffer_free(&der);
    sent_free(object);
    sent_free(rest);
    sent_free(chain);
    desk_close(d);
}

static void a_peer_that_takes_nothing_costs_only_itself(void **state)
{
    (void)state;
    struct desk *d = linked();
    d->blocked = true;
    Wasl__V1__Ping ping = WASL__V1__PING__INIT;
    ping.nonce = 1;
    for (int i = 0; i < SESSION_BACKLOG_MOST; i++)
        desk_say(d, MEN, 1, VERB_PING, &ping.base, nothing);
    struct peer *men = peers_find(d->io.peers, country()->link[MEN].public_key);
    assert_false(men->session->broken);
    desk_say(d, MEN, 1, VERB_PING, &ping.base, nothing);
    assert_true(men->session->broken);
    d->blocked = false;
    peers_tick(d->io.peers, d->io.now, d->io.monotonic);
    assert_null(men->session);
    assert_non_null(peers_find(d->io.peers, country()->link[MI].public_key)->session);
    desk_close(d);
}

static int end(void **state)
{
    (void)state;
    country_end();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_delivered_with_the_receipt_of_itself),
        cmocka_unit_test(an_exchange_has_one_terminal_entry),
        cmocka_unit_test(a_request_without_a_provider_is_refused_and_recorded),
        cmocka_unit_test(a_provider_without_credit_counts_as_not_connected),
        cmocka_unit_test(a_grant_that_does_not_exist_is_refused_before_the_provider_is_looked_for),
        cmocka_unit_test(each_step_of_admission_has_its_own_code),
        cmocka_unit_test(a_day_key_is_kept_and_then_pseudonyms_are_admitted),
        cmocka_unit_test(a_full_vault_refuses_day_keys_and_nothing_else),
        cmocka_unit_test(what_a_crash_left_in_the_vault_without_an_entry_is_destroyed),
        cmocka_unit_test(a_reported_refusal_is_recorded_and_gets_a_receipt),
        cmocka_unit_test(the_same_request_again_is_answered_as_before),
        cmocka_unit_test(another_request_with_a_known_id_is_refused),
        cmocka_unit_test(a_provider_that_does_not_answer_is_timed_out_once),
        cmocka_unit_test(a_response_that_came_first_beats_the_time_out),
        cmocka_unit_test(a_provider_that_comes_back_gets_the_request_again),
        cmocka_unit_test(an_exchange_open_at_a_crash_is_interrupted_at_the_next_start),
        cmocka_unit_test(a_large_body_comes_in_chunks),
        cmocka_unit_test(a_body_that_stays_incomplete_or_is_too_large_is_refused),
        cmocka_unit_test(who_sends_more_than_its_credit_is_sent_away),
        cmocka_unit_test(ten_malformed_frames_in_a_minute_end_the_session),
        cmocka_unit_test(a_silent_peer_is_asked_and_then_forgotten),
        cmocka_unit_test(a_provider_with_more_than_it_can_take_is_busy),
        cmocka_unit_test(refusals_that_come_too_fast_are_counted_in_one_entry),
        cmocka_unit_test(a_bus_that_was_rolled_back_stops_and_says_why),
        cmocka_unit_test(a_checkpoint_of_another_key_stops_nobody),
        cmocka_unit_test(a_proof_leads_from_the_adapters_checkpoint_to_the_latest),
        cmocka_unit_test(objects_are_fetched_in_slices),
        cmocka_unit_test(a_peer_that_takes_nothing_costs_only_itself),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
