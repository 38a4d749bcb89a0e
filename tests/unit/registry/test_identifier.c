#include "registry/identifier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static unsigned parts(const char *text)
{
    return identifier_parts(bytes_of_string(text));
}

static void an_identifier_has_one_to_five_parts(void **state)
{
    (void)state;
    assert_int_equal(parts("TN"), 1);
    assert_int_equal(parts("TN/GOV/MI"), 3);
    assert_int_equal(parts("TN/GOV/MI/civil/person"), 5);
    assert_int_equal(parts("TN/GOV/MI/civil/person/more"), 0);
    assert_int_equal(parts(""), 0);
}

static void what_could_be_taken_for_another_identifier_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"/TN",         "TN/",   "TN//MI",    "TN/GOV/MI ",      "TN/GOV/M%49",
                                      "TN/../MI",    "TN/.x", "TN/-x",     "TN/GOV/\xd9\x85", "TN\\GOV",
                                      "TN/GOV/MI\n", "TN/_x", "TN/GOV/M:I"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parts(bad[i]) != 0)
            fail_msg("%s was accepted", bad[i]);
    assert_int_equal(identifier_parts(bytes_make("TN\0MI", 5)), 0);
}

static void lengths_are_bounded(void **state)
{
    (void)state;
    char text[IDENTIFIER_MOST + 2];
    memset(text, 'a', sizeof text);
    assert_true(identifier_part_valid(bytes_make(text, 64)));
    assert_false(identifier_part_valid(bytes_make(text, 65)));
    assert_false(identifier_part_valid(bytes_make(text, 0)));
    for (size_t i = 50; i < sizeof text; i += 50)
        text[i] = '/';
    assert_int_equal(identifier_parts(bytes_make(text, IDENTIFIER_MOST)), 4);
    text[IDENTIFIER_MOST] = 'a';
    assert_int_equal(identifier_parts(bytes_make(text, IDENTIFIER_MOST + 1)), 0);
}

static void a_prefix_ends_before_the_slash(void **state)
{
    (void)state;
    struct bytes id = bytes_of_string("TN/GOV/MI/civil");
    assert_int_equal(identifier_prefix(id, 1), 2);
    assert_int_equal(identifier_prefix(id, 3), 9);
    assert_int_equal(identifier_prefix(id, 4), 15);
    assert_int_equal(identifier_prefix(id, 5), 0);
    assert_int_equal(identifier_prefix(id, 0), 0);
}

static void a_code_may_have_slash_and_plus(void **state)
{
    (void)state;
    assert_true(code_valid(bytes_of_string("application/problem+json")));
    assert_true(code_valid(bytes_of_string("law-2004-63/art-47")));
    assert_false(code_valid(bytes_of_string("/json")));
    assert_false(code_valid(bytes_of_string("text/plain; charset=utf-8")));
    assert_false(code_valid(bytes_of_string("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_identifier_has_one_to_five_parts),
        cmocka_unit_test(what_could_be_taken_for_another_identifier_is_refused),
        cmocka_unit_test(lengths_are_bounded),
        cmocka_unit_test(a_prefix_ends_before_the_slash),
        cmocka_unit_test(a_code_may_have_slash_and_plus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
