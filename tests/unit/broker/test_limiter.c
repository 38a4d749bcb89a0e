/* Refusals that come too fast are counted and hashed, not written singly. */
#include "broker/limiter.h"

#include "base/clock.h"
#include "crypto/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define NOW (1700000000ULL * MICROSECONDS)

static uint8_t leaves[200][HASH_SIZE];

static unsigned refuse(struct limiter *l, const char *member, unsigned count, uint64_t now)
{
    unsigned written = 0;
    for (unsigned i = 0; i < count; i++) {
        memset(leaves[i], (int)i, HASH_SIZE);
        written += limiter_allow(l, member, REFUSAL_NO_GRANT, leaves[i], now);
    }
    return written;
}

static void above_fifty_a_second_one_entry_stands_for_the_rest(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(50);
    struct limiter_rest rest;
    assert_int_equal(refuse(l, "TN/GOV/MI", 120, NOW + 5), 50);
    assert_false(limiter_next(l, NOW + 999999, false, &rest)); /* its second is not over */
    assert_int_equal(limiter_due(l), NOW + MICROSECONDS);
    assert_true(limiter_next(l, NOW + MICROSECONDS, false, &rest));
    assert_string_equal(rest.member, "TN/GOV/MI");
    assert_int_equal(rest.count, 70);
    assert_int_equal(rest.reason, REFUSAL_NO_GRANT);
    uint8_t expected[HASH_SIZE];
    sha256(bytes_make(leaves[50], 70 * HASH_SIZE), expected);
    assert_memory_equal(rest.hash, expected, HASH_SIZE);
    assert_false(limiter_next(l, NOW + MICROSECONDS, false, &rest));
    assert_true(limiter_due(l) == UINT64_MAX);
    limiter_free(l);
}

static void a_new_second_writes_singly_again(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(50);
    assert_int_equal(refuse(l, "TN/GOV/MI", 50, NOW), 50);
    assert_int_equal(refuse(l, "TN/GOV/MI", 50, NOW + MICROSECONDS), 50);
    limiter_free(l);
}

static void a_rest_that_nobody_took_goes_on_over_the_second(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(50);
    struct limiter_rest rest;
    assert_int_equal(refuse(l, "TN/GOV/MI", 60, NOW), 50);
    assert_int_equal(refuse(l, "TN/GOV/MI", 5, NOW + 2 * MICROSECONDS), 0);
    assert_true(limiter_next(l, NOW + 2 * MICROSECONDS, false, &rest));
    assert_int_equal(rest.count, 15);
    limiter_free(l);
}

static void members_are_counted_apart(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(50);
    struct limiter_rest rest;
    char member[32];
    assert_int_equal(refuse(l, "TN/GOV/MI", 60, NOW), 50);
    for (int i = 0; i < 40; i++) {
        snprintf(member, sizeof(member), "TN/GOV/M%d", i);
        assert_int_equal(refuse(l, member, 50, NOW), 50);
    }
    assert_true(limiter_next(l, NOW, true, &rest)); /* at a stop nothing waits for its second */
    assert_string_equal(rest.member, "TN/GOV/MI");
    assert_false(limiter_next(l, NOW, true, &rest));
    limiter_free(l);
}

static void what_the_ledger_refused_by_itself_counts(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(50);
    for (int i = 0; i < 45; i++)
        limiter_note(l, "TN/GOV/MI", NOW);
    assert_int_equal(refuse(l, "TN/GOV/MI", 20, NOW), 5);
    limiter_free(l); /* with a rest: nothing leaks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(above_fifty_a_second_one_entry_stands_for_the_rest),
        cmocka_unit_test(a_new_second_writes_singly_again),
        cmocka_unit_test(a_rest_that_nobody_took_goes_on_over_the_second),
        cmocka_unit_test(members_are_counted_apart),
        cmocka_unit_test(what_the_ledger_refused_by_itself_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
