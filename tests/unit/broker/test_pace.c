/* When the writer waits for company, and when nobody is made to wait. */
#include "broker/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define WINDOW 4000
#define MANY   64

/* Batches of `count` every `interval` microseconds. */
static struct pace after(unsigned batches, uint64_t interval, size_t count)
{
    struct pace pace = {0};
    for (unsigned i = 1; i <= batches; i++)
        pace_note(&pace, 1000000 + i * interval, count, WINDOW);
    return pace;
}

static void who_is_alone_waits_for_nobody(void **state)
{
    (void)state;
    struct pace pace = {0};
    assert_int_equal(pace_wait(&pace, WINDOW, MANY), 0);
    pace = after(1000, 1500, 1);
    assert_int_equal(pace_wait(&pace, WINDOW, 1), 0);
    /* However fast the disk: one question after the other is no crowd. */
    pace = after(1000, 50, 1);
    assert_int_equal(pace_wait(&pace, WINDOW, 1), 0);
}

static void where_many_come_they_are_waited_for(void **state)
{
    (void)state;
    struct pace pace = after(20, 1600, 4);
    assert_int_equal(pace_wait(&pace, WINDOW, MANY), WINDOW);
    /* The wait itself does not slow the reckoning: ten in each of the longer rounds. */
    pace = after(20, 5200, 14);
    assert_int_equal(pace_wait(&pace, WINDOW, MANY), WINDOW);
}

static void many_that_are_slow_are_not_waited_for(void **state)
{
    (void)state;
    struct pace pace = after(100, 1000, 1);
    assert_int_equal(pace_wait(&pace, WINDOW, MANY), 0);
}

static void a_pause_ends_the_waiting_at_once(void **state)
{
    (void)state;
    struct pace pace = after(20, 800, 8);
    pace_note(&pace, pace.last + 1000000, 1, WINDOW);
    assert_int_equal(pace_wait(&pace, WINDOW, MANY), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_alone_waits_for_nobody),
        cmocka_unit_test(where_many_come_they_are_waited_for),
        cmocka_unit_test(many_that_are_slow_are_not_waited_for),
        cmocka_unit_test(a_pause_ends_the_waiting_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
