#include "registry/operation.h"

#include "registry/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct registry_operation operations[] = {
    {"identity", "GET", "/persons/{iuc:IUC}", true},
    {"search", "GET", "/persons/search", true},
    {"guardian", "GET", "/persons/{iuc:IUC}/guardian-of/{child:IUC}", true},
    {"attest", "POST", "/persons/{iuc:IUC}/attestations", false},
    {"note", "GET", "/notes/{text}", true},
    {"admin", "DELETE", "/admin", false},
    {"tax", "GET", "/bodies/{tax:TAX}", true},
    {"root", "GET", "/", true},
};
static const struct registry_service service = {.operations = operations,
                                                .operation_count = sizeof operations / sizeof operations[0]};
static struct operation_match match;

static enum refusal ask(const char *method, const char *path)
{
    return operation_match(&service, bytes_of_string(method), bytes_of_string(path), &match);
}

static void a_path_finds_its_operation_and_parameters(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", "/persons/01234567890/guardian-of/09876543210"), REFUSAL_NONE);
    assert_string_equal(match.operation->code, "guardian");
    assert_int_equal(match.parameter_count, 2);
    assert_int_equal(match.parameters[0].name_len, 3);
    assert_memory_equal(match.parameters[0].name, "iuc", 3);
    assert_int_equal(match.parameters[0].type, SUBJECT_IUC);
    assert_string_equal(match.parameters[0].value, "01234567890");
    assert_memory_equal(match.parameters[1].name, "child", 5);
    assert_string_equal(match.parameters[1].value, "09876543210");
    assert_int_equal(ask("GET", "/persons/search"), REFUSAL_NONE);
    assert_string_equal(match.operation->code, "search");
    assert_int_equal(match.parameter_count, 0);
}

static void an_empty_path_is_the_root(void **state)
{
    (void)state;
    assert_int_equal(operation_match(&service, bytes_of_string("GET"), (struct bytes){0}, &match),
                     REFUSAL_NONE);
    assert_string_equal(match.operation->code, "root");
    assert_int_equal(ask("GET", "/"), REFUSAL_NONE);
}

static void another_method_or_path_is_refused(void **state)
{
    (void)state;
    assert_int_equal(ask("PUT", "/persons/01234567890"), REFUSAL_METHOD_NOT_SERVED);
    assert_int_equal(ask("get", "/persons/01234567890"), REFUSAL_METHOD_NOT_SERVED);
    assert_int_equal(ask("GET", "/person/01234567890"), REFUSAL_UNKNOWN_OPERATION);
    assert_int_equal(ask("GET", "/persons/01234567890/"), REFUSAL_UNKNOWN_OPERATION);
    assert_int_equal(ask("GET", "/persons"), REFUSAL_UNKNOWN_OPERATION);
    assert_int_equal(ask("GET", "/persons/"), REFUSAL_UNKNOWN_OPERATION);
    assert_int_equal(ask("GET", "/Persons/01234567890"), REFUSAL_UNKNOWN_OPERATION);
    assert_int_equal(ask("GET", "persons/01234567890"), REFUSAL_AMBIGUOUS_TARGET);
    assert_null(match.operation);
}

static void a_typed_parameter_is_refused_with_its_own_reason(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", "/persons/0123456789"), REFUSAL_SUBJECT_LENGTH);
    assert_int_equal(ask("GET", "/persons/012345678901"), REFUSAL_SUBJECT_LENGTH);
    assert_int_equal(ask("GET", "/persons/0123456789x"), REFUSAL_SUBJECT_DIGITS);
    assert_int_equal(
        ask("GET", "/persons/%D9%A0%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5%D9%A6%D9%A7%D9%A8%D9%A9%D9%A0"),
        REFUSAL_SUBJECT_DIGITS);
    assert_int_equal(ask("GET", "/persons/٠١٢٣٤٥٦٧٨٩٠"), REFUSAL_SUBJECT_DIGITS);
    assert_int_equal(ask("GET", "/bodies/1234567xxx000"), REFUSAL_BAD_PARAMETER);
}

static void a_typed_value_is_given_in_canonical_form(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", "/bodies/1234567abm000"), REFUSAL_NONE);
    assert_string_equal(match.parameters[0].value, "1234567ABM000");
}

static void free_text_is_decoded_once(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", "/notes/caf%C3%A9%20noir"), REFUSAL_NONE);
    assert_string_equal(match.parameters[0].value, "café noir");
    assert_int_equal(ask("GET", "/notes/a%3Bb%3fc"), REFUSAL_NONE);
    assert_string_equal(match.parameters[0].value, "a;b?c");
    assert_int_equal(ask("GET", "/notes/a:b@c,(d)"), REFUSAL_NONE);
    assert_string_equal(match.parameters[0].value, "a:b@c,(d)");
}

static void ambiguous_encodings_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "/notes/a%2Fb",                       /* encoded slash */
        "/notes/a%2fb",     "/notes/%2e%2e",  /* encoded dots */
        "/notes/a%2Eb",     "/notes/a%252Fb", /* encoded twice */
        "/notes/a%5Cb",                       /* encoded back slash */
        "/notes/%61dmin",                     /* an encoded letter: "/notes/admin" to some */
        "/%61dmin",         "//admin",
        "/notes//a",        "/notes/.",
        "/notes/..",        "/notes/../admin",
        "/./admin",         "/notes/a;b",
        "/notes/a\\b",      "/notes/a b",
        "/notes/a?b",       "/notes/a#b",
        "/notes/a%",        "/notes/a%4",
        "/notes/a%zz",      "/notes/a%00b",
        "/notes/a%0Ab",     "/notes/a%7F",
        "/notes/a\nb",      "/notes/caf\xc3\xa9", /* not encoded at all */
        "/notes/%C3",       "/notes/%C3%28",      /* not UTF-8 */
        "/notes/%C0%AF",    "/notes/%E0%80%AF",   /* a slash, overlong */
        "/notes/%ED%A0%80", "/notes/%F4%90%80%80",
        "/notes/%C2%85", /* C1 control */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (ask("GET", bad[i]) != REFUSAL_AMBIGUOUS_TARGET)
            fail_msg("%s was not refused", bad[i]);
    assert_int_equal(operation_match(&service, bytes_of_string("GET"), bytes_make("/notes/a\0b", 10), &match),
                     REFUSAL_AMBIGUOUS_TARGET);
}

static void a_value_has_room_for_127_bytes(void **state)
{
    (void)state;
    char path[200] = "/notes/";
    memset(path + 7, 'a', 127);
    assert_int_equal(ask("GET", path), REFUSAL_NONE);
    assert_int_equal(strlen(match.parameters[0].value), 127);
    path[7 + 127] = 'a';
    assert_int_equal(ask("GET", path), REFUSAL_BAD_PARAMETER);
}

static void templates_are_judged_by_form(void **state)
{
    (void)state;
    static const char *const good[] = {
        "/",  "/a",   "/a/{b}", "/{iuc:IUC}",    "/a.b~c/{x_1}",      "/**", "/v1/**", "/{iuc:IUC}/**",
        "/*", "/a*b", "/a.*",   "/a\\*b/{x}/c*", "/things:search(*)", "/*.*"};
    static const char *const bad[] = {"",         "a",
                                      "/a/",      "//",
                                      "/a//b",    "/{a}{b}",
                                      "/x{a}",    "/{a}x",
                                      "/{}",      "/{A}",
                                      "/{a:}",    "/{a:XYZ}",
                                      "/{a:iuc}", "/{a}/{a}",
                                      "/a b",     "/a%20b",
                                      "/.",       "/../a",
                                      "/{a",      "/a}",
                                      "/a;b",     "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}",
                                      "/**/a",    "/a**",
                                      "/***",     "/**b",
                                      "/a\\b",    "/a\\",
                                      "/{a}*",    "/*?",
                                      "/*%20",    "/**/"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (template_fault(good[i]) != NULL)
            fail_msg("%s: %s", good[i], template_fault(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (template_fault(bad[i]) == NULL)
            fail_msg("%s was accepted", bad[i]);
}

static void templates_overlap_when_a_path_fits_both(void **state)
{
    (void)state;
    assert_true(template_overlap("/a/{x}", "/a/{y}"));
    assert_true(template_overlap("/a/{x}", "/a/b"));
    assert_true(template_overlap("/{x}/b", "/a/{y}"));
    assert_true(template_overlap("/a", "/a"));
    assert_true(template_overlap("/", "/"));
    assert_true(template_overlap("/{x:IUC}", "/{y:CIN}"));
    assert_true(template_overlap("/{x:CIN}", "/12345678"));
    assert_false(template_overlap("/{x:IUC}", "/search"));
    assert_false(template_overlap("/a/{x}", "/b/{x}"));
    assert_false(template_overlap("/a/{x}", "/a/{x}/c"));
    assert_false(template_overlap("/", "/{x}"));
}

static void globs_overlap_with_what_they_stand_for(void **state)
{
    (void)state;
    static const char *const over[][2] = {
        {"/**", "/"},          {"/**", "/a"},          {"/**", "/a/{b}"},         {"/**", "/b/**"},
        {"/v1/**", "/v1/{x}"}, {"/v1/**", "/{x}/y"},   {"/v1/**", "/v1/a/b/c"},   {"/a*", "/abc"},
        {"/a*", "/*c"},        {"/*", "/{x}"},         {"/*", "/{x:IUC}"},        {"/1*", "/{x:IUC}"},
        {"/*.json", "/a.*"},   {"/{x:TAX}", "/1-*"},   {"/a\\*", "/a*"},          {"/*/b", "/a/*"},
        {"/{x}/**", "/**"},    {"/a*/**", "/abc/{x}"}, {"/things:search", "/{x}"}};
    static const char *const apart[][2] = {{"/v1/**", "/v1"},     {"/v1/**", "/v2/**"},  {"/a*", "/b*"},
                                           {"/*.json", "/*.xml"}, {"/*", "/"},           {"/*", "/a/b"},
                                           {"/s*", "/{x:IUC}"},   {"/a*", "/persons"},   {"/{x}/**", "/"},
                                           {"/a\\*", "/ab"},      {"/v1/a/**", "/v1/a"}, {"/{x}/**", "/{y}"},
                                           {"/a:b", "/{x:IUC}"},  {"/*a", "/*b"},        {"/ab*", "/ac*"}};
    for (size_t i = 0; i < sizeof over / sizeof over[0]; i++)
        if (!template_overlap(over[i][0], over[i][1]) || !template_overlap(over[i][1], over[i][0]))
            fail_msg("%s and %s were said to be apart", over[i][0], over[i][1]);
    for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++)
        if (template_overlap(apart[i][0], apart[i][1]) || template_overlap(apart[i][1], apart[i][0]))
            fail_msg("%s and %s were said to overlap", apart[i][0], apart[i][1]);
}

static const struct registry_operation wide[] = {
    {"any", "GET", "/v1/**", true},
    {"identity", "GET", "/persons/{iuc:IUC}", true},
    {"under", "GET", "/persons/{iuc:IUC}/**", true},
    {"requests", "GET", "/requests.*", true},
    {"write", "POST", "/v1/**", false},
};
static const struct registry_service wide_service = {.operations = wide,
                                                     .operation_count = sizeof wide / sizeof wide[0]};

static enum refusal ask_wide(const char *method, const char *path)
{
    return operation_match(&wide_service, bytes_of_string(method), bytes_of_string(path), &match);
}

static void a_glob_stands_next_to_templates(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *code;
    } good[] = {{"GET", "/v1/", "any"},
                {"GET", "/v1/a/b/c/", "any"},
                {"GET", "/v1/%D9%A0", "any"},
                {"POST", "/v1/a", "write"},
                {"GET", "/persons/01234567890", "identity"},
                {"GET", "/persons/01234567890/", "under"},
                {"GET", "/persons/01234567890/a/b", "under"},
                {"GET", "/requests.json", "requests"},
                {"GET", "/requests.", "requests"}};
    static const char *const nothing[] = {"/v1",           "/v2/a", "/requests", "/requests.json/",
                                          "/requests.a/b", "/"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (ask_wide(good[i].method, good[i].path) != REFUSAL_NONE)
            fail_msg("%s was refused", good[i].path);
        assert_string_equal(match.operation->code, good[i].code);
    }
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++)
        if (ask_wide("GET", nothing[i]) != REFUSAL_UNKNOWN_OPERATION)
            fail_msg("%s was taken", nothing[i]);
    assert_int_equal(ask_wide("GET", "/persons/01234567890/a"), REFUSAL_NONE);
    assert_int_equal(match.parameter_count, 1);
    assert_string_equal(match.parameters[0].value, "01234567890");
    assert_int_equal(ask_wide("GET", "/persons/0123456789/a"), REFUSAL_SUBJECT_LENGTH);
}

static void a_glob_takes_no_ambiguous_encoding(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "/v1/../admin", "/v1/%2e%2e/admin", "/v1/a%2Fb",        "/v1/%252e", "/v1//a",
        "/v1/a;b",      "/v1/%61",          "/v1/%00",          "/v1/%FF",   "/v1/\xd9\xa0",
        "/v1/%C2%85",   "/v1/a%",           "/requests.%C3%28", "/v1/.",     "/v1/a\\b",
        "/v1/%5c"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (ask_wide("GET", bad[i]) != REFUSAL_AMBIGUOUS_TARGET)
            fail_msg("%s was not refused as it should be", bad[i]);
    char path[9000] = "/v1/";
    memset(path + 4, 'a', 8192 - 4);
    assert_int_equal(ask_wide("GET", path), REFUSAL_NONE);
    path[8192] = 'a';
    assert_int_equal(ask_wide("GET", path), REFUSAL_AMBIGUOUS_TARGET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_finds_its_operation_and_parameters),
        cmocka_unit_test(an_empty_path_is_the_root),
        cmocka_unit_test(another_method_or_path_is_refused),
        cmocka_unit_test(a_typed_parameter_is_refused_with_its_own_reason),
        cmocka_unit_test(a_typed_value_is_given_in_canonical_form),
        cmocka_unit_test(free_text_is_decoded_once),
        cmocka_unit_test(ambiguous_encodings_are_refused),
        cmocka_unit_test(a_value_has_room_for_127_bytes),
        cmocka_unit_test(templates_are_judged_by_form),
        cmocka_unit_test(templates_overlap_when_a_path_fits_both),
        cmocka_unit_test(globs_overlap_with_what_they_stand_for),
        cmocka_unit_test(a_glob_stands_next_to_templates),
        cmocka_unit_test(a_glob_takes_no_ambiguous_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
