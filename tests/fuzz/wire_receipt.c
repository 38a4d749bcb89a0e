/* Signature blocks and receipts: an edited one that still verifies is about the same message, and a receipt
 * proves only the entry that was logged. */
#include "fuzz_country.h"
#include "fuzz.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "tlog/tree.h"
#include "wire/entry.h"
#include "wire/envelope.h"

#include <openssl/err.h>

#define BATCH 3

static struct envelope letters[BATCH];
static uint8_t letter_leaves[BATCH][HASH_SIZE];
static struct buffer entry_bytes, proof;
static uint8_t leaf[HASH_SIZE];

void fuzz_setup(void)
{
    struct country *c = fuzz_country();
    struct error e = {0};
    for (int i = 0; i < BATCH; i++) {
        buffer_printf(&letters[i].context, "context %d", i);
        buffer_printf(&letters[i].body, "body %d", i);
        envelope_leaf(buffer_bytes(&letters[i].context), buffer_bytes(&letters[i].body), letter_leaves[i]);
    }
    FUZZ_CHECK(envelope_sign(c->signer[MI], "TN", letters, BATCH, &e) == 0);

    struct entry entry = {.type = ENTRY_ADMITTED,
                          .time = FUZZ_NOW * 1000000,
                          .registry_version = 1,
                          .context = buffer_bytes(&letters[1].context),
                          .body = buffer_bytes(&letters[1].body),
                          .signature = buffer_bytes(&letters[1].signature)};
    uint8_t leaves[3][HASH_SIZE], path[64][HASH_SIZE];
    struct checkpoint checkpoint = {.origin = "bus.example.tn/ledger", .size = 3};
    struct buffer note = {0};
    entry_encode(&entry, &entry_bytes);
    merkle_leaf(bytes_of_string("first"), leaves[0]);
    merkle_leaf(buffer_bytes(&entry_bytes), leaves[1]);
    merkle_leaf(bytes_of_string("third"), leaves[2]);
    merkle_root((const uint8_t(*)[HASH_SIZE])leaves, 3, checkpoint.root);
    size_t count = merkle_path((const uint8_t(*)[HASH_SIZE])leaves, 3, 1, path);
    checkpoint_sign(&checkpoint, &c->ledger, &note);
    tlog_proof_format(1, (const uint8_t(*)[HASH_SIZE])path, count, buffer_bytes(&note), &proof);
    memcpy(leaf, letter_leaves[1], HASH_SIZE);
    buffer_free(&note);
}

void fuzz_seeds(void)
{
    for (uint8_t form = 0; form < 4; form++) {
        fuzz_seed_with(form, bytes_make("\x00\x00\x00", 3));
        fuzz_seed_with(form, bytes_make("\x02\x00\x00\x11\x01\x01\x03\x00\x40\x02\x01\x02", 12));
    }
    fuzz_seed_with(4, buffer_bytes(&letters[2].signature));
}

static void block(struct fuzz_input *in, bool raw)
{
    struct buffer data = {0};
    struct signature_block b;
    if (raw) {
        buffer_append_bytes(&data, fuzz_rest(in));
    } else {
        buffer_append_bytes(&data, buffer_bytes(&letters[1].signature));
        fuzz_edit(in, &data);
    }
    EVP_PKEY *key = country()->key[MI];
    if (signature_block_decode(buffer_bytes(&data), &b) == REFUSAL_NONE) {
        FUZZ_CHECK(b.index < b.tree_size && b.tree_size <= BATCH_MOST && b.path_len <= 8);
        for (int i = 0; i < BATCH; i++) {
            bool good =
                envelope_verify(&b, "TN", letter_leaves[i], key, SIGNATURE_ECDSA_P256) == REFUSAL_NONE;
            /* Each leaf has its one place and path under a root that was signed. */
            FUZZ_CHECK(!good || (b.index == (uint32_t)i && b.tree_size == BATCH));
            FUZZ_CHECK(envelope_verify(&b, "TX", letter_leaves[i], key, SIGNATURE_ECDSA_P256) !=
                       REFUSAL_NONE);
        }
        FUZZ_CHECK(envelope_verify(&b, "TN", leaf, country()->key[MEN], SIGNATURE_ECDSA_P256) !=
                   REFUSAL_NONE);
    }
    buffer_free(&data);
}

static void receipt(struct fuzz_input *in)
{
    struct buffer e = {0}, p = {0};
    struct entry entry;
    struct entry_hold hold;
    struct checkpoint checkpoint;
    buffer_append_bytes(&e, buffer_bytes(&entry_bytes));
    buffer_append_bytes(&p, buffer_bytes(&proof));
    fuzz_edit(in, &e);
    fuzz_edit(in, &p);
    const struct note_verifier *keys = &country()->ledger.verifier;
    if (receipt_check(buffer_bytes(&e), buffer_bytes(&p), ENTRY_ADMITTED, leaf, keys, 1, &entry, &hold,
                      &checkpoint) == REFUSAL_NONE) {
        FUZZ_CHECK(bytes_equal(buffer_bytes(&e), buffer_bytes(&entry_bytes)));
        FUZZ_CHECK(checkpoint.size == 3);
        entry_release(&hold);
    }
    FUZZ_CHECK(receipt_check(buffer_bytes(&e), buffer_bytes(&p), 0, letter_leaves[0], keys, 1, &entry, &hold,
                             &checkpoint) != REFUSAL_NONE);
    FUZZ_CHECK(receipt_check(buffer_bytes(&e), buffer_bytes(&p), 0, NULL, &country()->other_ledger.verifier,
                             1, &entry, &hold, &checkpoint) != REFUSAL_NONE);
    buffer_free(&e);
    buffer_free(&p);
}

/* Keys and signatures of all three algorithms, as bytes. */
static void signature(struct fuzz_input *in)
{
    static EVP_PKEY *key;
    static uint8_t good[64];
    struct buffer s = {0};
    if (key == NULL) {
        size_t len = sizeof good;
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        FUZZ_CHECK(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
                   EVP_DigestSign(ctx, good, &len, (const uint8_t *)"m", 1) == 1);
        EVP_MD_CTX_free(ctx);
    }
    buffer_append(&s, good, sizeof good);
    fuzz_edit(in, &s);
    bool same = s.len == 64 && memcmp(s.data, good, 64) == 0;
    FUZZ_CHECK(signature_verify(key, SIGNATURE_ED25519, bytes_of_string("m"), buffer_bytes(&s)) == same);
    FUZZ_CHECK(!signature_verify(key, SIGNATURE_ECDSA_P256, bytes_of_string("m"), buffer_bytes(&s)));
    (void)signature_verify(country()->key[MI], SIGNATURE_ECDSA_P256, bytes_of_string("m"), buffer_bytes(&s));
    FUZZ_CHECK(ERR_peek_error() == 0);
    buffer_free(&s);
}

void fuzz_target(struct fuzz_input *in)
{
    unsigned form = fuzz_u8(in) % 5;
    if (form == 0 || form == 4)
        block(in, form == 4);
    else if (form == 1)
        signature(in);
    else
        receipt(in);
    ERR_clear_error();
}
