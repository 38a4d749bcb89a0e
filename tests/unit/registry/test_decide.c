#include "registry/decide.h"

#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CONSUMER "TN/GOV/MEN/enrolment"
#define PERSON   "TN/GOV/MI/civil/person"

static struct registry *registry;
static struct decision decision;

static int load(void **state)
{
    (void)state;
    registry = sample_registry();
    return 0;
}

static int unload(void **state)
{
    (void)state;
    registry_free(registry);
    return 0;
}

/* Any text may be NULL. */
static enum refusal ask(const char *consumer, const char *service, const char *operation, const char *purpose,
                        const char *basis, const char *at)
{
    struct question q = {.now = sample_time(at)};
    q.consumer = consumer != NULL ? bytes_of_string(consumer) : q.consumer;
    q.service = service != NULL ? bytes_of_string(service) : q.service;
    q.operation = operation != NULL ? bytes_of_string(operation) : q.operation;
    q.purpose = purpose != NULL ? bytes_of_string(purpose) : q.purpose;
    q.legal_basis = basis != NULL ? bytes_of_string(basis) : q.legal_basis;
    decide(registry, &q, &decision);
    assert_true(decision.words[0] != 0);
    assert_true((decision.refusal == REFUSAL_NONE) == (decision.grant != NULL));
    return decision.refusal;
}

static void a_grant_allows(void **state)
{
    (void)state;
    assert_int_equal(ask(CONSUMER, PERSON, "identity", "enrolment", "law-2004-63/art-47", "2026-11-22"),
                     REFUSAL_NONE);
    assert_ptr_equal(decision.grant, registry_grant_at(registry, 0));
    assert_string_equal(decision.service->id, PERSON);
    assert_string_equal(decision.consumer->id, CONSUMER);
    assert_string_equal(decision.operation->code, "identity");
}

static void who_is_not_registered_is_unknown(void **state)
{
    (void)state;
    const char *at = "2026-11-22";
    assert_int_equal(ask("TN/GOV/MEN/nobody", PERSON, NULL, NULL, NULL, at), REFUSAL_UNKNOWN_MEMBER);
    assert_int_equal(ask("TN/GOV/MEN", PERSON, NULL, NULL, NULL, at), REFUSAL_UNKNOWN_MEMBER);
    assert_int_equal(ask("TN/GOV/MEN/enrolment/x", PERSON, NULL, NULL, NULL, at), REFUSAL_UNKNOWN_MEMBER);
    assert_int_equal(ask(NULL, PERSON, NULL, NULL, NULL, at), REFUSAL_UNKNOWN_MEMBER);
    assert_int_equal(ask(CONSUMER, "TN/GOV/MAS/social/beneficiary", NULL, NULL, NULL, at),
                     REFUSAL_UNKNOWN_MEMBER);
    assert_int_equal(ask(CONSUMER, "TN/GOV/MI/civil/nothing", NULL, NULL, NULL, at), REFUSAL_UNKNOWN_SERVICE);
    assert_int_equal(ask(CONSUMER, "TN/GOV/MI/civil", NULL, NULL, NULL, at), REFUSAL_UNKNOWN_SERVICE);
    assert_int_equal(ask(CONSUMER, PERSON, "destroy", NULL, NULL, at), REFUSAL_UNKNOWN_OPERATION);
}

static void without_a_grant_nothing_is_allowed(void **state)
{
    (void)state;
    const char *at = "2026-11-22";
    assert_int_equal(ask("TN/GOV/MEN/statistics", "TN/GOV/MI/civil/portrait", NULL, "statistics", NULL, at),
                     REFUSAL_NO_GRANT);
    /* The provider's own subsystem has none either. */
    assert_int_equal(ask("TN/GOV/MI/civil", PERSON, NULL, NULL, NULL, at), REFUSAL_NO_GRANT);
    /* A grant for other operations is none for this one. */
    assert_int_equal(ask(CONSUMER, PERSON, "attest", "enrolment", NULL, at), REFUSAL_NO_GRANT);
}

static void the_purpose_must_be_granted(void **state)
{
    (void)state;
    const char *at = "2026-11-22";
    assert_int_equal(ask(CONSUMER, PERSON, "identity", "statistics", NULL, at), REFUSAL_WRONG_PURPOSE);
    assert_non_null(strstr(decision.words, "enrolment, transfer"));
    assert_int_equal(ask(CONSUMER, PERSON, "identity", "curiosity", NULL, at), REFUSAL_WRONG_PURPOSE);
    assert_null(strstr(decision.words, "curiosity"));
    /* transfer covers identity only */
    assert_int_equal(ask(CONSUMER, PERSON, "guardian", "transfer", NULL, at), REFUSAL_WRONG_PURPOSE);
    assert_null(strstr(decision.words, "transfer"));
}

static void the_purpose_is_taken_only_when_one_grant_fits(void **state)
{
    (void)state;
    assert_int_equal(ask(CONSUMER, PERSON, "identity", NULL, NULL, "2026-11-22"), REFUSAL_PURPOSE_MISSING);
    assert_non_null(strstr(decision.words, "enrolment, transfer"));
    assert_int_equal(ask(CONSUMER, PERSON, NULL, NULL, NULL, "2026-11-22"), REFUSAL_PURPOSE_MISSING);
    assert_int_equal(ask(CONSUMER, PERSON, "guardian", NULL, NULL, "2026-11-22"), REFUSAL_NONE);
    assert_string_equal(decision.grant->purpose->code, "enrolment");
    /* transfer has expired: one is left */
    assert_int_equal(ask(CONSUMER, PERSON, "identity", NULL, NULL, "2027-04-01"), REFUSAL_NONE);
    assert_string_equal(decision.grant->purpose->code, "enrolment");
}

static void an_expired_grant_is_refused_from_that_moment(void **state)
{
    (void)state;
    assert_int_equal(
        ask("TN/GOV/MEN/statistics", PERSON, "identity", "statistics", NULL, "2026-06-29T23:59:59Z"),
        REFUSAL_NONE);
    assert_int_equal(
        ask("TN/GOV/MEN/statistics", PERSON, "identity", "statistics", NULL, "2026-06-30T00:00:00Z"),
        REFUSAL_GRANT_EXPIRED);
    assert_non_null(strstr(decision.words, "2026-06-30"));
    assert_int_equal(ask("TN/GOV/MEN/statistics", PERSON, NULL, NULL, NULL, "2026-11-22"),
                     REFUSAL_GRANT_EXPIRED);
}

static void the_legal_basis_is_the_purposes(void **state)
{
    (void)state;
    assert_int_equal(ask(CONSUMER, PERSON, "guardian", "enrolment", "decree-2020-777", "2026-11-22"),
                     REFUSAL_WRONG_LEGAL_BASIS);
    assert_int_equal(ask(CONSUMER, PERSON, "guardian", "enrolment", NULL, "2026-11-22"), REFUSAL_NONE);
}

static void past_valid_until_it_serves_and_past_the_hard_limit_it_does_not(void **state)
{
    (void)state;
    /* Every grant has expired by then: the limit is said first. */
    assert_int_equal(ask(CONSUMER, PERSON, "identity", "enrolment", NULL, "2027-12-31T00:00:00Z"),
                     REFUSAL_GRANT_EXPIRED);
    assert_int_equal(ask(CONSUMER, PERSON, "identity", "enrolment", NULL, "2027-12-31T00:00:01Z"),
                     REFUSAL_REGISTRY_OUTDATED);
    struct buffer text = {0};
    sample_document(&text);
    sample_replace(&text, "valid_until: 2027-06-30T00:00:00Z", "valid_until: 2026-12-01");
    struct registry *whole = registry;
    registry = sample_load(&text);
    assert_int_equal(ask(CONSUMER, PERSON, "identity", "enrolment", NULL, "2027-02-01"), REFUSAL_NONE);
    registry_free(registry);
    registry = whole;
    buffer_free(&text);
}

static void refusals_come_in_their_order(void **state)
{
    (void)state;
    const char *late = "2030-01-01";
    assert_int_equal(ask("TN/GOV/MEN/nobody", "TN/GOV/MI/civil/nothing", "x", "x", "x", late),
                     REFUSAL_UNKNOWN_MEMBER);
    assert_int_equal(ask(CONSUMER, "TN/GOV/MI/civil/nothing", "x", "x", "x", late), REFUSAL_UNKNOWN_SERVICE);
    assert_int_equal(ask(CONSUMER, PERSON, "x", "x", "x", late), REFUSAL_UNKNOWN_OPERATION);
    assert_int_equal(ask(CONSUMER, PERSON, "attest", "x", "x", late), REFUSAL_REGISTRY_OUTDATED);
    const char *expired = "2027-07-15";
    assert_int_equal(ask(CONSUMER, PERSON, "attest", "x", "x", expired), REFUSAL_NO_GRANT);
    assert_int_equal(ask(CONSUMER, PERSON, "identity", "x", "x", expired), REFUSAL_WRONG_PURPOSE);
    assert_int_equal(ask(CONSUMER, PERSON, "identity", "enrolment", "x", expired), REFUSAL_GRANT_EXPIRED);
    assert_int_equal(ask(CONSUMER, PERSON, "identity", "enrolment", "x", "2026-11-22"),
                     REFUSAL_WRONG_LEGAL_BASIS);
}

/* Whatever is granted, on either side, and said before anything about grants. */
static void a_suspended_member_neither_asks_nor_is_asked(void **state)
{
    (void)state;
    struct registry *whole = registry;
    const char *const members[] = {"TN/GOV/MI", "TN/GOV/MEN"};
    for (size_t i = 0; i < 2; i++) {
        struct buffer text = {0};
        char from[64], to[96];
        sample_document(&text);
        snprintf(from, sizeof(from), "  - id: %s\n", members[i]);
        snprintf(to, sizeof(to), "  - id: %s\n    suspended: true\n", members[i]);
        sample_replace(&text, from, to);
        registry = sample_load(&text);
        assert_int_equal(ask(CONSUMER, PERSON, "guardian", "enrolment", NULL, "2026-11-22"),
                         REFUSAL_MEMBER_SUSPENDED);
        assert_non_null(strstr(decision.words, members[i]));
        assert_int_equal(ask(CONSUMER, PERSON, "attest", "x", "x", "2030-01-01"), REFUSAL_MEMBER_SUSPENDED);
        assert_int_equal(ask(CONSUMER, PERSON, "x", "x", "x", "2030-01-01"), REFUSAL_UNKNOWN_OPERATION);
        assert_int_equal(registry_standing(registry, bytes_of_string(members[i])), REFUSAL_MEMBER_SUSPENDED);
        assert_int_equal(registry_standing(registry, bytes_of_string(members[1 - i])), REFUSAL_NONE);
        registry_free(registry);
        buffer_free(&text);
    }
    registry = whole;
    assert_int_equal(registry_standing(registry, bytes_of_string("TN/GOV/XX")), REFUSAL_UNKNOWN_MEMBER);
}

static void nothing_that_was_asked_is_repeated_in_the_words(void **state)
{
    (void)state;
    const char *mark = "01234567890";
    assert_int_equal(ask(mark, PERSON, NULL, NULL, NULL, "2026-11-22"), REFUSAL_UNKNOWN_MEMBER);
    assert_null(strstr(decision.words, mark));
    assert_int_equal(ask(CONSUMER, "TN/GOV/MI/civil/01234567890", NULL, NULL, NULL, "2026-11-22"),
                     REFUSAL_UNKNOWN_SERVICE);
    assert_null(strstr(decision.words, mark));
    assert_int_equal(ask(CONSUMER, PERSON, mark, NULL, NULL, "2026-11-22"), REFUSAL_UNKNOWN_OPERATION);
    assert_null(strstr(decision.words, mark));
    assert_int_equal(ask(CONSUMER, PERSON, "guardian", "enrolment", mark, "2026-11-22"),
                     REFUSAL_WRONG_LEGAL_BASIS);
    assert_null(strstr(decision.words, mark));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grant_allows),
        cmocka_unit_test(who_is_not_registered_is_unknown),
        cmocka_unit_test(without_a_grant_nothing_is_allowed),
        cmocka_unit_test(the_purpose_must_be_granted),
        cmocka_unit_test(the_purpose_is_taken_only_when_one_grant_fits),
        cmocka_unit_test(an_expired_grant_is_refused_from_that_moment),
        cmocka_unit_test(the_legal_basis_is_the_purposes),
        cmocka_unit_test(past_valid_until_it_serves_and_past_the_hard_limit_it_does_not),
        cmocka_unit_test(refusals_come_in_their_order),
        cmocka_unit_test(a_suspended_member_neither_asks_nor_is_asked),
        cmocka_unit_test(nothing_that_was_asked_is_repeated_in_the_words),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
