/* What is admitted, what is refused and why, and what is kept of it. */
#include "desk.h"

#include "base/clock.h"
#include "wire/entry.h"

#include <stdlib.h>
#include <string.h>

static void a_request_without_a_provider_is_refused_and_recorded(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    struct letter q;
    desk_hello(d, MEN, 1, 1, 64);
    desk_ask(d, &q);
    assert_refused(d, MEN, 1, REFUSAL_PROVIDER_UNAVAILABLE);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_REFUSED), 1);
    letter_free(&q);
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
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_WRONG_PURPOSE);
    letter_free(&q);
    desk_close(d);
}

static void each_step_of_admission_has_its_own_code(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
#define REFUSES(code, change)                                                                                \
    do {                                                                                                     \
        letter_request(&q, 100);                                                                             \
        change;                                                                                              \
        desk_submit(d, MEN, 1, &q);                                                                          \
        desk_settle(d);                                                                                      \
        assert_refused(d, MEN, 1, code);                                                                     \
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
    struct desk *d = desk_linked();
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

static void a_nearly_full_disk_refuses_without_writing_and_still_ends_what_is_open(void **state)
{
    (void)state;
    desk_ledger_bytes = 2 << 20;
    desk_refusals = 100000;
    struct desk *d = desk_linked();
    struct letter open, answer, k;
    desk_ask(d, &open);
    letter_response(&answer, &open, 10);
    for (int i = 0; atomic_load(&d->status.trouble) == NULL && i < 200; i++) {
        for (int j = 0; j < 32; j++) {
            letter_refusal(&k);
            desk_submit(d, MEN, 1, &k);
            letter_free(&k);
        }
        desk_settle(d);
        peers_tick(d->io.peers, d->io.now, d->io.monotonic); /* its credit comes back */
    }
    assert_non_null(atomic_load(&d->status.trouble));
    sent_free(desk_take(d, MEN, 1, VERB_PONG));
    uint64_t size = desk_size(d);
    letter_request(&k, 10);
    desk_submit(d, MEN, 1, &k);
    desk_settle(d);
    bool recorded;
    assert_int_equal(desk_refused(d, MEN, 1, &recorded), REFUSAL_DISK_FULL);
    assert_false(recorded);
    assert_int_equal(desk_size(d), size);
    /* What looks like an answer and ends nothing is not written either, whatever is wrong with it. */
    for (int i = 0; i < 20; i++) {
        struct letter nothing_asked;
        letter_response(&nothing_asked, &k, 10);
        if (i % 2 == 0)
            nothing_asked.envelope.signature.data[nothing_asked.envelope.signature.len - 1] ^= 1;
        desk_submit(d, MI, 1, &nothing_asked);
        desk_settle(d);
        assert_int_equal(desk_refused(d, MI, 1, NULL), REFUSAL_DISK_FULL);
        letter_free(&nothing_asked);
    }
    assert_int_equal(desk_size(d), size);
    desk_submit(d, MI, 1, &answer);
    desk_settle(d);
    AWAIT(answered, VERB_DELIVER, MEN, 1);
    assert_int_equal(desk_size(d), size + 1);
    sent_free(answered);
    letter_free(&k);
    letter_free(&open);
    letter_free(&answer);
    desk_close(d);
    desk_ledger_bytes = 64 << 20;
    desk_refusals = 50;
}

static void a_full_vault_refuses_day_keys_and_nothing_else(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter l;
    uint8_t filler[4000] = {0};
    struct vault_record record = {.data = bytes_make(filler, sizeof(filler))};
    for (; record.data.len > 200; record.data.len /= 2)
        while (vault_put(d->vault, &record, 1, NULL) == 0)
            put_u32be(record.leaf, get_u32be(record.leaf) + 1);
    letter_subject_key(&l);
    desk_submit(d, MEN, 1, &l);
    desk_settle(d);
    assert_refused(d, MEN, 1, REFUSAL_DISK_FULL);
    letter_free(&l);
    desk_ask(d, &l);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    sent_free(delivered);
    letter_free(&l);
    desk_close(d);
}

static void what_a_crash_left_in_the_vault_without_an_entry_is_destroyed(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
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
    letter_refusal(&r);
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

static void a_body_that_stays_incomplete_or_is_too_large_is_refused(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, large;
    letter_request(&q, 700000);
    q.sealed.chunk_count = 2;
    desk_submit(d, MEN, 1, &q);
    desk_settle(d);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), 0);
    d->io.monotonic += ASSEMBLY_TIME;
    door_tick(&d->io);
    desk_settle(d);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_BAD_SEAL);
    q.sealed.chunk_count = 3;
    letter_free(&q);

    letter_request(&large, 3 << 20);
    desk_submit(d, MEN, 1, &large);
    desk_settle(d);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_TOO_LARGE);
    /* All credit came or comes back: nothing of it is held. */
    const struct session *s = peers_find(d->io.peers, country()->link[MEN].public_key)->session;
    assert_int_equal(s->in.left.bytes + s->in.owed.bytes, s->in.size.bytes);
    assert_int_equal(s->in.left.messages + s->in.owed.messages, s->in.size.messages);
    letter_free(&large);
    desk_close(d);
}

/* MAS asks MI: its reason to be refused, 0 when it is not. */
static unsigned mas_asks(struct desk *d)
{
    struct letter q;
    letter_request(&q, 100);
    strcpy(q.header.consumer, "TN/GOV/MAS/social");
    strcpy(q.header.purpose, "social");
    strcpy(q.header.legal_basis, "law-1960-30");
    letter_seal(&q, MAS, MI, 100);
    desk_submit(d, MAS, 1, &q);
    desk_settle(d);
    letter_free(&q);
    return desk_refused(d, MAS, 1, NULL);
}

/* Of a provider's room each member may have as much as is still free: half for one, and some is left for
 * others. */
static void a_provider_with_more_than_it_can_take_is_busy(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    desk_hello(d, MAS, 1, 1, 64);
    d->limits.mailbox_messages = 3;
    for (int i = 0; i < 2; i++) {
        desk_ask(d, &q);
        assert_int_equal(desk_refused(d, MEN, 1, NULL), 0);
        letter_free(&q);
    }
    desk_ask(d, &q);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_PROVIDER_BUSY);
    letter_free(&q);
    assert_int_equal(mas_asks(d), 0);
    assert_int_equal(mas_asks(d), REFUSAL_PROVIDER_BUSY);
    d->limits.mailbox_messages = 2;
    desk_ask(d, &q); /* the consumer's own bound */
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_TOO_MANY);
    letter_free(&q);
    desk_close(d);
}

/* What one member has under way to a provider is bounded; the rest waits, and nobody else behind it. */
static void a_members_flood_waits_behind_itself_and_not_at_the_provider(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q[5], a;
    desk_hello(d, MAS, 1, 1, 64);
    d->limits.pair_under_way = 2;
    for (int i = 0; i < 5; i++)
        desk_ask(d, &q[i]);
    assert_int_equal(mas_asks(d), 0);
    for (int i = 0; i < 3; i++) {
        AWAIT(s, VERB_DELIVER, MI, 1);
        sent_free(s);
    }
    NOT_SENT(VERB_DELIVER, MI, 1); /* two of MEN's and the one of MAS */
    for (int i = 0; i < 3; i++) {
        letter_response(&a, &q[i], 100);
        desk_submit(d, MI, 1, &a);
        desk_settle(d);
        AWAIT(s, VERB_DELIVER, MI, 1); /* the oldest that waited */
        assert_delivered(s, &q[i + 2], NULL);
        sent_free(s);
        letter_free(&a);
    }
    NOT_SENT(VERB_DELIVER, MI, 1);
    for (int i = 0; i < 5; i++)
        letter_free(&q[i]);
    desk_close(d);
}

/* What another one had there is forgotten after a while, whatever becomes of the wall clock. */
static void a_clock_that_is_set_back_takes_no_share_from_a_lone_member(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q[4];
    desk_hello(d, MAS, 1, 1, 64);
    d->limits.pair_under_way = 4;
    d->io.now += 30 * MICROSECONDS;
    assert_int_equal(mas_asks(d), 0);
    d->io.now -= 30 * MICROSECONDS;
    d->io.monotonic += SHARES_MEMORY;
    for (int i = 0; i < 4; i++)
        desk_ask(d, &q[i]);
    for (int i = 0; i < 5; i++) {
        AWAIT(s, VERB_DELIVER, MI, 1);
        sent_free(s);
    }
    for (int i = 0; i < 4; i++)
        letter_free(&q[i]);
    desk_close(d);
}

/* One that waits may end before it was ever sent. */
static void a_request_that_waits_for_its_turn_is_timed_out_like_any_other(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q[3];
    d->limits.pair_under_way = 1;
    for (int i = 0; i < 3; i++)
        desk_ask(d, &q[i]);
    d->io.now += 3600 * MICROSECONDS;
    dispatch_deadlines(&d->io);
    desk_settle(d);
    assert_int_equal(exchanges_count(d->io.exchanges), 0);
    struct peer *mi = peers_find(d->io.peers, country()->link[MI].public_key);
    assert_int_equal(mi->answering.all.messages, 0);
    assert_int_equal(mi->answering.count, 0);
    assert_int_equal(mi->requests.count, 0);
    for (int i = 0; i < 3; i++)
        letter_free(&q[i]);
    desk_close(d);
}

static void refusals_that_come_too_fast_are_counted_in_one_entry(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    uint64_t before = desk_size(d);
    unsigned recorded = 0, counted = 0;
    letter_request(&q, 100);
    strcpy(q.header.service, "nothing");
    for (int i = 0; i < 12; i++) {
        for (int j = 0; j < 50; j++) {
            uuid_random(q.header.exchange_id);
            letter_seal(&q, MEN, MI, 100);
            desk_submit(d, MEN, 1, &q);
        }
        desk_settle(d);
        for (int j = 0; j < 50; j++) {
            bool written;
            assert_int_equal(desk_refused(d, MEN, 1, &written), REFUSAL_UNKNOWN_SERVICE);
            *(written ? &recorded : &counted) += 1;
        }
        peers_tick(d->io.peers, d->io.now, d->io.monotonic); /* its credit comes back */
    }
    assert_true(counted > 0);
    assert_true(recorded >= 50);
    /* At the end the rest is written too. */
    pipeline_own(d->io.pipeline, job_new(JOB_CLOSE, d->io.snapshot, d->io.now));
    desk_settle(d);
    assert_true(d->io.closed);
    uint64_t sum = 0;
    for (uint64_t i = before; i < desk_size(d); i++) {
        struct desk_entry read;
        desk_entry(d, i, &read);
        if (read.entry.type == ENTRY_REFUSED)
            sum += read.entry.count > 0 ? read.entry.count : 1;
        desk_entry_free(&read);
    }
    assert_int_equal(sum, 600);
    letter_free(&q);
    desk_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_without_a_provider_is_refused_and_recorded),
        cmocka_unit_test(a_grant_that_does_not_exist_is_refused_before_the_provider_is_looked_for),
        cmocka_unit_test(each_step_of_admission_has_its_own_code),
        cmocka_unit_test(a_day_key_is_kept_and_then_pseudonyms_are_admitted),
        cmocka_unit_test(a_nearly_full_disk_refuses_without_writing_and_still_ends_what_is_open),
        cmocka_unit_test(a_full_vault_refuses_day_keys_and_nothing_else),
        cmocka_unit_test(what_a_crash_left_in_the_vault_without_an_entry_is_destroyed),
        cmocka_unit_test(a_reported_refusal_is_recorded_and_gets_a_receipt),
        cmocka_unit_test(a_body_that_stays_incomplete_or_is_too_large_is_refused),
        cmocka_unit_test(a_provider_with_more_than_it_can_take_is_busy),
        cmocka_unit_test(a_clock_that_is_set_back_takes_no_share_from_a_lone_member),
        cmocka_unit_test(a_members_flood_waits_behind_itself_and_not_at_the_provider),
        cmocka_unit_test(a_request_that_waits_for_its_turn_is_timed_out_like_any_other),
        cmocka_unit_test(refusals_that_come_too_fast_are_counted_in_one_entry),
    };
    return cmocka_run_group_tests(tests, NULL, country_teardown);
}
