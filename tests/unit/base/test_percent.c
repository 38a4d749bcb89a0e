#include "base/percent.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static bool decodes_to(const char *text, const char *expected)
{
    struct buffer out = {0};
    bool same =
        percent_decode(bytes_of_string(text), &out) && bytes_equal_string(buffer_bytes(&out), expected);
    buffer_free(&out);
    return same;
}

static void escapes_of_either_case_are_decoded(void **state)
{
    (void)state;
    assert_true(decodes_to("a%2Fb%c3%A9", "a/bé"));
    assert_true(decodes_to("1+1", "1+1"));
    assert_true(decodes_to("%2525", "%25"));
}

static void cut_wrong_and_nul_escapes_are_refused_and_leave_nothing(void **state)
{
    static const char *const bad[] = {"%", "%4", "a%4", "%zz", "%4g", "% 1", "a%00b", "%+1"};
    struct buffer out = {0};

    (void)state;
    buffer_append_string(&out, "before");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(percent_decode(bytes_of_string(bad[i]), &out));
        assert_true(bytes_equal_string(buffer_bytes(&out), "before"));
    }
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_of_either_case_are_decoded),
        cmocka_unit_test(cut_wrong_and_nul_escapes_are_refused_and_leave_nothing),
    };
    return cmocka_run_group_tests_name("percent", tests, NULL, NULL);
}
