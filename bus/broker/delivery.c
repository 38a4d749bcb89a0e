#include "broker/delivery.h"

#include <stdlib.h>
#include <string.h>

struct delivery *delivery_new(const uint8_t leaf[HASH_SIZE], uint64_t expires, struct buffer *message,
                              struct buffer *chunks, size_t chunk_count)
{
    struct delivery *d = memory_zeroed(1, sizeof(*d));
    d->references = 1;
    memcpy(d->leaf, leaf, HASH_SIZE);
    d->expires = expires;
    d->message = *message;
    *message = (struct buffer){0};
    d->chunks = chunks;
    d->chunk_count = chunk_count;
    d->bytes = sizeof(*d) + d->message.len;
    for (size_t i = 0; i < chunk_count; i++)
        d->bytes += chunks[i].len;
    return d;
}

struct delivery *delivery_ref(struct delivery *delivery)
{
    delivery->references++;
    return delivery;
}

void delivery_free(struct delivery *delivery)
{
    if (delivery == NULL || --delivery->references > 0)
        return;
    for (size_t i = 0; i < delivery->chunk_count; i++)
        buffer_free(&delivery->chunks[i]);
    free(delivery->chunks);
    buffer_free(&delivery->message);
    free(delivery);
}
