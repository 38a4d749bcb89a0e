#include "crypto/pseudonym.h"
#include "checks.h"

/* Made with: printf 'wasl/subject/v1\0IUC\00001234567890' | openssl dgst -sha256 -mac HMAC -macopt
 * hexkey:0101..01 */
static void a_pseudonym_is_the_first_half_of_the_hmac_of_domain_type_and_value(void **state)
{
    uint8_t key[32];
    uint8_t out[PSEUDONYM_SIZE];

    (void)state;
    memset(key, 1, sizeof(key));
    pseudonym(key, PSEUDONYM_SUBJECT, bytes_of_string("IUC"), bytes_of_string("01234567890"), out);
    assert_hex_equal(out, PSEUDONYM_SIZE, "df736e01df335322010d1291a18242bc");
    pseudonym(key, PSEUDONYM_AGENT, bytes_of_string("userid"), bytes_of_string("agent-7"), out);
    assert_hex_equal(out, PSEUDONYM_SIZE, "abaa5e6b5dd6cf63f06ef229bce3a38c");
}

static void another_day_domain_type_or_value_gives_another_pseudonym(void **state)
{
    uint8_t key[2][32] = {{1}, {2}};
    uint8_t out[6][PSEUDONYM_SIZE];

    (void)state;
    pseudonym(key[0], PSEUDONYM_SUBJECT, bytes_of_string("IUC"), bytes_of_string("01234567890"), out[0]);
    pseudonym(key[1], PSEUDONYM_SUBJECT, bytes_of_string("IUC"), bytes_of_string("01234567890"), out[1]);
    pseudonym(key[0], PSEUDONYM_AGENT, bytes_of_string("IUC"), bytes_of_string("01234567890"), out[2]);
    pseudonym(key[0], PSEUDONYM_SUBJECT, bytes_of_string("CIN"), bytes_of_string("01234567890"), out[3]);
    pseudonym(key[0], PSEUDONYM_SUBJECT, bytes_of_string("IUC"), bytes_of_string("01234567891"), out[4]);
    pseudonym(key[0], PSEUDONYM_SUBJECT, bytes_of_string("IUC0"), bytes_of_string("1234567890"), out[5]);
    for (size_t i = 0; i < 6; i++)
        for (size_t j = i + 1; j < 6; j++)
            assert_memory_not_equal(out[i], out[j], PSEUDONYM_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pseudonym_is_the_first_half_of_the_hmac_of_domain_type_and_value),
        cmocka_unit_test(another_day_domain_type_or_value_gives_another_pseudonym),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
