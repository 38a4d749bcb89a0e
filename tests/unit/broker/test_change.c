/* What a new registry or CRL does to sessions, open exchanges and what is inside, at the moment of change. */
#include "base/error.h"
#include "broker/change.h"
#include "desk.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* The version after the one in force, and a CRL of that number; MEMBERS: nobody is suspended, nobody revoked.
 */
static struct snapshot *make_next(const struct desk *d, int suspended, long crl_number, int revoked)
{
    struct buffer before = {0}, file = {0}, crl = {0};
    struct error e = {0};
    struct trust *trust = trust_new();
    const char *name;
    struct bytes pem;
    country_suspended = suspended;
    const struct registry *now = snapshot_registry(d->io.snapshot);
    buffer_append_bytes(&before, registry_file(now));
    country_sign_registry((unsigned)registry_version(now) + 1, &before, NULL, &file);
    buffer_free(&before);
    country_suspended = MEMBERS;
    struct registry *registry = registry_open_signed(buffer_bytes(&file), now, NULL, NULL, &e);
    if (registry == NULL)
        fail_msg("%s", e.text);
    for (size_t i = 0; registry_anchor(registry, i, &name, &pem); i++)
        assert_int_equal(trust_add_anchor(trust, name, pem, NULL), 0);
    country_crl(crl_number, revoked, &crl);
    assert_int_equal(trust_add_crl(trust, buffer_bytes(&crl), NULL), 0);
    buffer_free(&crl);
    buffer_free(&file);
    return snapshot_new(registry, trust);
}

static void change_to(struct desk *d, struct snapshot *next)
{
    pipeline_pass(pipeline_writer(d->io.pipeline), change_new(next, d->chains, d->io.now));
    snapshot_free(next);
    struct pollfd written = {queue_event_fd(pipeline_results(d->io.pipeline)), POLLIN, 0};
    assert_int_equal(poll(&written, 1, 20000), 1);
}

/* And the I/O thread learns of it. */
static void take_effect(struct desk *d)
{
    struct job *job;
    while ((job = queue_take(pipeline_results(d->io.pipeline))) != NULL)
        dispatch_result(&d->io, job);
    desk_settle(d);
}

static void suspend(struct desk *d, int m)
{
    change_to(d, make_next(d, m, 2, MEMBERS));
}

static void revoke(struct desk *d, int m)
{
    change_to(d, make_next(d, MEMBERS, 2, m));
}

static struct peer *peer_of(struct desk *d, int m)
{
    return peers_find(d->io.peers, country()->link[m].public_key);
}

/* Nothing is held for an exchange that is over. */
static void assert_room_is_free(struct desk *d)
{
    assert_int_equal(exchanges_count(d->io.exchanges), 0);
    assert_int_equal(peer_of(d, MEN)->asking.messages, 0);
    assert_int_equal(peer_of(d, MI)->answering.all.messages, 0);
    assert_int_equal(peer_of(d, MI)->requests.count, 0);
}

static void nothing_is_written_behind_the_last_entry(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    pipeline_own(d->io.pipeline, job_new(JOB_CLOSE, d->io.snapshot, d->io.now));
    desk_settle(d);
    assert_true(d->io.closed);
    uint64_t last = desk_size(d);
    change_to(d, make_next(d, MEMBERS, 2, MI)); /* a registry and a CRL that come at this very moment */
    take_effect(d);
    assert_int_equal(desk_size(d), last);
    desk_close(d);
}

static void a_suspended_provider_is_sent_away_and_its_exchanges_end(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, a, after;
    desk_ask(d, &q);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    suspend(d, MI);
    take_effect(d);
    assert_int_equal(desk_bye(d, MI, 1), REFUSAL_MEMBER_SUSPENDED);
    assert_null(peer_of(d, MI)->session);
    assert_refused(d, MEN, 1, REFUSAL_MEMBER_SUSPENDED);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_INTERRUPTED), 1);
    assert_room_is_free(d);
    /* Its answer comes too late, and it is told why nobody listens. */
    letter_response(&a, &q, 50);
    desk_submit(d, MI, 1, &a);
    desk_settle(d);
    assert_int_equal(desk_bye(d, MI, 1), REFUSAL_MEMBER_SUSPENDED);
    NOT_SENT(VERB_DELIVER, MEN, 1);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_ADMITTED), 1);
    /* Who asks it from now on is refused, with an entry. */
    desk_ask(d, &after);
    assert_refused(d, MEN, 1, REFUSAL_MEMBER_SUSPENDED);
    /* The first request again is answered as it ended. */
    desk_submit(d, MEN, 1, &q);
    desk_settle(d);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_MEMBER_SUSPENDED);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_INTERRUPTED), 1);
    sent_free(delivered);
    letter_free(&q);
    letter_free(&a);
    letter_free(&after);
    desk_close(d);
}

static void a_suspended_consumer_gets_no_answer(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, a;
    desk_ask(d, &q);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    suspend(d, MEN);
    /* The answer is behind the change, and the I/O thread does not know of it yet. */
    letter_response(&a, &q, 50);
    desk_submit(d, MI, 1, &a);
    desk_settle(d);
    assert_int_equal(desk_refused(d, MI, 1, NULL), REFUSAL_MEMBER_SUSPENDED);
    assert_int_equal(desk_bye(d, MEN, 1), REFUSAL_MEMBER_SUSPENDED);
    NOT_SENT(VERB_DELIVER, MEN, 1);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_INTERRUPTED), 1);
    assert_room_is_free(d);
    sent_free(delivered);
    letter_free(&q);
    letter_free(&a);
    desk_close(d);
}

static void a_request_behind_the_suspension_of_its_sender_is_refused(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    suspend(d, MEN);
    desk_ask(d, &q);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_REFUSED), 1);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_ADMITTED), 0);
    NOT_SENT(VERB_DELIVER, MI, 1);
    assert_room_is_free(d);
    letter_free(&q);
    desk_close(d);
}

static void what_waits_for_a_suspended_member_is_not_delivered(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    d->blocked = true;
    desk_ask(d, &q);
    assert_int_equal(peer_of(d, MI)->requests.count, 1);
    suspend(d, MI);
    take_effect(d);
    d->blocked = false;
    peers_tick(d->io.peers, d->io.now, d->io.monotonic);
    NOT_SENT(VERB_DELIVER, MI, 1);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_MEMBER_SUSPENDED);
    assert_room_is_free(d);
    letter_free(&q);
    desk_close(d);
}

/* Of two whose time is over the end of one must not send the other, which waited for its turn. */
static void a_request_that_waits_for_its_turn_is_not_sent_by_the_end_of_another(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter first, second;
    d->limits.pair_under_way = 1;
    desk_ask(d, &first);
    desk_ask(d, &second);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    NOT_SENT(VERB_DELIVER, MI, 1);
    d->io.now += 3600 * MICROSECONDS;
    dispatch_deadlines(&d->io);
    desk_settle(d);
    NOT_SENT(VERB_DELIVER, MI, 1);
    assert_int_equal(desk_entries(d, first.header.exchange_id, ENTRY_TIMED_OUT), 1);
    assert_int_equal(desk_entries(d, second.header.exchange_id, ENTRY_TIMED_OUT), 1);
    assert_room_is_free(d);
    sent_free(delivered);
    letter_free(&first);
    letter_free(&second);
    desk_close(d);
}

static void a_response_behind_the_suspension_of_its_sender_is_refused(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, a;
    desk_ask(d, &q);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    suspend(d, MI); /* written, and the door still has the session */
    letter_response(&a, &q, 50);
    desk_submit(d, MI, 1, &a);
    desk_settle(d);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_REFUSED), 1);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_INTERRUPTED), 1);
    NOT_SENT(VERB_DELIVER, MEN, 1);
    assert_room_is_free(d);
    sent_free(delivered);
    letter_free(&q);
    letter_free(&a);
    desk_close(d);
}

static void say_hello(struct desk *d, int m, uint8_t connection)
{
    struct buffer none = {0};
    desk_hello_with(d, m, connection, &none);
}

static void a_suspended_member_opens_no_session_until_it_is_reinstated(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    suspend(d, MI);
    take_effect(d);
    assert_int_equal(desk_bye(d, MI, 1), REFUSAL_MEMBER_SUSPENDED);
    d->io.monotonic += 2 * MICROSECONDS;
    say_hello(d, MI, 2);
    assert_int_equal(desk_bye(d, MI, 2), REFUSAL_MEMBER_SUSPENDED);
    NOT_SENT(VERB_WELCOME, MI, 2);
    struct snapshot *back = make_next(d, MEMBERS, 3, MEMBERS);
    change_to(d, back);
    take_effect(d);
    desk_hello(d, MI, 3, 3, 64);
    struct letter q;
    desk_ask(d, &q);
    AWAIT(delivered, VERB_DELIVER, MI, 3);
    sent_free(delivered);
    letter_free(&q);
    desk_close(d);
}

static void nothing_is_delivered_to_a_provider_whose_certificate_is_revoked(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, a, after;
    desk_ask(d, &q);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    revoke(d, MI);
    take_effect(d);
    assert_refused(d, MEN, 1, REFUSAL_CERTIFICATE_REVOKED);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_INTERRUPTED), 1);
    assert_room_is_free(d);
    /* Its session stays: what it sends is refused one by one, so that the refusals are entries. */
    letter_response(&a, &q, 50);
    desk_submit(d, MI, 1, &a);
    desk_ask(d, &after);
    assert_refused(d, MI, 1, REFUSAL_CERTIFICATE_REVOKED);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_PROVIDER_UNAVAILABLE);
    NOT_SENT(VERB_DELIVER, MI, 1);
    NOT_SENT(VERB_DELIVER, MEN, 1);
    /* Nor to a new one that shows the same certificate. */
    desk_hello(d, MI, 2, 2, 64);
    letter_free(&after);
    desk_ask(d, &after);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_PROVIDER_UNAVAILABLE);
    NOT_SENT(VERB_DELIVER, MI, 2);
    sent_free(delivered);
    letter_free(&q);
    letter_free(&a);
    letter_free(&after);
    desk_close(d);
}

static void a_request_at_the_door_while_its_provider_is_revoked_ends_at_once(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    revoke(d, MI); /* written, and the door still sees the session as it was */
    desk_ask(d, &q);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_CERTIFICATE_REVOKED);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_INTERRUPTED), 1);
    NOT_SENT(VERB_DELIVER, MI, 1);
    assert_room_is_free(d);
    letter_free(&q);
    desk_close(d);
}

static void an_answer_is_not_delivered_to_a_consumer_whose_certificate_is_revoked(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, a;
    desk_ask(d, &q);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    revoke(d, MEN);
    take_effect(d);
    letter_response(&a, &q, 50);
    desk_submit(d, MI, 1, &a);
    desk_settle(d);
    NOT_SENT(VERB_DELIVER, MEN, 1);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_INTERRUPTED), 1);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_LATE), 1);
    assert_room_is_free(d);
    sent_free(delivered);
    letter_free(&q);
    letter_free(&a);
    desk_close(d);
}

/* Control: whom the change does not name goes on as before. */
static void others_go_on_over_a_change(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, a;
    desk_ask(d, &q);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    suspend(d, MAS);
    take_effect(d);
    AWAIT(notice, VERB_NOTICE, MI, 1);
    letter_response(&a, &q, 50);
    desk_submit(d, MI, 1, &a);
    desk_settle(d);
    AWAIT(answered, VERB_DELIVER, MEN, 1);
    assert_delivered(answered, &a, &q);
    sent_free(delivered);
    sent_free(notice);
    sent_free(answered);
    letter_free(&q);
    letter_free(&a);
    desk_close(d);
}

/* Its chain came after the keeper had judged them all: it is not left unjudged. */
static void a_session_that_the_change_did_not_judge_opens_again(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct snapshot *next = make_next(d, MEMBERS, 2, MI);
    struct chains *before = chains_new();
    pipeline_pass(pipeline_writer(d->io.pipeline), change_new(next, before, d->io.now));
    snapshot_free(next);
    chains_free(before);
    struct pollfd written = {queue_event_fd(pipeline_results(d->io.pipeline)), POLLIN, 0};
    assert_int_equal(poll(&written, 1, 20000), 1);
    take_effect(d);
    assert_int_equal(desk_bye(d, MI, 1), REFUSAL_NOT_WELCOME);
    desk_hello(d, MI, 1, 2, 64);
    assert_true(peer_of(d, MI)->session->revoked);
    desk_close(d);
}

static void a_revocation_that_is_taken_back_by_a_newer_list_heals_the_session(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    revoke(d, MI);
    take_effect(d);
    assert_true(peer_of(d, MI)->session->revoked);
    change_to(d, make_next(d, MEMBERS, 3, MEMBERS));
    take_effect(d);
    desk_ask(d, &q);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    sent_free(delivered);
    letter_free(&q);
    desk_close(d);
}

/* A CA that the authority takes away, say after a theft: what has its certificate is treated as at its HELLO,
 * and does not stay a provider whose every answer is refused. */
static void a_session_whose_chain_leads_to_no_anchor_any_more_is_sent_away(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    struct trust *without = trust_new();
    struct registry *registry = registry_ref((struct registry *)(uintptr_t)snapshot_registry(d->io.snapshot));
    change_to(d, snapshot_new(registry, without));
    take_effect(d);
    assert_int_equal(desk_bye(d, MI, 1), REFUSAL_CERTIFICATE_UNTRUSTED);
    assert_null(peer_of(d, MI)->session);
    change_to(d, make_next(d, MEMBERS, 2, MEMBERS));
    take_effect(d);
    desk_hello(d, MI, 1, 2, 64);
    desk_hello(d, MEN, 1, 3, 64);
    desk_ask(d, &q);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    sent_free(delivered);
    letter_free(&q);
    desk_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_written_behind_the_last_entry),
        cmocka_unit_test(a_suspended_provider_is_sent_away_and_its_exchanges_end),
        cmocka_unit_test(a_suspended_consumer_gets_no_answer),
        cmocka_unit_test(a_request_behind_the_suspension_of_its_sender_is_refused),
        cmocka_unit_test(what_waits_for_a_suspended_member_is_not_delivered),
        cmocka_unit_test(a_request_that_waits_for_its_turn_is_not_sent_by_the_end_of_another),
        cmocka_unit_test(a_response_behind_the_suspension_of_its_sender_is_refused),
        cmocka_unit_test(a_suspended_member_opens_no_session_until_it_is_reinstated),
        cmocka_unit_test(nothing_is_delivered_to_a_provider_whose_certificate_is_revoked),
        cmocka_unit_test(a_request_at_the_door_while_its_provider_is_revoked_ends_at_once),
        cmocka_unit_test(an_answer_is_not_delivered_to_a_consumer_whose_certificate_is_revoked),
        cmocka_unit_test(others_go_on_over_a_change),
        cmocka_unit_test(a_session_that_the_change_did_not_judge_opens_again),
        cmocka_unit_test(a_session_whose_chain_leads_to_no_anchor_any_more_is_sent_away),
        cmocka_unit_test(a_revocation_that_is_taken_back_by_a_newer_list_heals_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, country_teardown);
}
