#include "registry/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void a_query_with_one_reading_passes(void **state)
{
    static const char *const good[] = {"",      "a=b&c=d",       "a=%2F%252F&b=%D9%85",
                                       "c[]=1", "/?:@!$'()*+,;", "a=%0A"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!query_unambiguous(bytes_of_string(good[i])))
            fail_msg("%s was refused", good[i]);
}

static void a_query_with_two_readings_is_refused(void **state)
{
    static const char *const bad[] = {"a b",
                                      "a=%",
                                      "a=%4",
                                      "a=%zz",
                                      "a=%00",
                                      "a=%FF",
                                      "a=%C0%AF",
                                      "a\tb",
                                      "a#b",
                                      "a=\xc3\xa9",
                                      "a={b}",
                                      "a|b",
                                      "a\\b",
                                      "a=\"b\"",
                                      "a<b>",
                                      "a^b",
                                      "a`b",
                                      "a\x7f",
                                      "a=b HTTP/1.1\r\nHost: x"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (query_unambiguous(bytes_of_string(bad[i])))
            fail_msg("%s was taken", bad[i]);
    assert_false(query_unambiguous(bytes_make("a\0b", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_with_one_reading_passes),
        cmocka_unit_test(a_query_with_two_readings_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
