/* Statements and parameters, without a database. */
#include "base/error.h"
#include "connectors/sql_parameter.h"
#include "connectors/sql_type.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int check(const char *text, const char *const *parameters, size_t count)
{
    struct sql_statement s = {
        .operation = "op", .text = text, .parameters = parameters, .parameter_count = count};
    struct error e;
    return connector_sql_check(&s, &e);
}

static void placeholders_and_parameters_must_match(void **state)
{
    static const char *const two[] = {"iuc", "query.from"};

    (void)state;
    assert_int_equal(check("SELECT $1, $2, $1", two, 2), 0);
    assert_int_equal(check("SELECT $1", two, 2), -1);
    assert_int_equal(check("SELECT $1, $3", two, 2), -1);
    assert_int_equal(check("SELECT $1, $2", two, 1), -1);
    assert_int_equal(check("SELECT $0, $1, $2", two, 2), -1);
    assert_int_equal(check("SELECT $65", two, 2), -1);
    assert_int_equal(check("SELECT 1", NULL, 0), 0);
}

static void placeholders_in_quotes_and_comments_do_not_count(void **state)
{
    static const char *const one[] = {"iuc"};

    (void)state;
    assert_int_equal(check("SELECT '$2', \"$3\" -- $4\n, $1 /* $5 */", one, 1), 0);
    assert_int_equal(check("SELECT 'it''s $2', $1", one, 1), 0);
    assert_int_equal(check("SELECT '$1'", one, 1), -1);
}

static void only_known_sources_of_parameters_are_taken(void **state)
{
    (void)state;
    assert_true(sql_parameter_name_valid("iuc"));
    assert_true(sql_parameter_name_valid("query.from"));
    assert_true(sql_parameter_name_valid("body./a/0"));
    assert_true(sql_parameter_name_valid("exchange.id"));
    assert_true(sql_parameter_name_valid("consumer"));
    assert_false(sql_parameter_name_valid("exchange.other"));
    assert_false(sql_parameter_name_valid("body.a"));
    assert_false(sql_parameter_name_valid("body."));
    assert_false(sql_parameter_name_valid("query."));
    assert_false(sql_parameter_name_valid(""));
    assert_false(sql_parameter_name_valid("a b"));
}

static enum refusal gather(const char *source, unsigned type, const char *body, char **value)
{
    struct sql_statement s = {.operation = "op", .parameters = &source, .parameter_count = 1};
    struct call call = {0};
    struct sql_values values;

    buffer_append_string(&call.body, body);
    enum refusal refusal = sql_values_gather(&s, &type, &call, &values);
    *value = refusal == REFUSAL_NONE && values.items[0] != NULL ? string_copy(values.items[0]) : NULL;
    sql_values_free(&values);
    buffer_free(&call.body);
    return refusal;
}

static void gives(const char *pointer, unsigned type, const char *body, const char *expected)
{
    char *value;

    assert_int_equal(gather(pointer, type, body, &value), REFUSAL_NONE);
    if (expected == NULL)
        assert_null(value);
    else
        assert_string_equal(value, expected);
    free(value);
}

static void refuses(const char *pointer, unsigned type, const char *body)
{
    char *value;
    assert_int_equal(gather(pointer, type, body, &value), REFUSAL_BAD_PARAMETER);
}

static void scalars_of_a_json_body_are_found_by_pointer(void **state)
{
    (void)state;
    gives("body./a/b", SQLTYPE_TEXT, "{\"a\":{\"b\":\"é\"}}", "é");
    gives("body./a/1", SQLTYPE_INT8, "{\"a\":[1,9007199254740993]}", "9007199254740993");
    gives("body./x~1y~0z", SQLTYPE_BOOL, "{\"x/y~z\":true}", "true");
    gives("body./a", SQLTYPE_TEXT, "{}", NULL);
    gives("body./a", SQLTYPE_TEXT, "{\"a\":null}", NULL);
    gives("body./a/5/b", SQLTYPE_TEXT, "{\"a\":[]}", NULL);
}

static void what_would_change_on_its_way_is_refused(void **state)
{
    (void)state;
    refuses("body./a", SQLTYPE_NUMERIC, "{\"a\":12.500}");
    gives("body./a", SQLTYPE_NUMERIC, "{\"a\":\"12.500\"}", "12.500");
    refuses("body./a", SQLTYPE_TEXT, "{\"a\":1,\"a\":2}");
    refuses("body./a", SQLTYPE_TEXT, "{\"a\":\"x\\u0000y\"}");
    refuses("body./a", SQLTYPE_TEXT, "{\"a\":{}}");
    refuses("body./a", SQLTYPE_TEXT, "not json");
    refuses("body./a", SQLTYPE_TEXT, "");
    refuses("body./a", SQLTYPE_TEXT, "{\"a\":\"x\"} trailing");
}

static void values_must_have_the_form_of_their_type(void **state)
{
    static const struct {
        unsigned type;
        const char *good, *bad;
    } rows[] = {
        {SQLTYPE_INT2, "32767", "32768"},
        {SQLTYPE_INT4, "-2147483648", "2147483648"},
        {SQLTYPE_INT8, "9223372036854775807", "9223372036854775808"},
        {SQLTYPE_INT8, "-9223372036854775808", "+1"},
        {SQLTYPE_INT8, "0", " 1"},
        {SQLTYPE_INT8, "007", "٣"},
        {SQLTYPE_NUMERIC, "-0.500", "1e5"},
        {SQLTYPE_NUMERIC, "12", "NaN"},
        {SQLTYPE_NUMERIC, "1.0", "1."},
        {SQLTYPE_BOOL, "false", "yes"},
        {SQLTYPE_UUID, "11111111-2222-3333-4444-555555555555", "11111111"},
        {SQLTYPE_DATE, "2024-02-29", "2023-02-29"},
        {SQLTYPE_DATE, "2024-12-31", "2024-12-31T00:00:00Z"},
        {SQLTYPE_TIMESTAMPTZ, "2024-02-29T23:59:59+01:00", "2024-02-29"},
        {SQLTYPE_JSONB, "{\"a\":[1]}", "{\"a\":"},
    };
    char body[128];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* JSON strings: the JSON rows need their quotes escaped. */
        const char *pair[] = {rows[i].good, rows[i].bad};
        for (int k = 0; k < 2; k++) {
            char escaped[96];
            size_t n = 0;
            for (const char *p = pair[k]; *p != 0; p++) {
                if (*p == '"')
                    escaped[n++] = '\\';
                escaped[n++] = *p;
            }
            escaped[n] = 0;
            snprintf(body, sizeof body, "{\"a\":\"%s\"}", escaped);
            if (k == 0)
                gives("body./a", rows[i].type, body, pair[k]);
            else
                refuses("body./a", rows[i].type, body);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(placeholders_and_parameters_must_match),
        cmocka_unit_test(placeholders_in_quotes_and_comments_do_not_count),
        cmocka_unit_test(only_known_sources_of_parameters_are_taken),
        cmocka_unit_test(scalars_of_a_json_body_are_found_by_pointer),
        cmocka_unit_test(what_would_change_on_its_way_is_refused),
        cmocka_unit_test(values_must_have_the_form_of_their_type),
    };
    return cmocka_run_group_tests_name("sql statements", tests, NULL, NULL);
}
