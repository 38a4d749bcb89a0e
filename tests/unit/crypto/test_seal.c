#include "crypto/seal.h"
#include "crypto/hash.h"
#include "crypto/hpke.h"
#include "checks.h"

#include "envelope.pb-c.h"
#include <openssl/evp.h>

static struct sealing_key provider;
static struct sealing_key oversight;
static struct sealing_key stranger;
static uint8_t context_hash[HASH_SIZE];

static int make_keys(void **state)
{
    (void)state;
    sha256(bytes_of_string("context"), context_hash);
    return sealing_key_generate(&provider, NULL) | sealing_key_generate(&oversight, NULL) |
           sealing_key_generate(&stranger, NULL);
}

static void seal_for_two(struct bytes text, struct sealed *out)
{
    struct seal_receiver receivers[2] = {{.receiver = "TN/GOV/MI"}, {.receiver = "oversight"}};

    memcpy(receivers[0].public_key, provider.public_key, 32);
    memcpy(receivers[1].public_key, oversight.public_key, 32);
    assert_int_equal(seal(text, context_hash, receivers, 2, out, NULL), 0);
}

static void views_of(const struct sealed *sealed, struct bytes *views)
{
    for (size_t i = 0; i < sealed->chunk_count; i++)
        views[i] = buffer_bytes(&sealed->chunks[i]);
}

static bool opens(const struct sealed *sealed, size_t slot, const struct sealing_key *key,
                  struct buffer *text)
{
    struct bytes views[8];
    const char *why;
    bool good;

    views_of(sealed, views);
    good = seal_open(buffer_bytes(&sealed->slots[slot]), views, sealed->chunk_count, context_hash,
                     sealed->commitment, key, 1, text, &why);
    assert_true(good == (why == NULL));
    return good;
}

static void a_body_opens_for_each_receiver_and_for_nobody_else(void **state)
{
    struct sealed sealed;
    struct buffer text = {0};

    (void)state;
    seal_for_two(bytes_of_string("the answer"), &sealed);
    assert_true(opens(&sealed, 0, &provider, &text));
    assert_true(bytes_equal_string(buffer_bytes(&text), "the answer"));
    buffer_clear(&text);
    assert_true(opens(&sealed, 1, &oversight, &text));
    assert_true(bytes_equal_string(buffer_bytes(&text), "the answer"));
    buffer_clear(&text);
    assert_false(opens(&sealed, 0, &oversight, &text));
    assert_false(opens(&sealed, 0, &stranger, &text));
    assert_int_equal(text.len, 0);
    buffer_free(&text);
    sealed_free(&sealed);
}

static void a_receiver_with_several_keys_opens_with_the_one_that_the_slot_names(void **state)
{
    struct sealed sealed;
    struct sealing_key keys[3];
    struct buffer text = {0};
    struct bytes view;
    const char *why;

    (void)state;
    keys[0] = stranger;
    keys[1] = oversight;
    keys[2] = provider;
    seal_for_two(bytes_of_string("x"), &sealed);
    view = buffer_bytes(&sealed.chunks[0]);
    assert_true(seal_open(buffer_bytes(&sealed.slots[0]), &view, 1, context_hash, sealed.commitment, keys, 3,
                          &text, &why));
    assert_false(seal_open(buffer_bytes(&sealed.slots[0]), &view, 1, context_hash, sealed.commitment, keys, 0,
                           &text, &why));
    assert_string_equal(why, "the slot is for a sealing key that is not here");
    buffer_free(&text);
    sealed_free(&sealed);
}

static void sealed_bytes_under_another_signed_context_do_not_open(void **state)
{
    struct sealed sealed;
    uint8_t other[HASH_SIZE];
    struct buffer text = {0};
    struct bytes view;
    const char *why;

    (void)state;
    seal_for_two(bytes_of_string("the answer"), &sealed);
    sha256(bytes_of_string("the same, signed by another member"), other);
    view = buffer_bytes(&sealed.chunks[0]);
    assert_false(seal_open(buffer_bytes(&sealed.slots[0]), &view, 1, other, sealed.commitment, &provider, 1,
                           &text, &why));
    assert_string_equal(why, "the slot does not open for this message");
    assert_int_equal(text.len, 0);
    sealed_free(&sealed);
}

static void bodies_of_every_size_about_a_chunk_come_back(void **state)
{
    static const size_t sizes[] = {
        0, 1, SEAL_CHUNK - 1, SEAL_CHUNK, SEAL_CHUNK + 1, 2 * SEAL_CHUNK, 4 * SEAL_CHUNK + 17};
    static const size_t chunks[] = {1, 1, 1, 1, 2, 2, 5};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *data = memory_zeroed(sizes[i] + 1, 1);
        struct sealed sealed;
        struct buffer text = {0};
        struct bytes views[8];
        uint8_t root[HASH_SIZE];

        random_bytes(data, sizes[i]);
        seal_for_two(bytes_make(data, sizes[i]), &sealed);
        assert_int_equal(sealed.chunk_count, chunks[i]);
        assert_int_equal(sealed.sealed_length, sizes[i] + chunks[i] * SEAL_TAG);
        views_of(&sealed, views);
        seal_root(views, sealed.chunk_count, root);
        assert_memory_equal(root, sealed.root, HASH_SIZE);
        assert_true(opens(&sealed, 0, &provider, &text));
        assert_true(bytes_equal(buffer_bytes(&text), bytes_make(data, sizes[i])));
        buffer_free(&text);
        sealed_free(&sealed);
        free(data);
    }
}

static void chunks_cannot_be_changed_dropped_doubled_or_swapped(void **state)
{
    uint8_t *data = memory_zeroed(2 * SEAL_CHUNK + 10, 1);
    struct sealed sealed;
    struct buffer text = {0};
    struct bytes v[4];
    struct bytes other[4];
    struct bytes slot;
    const char *why;

    (void)state;
    seal_for_two(bytes_make(data, 2 * SEAL_CHUNK + 10), &sealed);
    assert_int_equal(sealed.chunk_count, 3);
    views_of(&sealed, v);
    slot = buffer_bytes(&sealed.slots[0]);
#define OPENS(count) seal_open(slot, other, count, context_hash, sealed.commitment, &provider, 1, &text, &why)
    memcpy(other, v, sizeof(v));
    assert_true(OPENS(3));
    buffer_clear(&text);
    assert_false(OPENS(2)); /* the last cut off */
    other[0] = v[1];
    other[1] = v[0];
    assert_false(OPENS(3)); /* swapped */
    memcpy(other, v, sizeof(v));
    other[1] = v[0];
    assert_false(OPENS(3)); /* doubled */
    memcpy(other, v, sizeof(v));
    other[0] = v[1];
    other[1] = v[2];
    assert_false(OPENS(2)); /* the first dropped */
    memcpy(other, v, sizeof(v));
    other[2] = bytes_make(v[2].data, v[2].len - 1);
    assert_false(OPENS(3));
    other[2] = bytes_make(v[2].data, SEAL_TAG);
    assert_false(OPENS(3)); /* an empty chunk behind full ones is no way to cut a body */
    assert_string_equal(why, "the chunks do not have the lengths of a sealed body");
    assert_false(OPENS(0));
    for (size_t i = 0; i < 3; i++) {
        memcpy(other, v, sizeof(v));
        sealed.chunks[i].data[5] ^= 1;
        assert_false(OPENS(3));
        assert_string_equal(why, "a chunk does not open");
        sealed.chunks[i].data[5] ^= 1;
    }
#undef OPENS
    assert_int_equal(text.len, 0);
    buffer_free(&text);
    sealed_free(&sealed);
    free(data);
}

static void a_plaintext_that_is_not_the_committed_one_is_not_released(void **state)
{
    struct sealed sealed;
    struct buffer text = {0};

    (void)state;
    seal_for_two(bytes_of_string("yes"), &sealed);
    buffer_append_string(&text, "before");
    sealed.commitment[31] ^= 1;
    assert_false(opens(&sealed, 0, &provider, &text));
    assert_true(bytes_equal_string(buffer_bytes(&text), "before"));
    buffer_free(&text);
    sealed_free(&sealed);
}

static void every_flipped_bit_of_a_slot_is_rejected(void **state)
{
    struct sealed sealed;
    struct buffer text = {0};
    struct buffer *slot;
    size_t receiver;

    (void)state;
    seal_for_two(bytes_of_string("yes"), &sealed);
    slot = &sealed.slots[0];
    receiver = 2 + strlen("TN/GOV/MI"); /* whose name the header's hash of the slot protects, not the seal */
    for (size_t i = receiver; i < slot->len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            /* X25519 ignores the top bit of a public key, but enc is hashed into the key schedule as it is.
             */
            slot->data[i] ^= (uint8_t)(1u << bit);
            assert_false(opens(&sealed, 0, &provider, &text));
            slot->data[i] ^= (uint8_t)(1u << bit);
        }
    assert_true(opens(&sealed, 0, &provider, &text));
    buffer_free(&text);
    sealed_free(&sealed);
}

static void field(struct buffer *out, unsigned number, struct bytes data)
{
    uint8_t head[2] = {(uint8_t)(number << 3 | 2), (uint8_t)data.len};

    buffer_append(out, head, 2);
    buffer_append_bytes(out, data);
}

static void a_slot_with_anything_unusual_is_malformed(void **state)
{
    struct sealed sealed;
    struct buffer text = {0};
    struct buffer bad[12] = {{0}};
    Wasl__V1__Slot *slot;
    struct bytes good;
    struct bytes f[6];
    struct bytes view;
    const char *why;

    (void)state;
    seal_for_two(bytes_of_string("yes"), &sealed);
    good = buffer_bytes(&sealed.slots[0]);
    view = buffer_bytes(&sealed.chunks[0]);
    slot = wasl__v1__slot__unpack(NULL, good.len, good.data);
    assert_non_null(slot);
    f[1] = bytes_make(slot->receiver.data, slot->receiver.len);
    f[2] = bytes_make(slot->key_id.data, slot->key_id.len);
    f[3] = bytes_make(slot->enc.data, slot->enc.len);
    f[5] = bytes_make(slot->sealed.data, slot->sealed.len);

    buffer_append(&bad[0], good.data, good.len - 1); /* cut */
    buffer_append_bytes(&bad[1], good);              /* a byte behind */
    buffer_append(&bad[1], "", 1);
    buffer_append_bytes(&bad[2], good); /* an unknown field */
    field(&bad[2], 6, bytes_of_string("x"));
    buffer_append_bytes(&bad[3], good); /* a field twice */
    field(&bad[3], 5, f[5]);
    field(&bad[4], 2, f[2]); /* another order */
    field(&bad[4], 1, f[1]);
    field(&bad[4], 3, f[3]);
    field(&bad[4], 5, f[5]);
    field(&bad[5], 1, f[1]); /* a field missing */
    field(&bad[5], 2, f[2]);
    field(&bad[5], 5, f[5]);
    field(&bad[6], 1, f[1]); /* an empty field on the wire */
    field(&bad[6], 2, f[2]);
    field(&bad[6], 3, f[3]);
    field(&bad[6], 4, bytes_make(NULL, 0));
    field(&bad[6], 5, f[5]);
    field(&bad[7], 1, f[1]); /* a label of another length */
    field(&bad[7], 2, f[2]);
    field(&bad[7], 3, f[3]);
    field(&bad[7], 4, bytes_make(f[2].data, 31));
    field(&bad[7], 5, f[5]);
    buffer_append(&bad[8], "\x0a\x89\x00", 3); /* a length in two bytes where one does */
    buffer_append_bytes(&bad[8], f[1]);
    buffer_append(&bad[8], good.data + 2 + f[1].len, good.len - 2 - f[1].len);
    buffer_append(&bad[9], "\x08\x01", 2); /* another wire type */
    buffer_append(&bad[9], good.data + 2 + f[1].len, good.len - 2 - f[1].len);
    buffer_append(&bad[10], good.data + 2 + f[1].len, good.len - 2 - f[1].len); /* no receiver */

    for (size_t i = 0; i < 12; i++) { /* the last is empty */
        assert_false(seal_open(buffer_bytes(&bad[i]), &view, 1, context_hash, sealed.commitment, &provider, 1,
                               &text, &why));
        assert_string_equal(why, "the slot is malformed");
        buffer_free(&bad[i]);
    }
    wasl__v1__slot__free_unpacked(slot, NULL);
    sealed_free(&sealed);
}

/* A body sealed elsewhere: slots by npm @hpke/core 1.9.0 (receiver's key from ikm 11..11, sender's
 * from 22..22), chunks, commitments and the slot by export by python3-cryptography; keys are 00 01 .. 3f,
 * SHA-256(context) is aa..aa. */
#define ELSEWHERE_PRIVATE "91e2dd577c3ed6d08ef5432abb9589d4e81fca0942a4decd4c29458124830733"
static const char *const elsewhere_slot =
    "0a09544e2f474f562f4d491220e2c9d7d1e92e34427d4459f11abcd384fca1ae8ba3eb2edae384550acf656eb41a20e3"
    "b9708aaa21a7f1e62a95ee28d1e5d60b0fceed6c68599013a54b318e9e0b152a505bcd302aa04e7674145910ad3e5223"
    "fbd19857700eb07dd01dd0eca327ad12f8d96f427d923e4b189769083ed78c2030ec7c75d723ab3cefbb3259f9ab3581"
    "17b613cf4e506b9a8d9594a203cfa7737c";
static const char *const elsewhere_slot_by_export =
    "0a09544e2f474f562f4d491220e2c9d7d1e92e34427d4459f11abcd384fca1ae8ba3eb2edae384550acf656eb41a20e3"
    "b9708aaa21a7f1e62a95ee28d1e5d60b0fceed6c68599013a54b318e9e0b1522205c5c5c5c5c5c5c5c5c5c5c5c5c5c5c"
    "5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c2a500cad6aa669ce95e089a72b1f4b06e69c008684278343c2d475db95f217"
    "c508e31f19fdc491bf17ee616e8074afba9d9f5bddcf41a6a3500059c5d9944a79c406af145e5f9a7c538038392ee8da"
    "e6232c";
static const char *const elsewhere_chunk = "7dd9d4b2d048a3d864dbcc427049e3fc4aae3ad8f473acc1aee9b038b2c884b2";
static const char *const elsewhere_commitment =
    "b96fbf7da66d430a96bd39277eaf9c2c29578a16076e5ffaeff2cc5f9779d7df";
static const char *const elsewhere_long_root =
    "ffadf38c27c2dfe1cb472d58fe9f0ffdc6264f0bd036862dc9b538274cd871ed";
static const char *const elsewhere_long_commitment =
    "9acebeb18830f96cdeccfc9e02f8528716c366261696cd4747eb703313a7c123";

static void gcm(const uint8_t *key, uint8_t index, bool last, struct bytes text, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t nonce[12] = {0};
    uint8_t aad[37] = {0};
    int len;

    nonce[11] = index;
    memset(aad, 0xaa, 32);
    aad[35] = index;
    aad[36] = last;
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &len, aad, 37), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, out, &len, text.data, (int)text.len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, out + len, &len), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + text.len), 1);
    EVP_CIPHER_CTX_free(ctx);
}

static void a_body_sealed_by_another_implementation_opens(void **state)
{
    const char *const slots[2] = {elsewhere_slot, elsewhere_slot_by_export};
    uint8_t slot[256];
    uint8_t context[HASH_SIZE];
    uint8_t commitment[HASH_SIZE];
    uint8_t chunk[64];
    uint8_t key[32];
    uint8_t root[HASH_SIZE];
    uint8_t *text = memory_zeroed(SEAL_CHUNK + 3, 1);
    uint8_t *sealed = memory_zeroed(SEAL_SEALED_CHUNK + SEAL_TAG + 3, 1);
    struct bytes one = bytes_make(chunk, unhex(elsewhere_chunk, chunk));
    struct bytes two[2] = {{sealed, SEAL_SEALED_CHUNK}, {sealed + SEAL_SEALED_CHUNK, SEAL_TAG + 3}};
    struct sealing_key receiver;
    struct buffer out = {0};
    const char *why;

    (void)state;
    memset(context, 0xaa, sizeof(context));
    unhex(ELSEWHERE_PRIVATE, receiver.private_key);
    assert_int_equal(x25519_public(receiver.private_key, receiver.public_key, NULL), 0);
    sha256(bytes_make(receiver.public_key, 32), receiver.id);
    unhex(elsewhere_commitment, commitment);
    for (size_t i = 0; i < 2; i++) {
        size_t len = unhex(slots[i], slot);

        assert_true(seal_open(bytes_make(slot, len), &one, 1, context, commitment, &receiver, 1, &out, &why));
        assert_true(bytes_equal_string(buffer_bytes(&out), "sealed elsewhere"));
    }
    /* Two chunks: the first is not the last. The root shows that they are those of the other implementation.
     */
    for (uint8_t i = 0; i < 32; i++)
        key[i] = i;
    memset(text, 7, SEAL_CHUNK);
    memcpy(text + SEAL_CHUNK, "end", 3);
    gcm(key, 0, false, bytes_make(text, SEAL_CHUNK), sealed);
    gcm(key, 1, true, bytes_make(text + SEAL_CHUNK, 3), sealed + SEAL_SEALED_CHUNK);
    seal_root(two, 2, root);
    assert_hex_equal(root, HASH_SIZE, elsewhere_long_root);
    unhex(elsewhere_long_commitment, commitment);
    assert_true(seal_open(bytes_make(slot, unhex(elsewhere_slot, slot)), two, 2, context, commitment,
                          &receiver, 1, &out, &why));
    assert_true(bytes_equal(buffer_bytes(&out), bytes_make(text, SEAL_CHUNK + 3)));
    buffer_free(&out);
    free(text);
    free(sealed);
}

/* A slot as a sender with a standing HPKE context makes it, from HPKE and AES-GCM by themselves. */
static void a_slot_by_export_opens(void **state)
{
    struct sealed sealed;
    struct hpke_context hpke;
    struct buffer slot = {0};
    struct buffer text = {0};
    uint8_t enc[32];
    uint8_t label[32];
    uint8_t slot_key[32];
    uint8_t secret[64];
    uint8_t sealed_secret[80];
    uint8_t nonce[12] = {0};
    struct bytes view;
    const char *why;
    EVP_CIPHER_CTX *gcm = EVP_CIPHER_CTX_new();
    Wasl__V1__Slot *first;
    int len;

    (void)state;
    seal_for_two(bytes_of_string("the answer"), &sealed);
    view = buffer_bytes(&sealed.chunks[0]);
    /* The two keys, out of the ordinary slot. */
    first = wasl__v1__slot__unpack(NULL, sealed.slots[0].len, sealed.slots[0].data);
    assert_int_equal(hpke_setup_receiver(first->enc.data, provider.private_key,
                                         bytes_of_string("wasl/slot/v1"), &hpke, NULL),
                     0);
    assert_true(hpke_open(&hpke, bytes_make(context_hash, 32),
                          bytes_make(first->sealed.data, first->sealed.len), secret));
    wasl__v1__slot__free_unpacked(first, NULL);

    assert_int_equal(
        hpke_setup_sender(provider.public_key, bytes_of_string("wasl/slot/v1"), NULL, enc, &hpke, NULL), 0);
    random_bytes(label, 32);
    hpke_export(&hpke, bytes_make(label, 32), slot_key, 32);
    assert_int_equal(EVP_EncryptInit_ex(gcm, EVP_aes_256_gcm(), NULL, slot_key, nonce), 1);
    assert_int_equal(EVP_EncryptUpdate(gcm, NULL, &len, context_hash, 32), 1);
    assert_int_equal(EVP_EncryptUpdate(gcm, sealed_secret, &len, secret, 64), 1);
    assert_int_equal(EVP_EncryptFinal_ex(gcm, sealed_secret + 64, &len), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, 16, sealed_secret + 64), 1);
    EVP_CIPHER_CTX_free(gcm);
    field(&slot, 1, bytes_of_string("TN/GOV/MI"));
    field(&slot, 2, bytes_make(provider.id, 32));
    field(&slot, 3, bytes_make(enc, 32));
    field(&slot, 4, bytes_make(label, 32));
    field(&slot, 5, bytes_make(sealed_secret, 80));
    assert_true(
        seal_open(buffer_bytes(&slot), &view, 1, context_hash, sealed.commitment, &provider, 1, &text, &why));
    assert_true(bytes_equal_string(buffer_bytes(&text), "the answer"));
    slot.data[2 + 9 + 34 + 34 + 2] ^= 1; /* another label */
    assert_false(
        seal_open(buffer_bytes(&slot), &view, 1, context_hash, sealed.commitment, &provider, 1, &text, &why));
    buffer_free(&slot);
    buffer_free(&text);
    sealed_free(&sealed);
}

static void the_hash_of_slots_is_over_their_hashes_in_order(void **state)
{
    struct sealed sealed;
    uint8_t hashes[2][HASH_SIZE];
    uint8_t out[HASH_SIZE];

    (void)state;
    seal_for_two(bytes_of_string("x"), &sealed);
    sha256(buffer_bytes(&sealed.slots[0]), hashes[0]);
    slot_hash(buffer_bytes(&sealed.slots[1]), hashes[1]);
    sha256(bytes_make(hashes, sizeof(hashes)), out);
    assert_memory_equal(out, sealed.slots_hash, HASH_SIZE);
    slots_hash((const uint8_t(*)[HASH_SIZE])hashes, 2, out);
    assert_memory_equal(out, sealed.slots_hash, HASH_SIZE);
    sealed_free(&sealed);
}

static void two_seals_of_one_text_share_nothing(void **state)
{
    struct sealed first;
    struct sealed second;

    (void)state;
    seal_for_two(bytes_of_string("yes"), &first);
    seal_for_two(bytes_of_string("yes"), &second);
    assert_memory_not_equal(first.commitment, second.commitment, HASH_SIZE);
    assert_memory_not_equal(first.root, second.root, HASH_SIZE);
    assert_memory_not_equal(first.chunks[0].data, second.chunks[0].data, 3);
    sealed_free(&first);
    sealed_free(&second);
}

static void nobody_or_too_many_cannot_be_sealed_for(void **state)
{
    struct seal_receiver receivers[SEAL_SLOTS_MOST + 1];
    struct sealed sealed;
    struct error e = {0};

    (void)state;
    for (size_t i = 0; i <= SEAL_SLOTS_MOST; i++) {
        receivers[i].receiver = "TN/GOV/MI";
        memcpy(receivers[i].public_key, provider.public_key, 32);
    }
    assert_int_equal(seal(bytes_of_string("x"), context_hash, receivers, 0, &sealed, &e), -1);
    assert_int_equal(seal(bytes_of_string("x"), context_hash, receivers, SEAL_SLOTS_MOST + 1, &sealed, &e),
                     -1);
    assert_int_equal(e.kind, ERROR_USAGE);
    assert_int_equal(seal(bytes_of_string("x"), context_hash, receivers, SEAL_SLOTS_MOST, &sealed, &e), 0);
    sealed_free(&sealed);
    /* A registered key whose secret everybody knows is refused, and nothing is left behind. */
    memset(receivers[3].public_key, 0, 32);
    assert_int_equal(seal(bytes_of_string("x"), context_hash, receivers, 5, &sealed, &e), -1);
    assert_int_equal(e.kind, ERROR_CRYPTO);
    assert_null(sealed.slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_opens_for_each_receiver_and_for_nobody_else),
        cmocka_unit_test(a_receiver_with_several_keys_opens_with_the_one_that_the_slot_names),
        cmocka_unit_test(sealed_bytes_under_another_signed_context_do_not_open),
        cmocka_unit_test(bodies_of_every_size_about_a_chunk_come_back),
        cmocka_unit_test(chunks_cannot_be_changed_dropped_doubled_or_swapped),
        cmocka_unit_test(a_plaintext_that_is_not_the_committed_one_is_not_released),
        cmocka_unit_test(every_flipped_bit_of_a_slot_is_rejected),
        cmocka_unit_test(a_slot_with_anything_unusual_is_malformed),
        cmocka_unit_test(a_body_sealed_by_another_implementation_opens),
        cmocka_unit_test(a_slot_by_export_opens),
        cmocka_unit_test(the_hash_of_slots_is_over_their_hashes_in_order),
        cmocka_unit_test(two_seals_of_one_text_share_nothing),
        cmocka_unit_test(nobody_or_too_many_cannot_be_sealed_for),
    };

    return cmocka_run_group_tests(tests, make_keys, NULL);
}
