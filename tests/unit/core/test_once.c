/* A provider's adapter and requests made by hand: how a request waits, what is never run twice, and what
 * becomes of calls that take long. */
#include "provider.h"

#include "base/clock.h"

#include <string.h>

/* --- waiting for what has to be fetched --- */

/* The same request under a certificate that nobody has. */
static struct hand_message *of_nobody(struct world *w, uint8_t n)
{
    struct hand_message *m = world_request(w, &plain);
    uint8_t *at =
        memmem(m->signature.data, m->signature.len, chain_leaf_hash(country()->chain[MEN]), HASH_SIZE);
    assert_non_null(at);
    memset(at, n, HASH_SIZE);
    return m;
}

static bool fetched_all(struct world *w)
{
    return memcmp(w->bus.held_chain, chain_leaf_hash(country()->chain[MEN]), HASH_SIZE) == 0 &&
           hand_bus_count(&w->bus, MI, MESSAGE_RESPONSE) >= 24;
}

static bool ran(struct world *w)
{
    return w->system.calls == 1;
}

/* More than may be fetched at once, and than one delivery may wait for. */
static void a_request_waits_for_its_own_chain_whatever_else_comes(void **state)
{
    struct world *w = *state;
    w->bus.hold_requests = false;
    w->bus.hold_chains = true;
    hand_bus_admit(&w->bus, world_request(w, &plain));
    for (uint8_t n = 1; n <= 24; n++)
        hand_bus_admit(&w->bus, of_nobody(w, n));
    world_run(w, fetched_all);
    assert_int_equal(w->system.calls, 0);
    hand_bus_give_chain(&w->bus, MI);
    world_run(w, ran);
}

static void more_chains_than_may_be_fetched_at_once_are_fetched_one_after_the_other(void **state)
{
    struct world *w = *state;
    w->bus.hold_requests = false;
    w->bus.hold_chains = true;
    for (uint8_t n = 1; n <= 24; n++)
        hand_bus_admit(&w->bus, of_nobody(w, n));
    hand_bus_admit(&w->bus, world_request(w, &plain));
    world_run(w, fetched_all);
    hand_bus_give_chain(&w->bus, MI);
    world_run(w, ran);
}

/* --- once only --- */

static bool called(struct world *w)
{
    return w->system.calls > 0;
}

static void redeliver(struct world *w, struct hand_message *m)
{
    struct hand_delivery d;
    hand_delivery_make(&w->bus, m, &d);
    send(w, &d);
}

static void a_second_delivery_while_the_call_runs_starts_no_second_call(void **state)
{
    struct world *w = *state;
    struct hand_message *m = world_request(w, &plain);
    w->system.hold = true;
    hand_bus_admit(&w->bus, m);
    redeliver(w, m);
    world_run(w, called);
    redeliver(w, m);
    world_settle(w);
    assert_int_equal(w->system.calls, 1);
    world_answer(w, 0);
    world_run(w, answered);
    assert_int_equal(hand_bus_count(&w->bus, MI, MESSAGE_RESPONSE), 1);
}

static void the_response_of_a_non_safe_operation_is_sent_again_after_a_restart(void **state)
{
    struct world *w = *state;
    w->bus.hold_responses = true;
    struct hand_message *m = world_request(w, &attest);
    hand_bus_admit(&w->bus, m);
    redeliver(w, m);
    world_run(w, answered);
    assert_string_equal(w->system.last_body, "{\"n\":1}");
    world_stop(w, MI);
    world_start(w, MI);
    world_link(w, MI);
    redeliver(w, m);
    world_settle(w);
    assert_int_equal(w->system.calls, 1);
    /* The very same bytes: the hand keeps messages by their leaf. */
    assert_int_equal(hand_bus_count(&w->bus, MI, MESSAGE_RESPONSE), 1);
    assert_int_equal(hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE)->header.outcome, 0);
}

static void a_non_safe_operation_that_was_begun_is_never_run_again(void **state)
{
    struct world *w = *state;
    w->system.hold = true;
    struct hand_message *m = world_request(w, &attest);
    hand_bus_admit(&w->bus, m);
    redeliver(w, m);
    world_run(w, called);
    world_stop(w, MI); /* in the middle of the call */
    world_start(w, MI);
    world_link(w, MI);
    redeliver(w, m);
    world_run(w, answered);
    assert_int_equal(hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE)->header.outcome, REFUSAL_OUTCOME_UNKNOWN);
    redeliver(w, m);
    world_settle(w);
    assert_int_equal(w->system.calls, 1);
    assert_int_equal(hand_bus_count(&w->bus, MI, MESSAGE_RESPONSE), 1);
}

static void a_call_that_takes_too_long_is_answered_and_its_late_reply_dropped(void **state)
{
    struct world *w = *state;
    struct world_request r = plain;
    w->system.hold = true;
    w->bus.hold_requests = false;
    r.expires = (int64_t)(MICROSECONDS);
    hand_bus_admit(&w->bus, world_request(w, &r));
    world_run(w, answered);
    assert_int_equal(hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE)->header.outcome, REFUSAL_PROVIDER_TIMEOUT);
    world_answer(w, 0);
    world_settle(w);
    assert_int_equal(hand_bus_count(&w->bus, MI, MESSAGE_RESPONSE), 1);
}

/* The call may still be carried out: nobody may be told to try again. */
static void a_non_safe_call_that_takes_too_long_has_an_unknown_outcome(void **state)
{
    struct world *w = *state;
    struct world_request r = attest;
    w->system.hold = true;
    w->bus.hold_requests = false;
    r.expires = (int64_t)(MICROSECONDS);
    hand_bus_admit(&w->bus, world_request(w, &r));
    world_run(w, answered);
    assert_int_equal(hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE)->header.outcome, REFUSAL_OUTCOME_UNKNOWN);
}

static enum refusal outcome_with(struct world *w, const struct world_request *request, const char *body)
{
    w->system.body = body;
    w->system.content_type = "text/plain";
    w->bus.hold_requests = false;
    hand_bus_admit(&w->bus, world_request(w, request));
    world_run(w, answered);
    assert_int_equal(w->system.calls, 1);
    return (enum refusal)hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE)->header.outcome;
}

/* It has been carried out: that its answer cannot be passed on must not read as if it had not been. */
static void a_non_safe_call_whose_answer_cannot_be_filtered_has_an_unknown_outcome(void **state)
{
    assert_int_equal(outcome_with(*state, &attest, "nothing that fields could be taken from"),
                     REFUSAL_OUTCOME_UNKNOWN);
}

static char large[1 << 20];

static void a_non_safe_call_whose_answer_is_too_large_has_an_unknown_outcome(void **state)
{
    memset(large, 'x', sizeof(large) - 1);
    assert_int_equal(outcome_with(*state, &attest, large), REFUSAL_OUTCOME_UNKNOWN);
}

static void a_safe_call_whose_answer_cannot_be_passed_on_says_why(void **state)
{
    assert_int_equal(outcome_with(*state, &plain, "nothing that fields could be taken from"),
                     REFUSAL_NOT_FILTERABLE);
}

static bool has_next_registry(struct world *w)
{
    struct registry *registry = core_registry(w->core[MI]);
    bool has = registry_version(registry) == 2;
    registry_free(registry);
    return has;
}

/* Its system may look at the operation for as long as it has the call, whatever became of the registry. */
static void a_call_outlives_its_exchange_and_its_registry(void **state)
{
    struct world *w = *state;
    struct world_request r = plain;
    struct buffer next = {0};
    w->system.hold = true;
    w->bus.hold_requests = false;
    r.expires = (int64_t)(MICROSECONDS);
    hand_bus_admit(&w->bus, world_request(w, &r));
    world_run(w, answered);
    country_sign_registry(2, w->bus.registry, "fields: [/birth_date]", &next);
    w->bus.registry = &next;
    hand_bus_notice(&w->bus, MI);
    world_run(w, has_next_registry);
    world_settle(w);
    assert_string_equal(w->system.held[0]->match.operation->code, "identity");
    world_answer(w, 0);
    w->bus.registry = &country()->registry;
    buffer_free(&next);
}

static void credit_comes_back_for_everything_that_was_delivered(void **state)
{
    struct world *w = *state;
    uint32_t before = w->bus.peers[MI].credit;
    for (int i = 0; i < 200; i++) {
        struct hand_delivery d;
        struct hand_message *m = hand_bus_find(&w->bus, MEN, MESSAGE_REQUEST);
        if (m == NULL) {
            m = world_request(w, &plain);
            hand_bus_admit(&w->bus, m);
        }
        hand_delivery_make(&w->bus, m, &d);
        if (i % 2 == 0)
            buffer_clear(&d.proof);
        send(w, &d);
        if (i % 16 == 0)
            world_settle(w);
    }
    world_settle(w);
    /* Said in portions of a quarter of the window. */
    assert_true(w->bus.peers[MI].credit + 128 >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_waits_for_its_own_chain_whatever_else_comes),
        TEST(more_chains_than_may_be_fetched_at_once_are_fetched_one_after_the_other),
        TEST(a_second_delivery_while_the_call_runs_starts_no_second_call),
        TEST(the_response_of_a_non_safe_operation_is_sent_again_after_a_restart),
        TEST(a_non_safe_operation_that_was_begun_is_never_run_again),
        TEST(a_call_that_takes_too_long_is_answered_and_its_late_reply_dropped),
        TEST(a_non_safe_call_that_takes_too_long_has_an_unknown_outcome),
        TEST(a_non_safe_call_whose_answer_cannot_be_filtered_has_an_unknown_outcome),
        TEST(a_non_safe_call_whose_answer_is_too_large_has_an_unknown_outcome),
        TEST(a_safe_call_whose_answer_cannot_be_passed_on_says_why),
        TEST(a_call_outlives_its_exchange_and_its_registry),
        TEST(credit_comes_back_for_everything_that_was_delivered),
    };
    int result = cmocka_run_group_tests_name("core-once", tests, NULL, NULL);
    country_end();
    return result;
}
