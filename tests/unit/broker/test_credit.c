/* Credit: what may be sent, and what is given back. */
#include "broker/credit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void credit_that_does_not_suffice_is_left_alone(void **state)
{
    (void)state;
    struct credit c = {1, 100};
    assert_false(credit_take(&c, 1, 101));
    assert_false(credit_take(&c, 2, 1));
    assert_int_equal(c.messages, 1);
    assert_int_equal(c.bytes, 100);
    assert_true(credit_take(&c, 1, 100));
    assert_false(credit_take(&c, 0, 1));
}

static void endless_credit_stops_at_the_largest_number(void **state)
{
    (void)state;
    struct credit c = {UINT64_MAX - 1, 5};
    credit_add(&c, 7, UINT64_MAX);
    assert_true(c.messages == UINT64_MAX && c.bytes == UINT64_MAX);
}

static void what_is_done_with_is_given_back_by_quarters(void **state)
{
    (void)state;
    struct window w;
    struct credit give;
    window_open(&w, (struct credit){8, 1000});
    for (int i = 0; i < 8; i++)
        assert_true(window_take(&w, 1, 10));
    assert_false(window_take(&w, 1, 10)); /* more than its credit */
    window_done(&w, 1, 10);
    assert_false(window_due(&w, false, &give));
    assert_false(window_take(&w, 1, 10)); /* owed is not given yet */
    window_done(&w, 1, 10);
    assert_true(window_due(&w, false, &give));
    assert_int_equal(give.messages, 2);
    assert_int_equal(give.bytes, 20);
    assert_true(window_take(&w, 2, 20));
    window_done(&w, 1, 0);
    assert_true(window_due(&w, true, &give));
    assert_int_equal(give.messages, 1);
    assert_false(window_due(&w, true, &give));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credit_that_does_not_suffice_is_left_alone),
        cmocka_unit_test(endless_credit_stops_at_the_largest_number),
        cmocka_unit_test(what_is_done_with_is_given_back_by_quarters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
