/* Members that try to bring the bus down, or to make others pay. */
#include "broker/change.h"
#include "desk.h"

#include "base/clock.h"
#include "session.pb-c.h"
#include "wire/entry.h"
#include "wire/strict.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* HELLO and a message behind it on the session that it replaces, both under one session id: the credit of the
 * old session must not be given to the new one. */
static void a_session_id_used_twice_does_not_mix_two_sessions(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    const uint8_t session[16] = {1}; /* that of desk_linked */
    desk_say_hello(d, MEN, 1, session, NULL);
    letter_request(&q, 100);
    desk_submit(d, MEN, 1, &q);
    desk_settle(d);
    const struct session *s = peers_find(d->io.peers, country()->link[MEN].public_key)->session;
    assert_non_null(s);
    assert_int_equal(s->in.left.messages, s->in.size.messages);
    assert_int_equal(s->in.owed.messages, 0);
    letter_free(&q);
    desk_close(d);
}

/* What HELLO brings stays in trust store and ledger for ever: certificates that prove nothing do not. */
static void strangers_in_a_chain_are_not_kept(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    uint64_t size = desk_size(d);
    for (int stranger = 0; stranger < MEMBERS; stranger++) {
        uint8_t session[16] = {9, (uint8_t)stranger};
        struct buffer leaf = {0}, other = {0};
        chain_certificate_der(country()->chain[MEN], 0, &leaf);
        chain_certificate_der(country()->chain[stranger], 0, &other);
        ProtobufCBinaryData certificates[] = {strict_field(buffer_bytes(&leaf)),
                                              strict_field(buffer_bytes(&other))};
        Wasl__V1__Hello hello = WASL__V1__HELLO__INIT;
        hello.version_min = hello.version_max = 1;
        hello.session = strict_field(bytes_make(session, 16));
        hello.n_certificate = 2;
        hello.certificate = certificates;
        desk_say(d, MEN, 1, VERB_HELLO, &hello.base, bytes_make("", 0));
        desk_settle(d);
        AWAIT(welcome, VERB_WELCOME, MEN, 1);
        sent_free(welcome);
        buffer_free(&leaf);
        buffer_free(&other);
    }
    assert_int_equal(desk_size(d), size);
    desk_close(d);
}

/* Refusals that only the ledger finds, and those that a member reports of itself, have the same bound. */
static void no_kind_of_refusal_fills_the_ledger(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, other;
    uint64_t before;
    unsigned replayed = 0;
    desk_ask(d, &q);
    before = desk_size(d);
    uint64_t start = clock_wall();
    for (int i = 0; i < 300; i++) {
        if (i % 2 == 0) {
            letter_refusal(&other);
        } else {
            letter_request(&other, 10);
            memcpy(other.header.exchange_id, q.header.exchange_id, 16);
            letter_seal(&other, MEN, MI, 10);
        }
        desk_submit(d, MEN, 1, &other);
        letter_free(&other);
        if (i % 30 != 29)
            continue;
        desk_settle(d);
        for (unsigned reason; (reason = desk_refused(d, MEN, 1, NULL)) != 0;)
            replayed += reason == REFUSAL_REPLAYED_ID;
        peers_tick(d->io.peers, d->io.now, d->io.monotonic); /* its credit comes back */
    }
    uint64_t seconds = (clock_wall() - start) / MICROSECONDS + 2;
    assert_int_equal(replayed, 150);
    assert_true(desk_size(d) - before <= 51 * seconds);
    /* What was here before is answered as ever, and what is good is admitted. */
    desk_submit(d, MEN, 1, &q);
    desk_ask(d, &other);
    assert_int_equal(desk_entries(d, other.header.exchange_id, ENTRY_ADMITTED), 1);
    letter_free(&other);
    letter_free(&q);
    desk_close(d);
}

static bool is_in_vault(struct desk *d, const struct letter *l)
{
    struct buffer out = {0};
    int found = vault_get(d->vault, l->leaf, &out, NULL);
    buffer_free(&out);
    return found == 1;
}

/* A body without an entry would stay in the vault until the next start. */
static void a_day_key_that_is_refused_leaves_nothing_in_the_vault(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter good, replayed, lying;
    letter_subject_key(&good);
    desk_submit(d, MEN, 1, &good);
    desk_settle(d);
    letter_subject_key(&replayed);
    memcpy(replayed.header.exchange_id, good.header.exchange_id, 16);
    letter_seal(&replayed, MEN, MEMBERS, 32);
    letter_subject_key(&lying);
    lying.header.seen_size = 1;
    letter_seal(&lying, MEN, MEMBERS, 32);
    desk_submit(d, MEN, 1, &replayed);
    desk_settle(d);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_REPLAYED_ID);
    desk_submit(d, MEN, 1, &good); /* again: its record stays */
    desk_settle(d);
    desk_submit(d, MEN, 1, &lying);
    desk_settle(d);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_INCONSISTENT);
    assert_true(is_in_vault(d, &good));
    assert_false(is_in_vault(d, &replayed));
    assert_false(is_in_vault(d, &lying));
    letter_free(&good);
    letter_free(&replayed);
    letter_free(&lying);
    desk_close(d);
}

static void a_member_cannot_fill_the_vault_with_day_keys(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter k;
    unsigned kept = 0, reason = 0;
    for (int i = 0; i < 80; i++) {
        letter_subject_key(&k);
        desk_submit(d, MEN, 1, &k);
        desk_settle(d);
        reason = desk_refused(d, MEN, 1, NULL);
        assert_true(reason == 0 || reason == REFUSAL_QUOTA_EXCEEDED);
        assert_true(is_in_vault(d, &k) == (reason == 0));
        kept += reason == 0;
        letter_free(&k);
        peers_tick(d->io.peers, d->io.now, d->io.monotonic);
    }
    assert_int_equal(kept, 64);
    assert_int_equal(reason, REFUSAL_QUOTA_EXCEEDED);
    desk_close(d);
}

static void a_day_key_under_another_key_than_oversights_is_refused(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter k;
    struct sealing_key oversight = country()->oversight;
    memcpy(country()->oversight.public_key, country()->sealing[MEN].public_key, 32);
    letter_subject_key(&k);
    country()->oversight = oversight;
    desk_submit(d, MEN, 1, &k);
    desk_settle(d);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_BAD_SEAL);
    assert_false(is_in_vault(d, &k));
    letter_free(&k);
    desk_close(d);
}

static struct snapshot *snapshot_that_revokes(struct desk *d, int member)
{
    struct registry *registry = registry_ref((struct registry *)snapshot_registry(d->io.snapshot));
    struct trust *trust = trust_new();
    struct buffer crl = {0};
    const char *name;
    struct bytes pem;
    for (size_t i = 0; registry_anchor(registry, i, &name, &pem); i++)
        assert_int_equal(trust_add_anchor(trust, name, pem, NULL), 0);
    country_crl(2, member, &crl);
    assert_int_equal(trust_add_crl(trust, buffer_bytes(&crl), NULL), 0);
    buffer_free(&crl);
    return snapshot_new(registry, trust);
}

/* The entry of a CRL says "from here on": no message behind it is judged by the one before. */
static void a_message_behind_a_revocation_is_judged_by_it(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    struct snapshot *next = snapshot_that_revokes(d, MEN);
    pipeline_pass(pipeline_writer(d->io.pipeline), change_new(next, d->chains, d->io.now));
    snapshot_free(next);
    /* It is written, and the door does not know of it yet. */
    struct pollfd written = {queue_event_fd(pipeline_results(d->io.pipeline)), POLLIN, 0};
    assert_int_equal(poll(&written, 1, 20000), 1);
    desk_ask(d, &q);
    assert_refused(d, MEN, 1, REFUSAL_CERTIFICATE_REVOKED);
    NOT_SENT(VERB_DELIVER, MI, 1);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_ADMITTED), 0);
    struct peer *men = peers_find(d->io.peers, country()->link[MEN].public_key);
    assert_int_equal(men->asking.messages, 0);
    letter_free(&q);
    desk_close(d);
}

/* What was inside when the bus was told to stop is written, and then ended like all the rest. */
static void a_request_inside_at_the_stop_is_interrupted_and_not_delivered(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    letter_request(&q, 100);
    desk_submit(d, MEN, 1, &q);
    d->io.stopping = true;
    dispatch_interrupt_all(&d->io);
    desk_settle(d);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_ADMITTED), 1);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_INTERRUPTED), 1);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_INTERRUPTED);
    NOT_SENT(VERB_DELIVER, MI, 1);
    assert_int_equal(exchanges_count(d->io.exchanges), 0);
    letter_free(&q);
    desk_close(d);
}

static void malformed_frames_end_the_next_session_of_that_minute_too(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    for (int i = 0; i < DOOR_FAULTS_MOST; i++)
        desk_say_raw(d, MEN, 1, VERB_WELCOME, bytes_make("", 0), bytes_make("", 0));
    assert_int_equal(desk_bye(d, MEN, 1), REFUSAL_MALFORMED);
    desk_hello(d, MEN, 1, 2, 64);
    desk_say_raw(d, MEN, 1, VERB_WELCOME, bytes_make("", 0), bytes_make("", 0));
    assert_int_equal(desk_bye(d, MEN, 1), REFUSAL_MALFORMED);
    desk_close(d);
}

/* What FETCH may bring counts in the one bound on memory before it is there. */
static void questions_count_in_the_pipeline(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    Wasl__V1__Fetch fetch = WASL__V1__FETCH__INIT;
    fetch.kind = WASL__V1__OBJECT_REF__LATEST_REGISTRY;
    for (int i = 0; i < SESSION_QUESTIONS_MOST; i++)
        desk_say(d, MEN, 1, VERB_FETCH, &fetch.base, bytes_make("", 0));
    assert_true(pipeline_bytes(d->io.pipeline) >= SESSION_QUESTIONS_MOST * LINK_PAYLOAD_MOST);
    desk_settle(d);
    assert_int_equal(pipeline_bytes(d->io.pipeline), 0);
    desk_close(d);
}

static void hellos_without_end_are_dropped(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    unsigned welcomed = 0;
    for (uint8_t i = 0; i < 200; i++) {
        const uint8_t session[16] = {7, i};
        desk_say_hello(d, MEN, 1, session, NULL);
        desk_settle(d);
        struct sent *s = desk_take(d, MEN, 1, VERB_WELCOME);
        welcomed += s != NULL;
        sent_free(s);
    }
    assert_true(welcomed > 0 && welcomed <= 10); /* the desk's clock stands still */
    d->io.monotonic += MICROSECONDS;
    desk_hello(d, MEN, 1, 8, 64);
    desk_close(d);
}

/* A provider has every byte of a request. Over its own link they are no repetition of it: the answer would go
 * to where it was asked last. */
static void a_request_that_another_member_repeats_stays_with_its_consumer(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, a;
    desk_ask(d, &q);
    desk_submit(d, MI, 1, &q);
    desk_settle(d);
    assert_int_equal(desk_refused(d, MI, 1, NULL), REFUSAL_WRONG_SIGNER);
    struct peer *men = peers_find(d->io.peers, country()->link[MEN].public_key);
    assert_int_equal(men->asking.messages, 1);
    letter_response(&a, &q, 100);
    desk_submit(d, MI, 1, &a);
    desk_settle(d);
    AWAIT(s, VERB_DELIVER, MEN, 1);
    assert_delivered(s, &a, &q);
    sent_free(s);
    /* Nor is the response to be had that way when it has been given. */
    desk_submit(d, MI, 1, &q);
    desk_settle(d);
    assert_int_equal(desk_refused(d, MI, 1, NULL), REFUSAL_WRONG_SIGNER);
    letter_free(&a);
    letter_free(&q);
    desk_close(d);
}

/* Each FETCH may cost a whole object's hash: those above so many a second wait, and none is lost. */
static void questions_above_so_many_a_second_wait(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    Wasl__V1__Fetch fetch = WASL__V1__FETCH__INIT;
    unsigned answered = 0;
    fetch.kind = WASL__V1__OBJECT_REF__LATEST_REGISTRY;
    for (unsigned i = 0; i < SESSION_QUESTIONS_SECOND / SESSION_FETCH_COST + 50; i++) {
        desk_say(d, MEN, 1, VERB_FETCH, &fetch.base, bytes_make("", 0));
        desk_settle(d);
        struct sent *s = desk_take(d, MEN, 1, VERB_OBJECT);
        answered += s != NULL;
        sent_free(s);
    }
    assert_int_equal(answered, SESSION_QUESTIONS_SECOND / SESSION_FETCH_COST);
    door_tick(&d->io);
    assert_int_equal(pipeline_inside(d->io.pipeline), 0);
    d->io.monotonic += MICROSECONDS;
    door_tick(&d->io);
    desk_settle(d);
    for (struct sent *s; (s = desk_take(d, MEN, 1, VERB_OBJECT)) != NULL; sent_free(s))
        answered++;
    assert_int_equal(answered, SESSION_QUESTIONS_SECOND / SESSION_FETCH_COST + 50);
    desk_close(d);
}

/* Refused messages above the bound keep their credit until the second is over: a flood of them is as slow as
 * that. */
static void who_is_refused_too_often_waits_for_its_credit(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    d->limits.refusals_per_second = 10;
    letter_request(&q, 100);
    strcpy(q.header.service, "nothing");
    for (int i = 0; i < 40; i++) {
        uuid_random(q.header.exchange_id);
        letter_seal(&q, MEN, MI, 100);
        desk_submit(d, MEN, 1, &q);
        desk_settle(d);
    }
    const struct session *s = peers_find(d->io.peers, country()->link[MEN].public_key)->session;
    peers_tick(d->io.peers, d->io.now, d->io.monotonic);
    assert_int_equal(s->in.left.messages, s->in.size.messages - 30);
    d->io.monotonic += MICROSECONDS;
    peers_tick(d->io.peers, d->io.now, d->io.monotonic);
    assert_int_equal(s->in.left.messages, s->in.size.messages);
    assert_int_equal(s->in.left.bytes, s->in.size.bytes);
    letter_free(&q);
    desk_close(d);
}

/* An adapter has every checkpoint proven, and a fast disk commits a thousand times a second: were fewer
 * proven, it would stop answering. */
static void a_proof_for_each_commit_of_a_fast_disk_is_given_at_once(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    Wasl__V1__Prove prove = WASL__V1__PROVE__INIT;
    unsigned answered = 0;
    prove.old_size = 1;
    for (int i = 0; i < 1000; i++) {
        desk_say(d, MEN, 1, VERB_PROVE, &prove.base, bytes_make("", 0));
        desk_settle(d);
        struct sent *s = desk_take(d, MEN, 1, VERB_PROOF);
        answered += s != NULL;
        sent_free(s);
    }
    assert_int_equal(answered, 1000);
    desk_close(d);
}

/* What needs no credit has a bound too: the session ends, and who goes on is not answered. */
static void a_flood_of_pings_ends_the_session(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    Wasl__V1__Ping ping = WASL__V1__PING__INIT;
    unsigned answered = 0;
    for (int i = 0; i < 3000; i++) {
        desk_say(d, MEN, 1, VERB_PING, &ping.base, bytes_make("", 0));
        struct sent *s = desk_take(d, MEN, 1, VERB_PONG);
        answered += s != NULL;
        sent_free(s);
    }
    assert_true(answered > 900 && answered <= 1000);
    assert_null(peers_find(d->io.peers, country()->link[MEN].public_key)->session);
    assert_non_null(peers_find(d->io.peers, country()->link[MI].public_key)->session);
    d->io.monotonic += MICROSECONDS;
    desk_hello(d, MEN, 2, 8, 64);
    desk_close(d);
}

/* The header names another member: that one must not stand there as the culprit. */
static void a_refusal_whose_signer_is_not_proven_names_the_link_it_came_over(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    letter_request(&q, 100);
    strcpy(q.header.consumer, "TN/GOV/MAS/social");
    letter_seal(&q, MEN, MI, 100);
    desk_submit(d, MEN, 1, &q);
    desk_settle(d);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_WRONG_SIGNER);
    struct desk_entry last;
    desk_entry(d, desk_size(d) - 1, &last);
    assert_true(last.entry.context.len > 0);
    assert_true(bytes_equal_string(last.entry.member, "TN/GOV/MEN"));
    desk_entry_free(&last);
    letter_free(&q);
    desk_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_id_used_twice_does_not_mix_two_sessions),
        cmocka_unit_test(no_kind_of_refusal_fills_the_ledger),
        cmocka_unit_test(a_day_key_that_is_refused_leaves_nothing_in_the_vault),
        cmocka_unit_test(a_member_cannot_fill_the_vault_with_day_keys),
        cmocka_unit_test(a_day_key_under_another_key_than_oversights_is_refused),
        cmocka_unit_test(a_message_behind_a_revocation_is_judged_by_it),
        cmocka_unit_test(a_request_inside_at_the_stop_is_interrupted_and_not_delivered),
        cmocka_unit_test(malformed_frames_end_the_next_session_of_that_minute_too),
        cmocka_unit_test(questions_count_in_the_pipeline),
        cmocka_unit_test(hellos_without_end_are_dropped),
        cmocka_unit_test(a_refusal_whose_signer_is_not_proven_names_the_link_it_came_over),
        cmocka_unit_test(a_request_that_another_member_repeats_stays_with_its_consumer),
        cmocka_unit_test(questions_above_so_many_a_second_wait),
        cmocka_unit_test(a_proof_for_each_commit_of_a_fast_disk_is_given_at_once),
        cmocka_unit_test(who_is_refused_too_often_waits_for_its_credit),
        cmocka_unit_test(a_flood_of_pings_ends_the_session),
        cmocka_unit_test(strangers_in_a_chain_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, country_teardown);
}
