#ifndef WASL_BROKER_DELIVERY_H
#define WASL_BROKER_DELIVERY_H
/* A message on its way out: the DELIVER and its sealed chunks. Counted references, one thread. */
#include "base/bytes.h"

struct delivery {
    unsigned references;
    uint8_t leaf[HASH_SIZE];
    uint64_t expires;      /* no use delivering it later */
    struct buffer message; /* serialized Deliver */
    struct buffer *chunks;
    size_t chunk_count;
    uint64_t bytes; /* of all of the above */
};
/* Takes message and chunks (array and contents) over. */
struct delivery *delivery_new(const uint8_t leaf[HASH_SIZE], uint64_t expires, struct buffer *message,
                              struct buffer *chunks, size_t chunk_count);
struct delivery *delivery_ref(struct delivery *delivery);
void delivery_free(struct delivery *delivery); /* drops one reference; NULL is harmless */

#endif
