#ifndef WASL_CRYPTO_HASH_H
#define WASL_CRYPTO_HASH_H
/* SHA-256, HMAC, and RFC 6962 Merkle hashing. Algorithms are fetched once; failures of the library here are
 * bugs or exhausted memory and abort. Thread safe. */
#include "base/bytes.h"

void sha256(struct bytes data, uint8_t out[HASH_SIZE]);
void sha256_parts(const struct bytes *parts, size_t count,
                  uint8_t out[HASH_SIZE]); /* over the concatenation */
void hmac_sha256(struct bytes key, const struct bytes *parts, size_t count, uint8_t out[HASH_SIZE]);

struct sha256_stream;
struct sha256_stream *sha256_stream_new(void);
void sha256_stream_add(struct sha256_stream *s, struct bytes data);
void sha256_stream_end(struct sha256_stream *s, uint8_t out[HASH_SIZE]); /* frees s */

/* RFC 6962 section 2.1. */
void merkle_leaf(struct bytes data, uint8_t out[HASH_SIZE]); /* SHA256(00 || data) */
void merkle_leaf_parts(const struct bytes *parts, size_t count, uint8_t out[HASH_SIZE]);
void merkle_node(const uint8_t left[HASH_SIZE], const uint8_t right[HASH_SIZE],
                 uint8_t out[HASH_SIZE]); /* out may alias */
/* Root over leaf hashes (count 0: SHA256("")). */
void merkle_root(const uint8_t (*leaves)[HASH_SIZE], size_t count, uint8_t out[HASH_SIZE]);
/* Inclusion path of leaf `index` among `count` leaf hashes; returns the number of hashes (path has room for
 * 64). */
size_t merkle_path(const uint8_t (*leaves)[HASH_SIZE], size_t count, size_t index,
                   uint8_t (*path)[HASH_SIZE]);
/* Root that a leaf, its index, the tree's size and the path lead to; false when they do not fit together. */
bool merkle_root_from_path(const uint8_t leaf[HASH_SIZE], uint64_t index, uint64_t size,
                           const uint8_t (*path)[HASH_SIZE], size_t path_len, uint8_t out[HASH_SIZE]);

#endif
