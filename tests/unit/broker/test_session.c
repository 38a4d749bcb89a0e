/* Sessions: opening, credit, manners, and the adapter's questions about the ledger. */
#include "desk.h"

#include "base/clock.h"
#include "base/error.h"
#include "session.pb-c.h"
#include "wire/strict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct bytes nothing = {(const uint8_t *)"", 0};

static void a_provider_without_credit_counts_as_not_connected(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    struct letter q, r;
    desk_hello(d, MEN, 1, 1, 64);
    desk_hello(d, MI, 1, 1, 0);
    desk_ask(d, &q);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_PROVIDER_UNAVAILABLE);
    Wasl__V1__Credit credit = WASL__V1__CREDIT__INIT;
    credit.messages = 5;
    credit.bytes = 1 << 20;
    desk_say(d, MI, 1, VERB_CREDIT, &credit.base, nothing);
    desk_ask(d, &r);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    sent_free(delivered);
    letter_free(&q);
    letter_free(&r);
    desk_close(d);
}

static void who_sends_more_than_its_credit_is_sent_away(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    letter_request(&q, 100);
    for (uint64_t i = 0; i <= d->limits.submit_messages; i++)
        desk_submit(d, MEN, 1, &q);
    assert_int_equal(desk_bye(d, MEN, 1), REFUSAL_CREDIT_EXCEEDED);
    desk_settle(d);
    letter_free(&q);
    desk_close(d);
}

static void ten_malformed_frames_in_a_minute_end_the_session(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    for (int i = 0; i < 9; i++)
        desk_say_raw(d, MEN, 1, VERB_PROVE, bytes_make("\x08\x00", 2), nothing);
    d->io.monotonic += 61 * MICROSECONDS; /* another minute */
    for (int i = 0; i < 9; i++)
        desk_say_raw(d, MEN, 1, VERB_WELCOME, nothing, nothing); /* what only the bus says */
    NOT_SENT(VERB_BYE, MEN, 1);
    desk_say_raw(d, MEN, 1, VERB_SUBMIT, bytes_make("x", 1), nothing);
    assert_int_equal(desk_bye(d, MEN, 1), REFUSAL_MALFORMED);
    assert_int_equal(d->status.unattributed, 19);
    desk_close(d);
}

static void a_silent_peer_is_asked_and_then_forgotten(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
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

static void a_bus_that_was_rolled_back_stops_and_says_why(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct buffer note = {0};
    struct error e = {0};
    struct checkpoint ahead = {.origin = "bus.example.tn/ledger", .size = desk_size(d) + 5};
    checkpoint_sign(&ahead, &country()->ledger, &note);
    uint64_t before = desk_size(d);
    desk_hello_with(d, MEN, 2, &note);
    assert_true(d->io.inconsistent);
    assert_int_equal(desk_bye(d, MEN, 2), REFUSAL_INCONSISTENT);
    assert_int_equal(desk_bye(d, MI, 1), REFUSAL_INCONSISTENT);
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
    struct desk *d = desk_linked();
    struct buffer note = {0};
    struct checkpoint ahead = {.origin = "bus.example.tn/ledger", .size = desk_size(d) + 5};
    checkpoint_sign(&ahead, &country()->other_ledger, &note);
    desk_hello_with(d, MEN, 2, &note);
    assert_false(d->io.inconsistent);
    assert_int_equal(desk_bye(d, MEN, 2), REFUSAL_INCONSISTENT);
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
    desk_hello_with(d, MEN, 1, &note);
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
    struct desk *d = desk_linked();
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
    struct desk *d = desk_linked();
    d->blocked = true;
    Wasl__V1__Ping ping = WASL__V1__PING__INIT;
    ping.nonce = 1;
    for (int i = 0; i < SESSION_BACKLOG_MOST; i++) {
        if (i == SESSION_BACKLOG_MOST / 2)
            d->io.monotonic += MICROSECONDS; /* all in one second would be a flood */
        desk_say(d, MEN, 1, VERB_PING, &ping.base, nothing);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_provider_without_credit_counts_as_not_connected),
        cmocka_unit_test(who_sends_more_than_its_credit_is_sent_away),
        cmocka_unit_test(ten_malformed_frames_in_a_minute_end_the_session),
        cmocka_unit_test(a_silent_peer_is_asked_and_then_forgotten),
        cmocka_unit_test(a_bus_that_was_rolled_back_stops_and_says_why),
        cmocka_unit_test(a_checkpoint_of_another_key_stops_nobody),
        cmocka_unit_test(a_proof_leads_from_the_adapters_checkpoint_to_the_latest),
        cmocka_unit_test(objects_are_fetched_in_slices),
        cmocka_unit_test(a_peer_that_takes_nothing_costs_only_itself),
    };
    return cmocka_run_group_tests(tests, NULL, country_teardown);
}
