/* Two adapters and a bus made by hand: whole exchanges. */
#include "world.h"

#include "base/clock.h"

#include <string.h>

static int setup(void **state)
{
    static struct world w;
    world_open(&w);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world_close(*state);
    return 0;
}

static struct world *both(void **state)
{
    struct world *w = *state;
    world_start(w, MI);
    world_start(w, MEN);
    world_link(w, MI);
    world_link(w, MEN);
    return w;
}

static void ask_and_wait(struct world *w, struct ask *ask)
{
    world_ask(w, MEN, ask);
    world_run(w, world_answered);
}

static void a_question_is_answered_with_the_permitted_fields_only(void **state)
{
    struct world *w = both(state);
    w->system.more_header = "X-Filiation";
    w->system.more_value = "Ali";
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    assert_int_equal(w->refusal, REFUSAL_NONE);
    assert_int_equal(w->status, 200);
    assert_string_equal(w->answer_body, "{\"name\":{\"fr\":\"Amel\"},\"birth_date\":\"2012-04-01\"}");
    assert_string_equal(w->answer_headers, "content-type=application/json;");
    assert_string_equal(w->system.last_path, "/persons/01234567890");
}

static void both_sides_headers_carry_their_own_pseudonym_of_the_subject(void **state)
{
    struct world *w = both(state);
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    const struct hand_message *request = hand_bus_find(&w->bus, MEN, MESSAGE_REQUEST);
    const struct hand_message *response = hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE);
    assert_true(request->header.has_subject && response->header.has_subject);
    assert_memory_not_equal(request->header.subject, response->header.subject, PSEUDONYM_SIZE);
    assert_int_equal(hand_bus_count(&w->bus, MEN, MESSAGE_SUBJECT_KEY), 1);
    assert_int_equal(hand_bus_count(&w->bus, MI, MESSAGE_SUBJECT_KEY), 1);
    /* The same person on the same day is the same pseudonym. */
    uint8_t first[PSEUDONYM_SIZE];
    memcpy(first, request->header.subject, sizeof(first));
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    assert_memory_equal(hand_bus_find(&w->bus, MEN, MESSAGE_REQUEST)->header.subject, first, sizeof(first));
}

static void the_error_body_of_the_providers_system_is_reduced_too(void **state)
{
    struct world *w = both(state);
    w->system.status = 404;
    w->system.body = "{\"filiation\":{\"father\":\"Ali\"},\"birth_date\":\"2012-04-01\"}";
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    assert_int_equal(w->status, 404);
    assert_string_equal(w->answer_body, "{\"birth_date\":\"2012-04-01\"}");
    w->system.content_type = "text/html";
    w->system.body = "<p>father: Ali</p>";
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    assert_int_equal(w->status, 404);
    assert_string_equal(w->answer_body, "");
    assert_string_equal(w->answer_headers, "");
}

static void what_cannot_be_reduced_is_refused(void **state)
{
    struct world *w = both(state);
    w->system.content_type = "text/plain";
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    assert_int_equal(w->refusal, REFUSAL_NOT_FILTERABLE);
    w->system.content_type = "application/json";
    w->system.more_header = "Content-Encoding";
    w->system.more_value = "gzip";
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    assert_int_equal(w->refusal, REFUSAL_NOT_FILTERABLE);
    assert_int_equal(hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE)->header.outcome, REFUSAL_NOT_FILTERABLE);
}

/* A name that holds a colon would be another field at the other side: one that only the front may set, or a
 * second length of the body. */
static void a_header_whose_name_is_no_name_leaves_nothing(void **state)
{
    struct world *w = *state;
    struct buffer whole = {0};
    static const char *const bad[][2] = {
        {"X-Road-Error: forged", "x"}, {"Transfer-Encoding:", "chunked"}, {"X Y", "x"}, {"X-Y", "a\x01"}};
    country_sign_registry(2, &country()->registry, "whole: true", &whole);
    w->bus.registry = &whole;
    both(state);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        w->system.more_header = bad[i][0];
        w->system.more_value = bad[i][1];
        ask_and_wait(w, world_ask_new(w, "01234567890"));
        assert_int_equal(w->refusal, REFUSAL_PROVIDER_FAILED);
    }
    w->system.more_header = "X-Y";
    w->system.more_value = "a\tb";
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    assert_int_equal(w->refusal, REFUSAL_NONE);
    assert_string_equal(w->answer_headers, "Content-Type=application/json;X-Y=a\tb;");
    w->bus.registry = &country()->registry;
    buffer_free(&whole);
}

static void an_unknown_person_is_a_signed_outcome(void **state)
{
    struct world *w = both(state);
    w->system.refusal = REFUSAL_UNKNOWN_SUBJECT;
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    assert_int_equal(w->refusal, REFUSAL_UNKNOWN_SUBJECT);
    assert_int_equal(hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE)->header.outcome, REFUSAL_UNKNOWN_SUBJECT);
}

static bool recorded(struct world *w)
{
    return hand_bus_find(&w->bus, MEN, MESSAGE_REFUSAL) != NULL;
}

static void what_the_own_registry_does_not_allow_is_recorded_and_not_sent(void **state)
{
    struct world *w = both(state);
    struct ask *ask = world_ask_new(w, "01234567890");
    strcpy(ask->purpose, "social");
    ask_and_wait(w, ask);
    assert_int_equal(w->refusal, REFUSAL_WRONG_PURPOSE);
    world_run(w, recorded);
    const struct hand_message *refusal = hand_bus_find(&w->bus, MEN, MESSAGE_REFUSAL);
    assert_int_equal(refusal->header.outcome, REFUSAL_WRONG_PURPOSE);
    assert_string_equal(refusal->header.provider, "TN/GOV/MI/civil");
    assert_string_equal(refusal->header.purpose, "social");
    assert_int_equal(hand_bus_count(&w->bus, MEN, MESSAGE_REQUEST), 0);
}

static void a_path_beside_the_grants_endpoints_is_refused_before_it_is_sealed(void **state)
{
    struct world *w = *state;
    struct buffer narrow = {0};
    country_sign_registry(
        2, &country()->registry,
        "fields: [/name/fr]\n    endpoints: [{method: POST, path: /persons/*/attestations}]", &narrow);
    w->bus.registry = &narrow;
    both(state);
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    assert_int_equal(w->refusal, REFUSAL_ENDPOINT_NOT_PERMITTED);
    world_run(w, recorded);
    assert_int_equal(hand_bus_find(&w->bus, MEN, MESSAGE_REFUSAL)->header.outcome,
                     REFUSAL_ENDPOINT_NOT_PERMITTED);
    assert_int_equal(hand_bus_count(&w->bus, MEN, MESSAGE_REQUEST), 0);
    w->bus.registry = &country()->registry;
    buffer_free(&narrow);
}

static void the_person_in_the_path_is_the_subject_where_no_header_names_one(void **state)
{
    struct world *w = both(state);
    uint8_t named[PSEUDONYM_SIZE];
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    memcpy(named, hand_bus_find(&w->bus, MEN, MESSAGE_REQUEST)->header.subject, sizeof(named));
    struct ask *ask = world_ask_new(w, "01234567890");
    ask->subject_type = SUBJECT_NONE;
    ask->subject[0] = '\0';
    ask_and_wait(w, ask);
    assert_int_equal(w->refusal, REFUSAL_NONE);
    assert_int_equal(hand_bus_count(&w->bus, MEN, MESSAGE_REQUEST), 2);
    const struct hand_message *request = hand_bus_find(&w->bus, MEN, MESSAGE_REQUEST);
    assert_true(request->header.has_subject);
    assert_memory_equal(request->header.subject, named, sizeof(named));
    /* Also where it is refused, for the entry. */
    ask = world_ask_new(w, "01234567890");
    ask->subject_type = SUBJECT_NONE;
    strcpy(ask->purpose, "nothing");
    ask_and_wait(w, ask);
    assert_int_equal(w->refusal, REFUSAL_WRONG_PURPOSE);
    world_run(w, recorded);
    assert_memory_equal(hand_bus_find(&w->bus, MEN, MESSAGE_REFUSAL)->header.subject, named, sizeof(named));
}

static void each_refusal_of_an_ask_has_its_own_code(void **state)
{
    struct world *w = both(state);
    struct ask *ask = world_ask_new(w, "0123456789");
    ask_and_wait(w, ask);
    assert_int_equal(w->refusal, REFUSAL_SUBJECT_LENGTH);
    ask = world_ask_new(w, "01234567890");
    ask->subject_type = SUBJECT_CIN;
    ask_and_wait(w, ask);
    assert_int_equal(w->refusal, REFUSAL_SUBJECT_TYPE);
    ask = world_ask_new(w, "01234567890");
    strcpy(ask->subject, "01234567891");
    ask_and_wait(w, ask);
    assert_int_equal(w->refusal, REFUSAL_SUBJECT_MISMATCH);
    ask = world_ask_new(w, "01234567890");
    strcpy(ask->consumer, "TN/GOV/MAS/social");
    ask_and_wait(w, ask);
    assert_int_equal(w->refusal, REFUSAL_CLIENT_NOT_ALLOWED);
    ask = world_ask_new(w, "01234567890");
    strcpy(ask->service, "TN/GOV/MI/civil/nothing");
    ask_and_wait(w, ask);
    assert_int_equal(w->refusal, REFUSAL_UNKNOWN_SERVICE);
    ask = world_ask_new(w, "01234567890");
    ask->front_refusal = REFUSAL_SUBJECT_DIGITS;
    ask_and_wait(w, ask);
    assert_int_equal(w->refusal, REFUSAL_SUBJECT_DIGITS);
    ask = world_ask_new(w, "01234567890");
    buffer_extend(&ask->body, 3 << 20);
    ask_and_wait(w, ask);
    assert_int_equal(w->refusal, REFUSAL_TOO_LARGE);
    assert_int_equal(hand_bus_count(&w->bus, MEN, MESSAGE_REQUEST), 0);
}

static void without_a_link_an_ask_is_refused_at_once(void **state)
{
    struct world *w = *state;
    world_start(w, MEN);
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    assert_int_equal(w->refusal, REFUSAL_BUS_UNAVAILABLE);
}

static bool asked_for_key(struct world *w)
{
    return hand_bus_find(&w->bus, MEN, MESSAGE_SUBJECT_KEY) != NULL;
}

static void no_pseudonym_is_used_before_its_day_key_is_escrowed(void **state)
{
    struct world *w = *state;
    w->bus.hold_keys = true;
    world_start(w, MEN);
    world_link(w, MEN);
    world_ask(w, MEN, world_ask_new(w, "01234567890"));
    world_run(w, asked_for_key);
    world_settle(w);
    assert_int_equal(hand_bus_count(&w->bus, MEN, MESSAGE_REQUEST), 0);
    w->bus.hold_keys = false;
    w->bus.hold_requests = true;
    hand_bus_admit(&w->bus, hand_bus_find(&w->bus, MEN, MESSAGE_SUBJECT_KEY));
    world_settle(w);
    assert_int_equal(hand_bus_count(&w->bus, MEN, MESSAGE_REQUEST), 1);
    assert_true(hand_bus_find(&w->bus, MEN, MESSAGE_REQUEST)->header.has_subject);
}

static bool requested(struct world *w)
{
    return hand_bus_find(&w->bus, MEN, MESSAGE_REQUEST) != NULL;
}

static void a_refusal_of_the_bus_ends_the_ask_with_its_reason(void **state)
{
    struct world *w = *state;
    w->bus.hold_requests = true;
    world_start(w, MEN);
    world_link(w, MEN);
    world_ask(w, MEN, world_ask_new(w, "01234567890"));
    world_run(w, requested);
    hand_bus_refuse(&w->bus, hand_bus_find(&w->bus, MEN, MESSAGE_REQUEST), REFUSAL_PROVIDER_UNAVAILABLE);
    world_run(w, world_answered);
    assert_int_equal(w->refusal, REFUSAL_PROVIDER_UNAVAILABLE);
}

static void after_a_reconnect_the_very_same_bytes_are_submitted_again(void **state)
{
    struct world *w = *state;
    w->bus.hold_requests = true;
    world_start(w, MEN);
    world_link(w, MEN);
    world_ask(w, MEN, world_ask_new(w, "01234567890"));
    world_run(w, requested);
    hand_bus_bye(&w->bus, REFUSAL_NONE);
    world_start(w, MI);
    world_link(w, MI);
    w->bus.hold_requests = false;
    world_run(w, world_answered);
    assert_int_equal(w->refusal, REFUSAL_NONE);
    /* The hand keeps a message by its leaf: other bytes would have been a second request. */
    assert_int_equal(hand_bus_count(&w->bus, MEN, MESSAGE_REQUEST), 1);
}

static void hello_carries_the_largest_accepted_checkpoint_also_after_a_restart(void **state)
{
    struct world *w = both(state);
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    world_settle(w);
    struct core_status status;
    core_status(w->core[MEN], &status);
    assert_true(status.checkpoint_size > 1);
    world_stop(w, MEN);
    world_start(w, MEN);
    world_link(w, MEN);
    assert_true(w->bus.peers[MEN].seen >= status.checkpoint_size);
}

static void an_ask_ends_in_time_when_nobody_says_anything(void **state)
{
    struct world *w = *state;
    w->request_timeout = MICROSECONDS / 10;
    w->bus.hold_keys = true;
    world_start(w, MEN);
    world_link(w, MEN);
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    assert_int_equal(w->refusal, REFUSAL_SUBJECT_KEY_MISSING);
}

static void an_adapter_that_stops_ends_its_asks(void **state)
{
    struct world *w = *state;
    w->bus.hold_requests = true;
    world_start(w, MEN);
    world_link(w, MEN);
    world_ask(w, MEN, world_ask_new(w, "01234567890"));
    world_run(w, requested);
    world_stop(w, MEN);
    assert_int_equal(w->answers, 1);
    assert_int_equal(w->refusal, REFUSAL_STOPPED);
}

static void a_newer_registry_that_the_entry_names_is_fetched_before_judging(void **state)
{
    struct world *w = both(state);
    struct buffer second = {0};
    country_sign_registry(2, &country()->registry, "fields: [/birth_date]", &second);
    w->bus.registry = &second; /* nobody is told by NOTICE */
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    assert_int_equal(w->refusal, REFUSAL_NONE);
    assert_string_equal(w->answer_body, "{\"birth_date\":\"2012-04-01\"}");
    w->bus.registry = &country()->registry;
    buffer_free(&second);
}

static bool second_registry(struct world *w)
{
    struct core_status status;
    core_status(w->core[MI], &status);
    return status.registry_version == 2;
}

static void a_notice_brings_the_new_registry_and_an_older_one_is_never_taken(void **state)
{
    struct world *w = both(state);
    struct buffer second = {0};
    country_sign_registry(2, &country()->registry, NULL, &second);
    w->bus.registry = &second;
    hand_bus_notice(&w->bus, MI);
    world_run(w, second_registry);
    w->bus.registry = &country()->registry;
    hand_bus_notice(&w->bus, MI);
    world_settle(w);
    assert_true(second_registry(w));
    /* The stored one is in force at the next start, before any bus is asked. */
    world_stop(w, MI);
    world_start(w, MI);
    assert_true(second_registry(w));
    buffer_free(&second);
}

/* Whatever the bus delivers. */
static void a_provider_refuses_a_suspended_consumer_by_its_own_registry(void **state)
{
    struct world *w = both(state);
    struct buffer second = {0};
    country_suspended = MEN;
    country_sign_registry(2, &country()->registry, NULL, &second);
    country_suspended = MEMBERS;
    w->bus.registry = &second;
    hand_bus_notice(&w->bus, MI);
    world_run(w, second_registry);
    ask_and_wait(w, world_ask_new(w, "01234567890"));
    assert_int_equal(w->refusal, REFUSAL_MEMBER_SUSPENDED);
    w->bus.registry = &country()->registry;
    buffer_free(&second);
}

static void no_more_asks_are_taken_than_the_bound(void **state)
{
    struct world *w = *state;
    world_start(w, MEN);
    struct ask *ask;
    unsigned taken = 0;
    while (core_ask(w->core[MEN], ask = world_ask_new(w, "01234567890")))
        taken++;
    ask_free(ask);
    assert_int_equal(taken, 1024);
    world_stop(w, MEN);
    assert_int_equal(w->answers, 1024);
}

static void asks_under_way_count_against_the_bound_too(void **state)
{
    struct world *w = *state;
    w->bus.hold_keys = true; /* they wait for the day key */
    world_start(w, MEN);
    world_link(w, MEN);
    for (int i = 0; i < 1024; i++)
        assert_true(core_ask(w->core[MEN], world_ask_new(w, "01234567890")));
    for (int i = 0; i < 10; i++)
        world_settle(w); /* the queue between the threads is empty now */
    struct ask *ask = world_ask_new(w, "01234567890");
    assert_false(core_ask(w->core[MEN], ask));
    ask_free(ask);
    assert_int_equal(w->answers, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_question_is_answered_with_the_permitted_fields_only),
        TEST(both_sides_headers_carry_their_own_pseudonym_of_the_subject),
        TEST(the_error_body_of_the_providers_system_is_reduced_too),
        TEST(what_cannot_be_reduced_is_refused),
        TEST(a_header_whose_name_is_no_name_leaves_nothing),
        TEST(an_unknown_person_is_a_signed_outcome),
        TEST(what_the_own_registry_does_not_allow_is_recorded_and_not_sent),
        TEST(a_path_beside_the_grants_endpoints_is_refused_before_it_is_sealed),
        TEST(the_person_in_the_path_is_the_subject_where_no_header_names_one),
        TEST(each_refusal_of_an_ask_has_its_own_code),
        TEST(without_a_link_an_ask_is_refused_at_once),
        TEST(no_pseudonym_is_used_before_its_day_key_is_escrowed),
        TEST(a_refusal_of_the_bus_ends_the_ask_with_its_reason),
        TEST(after_a_reconnect_the_very_same_bytes_are_submitted_again),
        TEST(hello_carries_the_largest_accepted_checkpoint_also_after_a_restart),
        TEST(an_ask_ends_in_time_when_nobody_says_anything),
        TEST(an_adapter_that_stops_ends_its_asks),
        TEST(a_newer_registry_that_the_entry_names_is_fetched_before_judging),
        TEST(a_notice_brings_the_new_registry_and_an_older_one_is_never_taken),
        TEST(a_provider_refuses_a_suspended_consumer_by_its_own_registry),
        TEST(no_more_asks_are_taken_than_the_bound),
        TEST(asks_under_way_count_against_the_bound_too),
    };
    int result = cmocka_run_group_tests_name("core-exchange", tests, NULL, NULL);
    country_end();
    return result;
}
