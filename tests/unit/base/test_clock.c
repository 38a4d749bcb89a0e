#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static uint64_t parsed(const char *text)
{
    uint64_t t = 0;
    if (!clock_parse(text, &t))
        fail_msg("refused: %s", text);
    return t;
}

static void a_time_is_written_with_microseconds_and_zone(void **state)
{
    (void)state;
    char text[28];
    clock_format(1795326956123456, text);
    assert_string_equal(text, "2026-11-22T05:55:56.123456Z");
    clock_format(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    clock_format(UINT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
}

static void a_time_comes_back_as_it_was_written(void **state)
{
    (void)state;
    char text[28];
    for (uint64_t t = 1; t < 253402300800ULL * MICROSECONDS; t = t * 3 + 1000003) {
        clock_format(t, text);
        assert_true(parsed(text) == t);
    }
}

static void offsets_fractions_and_bare_dates_are_read(void **state)
{
    (void)state;
    assert_true(parsed("2026-11-22T06:55:56.123456+01:00") == 1795326956123456);
    assert_true(parsed("2026-11-22T00:25:56.123456-05:30") == 1795326956123456);
    assert_true(parsed("2026-11-22T05:55:56Z") == 1795326956000000);
    assert_true(parsed("2026-11-22T05:55:56.5Z") == 1795326956500000);
    assert_true(parsed("2026-11-22T05:55:56.123456789Z") == 1795326956123456);
    assert_true(parsed("2026-11-22") == 1795305600000000);
    assert_true(parsed("2024-02-29") == 1709164800000000);
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "2026",
                                        "2026-11-2",
                                        "2026-11-22T",
                                        "2026-11-22 05:55:56Z",
                                        "2026-11-22T05:55Z",
                                        "2026-11-22T05:55:56",
                                        "2026-11-22T05:55:56.Z",
                                        "2026-11-22T05:55:56.1234567890Z",
                                        "2026-11-22T05:55:56Zx",
                                        "2026-11-22T05:55:56+0100",
                                        "2026-11-22T05:55:56+24:00",
                                        "2026-11-22T05:55:56+01:60",
                                        "2026-11-22T24:00:00Z",
                                        "2026-11-22T23:60:00Z",
                                        "2026-11-22T23:59:60Z",
                                        "2026-13-01",
                                        "2026-00-01",
                                        "2026-01-00",
                                        "2025-02-29",
                                        "2026-04-31",
                                        "1969-12-31",
                                        "1970-01-01T00:00:00+01:00",
                                        "-026-11-22",
                                        "2026-11-22T05:55:56z"};
    uint64_t t = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (clock_parse(wrong[i], &t))
            fail_msg("accepted: %s", wrong[i]);
    assert_int_equal(t, 7);
}

static void a_day_is_counted_in_utc(void **state)
{
    (void)state;
    assert_int_equal(clock_day(parsed("2026-11-22T23:59:59.999999Z")), 20261122);
    assert_int_equal(clock_day(parsed("2026-11-23T00:30:00+01:00")), 20261122);
    assert_int_equal(clock_day(0), 19700101);
}

static void the_clocks_run(void **state)
{
    (void)state;
    uint64_t a = clock_monotonic(), b = clock_monotonic();
    assert_true(a > 0 && b >= a);
    assert_true(clock_wall() > parsed("2020-01-01"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_written_with_microseconds_and_zone),
        cmocka_unit_test(a_time_comes_back_as_it_was_written),
        cmocka_unit_test(offsets_fractions_and_bare_dates_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(a_day_is_counted_in_utc),
        cmocka_unit_test(the_clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
