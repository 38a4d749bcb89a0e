#include "registry/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static enum refusal check(enum subject_type type, const char *value, char *out)
{
    return subject_check(type, bytes_of_string(value), out);
}

static void leading_zeros_count(void **state)
{
    (void)state;
    char out[32];
    assert_int_equal(check(SUBJECT_IUC, "01234567890", out), REFUSAL_NONE);
    assert_string_equal(out, "01234567890");
    assert_int_equal(check(SUBJECT_IUC, "1234567890", out), REFUSAL_SUBJECT_LENGTH);
    assert_int_equal(check(SUBJECT_IUC, "012345678901", out), REFUSAL_SUBJECT_LENGTH);
    assert_int_equal(check(SUBJECT_CIN, "00000001", out), REFUSAL_NONE);
    assert_int_equal(check(SUBJECT_CIN, "1", out), REFUSAL_SUBJECT_LENGTH);
    assert_int_equal(check(SUBJECT_SOCIAL, "0123456789", out), REFUSAL_NONE);
    assert_int_equal(check(SUBJECT_SOCIAL, "", out), REFUSAL_SUBJECT_LENGTH);
}

static void arabic_indic_digits_are_refused_as_digits(void **state)
{
    (void)state;
    char out[32];
    /* Eleven digits, 22 bytes; then five digits and one ASCII: 11 bytes. */
    assert_int_equal(check(SUBJECT_IUC, "٠١٢٣٤٥٦٧٨٩٠", out), REFUSAL_SUBJECT_DIGITS);
    assert_int_equal(check(SUBJECT_IUC, "٠١٢٣٤5", out), REFUSAL_SUBJECT_DIGITS);
    assert_int_equal(check(SUBJECT_CIN, "1234567x", out), REFUSAL_SUBJECT_DIGITS);
    assert_int_equal(check(SUBJECT_CIN, "+1234567", out), REFUSAL_SUBJECT_DIGITS);
    assert_int_equal(check(SUBJECT_CIN, " 1234567", out), REFUSAL_SUBJECT_DIGITS);
    assert_int_equal(subject_check(SUBJECT_CIN, bytes_make("1234567\0", 8), out), REFUSAL_SUBJECT_DIGITS);
    assert_int_equal(check(SUBJECT_TAX, "١٢٣٤٥٦٧ABM000", out), REFUSAL_SUBJECT_DIGITS);
}

static void a_tax_id_has_one_canonical_form(void **state)
{
    (void)state;
    char out[32];
    static const char *const same[] = {"1234567ABM000", "1234567abm000", "1234567/A/B/M/000",
                                       "1234567 A.B-M 000"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_int_equal(check(SUBJECT_TAX, same[i], out), REFUSAL_NONE);
        assert_string_equal(out, "1234567ABM000");
    }
}

static void a_tax_id_is_judged_letter_by_letter(void **state)
{
    (void)state;
    char out[32];
    assert_int_equal(check(SUBJECT_TAX, "1234567IBM000", out), REFUSAL_BAD_PARAMETER);
    assert_int_equal(check(SUBJECT_TAX, "1234567OBM000", out), REFUSAL_BAD_PARAMETER);
    assert_int_equal(check(SUBJECT_TAX, "1234567UBM000", out), REFUSAL_BAD_PARAMETER);
    assert_int_equal(check(SUBJECT_TAX, "1234567AXM000", out), REFUSAL_BAD_PARAMETER);
    assert_int_equal(check(SUBJECT_TAX, "1234567ABX000", out), REFUSAL_BAD_PARAMETER);
    assert_int_equal(check(SUBJECT_TAX, "1234567ABM001", out), REFUSAL_BAD_PARAMETER);
    assert_int_equal(check(SUBJECT_TAX, "1234567ABE001", out), REFUSAL_NONE);
    assert_int_equal(check(SUBJECT_TAX, "123456ABM000", out), REFUSAL_SUBJECT_LENGTH);
    assert_int_equal(check(SUBJECT_TAX, "12345678ABM000", out), REFUSAL_SUBJECT_LENGTH);
    assert_int_equal(check(SUBJECT_TAX, "1234567ABM00A", out), REFUSAL_BAD_PARAMETER);
    assert_int_equal(check(SUBJECT_TAX, "/1234567ABM000", out), REFUSAL_BAD_PARAMETER);
}

static void a_subject_has_its_type_in_front(void **state)
{
    (void)state;
    enum subject_type type;
    char out[32];
    assert_int_equal(subject_parse(bytes_of_string("IUC:01234567890"), &type, out), REFUSAL_NONE);
    assert_int_equal(type, SUBJECT_IUC);
    assert_string_equal(out, "01234567890");
    assert_int_equal(subject_parse(bytes_of_string("01234567890"), &type, out), REFUSAL_SUBJECT_TYPE);
    assert_int_equal(subject_parse(bytes_of_string("iuc:01234567890"), &type, out), REFUSAL_SUBJECT_TYPE);
    assert_int_equal(subject_parse(bytes_of_string(":01234567890"), &type, out), REFUSAL_SUBJECT_TYPE);
    assert_int_equal(subject_parse(bytes_of_string(""), &type, out), REFUSAL_SUBJECT_TYPE);
    assert_int_equal(subject_parse(bytes_of_string("SOCIAL:01234567890"), &type, out),
                     REFUSAL_SUBJECT_LENGTH);
}

static void every_type_is_found_by_its_name(void **state)
{
    (void)state;
    for (int type = SUBJECT_IUC; type <= SUBJECT_TAX; type++)
        assert_int_equal(subject_type_by_name(bytes_of_string(subject_type_name((enum subject_type)type))),
                         type);
    assert_int_equal(subject_type_by_name(bytes_of_string("")), SUBJECT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leading_zeros_count),
        cmocka_unit_test(arabic_indic_digits_are_refused_as_digits),
        cmocka_unit_test(a_tax_id_has_one_canonical_form),
        cmocka_unit_test(a_tax_id_is_judged_letter_by_letter),
        cmocka_unit_test(a_subject_has_its_type_in_front),
        cmocka_unit_test(every_type_is_found_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
