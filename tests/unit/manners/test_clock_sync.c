#include "manners/clock_sync.h"

#include "base/alarm.h"
#include "base/log.h"
#include "base/metrics.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/timex.h>
#include <cmocka.h>

#define SECOND 1000000u

static struct timex kernel;
static int answer;

int __wrap_adjtimex(struct timex *t);
int __wrap_adjtimex(struct timex *t)
{
    assert_int_equal(t->modes, 0); /* asked, never set */
    if (answer < 0) {
        errno = EPERM;
        return -1;
    }
    *t = kernel;
    return answer;
}

static void the_kernel_says(int code, int status, long maxerror)
{
    answer = code;
    memset(&kernel, 0, sizeof(kernel));
    kernel.status = status;
    kernel.maxerror = maxerror;
}

static bool error_shown(int64_t *value)
{
    return metric_get(METRIC_CLOCK_ERROR, 0, value);
}

static void a_synchronised_clock_is_no_alarm_and_its_error_is_shown(void **state)
{
    (void)state;
    int64_t value;
    the_kernel_says(TIME_OK, STA_PLL, 1500);
    assert_int_equal(clock_sync_check(60 * SECOND), CLOCK_SYNC_GOOD);
    assert_false(alarm_raised(ALARM_CLOCK_UNSYNCHRONISED));
    assert_true(error_shown(&value));
    assert_int_equal(value, 1500);
}

static void a_clock_that_nobody_synchronises_is_an_alarm_until_somebody_does(void **state)
{
    (void)state;
    int64_t value;
    the_kernel_says(TIME_ERROR, STA_UNSYNC, 16000000);
    assert_int_equal(clock_sync_check(60 * SECOND), CLOCK_SYNC_NONE);
    assert_true(alarm_raised(ALARM_CLOCK_UNSYNCHRONISED));
    assert_false(error_shown(&value));
    the_kernel_says(TIME_OK, STA_PLL, 10);
    assert_int_equal(clock_sync_check(60 * SECOND), CLOCK_SYNC_GOOD);
    assert_false(alarm_raised(ALARM_CLOCK_UNSYNCHRONISED));
}

static void a_clock_that_may_be_off_by_more_than_is_permitted_is_an_alarm(void **state)
{
    (void)state;
    the_kernel_says(TIME_OK, STA_PLL, 60 * SECOND);
    assert_int_equal(clock_sync_check(60 * SECOND), CLOCK_SYNC_GOOD);
    the_kernel_says(TIME_OK, STA_PLL, 60 * SECOND + 1);
    assert_int_equal(clock_sync_check(60 * SECOND), CLOCK_SYNC_COARSE);
    assert_true(alarm_raised(ALARM_CLOCK_UNSYNCHRONISED));
}

static void a_kernel_that_does_not_say_changes_no_alarm(void **state)
{
    (void)state;
    the_kernel_says(TIME_OK, STA_PLL, 10);
    clock_sync_check(60 * SECOND);
    the_kernel_says(-1, 0, 0);
    assert_int_equal(clock_sync_check(60 * SECOND), CLOCK_SYNC_UNKNOWN);
    assert_false(alarm_raised(ALARM_CLOCK_UNSYNCHRONISED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_synchronised_clock_is_no_alarm_and_its_error_is_shown),
        cmocka_unit_test(a_clock_that_nobody_synchronises_is_an_alarm_until_somebody_does),
        cmocka_unit_test(a_clock_that_may_be_off_by_more_than_is_permitted_is_an_alarm),
        cmocka_unit_test(a_kernel_that_does_not_say_changes_no_alarm),
    };
    log_open("test", LOG_ERROR_ + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
