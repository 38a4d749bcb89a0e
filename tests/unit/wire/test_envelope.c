/* Signatures over exactly the bytes that travel. */
#include "wire/envelope.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "crypto/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A signer with a key made for the test. */
struct test_signer {
    struct signer signer;
    struct ed25519_key key;
};

static size_t test_sign(struct signer *signer, struct bytes message, uint8_t *out, struct error *e)
{
    (void)e;
    ed25519_sign(&((struct test_signer *)signer)->key, message, out);
    return 64;
}

static struct test_signer signer_make(void)
{
    struct test_signer s = {.signer = {.algorithm = SIGNATURE_ED25519, .sign = test_sign}};
    uint8_t seed[32] = {7};
    assert_int_equal(ed25519_from_seed(seed, &s.key, NULL), 0);
    memset(s.signer.certificate, 0xc0, HASH_SIZE);
    return s;
}

static EVP_PKEY *public_key(const struct test_signer *s)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, s->key.public_key, 32);
    assert_non_null(key);
    return key;
}

static void fill(struct envelope *envelopes, size_t count)
{
    memset(envelopes, 0, count * sizeof(*envelopes));
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&envelopes[i].context, "context %zu", i);
        if (i % 3 != 0)
            buffer_printf(&envelopes[i].body, "body %zu", i);
    }
}

static enum refusal verify(const struct envelope *envelope, const char *instance, EVP_PKEY *key)
{
    struct signature_block block;
    enum refusal r = signature_block_decode(buffer_bytes(&envelope->signature), &block);
    if (r != REFUSAL_NONE)
        return r;
    uint8_t leaf[HASH_SIZE];
    envelope_leaf(buffer_bytes(&envelope->context), buffer_bytes(&envelope->body), leaf);
    return envelope_verify(&block, instance, leaf, key, SIGNATURE_ED25519);
}

static void the_leaf_separates_context_from_body(void **state)
{
    (void)state;
    uint8_t a[HASH_SIZE], b[HASH_SIZE], expected[HASH_SIZE];
    envelope_leaf(bytes_of_string("ab"), bytes_of_string("c"), a);
    envelope_leaf(bytes_of_string("a"), bytes_of_string("bc"), b);
    assert_memory_not_equal(a, b, HASH_SIZE);
    sha256(bytes_make("\0\0\0\0\2abc", 8), expected);
    assert_memory_equal(a, expected, HASH_SIZE);
}

static void the_signed_bytes_are_those_of_the_protocol(void **state)
{
    (void)state;
    uint8_t certificate[HASH_SIZE], root[HASH_SIZE];
    memset(certificate, 1, HASH_SIZE);
    memset(root, 2, HASH_SIZE);
    struct buffer out = {0};
    envelope_signed_bytes("TN", 3, certificate, 256, root, &out);
    assert_int_equal(out.len, 14 + 2 + 69);
    assert_memory_equal(out.data, "wasl/batch/v1\0TN\3", 17);
    assert_memory_equal(out.data + 17, certificate, HASH_SIZE);
    assert_memory_equal(out.data + 49, "\0\0\1\0", 4);
    assert_memory_equal(out.data + 53, root, HASH_SIZE);
    buffer_free(&out);
}

static void every_message_of_every_batch_verifies(void **state)
{
    (void)state;
    struct test_signer s = signer_make();
    EVP_PKEY *key = public_key(&s);
    static const size_t sizes[] = {1, 2, 3, 5, 8, 100, 255, 256};
    static struct envelope envelopes[256];
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        fill(envelopes, sizes[k]);
        assert_int_equal(envelope_sign(&s.signer, "TN", envelopes, sizes[k], NULL), 0);
        for (size_t i = 0; i < sizes[k]; i++) {
            assert_int_equal(verify(&envelopes[i], "TN", key), REFUSAL_NONE);
            assert_true(envelopes[i].signature.len <= SIGNATURE_BLOCK_MOST);
            envelope_free(&envelopes[i]);
        }
    }
    EVP_PKEY_free(key);
}

static void a_flipped_bit_anywhere_is_found(void **state)
{
    (void)state;
    struct test_signer s = signer_make();
    EVP_PKEY *key = public_key(&s);
    struct envelope envelopes[3];
    fill(envelopes, 3);
    assert_int_equal(envelope_sign(&s.signer, "TN", envelopes, 3, NULL), 0);
    struct envelope *e = &envelopes[1];
    struct buffer *parts[] = {&e->context, &e->body, &e->signature};
    for (int p = 0; p < 3; p++) {
        for (size_t bit = 0; bit < parts[p]->len * 8; bit++) {
            /* Bytes 2 to 35 of the block name the certificate; its lookup fails for another. The rest must
             * fail here. */
            parts[p]->data[bit / 8] ^= (uint8_t)(1 << (bit % 8));
            assert_int_not_equal(verify(e, "TN", key), REFUSAL_NONE);
            parts[p]->data[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        }
    }
    assert_int_equal(verify(e, "TN", key), REFUSAL_NONE);
    assert_int_equal(verify(e, "TX", key), REFUSAL_BAD_SIGNATURE);
    for (int i = 0; i < 3; i++)
        envelope_free(&envelopes[i]);
    EVP_PKEY_free(key);
}

static void another_key_or_algorithm_does_not_verify(void **state)
{
    (void)state;
    struct test_signer s = signer_make(), other = signer_make();
    uint8_t seed[32] = {8};
    assert_int_equal(ed25519_from_seed(seed, &other.key, NULL), 0);
    EVP_PKEY *key = public_key(&s), *other_key = public_key(&other);
    struct envelope envelope;
    fill(&envelope, 1);
    assert_int_equal(envelope_sign(&s.signer, "TN", &envelope, 1, NULL), 0);
    assert_int_equal(verify(&envelope, "TN", key), REFUSAL_NONE);
    assert_int_equal(verify(&envelope, "TN", other_key), REFUSAL_BAD_SIGNATURE);
    struct signature_block block;
    assert_int_equal(signature_block_decode(buffer_bytes(&envelope.signature), &block), REFUSAL_NONE);
    uint8_t leaf[HASH_SIZE];
    envelope_leaf(buffer_bytes(&envelope.context), buffer_bytes(&envelope.body), leaf);
    assert_int_equal(envelope_verify(&block, "TN", leaf, key, SIGNATURE_ECDSA_P256), REFUSAL_BAD_SIGNATURE);
    envelope_free(&envelope);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
}

/* algorithm 3, certificate, size, index, n path hashes, signature of 64 */
static void block_make(struct buffer *out, const char *size, const char *index, unsigned paths,
                       unsigned path_len, unsigned certificate_len, unsigned signature_len)
{
    buffer_clear(out);
    uint8_t zeros[256] = {0};
    buffer_append(out, "\x08\x03\x12", 3);
    buffer_append(out, &(uint8_t){(uint8_t)certificate_len}, 1);
    buffer_append(out, zeros, certificate_len);
    buffer_append_string(out, size);
    buffer_append_string(out, index);
    for (unsigned i = 0; i < paths; i++) {
        buffer_append(out, "\x2a", 1);
        buffer_append(out, &(uint8_t){(uint8_t)path_len}, 1);
        buffer_append(out, zeros, path_len);
    }
    buffer_append(out, "\x32", 1);
    buffer_append(out, &(uint8_t){(uint8_t)signature_len}, 1);
    buffer_append(out, zeros, signature_len);
}

static void a_block_of_wrong_shape_is_malformed(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct signature_block block;
#define JUDGED(...) (block_make(&b, __VA_ARGS__), signature_block_decode(buffer_bytes(&b), &block))
    assert_int_equal(JUDGED("\x18\x01", "", 0, 32, 32, 64), REFUSAL_NONE);
    assert_int_equal(JUDGED("\x18\x03", "\x20\x02", 1, 32, 32, 64), REFUSAL_NONE);
    assert_int_equal(JUDGED("\x18\x03", "\x20\x02", 2, 32, 32, 64), REFUSAL_MALFORMED); /* path too long */
    assert_int_equal(JUDGED("\x18\x03", "\x20\x01", 1, 32, 32, 64), REFUSAL_MALFORMED); /* too short */
    assert_int_equal(JUDGED("\x18\x03", "\x20\x03", 1, 32, 32, 64), REFUSAL_MALFORMED); /* index = size */
    assert_int_equal(JUDGED("", "", 0, 32, 32, 64), REFUSAL_MALFORMED);                 /* size 0 */
    assert_int_equal(JUDGED("\x18\x80\x02", "", 8, 32, 32, 64), REFUSAL_NONE);          /* 256 */
    assert_int_equal(JUDGED("\x18\x81\x02", "", 9, 32, 32, 64), REFUSAL_MALFORMED);     /* 257 */
    assert_int_equal(JUDGED("\x18\x03", "\x20\x02", 1, 31, 32, 64), REFUSAL_MALFORMED);
    assert_int_equal(JUDGED("\x18\x01", "", 0, 32, 31, 64), REFUSAL_MALFORMED);
    assert_int_equal(JUDGED("\x18\x01", "", 0, 32, 32, 63), REFUSAL_MALFORMED);
    assert_int_equal(signature_block_decode(bytes_make("", 0), &block), REFUSAL_MALFORMED);
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_leaf_separates_context_from_body),
        cmocka_unit_test(the_signed_bytes_are_those_of_the_protocol),
        cmocka_unit_test(every_message_of_every_batch_verifies),
        cmocka_unit_test(a_flipped_bit_anywhere_is_found),
        cmocka_unit_test(another_key_or_algorithm_does_not_verify),
        cmocka_unit_test(a_block_of_wrong_shape_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
