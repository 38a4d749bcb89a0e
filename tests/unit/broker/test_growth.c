#include "broker/growth.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define HOUR 3600u
#define DAY  (24 * HOUR)
#define NOW  1795000000u

static void days_are_room_over_the_growth_since_the_oldest_sample(void **state)
{
    (void)state;
    struct growth growth = {0};
    double days;
    assert_true(growth_note(&growth, NOW, 1000));
    assert_true(growth_note(&growth, NOW + DAY, 2000));
    assert_true(growth_days_left(&growth, NOW + 2 * DAY, 3000, 5000, &days));
    assert_true(days > 4.999 && days < 5.001); /* 1000 a day */
    assert_true(growth_days_left(&growth, NOW + 2 * DAY, 3000, 0, &days));
    assert_true(days < 0.001);
}

static void nothing_is_known_in_the_first_hour_and_while_nothing_grows(void **state)
{
    (void)state;
    struct growth growth = {0};
    double days;
    assert_false(growth_days_left(&growth, NOW, 0, 5000, &days));
    growth_note(&growth, NOW, 1000);
    assert_false(growth_days_left(&growth, NOW + HOUR - 1, 2000, 5000, &days));
    assert_true(growth_days_left(&growth, NOW + HOUR, 2000, 5000, &days));
    assert_false(growth_days_left(&growth, NOW + DAY, 1000, 5000, &days));
}

static void one_sample_an_hour_is_kept_and_a_week_of_them(void **state)
{
    (void)state;
    struct growth growth = {0};
    assert_true(growth_note(&growth, NOW, 1));
    assert_false(growth_note(&growth, NOW + HOUR - 1, 2));
    for (unsigned i = 1; i <= 400; i++)
        assert_true(growth_note(&growth, NOW + i * HOUR, 1 + i));
    assert_int_equal(growth.count, GROWTH_SAMPLES);
    assert_true(growth.samples[0].time >= NOW + 400 * HOUR - 7 * DAY);
}

static void samples_of_another_time_or_of_a_dropped_segment_are_forgotten(void **state)
{
    (void)state;
    struct growth growth = {0};
    double days;
    growth_note(&growth, NOW, 1000);
    growth_note(&growth, NOW + DAY, 9000);
    growth_note(&growth, NOW + 2 * DAY, 3000); /* a segment went: its growth is no measure */
    assert_int_equal(growth.count, 1);
    growth_note(&growth, NOW + DAY, 3000); /* the clock was set back */
    assert_int_equal(growth.count, 1);
    assert_int_equal(growth.samples[0].time, NOW + DAY);
    assert_false(growth_days_left(&growth, NOW, 4000, 10, &days));
    /* The machine was off for a month: what was before is no measure either. */
    growth_note(&growth, NOW + 30 * DAY, 4000);
    assert_int_equal(growth.count, 1);
    assert_int_equal(growth.samples[0].time, NOW + 30 * DAY);
}

static void the_pace_survives_a_restart_and_a_damaged_file_begins_anew(void **state)
{
    (void)state;
    struct growth growth = {0}, again;
    struct error e;
    char path[] = "/tmp/wasl-growth-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    growth_note(&growth, NOW, 1000);
    growth_note(&growth, NOW + HOUR, 2000);
    assert_int_equal(growth_save(&growth, path, &e), 0);
    growth_load(&again, path);
    assert_int_equal(again.count, 2);
    assert_memory_equal(again.samples, growth.samples, 2 * sizeof(growth.samples[0]));
    static const char *const damaged[] = {"12 3\n12 4\n", "x 3\n", "12\n",
                                          "12 3",         "\n",    "99999999999999999999 1\n"};
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        assert_int_equal(file_write_atomically(path, bytes_of_string(damaged[i]), 0600, &e), 0);
        growth_load(&again, path);
        assert_int_equal(again.count, 0);
    }
    unlink(path);
    growth_load(&again, path);
    assert_int_equal(again.count, 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_are_room_over_the_growth_since_the_oldest_sample),
        cmocka_unit_test(nothing_is_known_in_the_first_hour_and_while_nothing_grows),
        cmocka_unit_test(one_sample_an_hour_is_kept_and_a_week_of_them),
        cmocka_unit_test(samples_of_another_time_or_of_a_dropped_segment_are_forgotten),
        cmocka_unit_test(the_pace_survives_a_restart_and_a_damaged_file_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
