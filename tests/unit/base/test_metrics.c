#include "base/metrics.h"

#include "base/alarm.h"
#include "base/log.h"
#include "base/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* What a side shows, as text; the caller frees it. */
static char *shown(enum metric_side side)
{
    struct buffer out = {0};
    metrics_write(side, &out);
    buffer_append(&out, "", 1);
    return (char *)out.data;
}

static bool shows(enum metric_side side, const char *line)
{
    char *text = shown(side);
    bool found = strstr(text, line) != NULL;
    free(text);
    return found;
}

static void each_metric_is_shown_with_help_and_type_on_its_own_side_only(void **state)
{
    (void)state;
    assert_true(shows(METRIC_SIDE_BUS, "\n# TYPE wasl_bus_admitted_total counter\n"));
    assert_true(shows(METRIC_SIDE_BUS, "# HELP wasl_bus_admitted_total Messages admitted, of any kind.\n"));
    assert_true(shows(METRIC_SIDE_BUS, "\n# TYPE wasl_bus_ledger_commit_seconds histogram\n"));
    assert_false(shows(METRIC_SIDE_ADAPTER, "wasl_bus_"));
    assert_false(shows(METRIC_SIDE_BUS, "wasl_adapter_"));
    assert_true(shows(METRIC_SIDE_BUS, "# TYPE wasl_registry_version gauge\n"));
    assert_true(shows(METRIC_SIDE_ADAPTER, "# TYPE wasl_registry_version gauge\n"));
}

static void a_counter_begins_at_nothing_and_counts_by_its_label(void **state)
{
    (void)state;
    int64_t value;
    assert_true(shows(METRIC_SIDE_BUS, "\nwasl_bus_admitted_total 0\n"));
    metric_add(METRIC_ADMITTED, 2);
    metric_add(METRIC_ADMITTED, 1);
    assert_true(shows(METRIC_SIDE_BUS, "\nwasl_bus_admitted_total 3\n"));
    metric_add_for(METRIC_REFUSED, REFUSAL_NO_GRANT, 4);
    metric_add_for(METRIC_REFUSED, REFUSAL_EXPIRED, 1);
    assert_true(shows(METRIC_SIDE_BUS, "\nwasl_bus_refused_total{reason=\"no_grant\"} 4\n"));
    assert_false(shows(METRIC_SIDE_BUS, "wrong_purpose"));
    assert_int_equal(metric_sum(METRIC_REFUSED), 5);
    assert_true(metric_get(METRIC_REFUSED, REFUSAL_EXPIRED, &value));
    assert_int_equal(value, 1);
    metric_add_for(METRIC_FRONT_REQUESTS, 404, 1);
    metric_add_for(METRIC_FRONT_REQUESTS, 499, 1);
    assert_true(shows(METRIC_SIDE_ADAPTER, "\nwasl_adapter_front_requests_total{class=\"4xx\"} 2\n"));
}

static void what_is_outside_of_a_set_of_labels_makes_no_line_of_its_own(void **state)
{
    (void)state;
    metric_add_for(METRIC_REFUSED, 77777, 1);
    metric_add_for(METRIC_REFUSED, 0, 1);
    metric_add_for(METRIC_REFUSED, 159, 1);
    assert_true(shows(METRIC_SIDE_BUS, "\nwasl_bus_refused_total{reason=\"other\"} 3\n"));
    assert_false(shows(METRIC_SIDE_BUS, "unknown_refusal"));
}

static void a_gauge_that_nobody_set_is_not_shown_as_zero(void **state)
{
    (void)state;
    int64_t value;
    assert_false(shows(METRIC_SIDE_BUS, "\nwasl_bus_disk_days_left "));
    assert_false(metric_get(METRIC_DISK_DAYS, 0, &value));
    metric_set(METRIC_DISK_DAYS, 12345);
    assert_true(shows(METRIC_SIDE_BUS, "\nwasl_bus_disk_days_left 12.345\n"));
    metric_set(METRIC_DISK_DAYS, 0);
    assert_true(shows(METRIC_SIDE_BUS, "\nwasl_bus_disk_days_left 0.000\n"));
    metric_forget(METRIC_DISK_DAYS);
    assert_false(shows(METRIC_SIDE_BUS, "\nwasl_bus_disk_days_left "));
}

static void a_time_of_the_day_keeps_its_microseconds(void **state)
{
    (void)state;
    metric_set(METRIC_START_TIME, 1795335956123456);
    assert_true(shows(METRIC_SIDE_BUS, "\nwasl_start_time_seconds 1795335956.123456\n"));
}

static void a_histogram_counts_each_observation_once_and_its_buckets_add_up(void **state)
{
    (void)state;
    int64_t count;
    metric_observe(METRIC_LEDGER_COMMIT, 250);
    metric_observe(METRIC_LEDGER_COMMIT, 251);
    metric_observe(METRIC_LEDGER_COMMIT, 60 * 1000000ull);
    assert_true(shows(METRIC_SIDE_BUS, "\nwasl_bus_ledger_commit_seconds_bucket{le=\"0.000250\"} 1\n"));
    assert_true(shows(METRIC_SIDE_BUS, "\nwasl_bus_ledger_commit_seconds_bucket{le=\"0.000500\"} 2\n"));
    assert_true(shows(METRIC_SIDE_BUS, "\nwasl_bus_ledger_commit_seconds_bucket{le=\"10.000000\"} 2\n"));
    assert_true(shows(METRIC_SIDE_BUS, "\nwasl_bus_ledger_commit_seconds_bucket{le=\"+Inf\"} 3\n"));
    assert_true(shows(METRIC_SIDE_BUS, "\nwasl_bus_ledger_commit_seconds_sum 60.000501\n"));
    assert_true(shows(METRIC_SIDE_BUS, "\nwasl_bus_ledger_commit_seconds_count 3\n"));
    assert_true(metric_get(METRIC_LEDGER_COMMIT, 0, &count));
    assert_int_equal(count, 3);
}

static void a_level_goes_up_and_down(void **state)
{
    (void)state;
    metric_change(METRIC_FRONT_CONNECTIONS, 3);
    metric_change(METRIC_FRONT_CONNECTIONS, -2);
    assert_true(shows(METRIC_SIDE_ADAPTER, "\nwasl_adapter_front_connections 1\n"));
}

static void an_alarm_is_a_metric_before_it_is_ever_raised(void **state)
{
    (void)state;
    struct buffer json = {0};
    assert_true(shows(METRIC_SIDE_ADAPTER, "\nwasl_alarm{alarm=\"registry_old\"} 0\n"));
    alarm_set(ALARM_REGISTRY_OLD, true, NULL);
    alarm_set(ALARM_CRL_OLD, true, "issuer=x");
    assert_true(shows(METRIC_SIDE_ADAPTER, "\nwasl_alarm{alarm=\"registry_old\"} 1\n"));
    alarms_json(&json);
    assert_true(bytes_equal_string(buffer_bytes(&json), "[\"registry_old\",\"crl_old\"]"));
    buffer_clear(&json);
    alarm_set(ALARM_REGISTRY_OLD, false, NULL);
    alarm_set(ALARM_CRL_OLD, false, NULL);
    alarms_json(&json);
    assert_true(bytes_equal_string(buffer_bytes(&json), "[]"));
    buffer_free(&json);
    for (unsigned i = 0; i < ALARM_COUNT; i++) {
        assert_true(strlen(alarm_words((enum alarm)i)) > 10);
        assert_true(strlen(alarm_remedy((enum alarm)i)) > 10);
    }
    assert_null(alarm_name(ALARM_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_metric_is_shown_with_help_and_type_on_its_own_side_only),
        cmocka_unit_test(a_counter_begins_at_nothing_and_counts_by_its_label),
        cmocka_unit_test(what_is_outside_of_a_set_of_labels_makes_no_line_of_its_own),
        cmocka_unit_test(a_gauge_that_nobody_set_is_not_shown_as_zero),
        cmocka_unit_test(a_time_of_the_day_keeps_its_microseconds),
        cmocka_unit_test(a_histogram_counts_each_observation_once_and_its_buckets_add_up),
        cmocka_unit_test(a_level_goes_up_and_down),
        cmocka_unit_test(an_alarm_is_a_metric_before_it_is_ever_raised),
    };
    log_open("test", LOG_ERROR_ + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
