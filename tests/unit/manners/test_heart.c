#include "manners/heart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static uint64_t now;

uint64_t __wrap_clock_monotonic(void);
uint64_t __wrap_clock_monotonic(void)
{
    return now;
}

static void a_thread_that_stops_beating_is_named_after_its_patience_and_not_before(void **state)
{
    (void)state;
    now = 1000;
    struct hearts *hearts = hearts_new();
    assert_null(hearts_missing(hearts, 10)); /* nobody is vital yet */
    struct heart *writer = hearts_add(hearts, "writer");
    struct heart *verifier = hearts_add(hearts, "verifier");
    now += 10;
    assert_null(hearts_missing(hearts, 10));
    now += 1;
    assert_string_equal(hearts_missing(hearts, 10), "writer");
    heart_beat(writer);
    assert_string_equal(hearts_missing(hearts, 10), "verifier");
    heart_beat(verifier);
    assert_null(hearts_missing(hearts, 10));
    /* One that beats does not vouch for another. */
    for (int i = 0; i < 20; i++) {
        now++;
        heart_beat(verifier);
    }
    assert_string_equal(hearts_missing(hearts, 10), "writer");
    hearts_free(hearts);
}

static void a_beat_that_is_later_than_the_look_is_a_beat(void **state)
{
    (void)state;
    now = 1000;
    struct hearts *hearts = hearts_new();
    struct heart *heart = hearts_add(hearts, "writer");
    now = 5000;
    heart_beat(heart);
    now = 4000; /* another thread read its clock a moment earlier */
    assert_null(hearts_missing(hearts, 10));
    heart_beat(NULL);
    hearts_free(hearts);
    hearts_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_stops_beating_is_named_after_its_patience_and_not_before),
        cmocka_unit_test(a_beat_that_is_later_than_the_look_is_a_beat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
