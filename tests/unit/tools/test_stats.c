/* wasl-audit stats: every exchange is counted once, in its group and in the total. */
#include "forge.h"
#include "period.h"
#include "tally.h"

#include "base/clock.h"
#include "base/error.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static struct forge forge;
static json_t *rows; /* of the last run: an array */

static int begin(void **state)
{
    (void)state;
    setenv("TZ", "UTC-1", 1); /* one hour ahead of UTC, as Tunisia is */
    tzset();
    forge_new(&forge);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    json_decref(rows);
    rows = NULL;
    forge_free(&forge);
    return 0;
}

#define STATS(...) run_tool("WASL_AUDIT_TOOL", NULL, "stats", "--dir", forge.ledger, __VA_ARGS__, NULL)

static void take_rows(void)
{
    json_decref(rows);
    rows = json_array();
    buffer_append(&run_output, "", 1);
    for (char *line = strtok((char *)run_output.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        json_t *row = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (row == NULL)
            print_error("%s\n", line);
        assert_non_null(row);
        json_array_append_new(rows, row);
    }
}

static const char *text(const json_t *row, const char *name)
{
    const char *value = json_string_value(json_object_get(row, name));
    return value != NULL ? value : "";
}

static json_int_t number(const json_t *row, const char *name)
{
    assert_true(json_is_integer(json_object_get(row, name)));
    return json_integer_value(json_object_get(row, name));
}

/* The row whose column has this value; "" and "total": the total. */
static json_t *row_of(const char *column, const char *value)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) if (strcmp(*column != '\0' ? text(row, column) : text(row, "row"),
                                                value) == 0) return row;
    print_error("no row has %s %s\n", column, value);
    fail();
    return NULL;
}

/* Every figure of the total is the sum of the groups' and the others'. */
static void assert_sums(void)
{
    static const char *const names[] = {"asked",       "answered", "refused", "timed_out",
                                        "interrupted", "open",     "late",    "sealed_bytes"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        size_t i;
        json_t *row;
        json_int_t sum = 0;
        json_array_foreach(rows, i, row) sum +=
            strcmp(text(row, "row"), "total") != 0 ? number(row, names[n]) : 0;
        assert_int_equal(sum, number(row_of("", "total"), names[n]));
    }
    json_t *total = row_of("", "total");
    assert_int_equal(number(total, "asked"), number(total, "answered") + number(total, "refused") +
                                                 number(total, "timed_out") + number(total, "interrupted") +
                                                 number(total, "open"));
}

static struct header ask(unsigned n, const char *service, const char *purpose)
{
    struct header header = forge_request(&forge, n);
    strcpy(header.service, service);
    strcpy(header.purpose, purpose);
    return header;
}

/* Of every kind one: 10 asked, 1 late, and 5 more that one entry counts. */
static void every_kind(void)
{
    struct header answered = ask(0, "person", "SCHOOL-ENROLMENT");
    forge_message(&forge, ENTRY_ADMITTED, &answered, 0);
    struct header slow = ask(1, "person", "SCHOOL-ENROLMENT");
    forge_message(&forge, ENTRY_ADMITTED, &slow, 0);
    forge.time += 20000;
    struct header response = forge_response(&forge, &answered);
    response.sealed_length = 700;
    forge_message(&forge, ENTRY_ADMITTED, &response, 0);
    forge_end(&forge, ENTRY_TIMED_OUT, &slow, REFUSAL_PROVIDER_TIMEOUT);
    struct header late = forge_response(&forge, &slow);
    forge_message(&forge, ENTRY_LATE, &late, 0);
    struct header cut = ask(2, "person", "STATISTICS");
    forge_message(&forge, ENTRY_ADMITTED, &cut, 0);
    forge_end(&forge, ENTRY_INTERRUPTED, &cut, REFUSAL_INTERRUPTED);
    struct header refused = ask(3, "status", "STATISTICS");
    forge_message(&forge, ENTRY_REFUSED, &refused, REFUSAL_WRONG_PURPOSE);
    struct header by_provider = ask(4, "status", "STATISTICS");
    forge_message(&forge, ENTRY_ADMITTED, &by_provider, 0);
    response = forge_response(&forge, &by_provider);
    response.outcome = REFUSAL_ENDPOINT_NOT_PERMITTED;
    forge_message(&forge, ENTRY_ADMITTED, &response, 0);
    struct entry nameless = {
        .type = ENTRY_REFUSED, .reason = REFUSAL_MALFORMED, .member = bytes_of_string("TN/GOV/MEN")};
    forge_entry(&forge, &nameless);
    nameless = (struct entry){.type = ENTRY_REFUSED,
                              .reason = REFUSAL_MALFORMED,
                              .member = bytes_of_string("TN/GOV/MEN"),
                              .count = 5};
    forge_entry(&forge, &nameless);
    struct header open = ask(5, "person", "SCHOOL-ENROLMENT");
    forge_message(&forge, ENTRY_ADMITTED, &open, 0);
    /* A refused answer is none of a question, and its exchange has not ended. */
    response = forge_response(&forge, &open);
    forge_message(&forge, ENTRY_REFUSED, &response, REFUSAL_RESPONSE_MISMATCH);
    forge_write(&forge, 0);
}

static void each_exchange_is_counted_once_by_what_became_of_it(void **state)
{
    (void)state;
    every_kind();
    assert_int_equal(STATS("--by", "outcome", "-o", "jsonl"), 0);
    take_rows();
    assert_sums();
    json_t *total = row_of("", "total");
    assert_int_equal(number(total, "asked"), 12);
    assert_int_equal(number(total, "answered"), 1);
    assert_int_equal(number(total, "refused"), 8);
    assert_int_equal(number(total, "timed_out"), 1);
    assert_int_equal(number(total, "interrupted"), 1);
    assert_int_equal(number(total, "open"), 1);
    assert_int_equal(number(total, "late"), 1);
    assert_int_equal(number(row_of("outcome", "malformed"), "asked"), 6);
    assert_int_equal(number(row_of("outcome", "wrong_purpose"), "refused"), 1);
    assert_int_equal(number(row_of("outcome", "endpoint_not_permitted"), "refused"), 1);
    assert_int_equal(number(row_of("outcome", "late"), "asked"), 0);
    json_t *answered = row_of("outcome", "answered");
    assert_int_equal(number(answered, "sealed_bytes"), 1000); /* asked 300, answered 700 */
    assert_int_equal(number(answered, "latency_max_us"), 22000);
    assert_in_range(number(answered, "latency_p50_us"), 22000 - 22000 / 64, 22000);
    assert_true(json_is_null(json_object_get(row_of("outcome", "timed_out"), "latency_max_us")));
}

static void groups_are_made_of_what_is_named_and_in_its_order(void **state)
{
    (void)state;
    every_kind();
    assert_int_equal(STATS("--by", "service,outcome", "-o", "jsonl"), 0);
    take_rows();
    assert_sums();
    static const char *const expected[][2] = {
        {"", "malformed"}, /* of no service that is known */
        {"TN/GOV/MI/civil/person", "answered"},
        {"TN/GOV/MI/civil/person", "interrupted"},
        {"TN/GOV/MI/civil/person", "late"},
        {"TN/GOV/MI/civil/person", "open"},
        {"TN/GOV/MI/civil/person", "timed_out"},
        {"TN/GOV/MI/civil/status", "endpoint_not_permitted"},
        {"TN/GOV/MI/civil/status", "wrong_purpose"},
    };
    size_t count = sizeof expected / sizeof expected[0];
    assert_int_equal(json_array_size(rows), count + 1);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(text(json_array_get(rows, i), "service"), expected[i][0]);
        assert_string_equal(text(json_array_get(rows, i), "outcome"), expected[i][1]);
    }
    assert_int_equal(STATS("--by", "pair,purpose", "-o", "jsonl"), 0);
    take_rows();
    assert_sums();
    assert_string_equal(text(row_of("purpose", "STATISTICS"), "consumer"), "TN/GOV/MEN/enrolment");
    assert_string_equal(text(row_of("purpose", "STATISTICS"), "provider"), "TN/GOV/MI/civil");
    assert_string_equal(text(row_of("consumer", "TN/GOV/MEN"), "provider"), "");
    assert_int_equal(STATS("--by", "pair,service,pair"), 2);
    assert_int_equal(STATS("--by", "colour"), 2);
    assert_int_equal(STATS("--by", ""), 2);
}

static void filters_choose_by_the_question_and_the_outcome_by_its_end(void **state)
{
    (void)state;
    every_kind();
    assert_int_equal(STATS("--outcome", "refused", "-o", "jsonl"), 0);
    take_rows();
    assert_int_equal(number(row_of("", "total"), "asked"), 8);
    assert_int_equal(STATS("--outcome", "admitted", "-o", "jsonl"), 0);
    take_rows();
    assert_int_equal(number(row_of("", "total"), "asked"), 5);
    assert_int_equal(STATS("--service", "status", "-o", "jsonl"), 0);
    take_rows();
    assert_int_equal(number(row_of("", "total"), "asked"), 2);
    assert_int_equal(STATS("--consumer", "TN/GOV/MENX", "-o", "jsonl"), 1);
}

static void an_exchange_belongs_to_the_time_in_which_it_was_asked(void **state)
{
    char until[64];
    (void)state;
    struct header request = forge_request(&forge, 0);
    forge_message(&forge, ENTRY_ADMITTED, &request, 0);
    clock_format(forge.time + 1, until);
    forge.time += 30 * MICROSECONDS;
    forge_exchanges(&forge, 1, 2);
    struct header response = forge_response(&forge, &request);
    forge_message(&forge, ENTRY_ADMITTED, &response, 0);
    forge_write(&forge, 0);
    /* Its answer comes behind --until, and belongs to it; what was asked behind it does not. */
    assert_int_equal(STATS("--until", until, "-o", "jsonl"), 0);
    take_rows();
    assert_int_equal(number(row_of("", "total"), "asked"), 1);
    assert_int_equal(number(row_of("", "total"), "answered"), 1);
    /* An answer behind --since to what was asked before it does not count. */
    assert_int_equal(STATS("--since", until, "-o", "jsonl"), 0);
    take_rows();
    assert_int_equal(number(row_of("", "total"), "asked"), 2);
    assert_int_equal(number(row_of("", "total"), "answered"), 2);
}

static void hours_without_a_question_are_shown_and_days_are_of_the_zone(void **state)
{
    (void)state;
    forge.time = 1795042800ULL * MICROSECONDS; /* 2026-11-18T23:00:00Z, in Tunis midnight */
    forge_exchanges(&forge, 0, 3);
    forge.time += 3 * 3600 * MICROSECONDS;
    forge_exchanges(&forge, 3, 1);
    forge_write(&forge, 0);
    assert_int_equal(STATS("--by", "hour", "-o", "jsonl"), 0);
    take_rows();
    assert_sums();
    assert_int_equal(json_array_size(rows), 4 + 1);
    assert_string_equal(text(json_array_get(rows, 0), "hour"), "2026-11-19T00:00:00+01:00");
    assert_int_equal(number(json_array_get(rows, 0), "asked"), 3);
    assert_int_equal(number(row_of("hour", "2026-11-19T02:00:00+01:00"), "asked"), 0);
    assert_int_equal(number(row_of("hour", "2026-11-19T03:00:00+01:00"), "asked"), 1);
    assert_int_equal(STATS("--by", "day", "-o", "jsonl"), 0);
    take_rows();
    assert_int_equal(json_array_size(rows), 1 + 1);
    assert_string_equal(text(json_array_get(rows, 0), "day"), "2026-11-19");
    assert_int_equal(STATS("--by", "day", "--utc", "-o", "jsonl"), 0);
    take_rows();
    assert_int_equal(json_array_size(rows), 2 + 1);
    assert_int_equal(number(row_of("day", "2026-11-18"), "asked"), 3);
}

static void days_have_the_length_that_the_zone_gives_them(void **state)
{
    (void)state;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    /* 2026-03-29 has 23 hours there, 2026-10-25 has 25. */
    uint64_t spring = 1774738800ULL * MICROSECONDS, autumn = 1792879200ULL * MICROSECONDS;
    assert_int_equal(period_start(spring + 5 * 3600 * MICROSECONDS, PERIOD_DAY, false), spring);
    assert_int_equal(period_next(spring, PERIOD_DAY, false) - spring, 23 * 3600 * MICROSECONDS);
    assert_int_equal(period_next(autumn, PERIOD_DAY, false) - autumn, 25 * 3600 * MICROSECONDS);
    uint64_t hours = 0;
    for (uint64_t hour = autumn; hour < period_next(autumn, PERIOD_DAY, false);
         hour = period_next(hour, PERIOD_HOUR, false))
        hours++;
    assert_int_equal(hours, 25);
}

/* Names that only a hostile member would write: they harm neither a terminal, nor JSON, nor a spreadsheet. */
static void hostile_names_are_shown_harmless(void **state)
{
    (void)state;
    struct entry entry = {.type = ENTRY_REFUSED,
                          .reason = REFUSAL_MALFORMED,
                          .member = bytes_make("=1+1\"\\\x1b[2J\0x,\n", 14)};
    forge_entry(&forge, &entry);
    forge_write(&forge, 0);
    assert_int_equal(STATS("--by", "pair", "-o", "jsonl"), 0);
    take_rows();
    assert_string_equal(text(json_array_get(rows, 0), "consumer"), "=1+1\"\\\\x1b[2J\\x00x,\\x0a");
    assert_int_equal(STATS("--by", "pair", "-o", "csv"), 0);
    assert_true(output_has("\"group\",\"'=1+1\"\"\\\\x1b[2J\\x00x,\\x0a\",\"\",\"1\""));
    assert_int_equal(STATS("--by", "pair"), 0);
    assert_null(memchr(run_output.data, 0x1b, run_output.len));
}

static void a_damaged_bundle_is_no_small_count(void **state)
{
    char path[256];
    (void)state;
    forge_exchanges(&forge, 0, 150);
    forge_write(&forge, 0);
    snprintf(path, sizeof path, "%s/tile/entries/000", forge.ledger);
    write_text(path, "\0\0", 2);
    assert_int_equal(STATS("--by", "day"), 3);
    assert_true(output_has("it ends before entry 1"));
    assert_false(output_has("total"));
}

/* --- the counting itself --- */

static void more_groups_than_there_is_room_for_are_the_others(void **state)
{
    struct tally *tally = tally_new();
    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < TALLY_GROUPS_MOST + 7; i++) {
            struct buffer key = {0};
            char name[16];
            snprintf(name, sizeof name, "%u", i * 7919 % (TALLY_GROUPS_MOST + 7));
            key_add(&key, 0, bytes_of_string(name));
            tally_of(tally, buffer_bytes(&key))->asked++;
            buffer_free(&key);
        }
    }
    assert_int_equal(tally_count(tally), TALLY_GROUPS_MOST);
    assert_int_equal(tally_others(tally)->asked, 14);
    tally_free(tally);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void percentiles_are_within_a_64th_of_the_exact_ones(void **state)
{
    static uint64_t values[20001];
    const size_t count = sizeof values / sizeof values[0];
    (void)state;
    for (unsigned spread = 1; spread < 30; spread += 4) {
        struct latencies latencies = {0};
        for (size_t i = 0; i < count; i++) {
            values[i] = (uint64_t)i * i * 2654435761U % ((uint64_t)1 << spread);
            latencies_add(&latencies, values[i]);
        }
        qsort(values, count, sizeof *values, by_size);
        static const unsigned percents[] = {1, 50, 95, 99, 100};
        for (size_t i = 0; i < 5; i++) {
            uint64_t exact = values[(count * percents[i] + 99) / 100 - 1];
            uint64_t found = latencies_percentile(&latencies, percents[i]);
            uint64_t off = found > exact ? found - exact : exact - found;
            assert_true(off * 64 <= exact + 63);
        }
        assert_int_equal(latencies.most, values[count - 1]);
        free(latencies.buckets);
    }
    struct latencies absurd = {0};
    latencies_add(&absurd, UINT64_MAX);
    assert_int_equal(absurd.most, UINT64_MAX);
    free(absurd.buckets);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        T(each_exchange_is_counted_once_by_what_became_of_it),
        T(groups_are_made_of_what_is_named_and_in_its_order),
        T(filters_choose_by_the_question_and_the_outcome_by_its_end),
        T(an_exchange_belongs_to_the_time_in_which_it_was_asked),
        T(hours_without_a_question_are_shown_and_days_are_of_the_zone),
        T(days_have_the_length_that_the_zone_gives_them),
        T(hostile_names_are_shown_harmless),
        T(a_damaged_bundle_is_no_small_count),
        cmocka_unit_test(more_groups_than_there_is_room_for_are_the_others),
        cmocka_unit_test(percentiles_are_within_a_64th_of_the_exact_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
