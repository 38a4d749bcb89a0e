/* Endpoint rights: globs over paths, and what a grant's rights permit. */
#include "registry/glob.h"
#include "registry/operation.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool fits(const char *glob, const char *path)
{
    return glob_match(bytes_of_string(glob), bytes_of_string(path));
}

static void a_star_stays_in_its_segment(void **state)
{
    (void)state;
    assert_true(fits("/persons/*", "/persons/01234567890"));
    assert_true(fits("/persons/*", "/persons/"));
    assert_true(fits("/persons/*/name", "/persons/1/name"));
    assert_true(fits("/a*b*c", "/abbbxbc"));
    assert_true(fits("/*/*", "/a/b"));
    assert_false(fits("/persons/*", "/persons/1/name"));
    assert_false(fits("/persons/*", "/persons"));
    assert_false(fits("/persons/*", "/personsx/1"));
    assert_false(fits("/*", "/a/b"));
    assert_false(fits("/a*b", "/a/b"));
    assert_false(fits("/a*b", "/ab/"));
}

static void two_stars_go_over_segments(void **state)
{
    (void)state;
    assert_true(fits("/**", "/"));
    assert_true(fits("/**", "/a/b/c"));
    assert_true(fits("/v1/**", "/v1/"));
    assert_true(fits("/v1/**/name", "/v1/a/b/name"));
    assert_true(fits("/v1**", "/v1"));
    assert_true(fits("/**/x*/y", "/a/x/b/x1/y"));
    assert_true(fits("/**a*b", "/a/c/ab"));
    assert_false(fits("/v1/**", "/v1"));
    assert_false(fits("/v1/**/name", "/v1/name"));
    assert_false(fits("/**/x*/y", "/a/x/b/y"));
    assert_false(fits("/**a*b", "/a/b"));
}

static void an_escaped_star_is_a_star(void **state)
{
    (void)state;
    assert_true(fits("/a\\*b", "/a*b"));
    assert_false(fits("/a\\*b", "/axb"));
    assert_true(fits("/\\***", "/*/x"));
    assert_false(fits("/\\***", "/x"));
}

/* Byte for byte: another spelling of the same path does not fit. */
static void a_glob_knows_no_other_spelling(void **state)
{
    (void)state;
    assert_false(fits("/a,b", "/a%2Cb"));
    assert_false(fits("/a", "/A"));
    assert_false(fits("/a", "/%61"));
}

static void globs_are_judged_by_form(void **state)
{
    (void)state;
    static const char *const good[] = {"/",     "/**",   "/a/*", "/a*b**c", "/a/",
                                       "/a\\*", "/**/x", "/*a*", "/a:b",    "/\\***"};
    static const char *const bad[] = {"",     "**",    "a",    "/***", "/a//b", "/a/./b",    "/..",   "/a%20",
                                      "/a?b", "/a\\b", "/a\\", "/a b", "/a;b",  "/\xd9\xa0", "/{iuc}"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (glob_path_fault(bytes_of_string(good[i])) != NULL)
            fail_msg("%s: %s", good[i], glob_path_fault(bytes_of_string(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (glob_path_fault(bytes_of_string(bad[i])) == NULL)
            fail_msg("%s was accepted", bad[i]);
    char longest[258] = "/";
    memset(longest + 1, 'a', 255);
    assert_null(glob_path_fault(bytes_of_string(longest)));
    longest[256] = 'a';
    assert_non_null(glob_path_fault(bytes_of_string(longest)));
}

/* What takes a matcher with backtracking longer than the world lasts. The guard is generous: the test is
 * about hours, not about milliseconds. */
static void hostile_patterns_and_paths_take_no_longer_than_their_product(void **state)
{
    (void)state;
    static const char *const parts[] = {"*a", "**a", "**/a", "*a**b"};
    char path[8192];
    memset(path, 'a', sizeof path);
    for (size_t i = 0; i < sizeof path; i += 2)
        path[i] = '/';
    uint64_t begun = clock_monotonic();
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        struct buffer glob = {0};
        buffer_append_string(&glob, "/");
        while (glob.len + strlen(parts[p]) < 255)
            buffer_append_string(&glob, parts[p]);
        buffer_append_string(&glob, "b"); /* never there */
        assert_null(glob_path_fault(buffer_bytes(&glob)));
        assert_false(glob_match(buffer_bytes(&glob), bytes_make(path, sizeof path)));
        memset(path, 'a', sizeof path);
        path[0] = '/';
        assert_false(glob_match(buffer_bytes(&glob), bytes_make(path, sizeof path)));
        assert_true(glob_overlap(buffer_bytes(&glob), buffer_bytes(&glob)));
        buffer_free(&glob);
    }
    assert_true(clock_monotonic() - begun < 20 * MICROSECONDS);
}

/* Against every text of a small alphabet: what a simple matcher that tries everything says. */
static bool slow_match(const char *glob, const char *text)
{
    if (*glob == 0)
        return *text == 0;
    if (glob[0] == '*') {
        bool twice = glob[1] == '*';
        if (slow_match(glob + 1 + twice, text))
            return true;
        return *text != 0 && (twice || *text != '/') && slow_match(glob, text + 1);
    }
    return *text == *glob && slow_match(glob + 1, text + 1);
}

static void word(unsigned number, const char *alphabet, unsigned base, char *out)
{
    size_t len = 0;
    for (; number > 0; number = (number - 1) / base)
        out[len++] = alphabet[(number - 1) % base];
    out[len] = 0;
}

static void every_short_glob_and_text_is_judged_as_by_trying_everything(void **state)
{
    (void)state;
    unsigned compared = 0;
    char glob[16], text[16];
    for (unsigned g = 0; g < 1365; g++) { /* up to five of four */
        word(g, "a/b*", 4, glob);
        if (strstr(glob, "***") != NULL)
            continue;
        for (unsigned t = 0; t < 364; t++) { /* up to five of three */
            word(t, "a/b", 3, text);
            if (fits(glob, text) != slow_match(glob, text))
                fail_msg("%s and %s", glob, text);
            compared++;
        }
    }
    assert_true(compared > 300000);
}

static void globs_overlap_when_some_short_text_fits_both(void **state)
{
    (void)state;
    char a[16], b[16], text[16];
    for (unsigned x = 0; x < 85; x++) {
        word(x, "a/b*", 4, a);
        for (unsigned y = 0; y < 85; y++) {
            word(y, "a/b*", 4, b);
            if (strstr(a, "***") != NULL || strstr(b, "***") != NULL)
                continue;
            bool found = false;
            for (unsigned t = 0; t < 3280 && !found;
                 t++) { /* up to seven: a shortest common text is no longer */
                word(t, "a/b", 3, text);
                found = slow_match(a, text) && slow_match(b, text);
            }
            if (glob_overlap(bytes_of_string(a), bytes_of_string(b)) != found)
                fail_msg("%s and %s", a, b);
        }
    }
}

/* --- a grant's rights --- */

static const struct registry_endpoint rights[] = {
    {"GET", "/persons/*"}, {"POST", "/persons/*/attestations"}, {"*", "/notes/**"}};
static const struct registry_grant grant = {.endpoints = rights, .endpoint_count = 3}, open_grant;
static const struct registry_endpoint *by;

static enum refusal permitted(const struct registry_grant *g, const char *method, const char *path)
{
    return operation_permitted(g, bytes_of_string(method), bytes_of_string(path), &by);
}

static void a_right_is_a_method_and_a_glob(void **state)
{
    (void)state;
    assert_int_equal(permitted(&grant, "GET", "/persons/1"), REFUSAL_NONE);
    assert_ptr_equal(by, &rights[0]);
    assert_int_equal(permitted(&grant, "PUT", "/notes/a/b"), REFUSAL_NONE);
    assert_ptr_equal(by, &rights[2]);
    assert_int_equal(permitted(&grant, "POST", "/persons/1"), REFUSAL_ENDPOINT_NOT_PERMITTED);
    assert_null(by);
    assert_int_equal(permitted(&grant, "get", "/persons/1"), REFUSAL_ENDPOINT_NOT_PERMITTED);
    assert_int_equal(permitted(&grant, "GET", "/persons/1/name"), REFUSAL_ENDPOINT_NOT_PERMITTED);
    assert_int_equal(permitted(&grant, "GET", ""), REFUSAL_ENDPOINT_NOT_PERMITTED);
}

static void a_grant_without_rights_permits_every_path(void **state)
{
    (void)state;
    assert_int_equal(permitted(&open_grant, "DELETE", "/anything"), REFUSAL_NONE);
    assert_null(by);
    assert_int_equal(permitted(&open_grant, "GET", ""), REFUSAL_NONE);
}

static void an_ambiguous_path_is_refused_before_any_right_is_looked_at(void **state)
{
    (void)state;
    static const char *const bad[] = {"/notes/../persons", "/notes/%2e%2e/x", "/notes//x", "/notes/a%2Fb",
                                      "/notes/%252F",      "/notes/;x",       "notes/x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(permitted(&grant, "GET", bad[i]), REFUSAL_AMBIGUOUS_TARGET);
        assert_int_equal(permitted(&open_grant, "GET", bad[i]), REFUSAL_AMBIGUOUS_TARGET);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_stays_in_its_segment),
        cmocka_unit_test(two_stars_go_over_segments),
        cmocka_unit_test(an_escaped_star_is_a_star),
        cmocka_unit_test(a_glob_knows_no_other_spelling),
        cmocka_unit_test(globs_are_judged_by_form),
        cmocka_unit_test(hostile_patterns_and_paths_take_no_longer_than_their_product),
        cmocka_unit_test(every_short_glob_and_text_is_judged_as_by_trying_everything),
        cmocka_unit_test(globs_overlap_when_some_short_text_fits_both),
        cmocka_unit_test(a_right_is_a_method_and_a_glob),
        cmocka_unit_test(a_grant_without_rights_permits_every_path),
        cmocka_unit_test(an_ambiguous_path_is_refused_before_any_right_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
