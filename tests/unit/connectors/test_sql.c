/* The sql connector against a real PostgreSQL. */
#include "postgres.h"
#include "base/clock.h"
#include "base/error.h"
#include "connectors/connectors.h"
#include <jansson.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct postgres *postgres;

#define IUC(...)                                                                                             \
    .parameters = (const char *const[]){__VA_ARGS__},                                                        \
    .parameter_count = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)

static const struct sql_statement statements[] = {
    {.operation = "person", .text = "SELECT iuc, name FROM person WHERE iuc = $1", IUC("iuc"), .one = true},
    {.operation = "people", .text = "SELECT iuc FROM person ORDER BY iuc"},
    {.operation = "types",
     .text = "SELECT 12.500::numeric AS money, 9007199254740993::int8 AS big, 7::int4 AS small, true AS yes, "
             "DATE '2001-02-03' AS born, TIMESTAMPTZ '2026-11-22 06:55:56.5+01' AS at, "
             "'{\"b\": 12.500, \"a\": 1}'::json AS raw, ARRAY['x', 'a \"b\" \\c', NULL] AS names, "
             "NULL::text AS nothing, '\\x00ff'::bytea AS bytes, 'محمد'::text AS arabic, "
             "'11111111-2222-3333-4444-555555555555'::uuid AS id, ARRAY[ARRAY[1,2],ARRAY[3,4]] AS grid, "
             "1.5::float8 AS real",
     .one = true},
    {.operation = "number", .text = "SELECT $1::int8 AS n, $2::text AS t", IUC("n", "query.t"), .one = true},
    {.operation = "sneaky", .text = "SELECT put_mark($1) AS done", IUC("iuc"), .one = true},
    {.operation = "mark",
     .text = "INSERT INTO mark (id, iuc, consumer, note) VALUES ($1, $2, $3, $4) RETURNING iuc",
     IUC("exchange.id", "iuc", "consumer", "body./note/text"),
     .one = true,
     .writes = true},
    {.operation = "ghost",
     .text = "WITH w AS (INSERT INTO mark (id, iuc) VALUES (gen_random_uuid(), $1) RETURNING iuc) "
             "SELECT iuc FROM w WHERE iuc = ''",
     IUC("iuc"),
     .one = true,
     .writes = true},
    {.operation = "born", .text = "SELECT $1::date AS born", IUC("query.d"), .one = true},
    {.operation = "when", .text = "SELECT $1::timestamptz AS at", IUC("query.d"), .one = true},
    {.operation = "real", .text = "SELECT $1::real AS r", IUC("query.d"), .one = true},
    {.operation = "once",
     .text = "INSERT INTO once (iuc) VALUES ($1) RETURNING iuc",
     IUC("iuc"),
     .one = true,
     .writes = true},
    {.operation = "slow", .text = "SELECT pg_sleep(30)::text AS s"},
    {.operation = "many", .text = "SELECT n FROM generate_series(1, 20) AS n"},
    {.operation = "wide", .text = "SELECT repeat('x', 300) AS w FROM generate_series(1, 9)"},
    {.operation = "two", .text = "SELECT iuc FROM person", .one = true},
    {.operation = "absent", .text = "SELECT * FROM no_such_table"},
    {.operation = "twins", .text = "SELECT 1 AS a, 2 AS a"},
    {.operation = "infinite", .text = "SELECT DATE 'infinity' AS d", .one = true},
    {.operation = "zero", .text = "SELECT 1 / length($1) AS z", IUC("query.t"), .one = true},
};

static struct sql_options options(void)
{
    return (struct sql_options){.connection = postgres_connection(postgres),
                                .threads = 1,
                                .timeout = 400 * 1000,
                                .most_rows = 10,
                                .statements = statements,
                                .statement_count = sizeof statements / sizeof statements[0]};
}

/* --- calls --- */

struct asked {
    struct call call;
    struct registry_operation operation;
    sem_t done;
};

static void call_done(struct call *call)
{
    sem_post(&((struct asked *)call->arg)->done);
}

static struct asked *asked_new(const char *operation)
{
    struct asked *a = memory_zeroed(1, sizeof *a);

    sem_init(&a->done, 0, 0);
    a->operation.code = operation;
    a->call.match.operation = &a->operation;
    a->call.deadline = clock_wall() + 20 * MICROSECONDS;
    a->call.most_response = 2000;
    uuid_random(a->call.exchange_id);
    strcpy(a->call.consumer, "TN/GOV/MEN/enrolment");
    a->call.done = call_done;
    a->call.arg = a;
    return a;
}

static void asked_free(struct asked *a)
{
    buffer_free(&a->call.query);
    buffer_free(&a->call.body);
    http_headers_free(&a->call.reply.headers);
    buffer_free(&a->call.reply.body);
    sem_destroy(&a->done);
    free(a);
}

static void set_path(struct asked *a, const char *name, const char *value)
{
    struct operation_parameter *p = &a->call.match.parameters[a->call.match.parameter_count++];

    p->name = name;
    p->name_len = strlen(name);
    strcpy(p->value, value);
}

static struct reply *ask(struct connector *connector, struct asked *a)
{
    connector->operations->start(connector, &a->call);
    sem_wait(&a->done);
    return &a->call.reply;
}

static json_t *json_of(const struct reply *reply)
{
    assert_int_equal(reply->refusal, REFUSAL_NONE);
    json_t *value = json_loadb((const char *)reply->body.data, reply->body.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(value);
    return value;
}

static enum refusal refusal_of(struct connector *connector, const char *operation, const char *iuc)
{
    struct asked *a = asked_new(operation);
    if (iuc != NULL)
        set_path(a, "iuc", iuc);
    enum refusal refusal = ask(connector, a)->refusal;
    if (refusal != REFUSAL_NONE)
        assert_int_equal(a->call.reply.body.len, 0);
    asked_free(a);
    return refusal;
}

/* --- fixture --- */

static int group_setup(void **state)
{
    (void)state;
    postgres = postgres_start();
    if (postgres == NULL)
        return -1;
    postgres_execute(postgres,
                     "CREATE TABLE person (iuc text PRIMARY KEY, name text);"
                     "INSERT INTO person VALUES ('01234567890', 'Amel'), ('01234567891', 'زياد');"
                     "CREATE TABLE mark (id uuid PRIMARY KEY, iuc text UNIQUE, consumer text, note text);"
                     "CREATE TABLE once (iuc text, UNIQUE (iuc) DEFERRABLE INITIALLY DEFERRED);"
                     "CREATE FUNCTION put_mark(text) RETURNS bool LANGUAGE sql VOLATILE AS "
                     "$$ INSERT INTO mark (id, iuc) VALUES (gen_random_uuid(), $1) RETURNING true $$;");
    postgres_execute(postgres, "CREATE DATABASE nameless ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    postgres_stop(postgres);
    return 0;
}

static struct sql_options current;

static int setup(void **state)
{
    struct error e;

    current = options();
    *state = connector_sql_new(&current, &e);
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    struct connector *connector = *state;

    connector->operations->free(connector);
    return 0;
}

/* --- tests --- */

static void one_row_is_an_object(void **state)
{
    struct asked *a = asked_new("person");
    set_path(a, "iuc", "01234567891");
    struct reply *reply = ask(*state, a);
    json_t *value = json_of(reply);

    assert_int_equal(reply->status, 200);
    assert_string_equal(http_headers_get(&reply->headers, "content-type"), "application/json");
    assert_string_equal(json_string_value(json_object_get(value, "iuc")), "01234567891");
    assert_string_equal(json_string_value(json_object_get(value, "name")), "زياد");
    json_decref(value);
    asked_free(a);
}

static void rows_are_an_array_and_none_an_empty_one(void **state)
{
    struct asked *a = asked_new("people");
    json_t *value = json_of(ask(*state, a));

    assert_int_equal(json_array_size(value), 2);
    json_decref(value);
    asked_free(a);
    postgres_execute(
        postgres,
        "ALTER TABLE person RENAME TO hidden; CREATE VIEW person AS SELECT * FROM hidden WHERE false");
    a = asked_new("people");
    value = json_of(ask(*state, a));
    assert_int_equal(json_array_size(value), 0);
    json_decref(value);
    asked_free(a);
    postgres_execute(postgres, "DROP VIEW person; ALTER TABLE hidden RENAME TO person");
}

static void nobody_with_this_identifier_is_an_unknown_subject(void **state)
{
    assert_int_equal(refusal_of(*state, "person", "99999999999"), REFUSAL_UNKNOWN_SUBJECT);
}

static void two_rows_where_one_is_promised_are_refused(void **state)
{
    assert_int_equal(refusal_of(*state, "two", NULL), REFUSAL_PROVIDER_FAILED);
}

static void every_type_keeps_its_digits_and_its_meaning(void **state)
{
    struct asked *a = asked_new("types");
    struct reply *reply = ask(*state, a);
    const char *expected =
        "{\"money\":\"12.500\",\"big\":\"9007199254740993\",\"small\":7,\"yes\":true,\"born\":\"2001-02-03\","
        "\"at\":\"2026-11-22T05:55:56.5Z\",\"raw\":{\"b\": 12.500, \"a\": 1},\"names\":[\"x\",\"a \\\"b\\\" "
        "\\\\c\",null],"
        "\"nothing\":null,\"bytes\":\"AP8=\",\"arabic\":\"محمد\",\"id\":\"11111111-2222-3333-4444-"
        "555555555555\","
        "\"grid\":[[1,2],[3,4]],\"real\":\"1.5\"}";

    assert_int_equal(reply->refusal, REFUSAL_NONE);
    assert_int_equal(reply->body.len, strlen(expected));
    assert_memory_equal(reply->body.data, expected, strlen(expected));
    asked_free(a);
}

static void a_date_without_rfc_3339_form_is_refused(void **state)
{
    assert_int_equal(refusal_of(*state, "infinite", NULL), REFUSAL_PROVIDER_FAILED);
}

static void parameters_are_bound_and_not_pasted(void **state)
{
    assert_int_equal(refusal_of(*state, "person", "' OR true --"), REFUSAL_UNKNOWN_SUBJECT);
    struct asked *a = asked_new("number");
    set_path(a, "n", "-42");
    buffer_append_string(&a->call.query, "x=1&t=%C3%A9t%C3%A9%27%3B+&y");
    json_t *value = json_of(ask(*state, a));
    assert_string_equal(json_string_value(json_object_get(value, "n")), "-42");
    assert_string_equal(json_string_value(json_object_get(value, "t")), "été';+");
    json_decref(value);
    asked_free(a);
}

static void an_absent_query_parameter_is_null(void **state)
{
    struct asked *a = asked_new("number");
    set_path(a, "n", "1");
    json_t *value = json_of(ask(*state, a));
    assert_true(json_is_null(json_object_get(value, "t")));
    json_decref(value);
    asked_free(a);
}

static void a_value_of_another_form_is_refused_before_postgresql_sees_it(void **state)
{
    struct asked *a = asked_new("number");
    set_path(a, "n", "MARKER-not-a-number");
    assert_int_equal(ask(*state, a)->refusal, REFUSAL_BAD_PARAMETER);
    asked_free(a);
    a = asked_new("number");
    set_path(a, "n", "1");
    buffer_append_string(&a->call.query, "t=a&t=b");
    assert_int_equal(ask(*state, a)->refusal, REFUSAL_BAD_PARAMETER);
    asked_free(a);
    assert_false(postgres_log_holds(postgres, "MARKER-not-a-number"));
}

static enum refusal query_refusal(struct connector *connector, const char *operation, const char *value,
                                  const char *answer)
{
    struct asked *a = asked_new(operation);
    buffer_printf(&a->call.query, "d=%s", value);
    struct reply *reply = ask(connector, a);
    enum refusal refusal = reply->refusal;
    if (answer != NULL)
        assert_true(bytes_equal_string(buffer_bytes(&reply->body), answer));
    asked_free(a);
    return refusal;
}

static void people_were_born_before_1970(void **state)
{
    struct connector *c = *state;
    assert_int_equal(query_refusal(c, "born", "1955-04-01", "{\"born\":\"1955-04-01\"}"), REFUSAL_NONE);
    assert_int_equal(query_refusal(c, "born", "1904-02-29", "{\"born\":\"1904-02-29\"}"), REFUSAL_NONE);
    assert_int_equal(query_refusal(c, "when", "1955-04-01T10:00:00Z", "{\"at\":\"1955-04-01T10:00:00Z\"}"),
                     REFUSAL_NONE);
}

/* Each of these PostgreSQL would refuse too, and quote in its log. */
static void a_value_that_its_type_cannot_hold_is_refused_before_postgresql_sees_it(void **state)
{
    static const char *const bad[][2] = {
        {"born", "0000-01-01"},
        {"born", "1955-02-30"},
        {"born", "1900-02-29"},
        {"born", "1955-4-1"},
        {"when", "0000-01-01T10:00:00Z"},
        {"when", "2001-01-01T10:00:00+16:00"},
        {"real", "4000000000000000000000000000000000000007"},
        {"real", "0.0000000000000000000000000000000000000000000000000000000007"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(query_refusal(*state, bad[i][0], bad[i][1], NULL), REFUSAL_BAD_PARAMETER);
        assert_false(postgres_log_holds(postgres, bad[i][1]));
    }
    assert_int_equal(query_refusal(*state, "real", "12.5", "{\"r\":\"12.5\"}"), REFUSAL_NONE);
    assert_int_equal(query_refusal(*state, "real", "0.00", NULL), REFUSAL_NONE);
}

static void a_rule_that_breaks_at_commit_has_undone_everything_and_says_so(void **state)
{
    assert_int_equal(refusal_of(*state, "once", "1"), REFUSAL_NONE);
    assert_int_equal(refusal_of(*state, "once", "1"), REFUSAL_PROVIDER_FAILED);
    assert_int_equal(refusal_of(*state, "once", "2"), REFUSAL_NONE);
    postgres_execute(postgres,
                     "DO $$ BEGIN IF (SELECT count(*) FROM once) <> 2 THEN RAISE 'other'; END IF; END $$");
}

static void a_statement_without_writes_cannot_write(void **state)
{
    assert_int_equal(refusal_of(*state, "sneaky", "01234567890"), REFUSAL_PROVIDER_FAILED);
    postgres_execute(postgres,
                     "DO $$ BEGIN IF (SELECT count(*) FROM mark) <> 0 THEN RAISE 'written'; END IF; END $$");
}

static struct asked *mark(const char *iuc, const char *note)
{
    struct asked *a = asked_new("mark");
    set_path(a, "iuc", iuc);
    buffer_append_string(&a->call.body, note);
    return a;
}

static void a_writing_statement_writes_once_and_a_broken_rule_undoes_it(void **state)
{
    struct asked *a = mark("55555555555", "{\"note\":{\"text\":\"seen\"}}");
    json_t *value = json_of(ask(*state, a));
    json_decref(value);
    asked_free(a);
    a = mark("55555555555", "{\"note\":{\"text\":\"again\"}}");
    assert_int_equal(ask(*state, a)->refusal, REFUSAL_BAD_PARAMETER);
    asked_free(a);
    a = mark("66666666666", "{\"note\":{\"text\":1.50}}");
    assert_int_equal(ask(*state, a)->refusal, REFUSAL_BAD_PARAMETER);
    asked_free(a);
    postgres_execute(postgres,
                     "DO $$ BEGIN IF (SELECT count(*) FROM mark WHERE note = 'seen' AND consumer = "
                     "'TN/GOV/MEN/enrolment') <> 1 OR (SELECT count(*) FROM mark) <> 1 THEN RAISE 'other'; "
                     "END IF; DELETE FROM mark; END $$");
}

static void a_change_whose_answer_is_a_refusal_is_undone(void **state)
{
    assert_int_equal(refusal_of(*state, "ghost", "44444444444"), REFUSAL_UNKNOWN_SUBJECT);
    postgres_execute(postgres,
                     "DO $$ BEGIN IF (SELECT count(*) FROM mark) <> 0 THEN RAISE 'written'; END IF; END $$");
}

static void a_statement_that_takes_too_long_is_ended(void **state)
{
    uint64_t begun = clock_monotonic();
    assert_int_equal(refusal_of(*state, "slow", NULL), REFUSAL_PROVIDER_TIMEOUT);
    assert_true(clock_monotonic() - begun < 10 * MICROSECONDS);
    /* By the server too: it does not go on working for nobody. */
    postgres_execute(postgres,
                     "DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query "
                     "LIKE 'SELECT pg_sleep%') THEN RAISE 'still running'; END IF; END $$");
    assert_int_equal(refusal_of(*state, "people", NULL), REFUSAL_NONE);
}

static void a_call_past_its_deadline_is_not_run(void **state)
{
    struct asked *a = mark("77777777777", "{\"note\":{\"text\":\"late\"}}");
    a->call.deadline = clock_wall() - 1;
    assert_int_equal(ask(*state, a)->refusal, REFUSAL_PROVIDER_TIMEOUT);
    asked_free(a);
    postgres_execute(postgres,
                     "DO $$ BEGIN IF (SELECT count(*) FROM mark) <> 0 THEN RAISE 'written'; END IF; END $$");
}

static void rows_and_bytes_are_capped(void **state)
{
    assert_int_equal(refusal_of(*state, "many", NULL), REFUSAL_RESPONSE_TOO_LARGE);
    assert_int_equal(refusal_of(*state, "wide", NULL), REFUSAL_RESPONSE_TOO_LARGE);
    assert_int_equal(refusal_of(*state, "people", NULL), REFUSAL_NONE);
}

static void a_bad_statement_spoils_no_other(void **state)
{
    assert_int_equal(refusal_of(*state, "absent", NULL), REFUSAL_PROVIDER_FAILED);
    assert_int_equal(refusal_of(*state, "twins", NULL), REFUSAL_PROVIDER_FAILED);
    assert_int_equal(refusal_of(*state, "no-such-operation", NULL), REFUSAL_PROVIDER_FAILED);
    assert_int_equal(refusal_of(*state, "people", NULL), REFUSAL_NONE);
}

static void a_database_restarted_between_two_calls_is_not_noticed(void **state)
{
    assert_int_equal(refusal_of(*state, "people", NULL), REFUSAL_NONE);
    postgres_end(postgres);
    postgres_begin(postgres);
    assert_int_equal(refusal_of(*state, "people", NULL), REFUSAL_NONE);
    postgres_end(postgres);
    postgres_begin(postgres);
    struct asked *a = mark("88888888888", "{\"note\":{\"text\":\"after\"}}");
    assert_int_equal(ask(*state, a)->refusal, REFUSAL_NONE);
    asked_free(a);
    postgres_execute(postgres, "DELETE FROM mark");
}

static void a_database_that_is_down_refuses_at_once_and_serves_again_when_up(void **state)
{
    postgres_end(postgres);
    assert_int_equal(refusal_of(*state, "people", NULL), REFUSAL_PROVIDER_FAILED);
    uint64_t begun = clock_monotonic();
    assert_int_equal(refusal_of(*state, "people", NULL), REFUSAL_PROVIDER_FAILED);
    assert_true(clock_monotonic() - begun < 5 * MICROSECONDS);
    postgres_begin(postgres);
    /* The pause before the next attempt is at most ten seconds. */
    uint64_t until = clock_monotonic() + 30 * MICROSECONDS;
    enum refusal refusal;
    while ((refusal = refusal_of(*state, "people", NULL)) != REFUSAL_NONE && clock_monotonic() < until)
        assert_int_equal(refusal, REFUSAL_PROVIDER_FAILED);
    assert_int_equal(refusal, REFUSAL_NONE);
}

static void bound_values_and_rows_are_not_in_postgresqls_log(void **state)
{
    assert_int_equal(refusal_of(*state, "person", "MARKER-subject"), REFUSAL_UNKNOWN_SUBJECT);
    struct asked *a;
    for (int i = 0; i < 2; i++) { /* the second breaks a unique key, whose DETAIL would quote it */
        a = mark("MARKER-key", "{\"note\":{\"text\":\"MARKER-note\"}}");
        assert_int_equal(ask(*state, a)->refusal, i == 0 ? REFUSAL_NONE : REFUSAL_BAD_PARAMETER);
        asked_free(a);
    }
    assert_int_equal(refusal_of(*state, "zero", NULL), REFUSAL_NONE);
    a = asked_new("zero");
    buffer_append_string(&a->call.query, "t=");
    assert_int_equal(ask(*state, a)->refusal, REFUSAL_PROVIDER_FAILED);
    asked_free(a);
    assert_true(postgres_log_holds(postgres, "division by zero"));
    assert_true(postgres_log_holds(postgres, "duplicate key value"));
    assert_false(postgres_log_holds(postgres, "MARKER-subject"));
    assert_false(postgres_log_holds(postgres, "MARKER-key"));
    assert_false(postgres_log_holds(postgres, "MARKER-note"));
    /* The log would show it: a value written into a statement is there. */
    postgres_execute(postgres, "SELECT 'MARKER-control'");
    assert_true(postgres_log_holds(postgres, "MARKER-control"));
    postgres_execute(postgres, "DELETE FROM mark");
}

static void a_database_whose_encoding_is_unknown_is_refused(void **state)
{
    struct sql_options o = options();
    struct error e;
    char connection[256];

    (void)state;
    snprintf(connection, sizeof connection, "%s dbname=nameless", postgres_connection(postgres));
    o.connection = connection;
    struct connector *connector = connector_sql_new(&o, &e);
    assert_non_null(connector);
    assert_int_equal(refusal_of(connector, "types", NULL), REFUSAL_PROVIDER_FAILED);
    connector->operations->free(connector);
}

static void ending_answers_every_call(void **state)
{
    struct sql_options o = options();
    struct error e;
    struct asked *a[8];

    (void)state;
    struct connector *connector = connector_sql_new(&o, &e);
    for (int i = 0; i < 8; i++) {
        a[i] = asked_new(i == 0 ? "slow" : "people");
        connector->operations->start(connector, &a[i]->call);
    }
    connector->operations->free(connector);
    for (int i = 0; i < 8; i++) {
        int value = 0;
        sem_getvalue(&a[i]->done, &value);
        assert_int_equal(value, 1);
        asked_free(a[i]);
    }
}

static void a_password_in_the_connection_string_is_refused(void **state)
{
    struct sql_options o = {.connection = "host=/tmp password=MARKER-secret"};
    struct error e;

    (void)state;
    assert_null(connector_sql_new(&o, &e));
    assert_null(strstr(e.text, "MARKER-secret"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_row_is_an_object),
        TEST(rows_are_an_array_and_none_an_empty_one),
        TEST(nobody_with_this_identifier_is_an_unknown_subject),
        TEST(two_rows_where_one_is_promised_are_refused),
        TEST(every_type_keeps_its_digits_and_its_meaning),
        TEST(a_date_without_rfc_3339_form_is_refused),
        TEST(parameters_are_bound_and_not_pasted),
        TEST(an_absent_query_parameter_is_null),
        TEST(a_value_of_another_form_is_refused_before_postgresql_sees_it),
        TEST(people_were_born_before_1970),
        TEST(a_value_that_its_type_cannot_hold_is_refused_before_postgresql_sees_it),
        TEST(a_rule_that_breaks_at_commit_has_undone_everything_and_says_so),
        TEST(a_statement_without_writes_cannot_write),
        TEST(a_writing_statement_writes_once_and_a_broken_rule_undoes_it),
        TEST(a_change_whose_answer_is_a_refusal_is_undone),
        TEST(a_statement_that_takes_too_long_is_ended),
        TEST(a_call_past_its_deadline_is_not_run),
        TEST(rows_and_bytes_are_capped),
        TEST(a_bad_statement_spoils_no_other),
        TEST(a_database_restarted_between_two_calls_is_not_noticed),
        TEST(a_database_that_is_down_refuses_at_once_and_serves_again_when_up),
        TEST(bound_values_and_rows_are_not_in_postgresqls_log),
        TEST(a_database_whose_encoding_is_unknown_is_refused),
        TEST(ending_answers_every_call),
        TEST(a_password_in_the_connection_string_is_refused),
    };
    return cmocka_run_group_tests_name("sql connector", tests, group_setup, group_teardown);
}
