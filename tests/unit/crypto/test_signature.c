#include "crypto/signature.h"
#include "crypto/hash.h"
#include "checks.h"
#include "pki.h"

#include <openssl/err.h>
#include <unistd.h>

static const struct {
    const char *kind;
    uint8_t algorithm;
    size_t len;
} kinds[] = {
    {"P-256", SIGNATURE_ECDSA_P256, 64},
    {"RSA2048", SIGNATURE_RSA2048, 256},
    {"ED25519", SIGNATURE_ED25519, 64},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* A signer with a key of this kind, and its certificate. */
static struct signer *make_signer(const char *kind, X509 **certificate)
{
    struct pki_ca ca;
    char path[] = "/tmp/wasl-signing-XXXXXX";
    EVP_PKEY *key = pki_key(kind);
    struct signer *signer;

    pki_root(&ca, "Root", "P-256");
    *certificate = pki_certificate(&ca, &(struct pki_request){.name = "TN/GOV/MI", .key = key});
    pki_write_key(key, path);
    signer = signer_open_file(path, *certificate, NULL);
    assert_non_null(signer);
    unlink(path);
    EVP_PKEY_free(key);
    pki_ca_free(&ca);
    return signer;
}

static void each_algorithm_signs_and_verifies(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        X509 *certificate;
        struct signer *signer = make_signer(kinds[i].kind, &certificate);
        EVP_PKEY *key = X509_get0_pubkey(certificate);
        uint8_t out[SIGNATURE_MOST];
        uint8_t hash[HASH_SIZE];
        unsigned hash_len;

        assert_int_equal(signer->algorithm, kinds[i].algorithm);
        assert_int_equal(signature_algorithm_of(key), kinds[i].algorithm);
        assert_int_equal(X509_digest(certificate, EVP_sha256(), hash, &hash_len), 1);
        assert_memory_equal(signer->certificate, hash, HASH_SIZE);
        for (unsigned round = 0; round < 20; round++) { /* r or s with leading zeros come up too */
            struct bytes message = bytes_make(&round, sizeof(round));

            assert_int_equal(signer->sign(signer, message, out, NULL), kinds[i].len);
            assert_true(signature_verify(key, kinds[i].algorithm, message, bytes_make(out, kinds[i].len)));
        }
        signer_free(signer);
        X509_free(certificate);
    }
}

static void a_flipped_bit_in_message_or_signature_is_rejected(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        X509 *certificate;
        struct signer *signer = make_signer(kinds[i].kind, &certificate);
        EVP_PKEY *key = X509_get0_pubkey(certificate);
        struct bytes message = bytes_of_string("message");
        uint8_t out[SIGNATURE_MOST];
        size_t len = signer->sign(signer, message, out, NULL);

        for (size_t at = 0; at < len; at++) {
            out[at] ^= 0x10;
            assert_false(signature_verify(key, kinds[i].algorithm, message, bytes_make(out, len)));
            out[at] ^= 0x10;
        }
        assert_false(
            signature_verify(key, kinds[i].algorithm, bytes_of_string("messagf"), bytes_make(out, len)));
        assert_int_equal(ERR_peek_error(), 0);
        signer_free(signer);
        X509_free(certificate);
    }
}

static void another_algorithm_length_or_key_is_rejected(void **state)
{
    X509 *certificates[KINDS];
    struct bytes message = bytes_of_string("message");

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct signer *signer = make_signer(kinds[i].kind, &certificates[i]);
        EVP_PKEY *key = X509_get0_pubkey(certificates[i]);
        uint8_t out[SIGNATURE_MOST + 1] = {0};
        size_t len = signer->sign(signer, message, out, NULL);

        for (uint8_t algorithm = 0; algorithm < 6; algorithm++)
            assert_int_equal(signature_verify(key, algorithm, message, bytes_make(out, len)),
                             algorithm == kinds[i].algorithm);
        assert_false(signature_verify(key, kinds[i].algorithm, message, bytes_make(out, len - 1)));
        assert_false(signature_verify(key, kinds[i].algorithm, message, bytes_make(out, len + 1)));
        assert_false(signature_verify(key, kinds[i].algorithm, message, bytes_make(NULL, 0)));
        for (size_t j = 0; j < i; j++)
            assert_false(signature_verify(X509_get0_pubkey(certificates[j]), kinds[i].algorithm, message,
                                          bytes_make(out, len)));
        signer_free(signer);
    }
    for (size_t i = 0; i < KINDS; i++)
        X509_free(certificates[i]);
}

static void an_ecdsa_signature_outside_the_range_is_rejected(void **state)
{
    X509 *certificate;
    struct signer *signer = make_signer("P-256", &certificate);
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    uint8_t zeros[64] = {0};
    uint8_t ones[64];

    (void)state;
    memset(ones, 0xff, sizeof(ones));
    assert_false(signature_verify(key, SIGNATURE_ECDSA_P256, bytes_of_string("m"), bytes_make(zeros, 64)));
    assert_false(signature_verify(key, SIGNATURE_ECDSA_P256, bytes_of_string("m"), bytes_make(ones, 64)));
    signer_free(signer);
    X509_free(certificate);
}

/* Verifying keeps what is ready for a key. That must not mix up keys: many more than are kept, in turn, and
 * new ones where others have just been freed. */
static void many_keys_in_turn_each_verify_their_own_only(void **state)
{
    enum { KEYS = 150 };
    static EVP_PKEY *keys[KEYS];
    static uint8_t signatures[KEYS][SIGNATURE_MOST];
    struct bytes message = bytes_of_string("message");

    (void)state;
    for (size_t i = 0; i < KEYS; i++) {
        X509 *certificate;
        struct signer *signer = make_signer("P-256", &certificate);

        assert_int_equal(signer->sign(signer, message, signatures[i], NULL), 64);
        keys[i] = X509_get_pubkey(certificate);
        signer_free(signer);
        X509_free(certificate);
    }
    for (unsigned round = 0; round < 2; round++)
        for (size_t i = 0; i < KEYS; i++) {
            size_t other = (i + 1) % KEYS;

            assert_true(signature_verify(keys[i], 1, message, bytes_make(signatures[i], 64)));
            assert_false(signature_verify(keys[i], 1, message, bytes_make(signatures[other], 64)));
            assert_false(signature_verify(keys[other], 1, message, bytes_make(signatures[i], 64)));
            assert_false(signature_verify(keys[i], 3, message, bytes_make(signatures[i], 64)));
            assert_true(signature_verify(keys[i], 1, message, bytes_make(signatures[i], 64)));
        }
    for (size_t i = 0; i < KEYS; i++)
        EVP_PKEY_free(keys[i]);
    for (size_t i = 0; i < KEYS; i++) { /* places that have just become free */
        EVP_PKEY *fresh = pki_key(i % 2 == 0 ? "P-256" : "ED25519");

        assert_false(signature_verify(fresh, 1, message, bytes_make(signatures[i], 64)));
        assert_false(signature_verify(fresh, 3, message, bytes_make(signatures[i], 64)));
        EVP_PKEY_free(fresh);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

static void keys_of_other_kinds_do_not_sign(void **state)
{
    static const char *const others[] = {"P-384", "RSA3072", "RSA1024", "X25519"};

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        EVP_PKEY *key = pki_key(others[i]);

        assert_int_equal(signature_algorithm_of(key), 0);
        EVP_PKEY_free(key);
    }
}

static void a_key_that_does_not_fit_its_certificate_is_refused(void **state)
{
    X509 *certificate;
    struct signer *signer = make_signer("P-256", &certificate);
    EVP_PKEY *other = pki_key("P-256");
    EVP_PKEY *unfit = pki_key("P-384");
    char path[] = "/tmp/wasl-signing-XXXXXX";
    char path384[] = "/tmp/wasl-signing-XXXXXX";
    struct error e = {0};

    (void)state;
    pki_write_key(other, path);
    assert_null(signer_open_file(path, certificate, &e));
    assert_int_equal(e.kind, ERROR_CRYPTO);
    assert_non_null(strstr(e.text, "not the key of its certificate"));
    pki_write_key(unfit, path384);
    assert_null(signer_open_file(path384, certificate, &e));
    assert_non_null(strstr(e.text, "only P-256"));
    assert_int_equal(ERR_peek_error(), 0);
    unlink(path);
    unlink(path384);
    EVP_PKEY_free(other);
    EVP_PKEY_free(unfit);
    signer_free(signer);
    signer_free(NULL);
    X509_free(certificate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_algorithm_signs_and_verifies),
        cmocka_unit_test(a_flipped_bit_in_message_or_signature_is_rejected),
        cmocka_unit_test(another_algorithm_length_or_key_is_rejected),
        cmocka_unit_test(an_ecdsa_signature_outside_the_range_is_rejected),
        cmocka_unit_test(many_keys_in_turn_each_verify_their_own_only),
        cmocka_unit_test(keys_of_other_kinds_do_not_sign),
        cmocka_unit_test(a_key_that_does_not_fit_its_certificate_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
