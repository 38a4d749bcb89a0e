/* Sealed bodies whose slot, chunks, context or commitment were touched: they open to what was sealed or not
 * at all. With the first byte odd the sealed bytes are right and the plaintext is the input's: framing. */
#include "fuzz.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "crypto/hpke.h"
#include "crypto/seal.h"

#include <openssl/err.h>

static struct sealing_key keys[2];
static struct sealed sealed[2];
static uint8_t context_hash[HASH_SIZE];
static const char *const texts[2] = {"a body of some length, sealed for one", ""};

void fuzz_setup(void)
{
    struct error e = {0};
    for (int i = 0; i < 2; i++)
        FUZZ_CHECK(sealing_key_generate(&keys[i], &e) == 0);
    sha256(bytes_of_string("context"), context_hash);
    struct seal_receiver to[2] = {{.receiver = "TN/GOV/MI"}, {.receiver = "oversight"}};
    memcpy(to[0].public_key, keys[0].public_key, 32);
    memcpy(to[1].public_key, keys[1].public_key, 32);
    for (int i = 0; i < 2; i++)
        FUZZ_CHECK(seal(bytes_of_string(texts[i]), context_hash, to, 2, &sealed[i], &e) == 0);
}

void fuzz_seeds(void)
{
    for (uint8_t form = 0; form < 3; form++) {
        fuzz_seed_with(form, bytes_make("\x00\x00\x00\x00", 4));
        fuzz_seed_with(form, bytes_make("\x01\x00\x00\x22\x01\x01\x00\x01\x00\x00\x03\x01\x80", 13));
    }
    struct buffer framed = {0};
    seal_frame(bytes_of_string("head"), bytes_of_string("body"), true, &framed);
    fuzz_seed_with(3, buffer_bytes(&framed));
    fuzz_seed_with(3, bytes_make("\0\0\0\1h\0\0\0\0\0\0\0\2bb", 15));
    fuzz_seed_with(4, buffer_bytes(&sealed[0].slots[0]));
    buffer_free(&framed);
}

static void frame(struct bytes plaintext)
{
    struct bytes head, body;
    struct buffer again = {0}, padded = {0};
    if (!seal_unframe(plaintext, &head, &body))
        return;
    seal_frame(head, body, false, &again);
    FUZZ_CHECK(again.len <= plaintext.len && memcmp(again.data, plaintext.data, again.len) == 0);
    seal_frame(head, body, true, &padded);
    struct bytes h2, b2;
    FUZZ_CHECK(seal_unframe(buffer_bytes(&padded), &h2, &b2) && bytes_equal(head, h2) &&
               bytes_equal(body, b2));
    FUZZ_CHECK(padded.len >= again.len && padded.len >= 256);
    buffer_free(&again);
    buffer_free(&padded);
}

static void open_edited(struct fuzz_input *in, unsigned which)
{
    struct sealed *s = &sealed[which & 1];
    struct buffer slot = {0}, chunk = {0}, commitment = {0}, text = {0};
    struct bytes chunks[2];
    const char *why = NULL;
    buffer_append_bytes(&slot, buffer_bytes(&s->slots[(which >> 1) & 1]));
    buffer_append_bytes(&chunk, buffer_bytes(&s->chunks[0]));
    buffer_append(&commitment, s->commitment, HASH_SIZE);
    fuzz_edit(in, &slot);
    fuzz_edit(in, &chunk);
    fuzz_edit(in, &commitment);
    memset(buffer_extend(&commitment, HASH_SIZE), 0, HASH_SIZE);
    chunks[0] = buffer_bytes(&chunk);
    chunks[1] = fuzz_piece(in);
    size_t count = fuzz_u8(in) % 3;
    buffer_append_string(&text, "before");
    bool good =
        seal_open(buffer_bytes(&slot), chunks, count, context_hash, commitment.data, keys, 2, &text, &why);
    if (good) {
        FUZZ_CHECK(count == 1 && bytes_equal_string(buffer_bytes(&text), texts[which & 1]));
        FUZZ_CHECK(bytes_equal(buffer_bytes(&chunk), buffer_bytes(&s->chunks[0])));
        FUZZ_CHECK(memcmp(commitment.data, s->commitment, HASH_SIZE) == 0);
    } else {
        FUZZ_CHECK(why != NULL && bytes_equal_string(buffer_bytes(&text), "before"));
    }
    buffer_free(&slot);
    buffer_free(&chunk);
    buffer_free(&commitment);
    buffer_free(&text);
}

static void hpke(struct fuzz_input *in)
{
    struct hpke_context receiver;
    uint8_t enc[HPKE_ENC] = {0}, out[256];
    struct bytes given = fuzz_take(in, HPKE_ENC), text = fuzz_rest(in);
    memcpy(enc, given.data, given.len);
    if (hpke_setup_receiver(enc, keys[0].private_key, bytes_of_string("wasl/slot/v1"), &receiver, NULL) ==
        0) {
        if (text.len >= HPKE_TAG && text.len <= 200)
            FUZZ_CHECK(!hpke_open(&receiver, bytes_of_string("aad"), text, out));
        hpke_export(&receiver, text, out, 64);
        hpke_clear(&receiver);
    }
}

void fuzz_target(struct fuzz_input *in)
{
    unsigned form = fuzz_u8(in);
    const char *why = NULL;
    if (form % 5 == 3) {
        frame(fuzz_rest(in));
    } else if (form % 5 == 4) {
        struct fuzz_input same = *in;
        struct buffer text = {0};
        struct bytes chunk = buffer_bytes(&sealed[0].chunks[0]);
        (void)seal_open(fuzz_rest(in), &chunk, 1, context_hash, sealed[0].commitment, keys, 2, &text, &why);
        buffer_free(&text);
        hpke(&same);
    } else {
        open_edited(in, form / 5 + form % 5);
    }
    ERR_clear_error();
}
