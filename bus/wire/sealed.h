#ifndef WASL_WIRE_SEALED_H
#define WASL_WIRE_SEALED_H
/* Are the sealed bytes those that the header signs? Nothing is opened here: bus and receivers judge alike. */
#include "wire/header.h"

/* Chunks that a sealed body of this length is cut into, each full but the last; 0: no sealed body has this
 * length. */
size_t sealed_chunk_count(uint64_t sealed_length);
/* Length of chunk i of `count`. */
size_t sealed_chunk_length(uint64_t sealed_length, size_t count, size_t i);
/* All chunks, of the right lengths, under the header's root. */
bool sealed_chunks_match(const struct header *header, const struct buffer *chunks, size_t count);
/* The list of slot hashes is the one that the header signs. */
bool sealed_slots_match(const struct header *header, const uint8_t (*slot_hashes)[HASH_SIZE], size_t count);

#endif
