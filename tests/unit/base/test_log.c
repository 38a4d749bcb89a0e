#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

/* What the last call wrote to standard error, without its time. */
static char text[8192];
static int kept, pipes[2];

static void listen_to_log(void)
{
    assert_int_equal(pipe(pipes), 0);
    kept = dup(STDERR_FILENO);
    dup2(pipes[1], STDERR_FILENO);
    close(pipes[1]);
}

static const char *heard(void)
{
    dup2(kept, STDERR_FILENO);
    close(kept);
    ssize_t n = read(pipes[0], text, sizeof text - 1);
    close(pipes[0]);
    text[n > 0 ? n : 0] = '\0';
    return n > 28 ? text + 28 : text;
}

#define assert_logged(expected, ...)                                                                         \
    do {                                                                                                     \
        listen_to_log();                                                                                     \
        __VA_ARGS__;                                                                                         \
        assert_string_equal(heard(), expected);                                                              \
    } while (0)

static void a_line_has_time_level_event_and_fields(void **state)
{
    (void)state;
    assert_logged("info  session_opened member=TN/GOV/MI version=1\n",
                  log_info("session_opened", "member=%s version=%u", "TN/GOV/MI", 1u));
    assert_int_equal(text[10], 'T');
    assert_int_equal(text[26], 'Z');
    assert_logged("error stopped\n", log_error("stopped", NULL));
    assert_logged("warn  full used=80.5 left=-3 size=18446744073709551615 id=00ff part=ab\n",
                  log_warn("full", "used=%.1f left=%d size=%zu id=%04x part=%.*s", 80.5, -3, SIZE_MAX, 255u,
                           2, "abcd"));
}

static void a_value_cannot_make_a_second_field_or_line(void **state)
{
    (void)state;
    assert_logged("info  e a=\"x y\" b=1\n", log_info("e", "a=%s b=%d", "x y", 1));
    assert_logged("info  e a=\"x=1\"\n", log_info("e", "a=%s", "x=1"));
    assert_logged("info  e a=\"\"\n", log_info("e", "a=%s", ""));
    assert_logged("info  e a=\"x\\ny\\x1b[31m\"\n", log_info("e", "a=%s", "x\ny\x1b[31m"));
    assert_logged("info  e a=\"say \\\"no\\\" \\\\\"\n", log_info("e", "a=%s", "say \"no\" \\"));
}

static void arabic_passes_and_marks_of_direction_do_not(void **state)
{
    (void)state;
    assert_logged("info  e a=وزارة\n", log_info("e", "a=%s", "وزارة"));
    assert_logged("info  e a=\"x\\xe2\\x80\\xaey\"\n", log_info("e", "a=%s", "x\u202ey"));
    assert_logged("info  e a=\"\\xff\\xc0\\x80\"\n", log_info("e", "a=%s", "\xff\xc0\x80"));
    assert_logged("info  e a=\"\\xe2\"\n", log_info("e", "a=%s", "\xe2"));
}

static void what_is_below_the_level_is_not_written(void **state)
{
    (void)state;
    assert_logged("", log_debug("e", NULL));
    log_open("test", LOG_DEBUG_);
    assert_logged("debug e\n", log_debug("e", NULL));
    log_open("test", LOG_INFO_);
}

static void a_line_that_is_too_long_is_cut_and_still_ends(void **state)
{
    (void)state;
    char longer[1000];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    listen_to_log();
    log_info("e", "a=%s b=%s c=%s d=%s e=%s", longer, longer, longer, longer, longer);
    heard();
    assert_int_equal(strlen(text), 4096);
    assert_int_equal(text[4095], '\n');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_event_and_fields),
        cmocka_unit_test(a_value_cannot_make_a_second_field_or_line),
        cmocka_unit_test(arabic_passes_and_marks_of_direction_do_not),
        cmocka_unit_test(what_is_below_the_level_is_not_written),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_still_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
