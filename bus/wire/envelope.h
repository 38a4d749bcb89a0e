#ifndef WASL_WIRE_ENVELOPE_H
#define WASL_WIRE_ENVELOPE_H
/* Signing and verifying over exactly the bytes that travel. */
#include "base/bytes.h"
#include "base/refusal.h"
#include "crypto/signature.h"

#define SIGNATURE_BLOCK_MOST 1024
#define BATCH_MOST           256

struct error;

/* Bytes of one envelope, as they travel and are kept. */
struct envelope {
    struct buffer context, body, signature;
};
void envelope_free(struct envelope *envelope);

/* leaf = SHA256(00 || u32be len(context) || context || body) */
void envelope_leaf(struct bytes context, struct bytes body, uint8_t leaf[HASH_SIZE]);
/* "wasl/batch/v1" 00 || instance || u8 algorithm || certificate hash || u32be size || root */
void envelope_signed_bytes(const char *instance, uint8_t algorithm, const uint8_t certificate[HASH_SIZE],
                           uint32_t size, const uint8_t root[HASH_SIZE], struct buffer *out);

/* Signs context and body of each as one batch (1 to 256): fills each signature. 0, -1 with e set. */
int envelope_sign(struct signer *signer, const char *instance, struct envelope *envelopes, size_t count,
                  struct error *e);

/* A parsed signature block. */
struct signature_block {
    uint8_t algorithm;
    uint8_t certificate[HASH_SIZE];
    uint32_t tree_size, index;
    uint8_t path[8][HASH_SIZE];
    size_t path_len;
    uint8_t signature[SIGNATURE_MOST];
    size_t signature_len;
};
enum refusal signature_block_decode(struct bytes data, struct signature_block *out); /* MALFORMED */
/* Checks the block over a leaf, with the certificate's key. REFUSAL_NONE, BAD_SIGNATURE. */
enum refusal envelope_verify(const struct signature_block *block, const char *instance,
                             const uint8_t leaf[HASH_SIZE], EVP_PKEY *key, uint8_t key_algorithm);

#endif
