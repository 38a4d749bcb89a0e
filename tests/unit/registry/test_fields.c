#include "registry/fields.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define FIELDS(...)                                                                                          \
    (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)

static void keeps(const char *const *fields, size_t count, const char *body, const char *want)
{
    struct registry_grant grant = {.fields = fields, .field_count = count};
    struct buffer out = {0};
    struct error e = {0};
    if (fields_reduce(&grant, bytes_of_string(body), &out, &e) != 0)
        fail_msg("%s: %s", body, e.text);
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, want);
    buffer_free(&out);
}

static void refuses(struct bytes body)
{
    struct registry_grant grant = {.fields = FIELDS("/a")};
    struct buffer out = {0};
    struct error e = {0};
    buffer_append_string(&out, "before");
    if (fields_reduce(&grant, body, &out, &e) == 0)
        fail_msg("%.*s was reduced", (int)body.len, (const char *)body.data);
    assert_int_equal(out.len, 6);
    assert_true(e.text[0] != 0);
    /* Whatever stands in the body stays out of the words about it. */
    assert_null(strstr(e.text, "secret"));
    buffer_free(&out);
}

#define REFUSES(text) refuses(bytes_make(text, sizeof(text) - 1))

static void only_named_values_are_kept(void **state)
{
    (void)state;
    keeps(FIELDS("/name/ar", "/birth_date"),
          "{\"iuc\": \"01234567890\", \"name\": {\"ar\": \"سلمى\", \"fr\": \"Salma\"}, \"birth_date\": "
          "\"2019-03-02\",\n"
          " \"filiation\": {\"father\": \"secret\", \"mother\": \"secret\"}}",
          "{\"name\":{\"ar\":\"سلمى\"},\"birth_date\":\"2019-03-02\"}");
}

static void a_named_object_is_kept_whole(void **state)
{
    (void)state;
    keeps(FIELDS("/a"), "{ \"b\" : 1 , \"a\" : { \"x\" : [ 1 , \"two , }\" , null ] , \"y\" : { } } }",
          "{\"a\":{\"x\":[1,\"two , }\",null],\"y\":{}}}");
    keeps(FIELDS("/a", "/a/x"), "{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"x\":1,\"y\":2}}");
}

static void a_star_goes_through_every_element(void **state)
{
    (void)state;
    keeps(FIELDS("/children/*/name"),
          "{\"children\":[{\"name\":\"A\",\"iuc\":\"secret\"},{\"iuc\":\"secret\"},{\"name\":\"B\"}, "
          "\"secret\"]}",
          "{\"children\":[{\"name\":\"A\"},{},{\"name\":\"B\"}]}");
    keeps(FIELDS("/*/a"), "[{\"a\":1,\"b\":2},{\"a\":3}]", "[{\"a\":1},{\"a\":3}]");
    keeps(FIELDS("/m/*/*"), "{\"m\":[[1,2],[],[3]]}", "{\"m\":[[1,2],[],[3]]}");
    keeps(FIELDS("/children/*/name"), "{\"children\":[],\"x\":1}", "{\"children\":[]}");
}

static void a_star_does_not_go_through_objects(void **state)
{
    (void)state;
    keeps(FIELDS("/*/name"), "{\"x\":{\"name\":\"secret\"},\"*\":{\"name\":\"secret\"}}", "{}");
    keeps(FIELDS("/a/*"), "{\"a\":{\"b\":\"secret\"}}", "{}");
}

static void an_index_names_one_element(void **state)
{
    (void)state;
    keeps(FIELDS("/a/1"), "{\"a\":[\"x\",\"y\",\"z\"]}", "{\"a\":[\"y\"]}");
    keeps(FIELDS("/a/01"), "{\"a\":[\"x\",\"y\"]}", "{}");
    keeps(FIELDS("/2024"), "{\"2024\":1,\"2025\":2}", "{\"2024\":1}");
}

static void a_value_of_another_shape_is_not_kept(void **state)
{
    (void)state;
    keeps(FIELDS("/a/b"), "{\"a\":\"secret\"}", "{}");
    keeps(FIELDS("/a/b"), "{\"a\":[{\"b\":\"secret\"}]}", "{}");
    keeps(FIELDS("/a/b"), "{\"a\":null,\"c\":1}", "{}");
    keeps(FIELDS("/a"), "[\"secret\"]", "[]");
    keeps(FIELDS("/a/b"), "{\"a\":{\"c\":1}}", "{}");
}

static void names_are_compared_decoded(void **state)
{
    (void)state;
    keeps(FIELDS("/a~1b", "/c~0d"), "{\"a/b\":1,\"c~d\":2,\"a~1b\":3}", "{\"a/b\":1,\"c~d\":2}");
    keeps(FIELDS("/a"), "{\"\\u0061\":1,\"\\u0062\":2}", "{\"\\u0061\":1}");
    keeps(FIELDS("/é"), "{\"\\u00e9\":1}", "{\"\\u00e9\":1}");
    keeps(FIELDS("/a\"b"), "{\"a\\\"b\":1,\"ab\":2}", "{\"a\\\"b\":1}");
    keeps(FIELDS("/ab"), "{\"a\":1,\"abc\":2,\"ab\":3}", "{\"ab\":3}");
}

static void values_are_not_written_anew(void **state)
{
    (void)state;
    keeps(FIELDS("/a", "/b", "/c", "/d", "/e"),
          "{\"a\": 12.500, \"b\": 0.1, \"c\": 9223372036854775807, \"d\": \"\\u00e9\\/\", \"e\": -0}",
          "{\"a\":12.500,\"b\":0.1,\"c\":9223372036854775807,\"d\":\"\\u00e9\\/\",\"e\":-0}");
    keeps(FIELDS("/a"), "{\"a\":1E+2}", "{\"a\":1E+2}");
}

static void what_is_not_strict_json_is_refused(void **state)
{
    (void)state;
    REFUSES("\"secret\"");
    REFUSES("42");
    REFUSES("secret");
    REFUSES("{\"a\":1,\"a\":\"secret\"}");
    REFUSES("{\"a\":1,\"\\u0061\":\"secret\"}");
    REFUSES("{\"b\":{\"x\":1,\"x\":2}}");
    REFUSES("{\"a\":9223372036854775808}");
    REFUSES("{\"a\":1e400}");
    REFUSES("{\"a\":1} {\"b\":\"secret\"}");
    REFUSES("{\"a\":\"secret\xff\"}");
    REFUSES("{\"a\":\"\xed\xa0\x80\"}");
    REFUSES("{\"a\":\"\\ud800\"}");
    REFUSES("{\"a\":\"x\\u0000secret\"}");
    REFUSES("{\"a\":\"x\0secret\"}");
    REFUSES("{\"a\":1}\0");
    REFUSES("{\"x\":null\0,\"a\":\"secret\"}");
    REFUSES("{\"x\":[1\0,2],\"a\":\"secret\"}");
    REFUSES("{\"a\":01}");
    REFUSES("{\"a\":NaN}");
    REFUSES("{\"a\":1,}");
    REFUSES("{\"a\":\"line\nbreak\"}");
    REFUSES("\xef\xbb\xbf{\"a\":1}");
    REFUSES("<html>secret</html>");
}

/* {"b":[[[...]]],"a":1}, `levels` brackets deep in all. */
static void nested(int levels, struct buffer *out)
{
    buffer_append_string(out, "{\"b\":");
    for (int i = 1; i < levels; i++)
        buffer_append_string(out, "[");
    for (int i = 1; i < levels; i++)
        buffer_append_string(out, "]");
    buffer_append_string(out, ",\"a\":1}");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    struct buffer body = {0};
    nested(64, &body);
    buffer_append(&body, "", 1);
    keeps(FIELDS("/a"), (const char *)body.data, "{\"a\":1}");
    buffer_clear(&body);
    nested(65, &body);
    refuses(buffer_bytes(&body));
    buffer_free(&body);
}

static void an_empty_body_and_a_whole_grant_pass_unchanged(void **state)
{
    (void)state;
    keeps(FIELDS("/a"), "", "");
    struct registry_grant whole = {.whole = true};
    struct buffer out = {0};
    assert_int_equal(fields_reduce(&whole, bytes_make("\xff\0x", 3), &out, NULL), 0);
    assert_int_equal(out.len, 3);
    buffer_free(&out);
}

static void pointers_are_judged_by_form(void **state)
{
    (void)state;
    static const char *const good[] = {"/a", "/a/*/b", "/a~0b~1c", "/é", "/*"};
    static const char *const bad[] = {
        "", "a", "/", "/a/", "//a", "/a~", "/a~2", "/a\nb", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(fields_pointer_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (fields_pointer_valid(bad[i]))
            fail_msg("\"%s\" was accepted", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_named_values_are_kept),
        cmocka_unit_test(a_named_object_is_kept_whole),
        cmocka_unit_test(a_star_goes_through_every_element),
        cmocka_unit_test(a_star_does_not_go_through_objects),
        cmocka_unit_test(an_index_names_one_element),
        cmocka_unit_test(a_value_of_another_shape_is_not_kept),
        cmocka_unit_test(names_are_compared_decoded),
        cmocka_unit_test(values_are_not_written_anew),
        cmocka_unit_test(what_is_not_strict_json_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(an_empty_body_and_a_whole_grant_pass_unchanged),
        cmocka_unit_test(pointers_are_judged_by_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
