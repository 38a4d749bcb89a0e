#include "registry/registry_suspend.h"

#include "base/error.h"
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MI "TN/GOV/MI"

static void sample(struct buffer *out)
{
    sample_document(out);
}

static void suspended_and_reinstated_the_document_is_what_it_was(void **state)
{
    (void)state;
    struct buffer before = {0}, during = {0}, after = {0};
    uint64_t version = 0, again = 0;
    struct error e = {0};
    sample(&before);
    if (registry_suspend(buffer_bytes(&before), MI, true, &during, &version, &e) != 0)
        fail_msg("%s", e.text);
    struct registry *r = sample_load(&during);
    assert_true(registry_member(r, bytes_of_string(MI))->suspended);
    assert_false(registry_member(r, bytes_of_string("TN/GOV/MEN"))->suspended);
    assert_int_equal(registry_version(r), version);
    registry_free(r);
    /* One line more, and the digits of the version. */
    assert_int_equal(during.len, before.len + strlen("    suspended: true\n"));
    if (registry_suspend(buffer_bytes(&during), MI, false, &after, &again, &e) != 0)
        fail_msg("%s", e.text);
    assert_int_equal(again, version + 1);
    assert_int_equal(after.len, before.len);
    size_t different = 0;
    for (size_t i = 0; i < after.len; i++)
        different += after.data[i] != before.data[i];
    assert_int_equal(different, 1); /* the version */
    buffer_free(&before);
    buffer_free(&during);
    buffer_free(&after);
}

static void what_is_so_already_and_whom_nobody_knows_is_refused(void **state)
{
    (void)state;
    struct buffer text = {0}, out = {0}, more = {0};
    uint64_t version;
    struct error e = {0};
    sample(&text);
    assert_int_equal(registry_suspend(buffer_bytes(&text), MI, false, &out, &version, &e), -1);
    assert_int_equal(e.kind, ERROR_USAGE);
    assert_int_equal(registry_suspend(buffer_bytes(&text), "TN/GOV/XX", true, &out, &version, &e), -1);
    assert_int_equal(e.kind, ERROR_NOT_FOUND);
    assert_int_equal(registry_suspend(buffer_bytes(&text), MI, true, &out, &version, &e), 0);
    assert_int_equal(registry_suspend(buffer_bytes(&out), MI, true, &more, &version, &e), -1);
    assert_int_equal(e.kind, ERROR_USAGE);
    assert_int_equal(registry_suspend(bytes_of_string("a: [b"), MI, true, &more, &version, &e), -1);
    assert_int_equal(registry_suspend(bytes_of_string("instance: TN"), MI, true, &more, &version, &e), -1);
    assert_int_equal(more.len, 0);
    buffer_free(&text);
    buffer_free(&out);
}

static void comments_other_orders_and_an_explicit_false_are_kept(void **state)
{
    (void)state;
    static const char *const shapes[][2] = {
        {"  - id: TN/GOV/MI\n", "  - id: TN/GOV/MI   # الداخلية: the Interior\n"},
        {"  - id: TN/GOV/MI\n", "  - id: \"TN/GOV/MI\"\n"},
        {"  - id: TN/GOV/MI\n", "  - id: TN/GOV/MI\r\n"},
        {"  - id: TN/GOV/MI\n", "  - suspended: false # for now\n    id: TN/GOV/MI\n"},
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct buffer before = {0}, during = {0}, after = {0};
        uint64_t version;
        struct error e = {0};
        sample(&before);
        sample_replace(&before, shapes[i][0], shapes[i][1]);
        if (registry_suspend(buffer_bytes(&before), MI, true, &during, &version, &e) != 0)
            fail_msg("%zu: %s", i, e.text);
        struct registry *r = sample_load(&during);
        assert_true(registry_member(r, bytes_of_string(MI))->suspended);
        registry_free(r);
        if (registry_suspend(buffer_bytes(&during), MI, false, &after, &version, &e) != 0)
            fail_msg("%zu: %s", i, e.text);
        assert_int_equal(after.len, before.len);
        buffer_free(&before);
        buffer_free(&during);
        buffer_free(&after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suspended_and_reinstated_the_document_is_what_it_was),
        cmocka_unit_test(what_is_so_already_and_whom_nobody_knows_is_refused),
        cmocka_unit_test(comments_other_orders_and_an_explicit_false_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
