#include "crypto/hpke.h"
#include "crypto/keys.h"
#include "checks.h"

#include <openssl/err.h>

/* Keys of RFC 9180 appendix A.1.1 (skEm, skRm, pkRm, enc). RFC 9180 prints no vectors for AES-256-GCM with
 * X25519; the ciphertexts and exports for it come from an independent implementation, npm @hpke/core 1.9.0,
 * run once on the same keys and messages. */
#define RFC_SENDER   "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736"
#define RFC_RECEIVER "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"
#define RFC_PUBLIC   "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d"
#define RFC_ENC      "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"

static const char *const info_text = "Ode on a Grecian Urn";
static const char *const plaintext_text = "Beauty is truth, truth beauty";
static const char *const ciphertexts[5] = {
    "090b7dc225419f7da9e8b460becfbb96a26c7964d79b8010d397fa838530a32a397b14f5776db19ff5e57734e0",
    "05cbb27ea0f48fa8768a10c9f2f1438233f63104bf68d51abf26f0aae2c62a449d5cf7e8b73791a4e55d79b650",
    "56f9fdcb5de345e7dbc3407f703e672d2a4c09f4da82cc589e1e4bc8c68670d612f7e665e17ef5e223f4c8bcd1",
    "82347f036f836a20f3f75062de02d9abb96975ca66031c83751fb3caab9d202a5641e4d0d616d60d922f782b99",
    "17bbbe8162171889fd0c163f29a899169d3429ba22a543bcf473cd1342c6191f89a230f3f80fd90c455af4ca4a",
};

static void set_up(struct hpke_context *sender, struct hpke_context *receiver, uint8_t enc[HPKE_ENC])
{
    uint8_t ephemeral[32];
    uint8_t private_key[32];
    uint8_t public_key[32];
    struct error e;

    unhex(RFC_SENDER, ephemeral);
    unhex(RFC_RECEIVER, private_key);
    unhex(RFC_PUBLIC, public_key);
    assert_int_equal(hpke_setup_sender(public_key, bytes_of_string(info_text), ephemeral, enc, sender, &e),
                     0);
    assert_int_equal(hpke_setup_receiver(enc, private_key, bytes_of_string(info_text), receiver, &e), 0);
}

static void the_encapsulated_key_is_that_of_rfc_9180(void **state)
{
    struct hpke_context sender;
    struct hpke_context receiver;
    uint8_t private_key[32];
    uint8_t enc[HPKE_ENC];

    (void)state;
    set_up(&sender, &receiver, enc);
    assert_hex_equal(enc, 32, RFC_ENC);
    unhex(RFC_RECEIVER, private_key);
    assert_int_equal(x25519_public(private_key, enc, NULL), 0);
    assert_hex_equal(enc, 32, RFC_PUBLIC);
}

static void sealed_messages_are_those_of_another_implementation(void **state)
{
    struct hpke_context sender;
    struct hpke_context receiver;
    uint8_t enc[HPKE_ENC];
    uint8_t sealed[64];
    uint8_t opened[64];
    char aad[16];
    struct bytes text = bytes_of_string(plaintext_text);

    (void)state;
    set_up(&sender, &receiver, enc);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(aad, sizeof(aad), "Count-%u", i);
        assert_int_equal(hpke_seal(&sender, bytes_of_string(aad), text, sealed, NULL), 0);
        assert_hex_equal(sealed, text.len + HPKE_TAG, ciphertexts[i]);
        assert_true(
            hpke_open(&receiver, bytes_of_string(aad), bytes_make(sealed, text.len + HPKE_TAG), opened));
        assert_memory_equal(opened, text.data, text.len);
    }
}

static void exports_are_those_of_another_implementation(void **state)
{
    struct hpke_context sender;
    struct hpke_context receiver;
    uint8_t enc[HPKE_ENC];
    uint8_t out[100];
    static const uint8_t zero = 0;

    (void)state;
    set_up(&sender, &receiver, enc);
    hpke_export(&sender, bytes_make(NULL, 0), out, 32);
    assert_hex_equal(out, 32, "b3cb4482e97308bc89417db5e7ba95b65008991adf2e60716d5b489538534f5f");
    hpke_export(&receiver, bytes_make(&zero, 1), out, 32);
    assert_hex_equal(out, 32, "f614b164ecb23313ddc5f376fd91e2c1b484d85597a3b6eeb160f06d9864fb67");
    hpke_export(&receiver, bytes_of_string("TestContext"), out, 32);
    assert_hex_equal(out, 32, "a1f0b0587d1a613ebc7719b3c66272251beccc161f139aeec40ec11053530e26");
    hpke_export(&sender, bytes_make(&zero, 1), out, 100);
    assert_hex_equal(
        out, 100,
        "8cbba5d9de85ba5e84cbb2645aad6f320b096950189e8effba3dc84373a2de2ef0115e4fd208bd87b9eaa59fb477ab1f"
        "9edf71bd91fb58e333ffff246a79a969d5ed72442ce2a9e3f6064686fb131b3f83552a7db08b9c542c03cf509522706a"
        "61ed2b47");
}

/* BoringSSL's vector for this very suite, as Google's Tink quotes it (cc/hybrid/internal/hpke_test_util.cc).
 */
static void the_published_vector_of_boringssl_is_reproduced(void **state)
{
    struct hpke_context sender;
    uint8_t public_key[32];
    uint8_t ephemeral[32];
    uint8_t enc[HPKE_ENC];
    uint8_t sealed[64];
    struct bytes text = bytes_of_string(plaintext_text);

    (void)state;
    unhex("ac66bae9ffa270cf4a89ed9f274e30c0456babae2572aaaf002ff0d8884ab018", public_key);
    unhex("28e212563a8b6f068af7ff17400ff1baf23612b7a738bbaf5dfb321b2b5b431a", ephemeral);
    assert_int_equal(hpke_setup_sender(public_key, bytes_of_string(info_text), ephemeral, enc, &sender, NULL),
                     0);
    assert_int_equal(hpke_seal(&sender, bytes_of_string("Count-0"), text, sealed, NULL), 0);
    assert_hex_equal(
        sealed, text.len + HPKE_TAG,
        "23ded2d5d90ea89d975dac4792b297240f194952d7421aacbff0474100052b6bb8aa58d18ef6c42b6960e2e28f");
}

static void a_changed_byte_or_another_aad_does_not_open(void **state)
{
    struct hpke_context sender;
    struct hpke_context receiver;
    uint8_t enc[HPKE_ENC];
    uint8_t sealed[64];
    uint8_t opened[64];
    struct bytes text = bytes_of_string(plaintext_text);
    size_t len = text.len + HPKE_TAG;

    (void)state;
    set_up(&sender, &receiver, enc);
    assert_int_equal(hpke_seal(&sender, bytes_of_string("aad"), text, sealed, NULL), 0);
    for (size_t i = 0; i < len; i++) {
        static const uint8_t zeros[64];

        sealed[i] ^= 0x40;
        assert_false(hpke_open(&receiver, bytes_of_string("aad"), bytes_make(sealed, len), opened));
        assert_memory_equal(opened, zeros, text.len); /* nothing is released */
        sealed[i] ^= 0x40;
    }
    assert_false(hpke_open(&receiver, bytes_of_string("aae"), bytes_make(sealed, len), opened));
    assert_false(hpke_open(&receiver, bytes_of_string("aad"), bytes_make(sealed, len - 1), opened));
    assert_false(hpke_open(&receiver, bytes_of_string("aad"), bytes_make(sealed, HPKE_TAG - 1), opened));
    assert_int_equal(ERR_peek_error(), 0);
    /* A failed attempt does not use a number up. */
    assert_true(hpke_open(&receiver, bytes_of_string("aad"), bytes_make(sealed, len), opened));
}

static void a_public_key_with_a_known_shared_secret_is_refused(void **state)
{
    /* Points of small order: 0, 1, and one of order 8 (RFC 7748, and the list at cr.yp.to/ecdh.html). */
    static const char *const bad[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    struct hpke_context context;
    uint8_t private_key[32];
    uint8_t point[32];
    uint8_t enc[32];

    (void)state;
    random_bytes(private_key, 32);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error e = {0};

        unhex(bad[i], point);
        assert_int_equal(hpke_setup_sender(point, bytes_of_string(info_text), NULL, enc, &context, &e), -1);
        assert_int_equal(e.kind, ERROR_CRYPTO);
        assert_int_equal(hpke_setup_receiver(point, private_key, bytes_of_string(info_text), &context, &e),
                         -1);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void fresh_contexts_never_repeat_a_key(void **state)
{
    struct hpke_context first;
    struct hpke_context second;
    uint8_t public_key[32];
    uint8_t enc[2][32];

    (void)state;
    unhex(RFC_PUBLIC, public_key);
    assert_int_equal(hpke_setup_sender(public_key, bytes_of_string(info_text), NULL, enc[0], &first, NULL),
                     0);
    assert_int_equal(hpke_setup_sender(public_key, bytes_of_string(info_text), NULL, enc[1], &second, NULL),
                     0);
    assert_memory_not_equal(enc[0], enc[1], 32);
    assert_memory_not_equal(first.key, second.key, 32);
    hpke_clear(&first);
    assert_int_equal(first.key[0] | first.key[31] | first.exporter_secret[7], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_encapsulated_key_is_that_of_rfc_9180),
        cmocka_unit_test(sealed_messages_are_those_of_another_implementation),
        cmocka_unit_test(exports_are_those_of_another_implementation),
        cmocka_unit_test(the_published_vector_of_boringssl_is_reproduced),
        cmocka_unit_test(a_changed_byte_or_another_aad_does_not_open),
        cmocka_unit_test(a_public_key_with_a_known_shared_secret_is_refused),
        cmocka_unit_test(fresh_contexts_never_repeat_a_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
