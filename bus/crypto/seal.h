#ifndef WASL_CRYPTO_SEAL_H
#define WASL_CRYPTO_SEAL_H
/*
 * Sealed bodies (proto/README.md, "Seal"). A body has a random content key and a random commitment key; it is
 * cut in chunks of 256 KiB, each AES-256-GCM with nonce = u96 chunk index and AAD = SHA-256(context) || u32
 * index || u8 last. A slot for each receiver holds both keys, sealed by HPKE with info "wasl/slot/v1" and AAD
 * SHA-256(context): afresh, or by a label under a context that is kept (seal_contexts.h).
 */
#include "base/bytes.h"
#include "crypto/keys.h"

#define SEAL_CHUNK        ((size_t)262144) /* bytes of plaintext in a chunk, but the last */
#define SEAL_TAG          ((size_t)16)
#define SEAL_SEALED_CHUNK (SEAL_CHUNK + SEAL_TAG)
#define SEAL_SLOTS_MOST   64

struct error;
struct seal_contexts;

/* Who may open: receiver is "TN/GOV/MI" or "oversight". */
struct seal_receiver {
    const char *receiver;
    uint8_t public_key[32];
};

/* A sealed body. chunks[i] is ciphertext || tag; slots[i] a serialized Slot. */
struct sealed {
    struct buffer *chunks;
    size_t chunk_count;
    struct buffer *slots;
    size_t slot_count;
    uint8_t root[HASH_SIZE]; /* over the chunks */
    uint8_t slots_hash[HASH_SIZE];
    uint8_t commitment[HASH_SIZE];
    uint64_t sealed_length;
};
/* plaintext may be empty (one chunk with a tag only). Returns 0, -1 with e set. Caller calls sealed_free. */
int seal(struct bytes plaintext, const uint8_t context_hash[HASH_SIZE], const struct seal_receiver *receivers,
         size_t receiver_count, struct sealed *out, struct error *e);
/* The same with slots by label, under the contexts that are kept. NULL: as seal() does, with none. */
int seal_with(struct seal_contexts *contexts, struct bytes plaintext, const uint8_t context_hash[HASH_SIZE],
              const struct seal_receiver *receivers, size_t receiver_count, struct sealed *out,
              struct error *e);
void sealed_free(struct sealed *sealed);

/* Hash of one serialized slot, and of the list. */
void slot_hash(struct bytes slot, uint8_t out[HASH_SIZE]);
void slots_hash(const uint8_t (*hashes)[HASH_SIZE], size_t count, uint8_t out[HASH_SIZE]);
/* RFC 6962 root over sealed chunks. */
void seal_root(const struct bytes *chunks, size_t count, uint8_t out[HASH_SIZE]);

/*
 * Opens a body: finds among keys the one that the slot names, opens the slot (label empty, or 32 bytes: then
 * by export), every chunk, and checks the commitment. plaintext is released only when all of it is good: it
 * then replaces what the buffer held, which is left alone otherwise. False otherwise, with `why` (static
 * words, no data) for the log.
 */
bool seal_open(struct bytes slot, const struct bytes *chunks, size_t chunk_count,
               const uint8_t context_hash[HASH_SIZE], const uint8_t commitment[HASH_SIZE],
               const struct sealing_key *keys, size_t key_count, struct buffer *plaintext, const char **why);
/* The same, and what a slot with a label cost is kept for the next one of that sender, whose signature is
 * good (any name of it, not empty). contexts NULL: as seal_open(). */
bool seal_open_with(struct seal_contexts *contexts, struct bytes sender, struct bytes slot,
                    const struct bytes *chunks, size_t chunk_count, const uint8_t context_hash[HASH_SIZE],
                    const uint8_t commitment[HASH_SIZE], const struct sealing_key *keys, size_t key_count,
                    struct buffer *plaintext, const char **why);

/* Plaintext framing: u32 head length || head || u64 body length || body || zeros. pad_to_class: 256 bytes,
 * then Padme. */
void seal_frame(struct bytes head, struct bytes body, bool pad_to_class, struct buffer *plaintext);
/* Views into plaintext. False when it is cut, or the padding is not zero. */
bool seal_unframe(struct bytes plaintext, struct bytes *head, struct bytes *body);

#endif
