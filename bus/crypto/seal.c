#include "crypto/seal.h"
#include "base/error.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/hpke.h"
#include "crypto/seal_contexts.h"

#include "envelope.pb-c.h"
#include <openssl/crypto.h>
#include <string.h>

#define SLOT_INFO     "wasl/slot/v1"
#define SLOT_SECRET   ((size_t)64) /* content key || commitment key */
#define CHUNKS_MOST   ((size_t)UINT32_MAX)
#define RECEIVER_MOST ((size_t)255)

static void chunk_nonce(size_t index, uint8_t nonce[AEAD_NONCE])
{
    memset(nonce, 0, AEAD_NONCE);
    put_u64be(nonce + AEAD_NONCE - 8, index);
}

#define CHUNK_AAD (HASH_SIZE + 4 + 1)

/* Binds a chunk to its message, its place, and to being the last: none can be moved, dropped or added. */
static struct bytes chunk_aad(const uint8_t context_hash[HASH_SIZE], size_t index, bool last,
                              uint8_t aad[CHUNK_AAD])
{
    memcpy(aad, context_hash, HASH_SIZE);
    put_u32be(aad + HASH_SIZE, (uint32_t)index);
    aad[HASH_SIZE + 4] = last ? 1 : 0;
    return bytes_make(aad, CHUNK_AAD);
}

static void commitment_of(const uint8_t *commitment_key, struct bytes plaintext, uint8_t out[HASH_SIZE])
{
    hmac_sha256(bytes_make(commitment_key, 32), &plaintext, 1, out);
}

void slot_hash(struct bytes slot, uint8_t out[HASH_SIZE])
{
    sha256(slot, out);
}

void slots_hash(const uint8_t (*hashes)[HASH_SIZE], size_t count, uint8_t out[HASH_SIZE])
{
    sha256(bytes_make(hashes, count * HASH_SIZE), out);
}

void seal_root(const struct bytes *chunks, size_t count, uint8_t out[HASH_SIZE])
{
    uint8_t(*leaves)[HASH_SIZE] = memory_zeroed(count + 1, HASH_SIZE);

    for (size_t i = 0; i < count; i++)
        merkle_leaf(chunks[i], leaves[i]);
    merkle_root((const uint8_t(*)[HASH_SIZE])leaves, count, out);
    free(leaves);
}

/* A label is fresh for each slot, so its exported key seals once and its nonce may be zero. */
static const uint8_t label_nonce[AEAD_NONCE] = {0};

/* What one receiver's slot carries besides its names. */
struct slot_sealed {
    uint8_t enc[HPKE_ENC];
    uint8_t label[SEAL_LABEL];
    uint8_t sealed[SLOT_SECRET + HPKE_TAG];
};

/* With an HPKE context of its own: nothing is kept, so no nonce can come twice. */
static int slot_seal_afresh(const struct seal_receiver *receiver, struct bytes aad, struct bytes secret,
                            struct slot_sealed *out, struct error *e)
{
    struct hpke_context hpke;
    int result;

    if (hpke_setup_sender(receiver->public_key, bytes_of_string(SLOT_INFO), NULL, out->enc, &hpke, e) != 0)
        return -1;
    result = hpke_seal(&hpke, aad, secret, out->sealed, e);
    hpke_clear(&hpke);
    return result;
}

static int slot_seal_by_label(struct seal_contexts *contexts, const struct seal_receiver *receiver,
                              struct bytes aad, struct bytes secret, struct slot_sealed *out, struct error *e)
{
    uint8_t slot_key[AEAD_KEY];
    bool good;

    if (seal_contexts_send(contexts, receiver, out->enc, out->label, slot_key, e) != 0)
        return -1;
    good = aead_seal(slot_key, label_nonce, aad, secret, out->sealed);
    OPENSSL_cleanse(slot_key, sizeof(slot_key));
    return good ? 0 : crypto_error(e, "cannot encrypt");
}

static int slot_make(struct seal_contexts *contexts, const struct seal_receiver *receiver,
                     const uint8_t secret[SLOT_SECRET], const uint8_t context_hash[HASH_SIZE],
                     struct buffer *out, struct error *e)
{
    Wasl__V1__Slot slot = WASL__V1__SLOT__INIT;
    struct slot_sealed parts;
    struct bytes aad = bytes_make(context_hash, HASH_SIZE);
    uint8_t key_id[HASH_SIZE];
    size_t receiver_len = strlen(receiver->receiver);
    size_t len;
    int result;

    if (receiver_len == 0 || receiver_len > RECEIVER_MOST)
        return error_set(e, ERROR_USAGE, "a receiver's name has 1 to %zu bytes", RECEIVER_MOST);
    result = contexts == NULL
                 ? slot_seal_afresh(receiver, aad, bytes_make(secret, SLOT_SECRET), &parts, e)
                 : slot_seal_by_label(contexts, receiver, aad, bytes_make(secret, SLOT_SECRET), &parts, e);
    if (result != 0)
        return error_prefix(e, "while sealing for %s: ", receiver->receiver);

    sha256(bytes_make(receiver->public_key, 32), key_id);
    /* protobuf-c's fields are not const; packing only reads. */
    slot.receiver = (ProtobufCBinaryData){receiver_len, (uint8_t *)(uintptr_t)receiver->receiver};
    slot.key_id = (ProtobufCBinaryData){sizeof(key_id), key_id};
    slot.enc = (ProtobufCBinaryData){sizeof(parts.enc), parts.enc};
    if (contexts != NULL)
        slot.label = (ProtobufCBinaryData){sizeof(parts.label), parts.label};
    slot.sealed = (ProtobufCBinaryData){sizeof(parts.sealed), parts.sealed};
    len = wasl__v1__slot__get_packed_size(&slot);
    BUG_ON(wasl__v1__slot__pack(&slot, buffer_extend(out, len)) != len);
    return 0;
}

int seal(struct bytes plaintext, const uint8_t context_hash[HASH_SIZE], const struct seal_receiver *receivers,
         size_t receiver_count, struct sealed *out, struct error *e)
{
    return seal_with(NULL, plaintext, context_hash, receivers, receiver_count, out, e);
}

int seal_with(struct seal_contexts *contexts, struct bytes plaintext, const uint8_t context_hash[HASH_SIZE],
              const struct seal_receiver *receivers, size_t receiver_count, struct sealed *out,
              struct error *e)
{
    uint8_t secret[SLOT_SECRET];
    uint8_t hashes[SEAL_SLOTS_MOST][HASH_SIZE];
    struct bytes *views = NULL;

    memset(out, 0, sizeof(*out));
    if (receiver_count == 0 || receiver_count > SEAL_SLOTS_MOST)
        return error_set(e, ERROR_USAGE, "a body is sealed for 1 to %d receivers", SEAL_SLOTS_MOST);
    if (plaintext.len / SEAL_CHUNK >= CHUNKS_MOST)
        return error_set(e, ERROR_USAGE, "the body is too long to be sealed");
    random_bytes(secret, sizeof(secret));

    out->chunk_count = plaintext.len == 0 ? 1 : (plaintext.len + SEAL_CHUNK - 1) / SEAL_CHUNK;
    out->chunks = memory_zeroed(out->chunk_count, sizeof(*out->chunks));
    views = memory_zeroed(out->chunk_count, sizeof(*views));
    for (size_t i = 0; i < out->chunk_count; i++) {
        uint8_t nonce[AEAD_NONCE];
        uint8_t aad[CHUNK_AAD];
        size_t begin = i * SEAL_CHUNK;
        size_t len = plaintext.len - begin < SEAL_CHUNK ? plaintext.len - begin : SEAL_CHUNK;
        struct bytes text = bytes_make(len == 0 ? NULL : plaintext.data + begin, len);

        chunk_nonce(i, nonce);
        if (!aead_seal(secret, nonce, chunk_aad(context_hash, i, i + 1 == out->chunk_count, aad), text,
                       buffer_extend(&out->chunks[i], len + SEAL_TAG))) {
            crypto_error(e, "cannot encrypt");
            goto fail;
        }
        out->sealed_length += len + SEAL_TAG;
        views[i] = buffer_bytes(&out->chunks[i]);
    }
    seal_root(views, out->chunk_count, out->root);

    out->slots = memory_zeroed(receiver_count, sizeof(*out->slots));
    for (size_t i = 0; i < receiver_count; i++) {
        out->slot_count = i + 1;
        if (slot_make(contexts, &receivers[i], secret, context_hash, &out->slots[i], e) != 0)
            goto fail;
        slot_hash(buffer_bytes(&out->slots[i]), hashes[i]);
    }
    slots_hash((const uint8_t(*)[HASH_SIZE])hashes, receiver_count, out->slots_hash);
    commitment_of(secret + 32, plaintext, out->commitment);
    OPENSSL_cleanse(secret, sizeof(secret));
    free(views);
    return 0;
fail:
    OPENSSL_cleanse(secret, sizeof(secret));
    free(views);
    sealed_free(out);
    return -1;
}

void sealed_free(struct sealed *sealed)
{
    for (size_t i = 0; i < sealed->chunk_count && sealed->chunks != NULL; i++)
        buffer_free(&sealed->chunks[i]);
    for (size_t i = 0; i < sealed->slot_count && sealed->slots != NULL; i++)
        buffer_free(&sealed->slots[i]);
    free(sealed->chunks);
    free(sealed->slots);
    memset(sealed, 0, sizeof(*sealed));
}

/* Views into a serialized Slot. */
struct slot_view {
    struct bytes field[6]; /* by field number: receiver 1, key_id 2, enc 3, label 4, sealed 5 */
};

/*
 * Reads a Slot strictly: the five length-delimited fields in rising order, each at most once, lengths in the
 * shortest form, none empty on the wire, nothing unknown and nothing behind. So each slot has exactly one
 * serialization, and nobody can carry bytes in it that are hashed but not understood.
 */
static bool slot_parse(struct bytes slot, struct slot_view *out)
{
    size_t at = 0;
    unsigned before = 0;

    memset(out, 0, sizeof(*out));
    while (at < slot.len) {
        unsigned number = slot.data[at] >> 3;
        size_t len;

        if ((slot.data[at] & 7) != 2 || number <= before || number > 5 || slot.len - at < 2)
            return false;
        len = slot.data[at + 1];
        at += 2;
        if (len >= 128) { /* two bytes reach 16,383: no field is longer */
            if (at >= slot.len || slot.data[at] == 0 || slot.data[at] >= 128)
                return false;
            len = (len & 127) | ((size_t)slot.data[at++] << 7);
        }
        if (len == 0 || len > slot.len - at)
            return false;
        out->field[number] = bytes_make(slot.data + at, len);
        at += len;
        before = number;
    }
    return out->field[1].len >= 1 && out->field[1].len <= RECEIVER_MOST && out->field[2].len == HASH_SIZE &&
           out->field[3].len == HPKE_ENC && (out->field[4].len == 0 || out->field[4].len == SEAL_LABEL) &&
           out->field[5].len == SLOT_SECRET + HPKE_TAG;
}

static const struct sealing_key *key_of_slot(const struct slot_view *slot, const struct sealing_key *keys,
                                             size_t key_count)
{
    for (size_t i = 0; i < key_count; i++)
        if (memcmp(keys[i].id, slot->field[2].data, HASH_SIZE) == 0)
            return &keys[i];
    return NULL;
}

/* The key of a slot with a label: of a context that is kept, or of this slot's own enc. */
static bool label_key(struct seal_contexts *contexts, struct bytes sender, const struct slot_view *slot,
                      const struct sealing_key *key, uint8_t slot_key[AEAD_KEY])
{
    struct hpke_context hpke;

    if (contexts != NULL)
        return seal_contexts_receive(contexts, sender, key, slot->field[3].data, slot->field[4].data,
                                     slot_key);
    if (hpke_setup_receiver(slot->field[3].data, key->private_key, bytes_of_string(SLOT_INFO), &hpke, NULL) !=
        0)
        return false;
    hpke_export(&hpke, slot->field[4], slot_key, AEAD_KEY);
    hpke_clear(&hpke);
    return true;
}

static bool slot_open(struct seal_contexts *contexts, struct bytes sender, const struct slot_view *slot,
                      const struct sealing_key *key, const uint8_t context_hash[HASH_SIZE],
                      uint8_t secret[SLOT_SECRET])
{
    struct bytes aad = bytes_make(context_hash, HASH_SIZE);
    struct hpke_context hpke;
    bool good;

    if (slot->field[4].len == 0) {
        /* An enc whose own Seal was used has no second message: there is nothing to keep. */
        if (hpke_setup_receiver(slot->field[3].data, key->private_key, bytes_of_string(SLOT_INFO), &hpke,
                                NULL) != 0)
            return false;
        good = hpke_open(&hpke, aad, slot->field[5], secret);
        hpke_clear(&hpke);
    } else {
        uint8_t slot_key[AEAD_KEY];

        if (!label_key(contexts, sender, slot, key, slot_key))
            return false;
        good = aead_open(slot_key, label_nonce, aad, slot->field[5], secret);
        OPENSSL_cleanse(slot_key, sizeof(slot_key));
    }
    return good;
}

/* Opens the chunks into text, which has room for all of them. */
static bool chunks_open(const struct bytes *chunks, size_t count, const uint8_t context_hash[HASH_SIZE],
                        const uint8_t content_key[AEAD_KEY], uint8_t *text)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t nonce[AEAD_NONCE];
        uint8_t aad[CHUNK_AAD];

        chunk_nonce(i, nonce);
        if (!aead_open(content_key, nonce, chunk_aad(context_hash, i, i + 1 == count, aad), chunks[i], text))
            return false;
        text += chunks[i].len - SEAL_TAG;
    }
    return true;
}

/* All chunks but the last are full, and only a lone one is empty: there is one way to cut a body. */
static bool chunks_have_form(const struct bytes *chunks, size_t count, size_t *text_len)
{
    if (count == 0 || count > CHUNKS_MOST)
        return false;
    *text_len = 0;
    for (size_t i = 0; i < count; i++) {
        if (chunks[i].len > SEAL_SEALED_CHUNK || chunks[i].len < SEAL_TAG ||
            (i + 1 < count && chunks[i].len != SEAL_SEALED_CHUNK) ||
            (i + 1 == count && count > 1 && chunks[i].len == SEAL_TAG))
            return false;
        *text_len += chunks[i].len - SEAL_TAG;
    }
    return true;
}

bool seal_open(struct bytes slot, const struct bytes *chunks, size_t chunk_count,
               const uint8_t context_hash[HASH_SIZE], const uint8_t commitment[HASH_SIZE],
               const struct sealing_key *keys, size_t key_count, struct buffer *plaintext, const char **why)
{
    return seal_open_with(NULL, bytes_make(NULL, 0), slot, chunks, chunk_count, context_hash, commitment,
                          keys, key_count, plaintext, why);
}

bool seal_open_with(struct seal_contexts *contexts, struct bytes sender, struct bytes slot,
                    const struct bytes *chunks, size_t chunk_count, const uint8_t context_hash[HASH_SIZE],
                    const uint8_t commitment[HASH_SIZE], const struct sealing_key *keys, size_t key_count,
                    struct buffer *plaintext, const char **why)
{
    struct slot_view view;
    const struct sealing_key *key;
    uint8_t secret[SLOT_SECRET];
    uint8_t committed[HASH_SIZE];
    struct buffer text = {0};
    size_t text_len = 0;
    bool good = false;

    *why = NULL;
    if (!slot_parse(slot, &view)) {
        *why = "the slot is malformed";
        return false;
    }
    key = key_of_slot(&view, keys, key_count);
    if (key == NULL) {
        *why = "the slot is for a sealing key that is not here";
        return false;
    }
    if (!chunks_have_form(chunks, chunk_count, &text_len)) {
        *why = "the chunks do not have the lengths of a sealed body";
        return false;
    }
    if (!slot_open(contexts, sender, &view, key, context_hash, secret)) {
        *why = "the slot does not open for this message";
        return false;
    }
    buffer_extend(&text, text_len);
    if (!chunks_open(chunks, chunk_count, context_hash, secret, text.data)) {
        *why = "a chunk does not open";
        goto out;
    }
    commitment_of(secret + 32, buffer_bytes(&text), committed);
    if (!bytes_equal_constant_time(committed, commitment, HASH_SIZE)) {
        *why = "the plaintext is not what the header commits to";
        goto out;
    }
    buffer_free(plaintext);
    *plaintext = text;
    memset(&text, 0, sizeof(text));
    good = true;
out:
    OPENSSL_cleanse(secret, sizeof(secret));
    buffer_free(&text);
    return good;
}
