#include "base/utf8.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void text_that_is_not_utf8_is_found(void **state)
{
    static const char *const bad[] = {"\xc0\x80",     "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80", "\x80",         "\xc3",         "\xe2\x82",
                                      "\xf0\x9f\x98", "\xff",         "\xe2\x28\xa1"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(utf8_valid(bytes_of_string(bad[i])));
    assert_true(utf8_valid(bytes_of_string("aé€😀محمد\xef\xbf\xbd")));
    assert_true(utf8_valid(bytes_of_string("\xf4\x8f\xbf\xbf")));
    assert_true(utf8_valid(bytes_of_string("")));
}

static void a_character_is_told_by_length_and_code_point(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        uint32_t point;
    } good[] = {{"a", 1, 'a'},
                {"\xc2\x80", 2, 0x80},
                {"\u0645x", 2, 0x645},
                {"\u20ac", 3, 0x20ac},
                {"\U0001f600", 4, 0x1f600}};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint32_t point = 0;
        assert_int_equal(utf8_character(bytes_of_string(good[i].text), &point), good[i].len);
        assert_int_equal(point, good[i].point);
    }
    uint32_t point = 7;
    assert_int_equal(utf8_character((struct bytes){0}, &point), 0);
    assert_int_equal(point, 7);
}

static void what_could_change_how_a_line_looks_is_not_harmless(void **state)
{
    static const uint32_t bad[] = {0,      '\n',   0x1b,   0x7f,   0x85,   0x9f,   0x61c,  0x200e,
                                   0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2066, 0x2069, 0xfeff};
    static const uint32_t good[] = {' ',    '~',    0xa0,   0xe9,   0x645,  0x200d,
                                    0x2027, 0x202f, 0x2065, 0x206a, 0x1f600};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(utf8_harmless(bad[i]));
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(utf8_harmless(good[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_that_is_not_utf8_is_found),
        cmocka_unit_test(a_character_is_told_by_length_and_code_point),
        cmocka_unit_test(what_could_change_how_a_line_looks_is_not_harmless),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
