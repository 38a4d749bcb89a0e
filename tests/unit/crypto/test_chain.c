#include "crypto/chain.h"
#include "checks.h"
#include "country.h"

#include <openssl/err.h>

static void a_chain_survives_der_and_pem(void **state)
{
    struct chain *chain = good_chain();
    struct chain *again;
    struct buffer der = {0};
    struct buffer one = {0};
    struct buffer pem = {0};

    (void)state;
    assert_int_equal(chain_count(chain), 2);
    chain_der(chain, &der);
    chain_certificate_der(chain, 0, &one);
    chain_certificate_der(chain, 1, &one);
    assert_true(bytes_equal(buffer_bytes(&der), buffer_bytes(&one)));
    pki_pem(chain_leaf(chain), &pem);
    buffer_append_string(&pem, "words between\n");
    pki_pem(chain_certificate(chain, 1), &pem);
    again = chain_parse_pem(buffer_bytes(&pem), NULL);
    assert_non_null(again);
    assert_memory_equal(chain_leaf_hash(chain), chain_leaf_hash(again), HASH_SIZE);
    buffer_clear(&one);
    chain_der(again, &one);
    assert_true(bytes_equal(buffer_bytes(&der), buffer_bytes(&one)));
    chain_free(chain);
    chain_free(again);
    buffer_free(&der);
    buffer_free(&one);
    buffer_free(&pem);
}

static void a_chain_with_anything_else_in_it_is_refused(void **state)
{
    struct chain *chain = good_chain();
    struct buffer der = {0};
    struct buffer ber = {0};
    struct buffer many = {0};
    struct error e = {0};

    (void)state;
    chain_certificate_der(chain, 0, &der);
    assert_null(chain_parse_der(bytes_make(NULL, 0), &e));
    assert_null(chain_parse_der(bytes_make(der.data, der.len - 1), &e));
    /* The same certificate in BER, its length in three bytes instead of two: another hash for the same words.
     */
    assert_int_equal(der.data[1], 0x82);
    buffer_append(&ber, "\x30\x83\x00", 3);
    buffer_append(&ber, der.data + 2, der.len - 2);
    assert_null(chain_parse_der(buffer_bytes(&ber), &e));
    for (int i = 0; i < CHAIN_MOST; i++)
        buffer_append_bytes(&many, buffer_bytes(&der));
    chain_free(chain);
    chain = chain_parse_der(buffer_bytes(&many), &e);
    assert_non_null(chain);
    buffer_append_bytes(&many, buffer_bytes(&der));
    assert_null(chain_parse_der(buffer_bytes(&many), &e));
    buffer_append(&der, "x", 1);
    assert_null(chain_parse_der(buffer_bytes(&der), &e));
    assert_null(chain_parse_pem(bytes_of_string("no certificate"), &e));
    assert_null(chain_parse_pem(
        bytes_of_string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), &e));
    assert_int_equal(e.kind, ERROR_CRYPTO);
    assert_int_equal(ERR_peek_error(), 0);
    chain_free(chain);
    buffer_free(&der);
    buffer_free(&ber);
    buffer_free(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_survives_der_and_pem),
        cmocka_unit_test(a_chain_with_anything_else_in_it_is_refused),
    };

    return cmocka_run_group_tests(tests, make_country, free_country);
}
