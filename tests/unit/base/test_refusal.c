#include "base/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void every_refusal_has_a_name_a_fault_type_words_and_a_remedy(void **state)
{
    (void)state;
    unsigned count = 0;
    for (unsigned code = 1; code < 1000; code++) {
        if (strcmp(refusal_name(code), "unknown_refusal") == 0)
            continue;
        count++;
        assert_int_equal(refusal_by_name(refusal_name(code)), code);
        assert_int_equal(strspn(refusal_name(code), "abcdefghijklmnopqrstuvwxyz_"),
                         strlen(refusal_name(code)));
        assert_true(strncmp(refusal_xroad_type(code), "server.", 7) == 0 ||
                    strncmp(refusal_xroad_type(code), "client.", 7) == 0);
        assert_true(strlen(refusal_words(code)) > 10);
        assert_true(strlen(refusal_remedy(code)) > 8);
    }
    assert_true(count > 50);
}

static void the_numbers_of_the_wire_stay(void **state)
{
    (void)state;
    assert_int_equal(REFUSAL_MALFORMED, 1);
    assert_int_equal(REFUSAL_GRANT_EXPIRED, 44);
    assert_int_equal(REFUSAL_NO_RECEIPT, 89);
    assert_string_equal(refusal_name(44), "grant_expired");
    assert_string_equal(refusal_xroad_type(44), "server.serverproxy.access_denied");
}

static void a_number_of_a_later_version_is_shown_as_unknown(void **state)
{
    (void)state;
    assert_string_equal(refusal_name(999999), "unknown_refusal");
    assert_string_equal(refusal_name(REFUSAL_NONE), "none");
    assert_non_null(refusal_words(999999));
    assert_int_equal(refusal_by_name("unknown_refusal"), REFUSAL_NONE);
    assert_int_equal(refusal_by_name("GRANT_EXPIRED"), REFUSAL_NONE);
}

static void only_form_and_signer_leave_it_open_who_signed(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 256; code++)
        assert_int_equal(refusal_signer_unproven(code),
                         (code >= 1 && code <= 3) || (code >= 20 && code <= 27));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_has_a_name_a_fault_type_words_and_a_remedy),
        cmocka_unit_test(the_numbers_of_the_wire_stay),
        cmocka_unit_test(a_number_of_a_later_version_is_shown_as_unknown),
        cmocka_unit_test(only_form_and_signer_leave_it_open_who_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
