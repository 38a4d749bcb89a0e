#include "wire/sealed.h"

#include "base/error.h"
#include "crypto/seal.h"

#include <stdlib.h>
#include <string.h>

size_t sealed_chunk_count(uint64_t sealed_length)
{
    if (sealed_length <= SEAL_TAG || sealed_length > UINT64_MAX - SEAL_SEALED_CHUNK)
        return 0;
    uint64_t count = (sealed_length + SEAL_SEALED_CHUNK - 1) / SEAL_SEALED_CHUNK;
    /* A chunk is never a tag alone. */
    return sealed_length - (count - 1) * SEAL_SEALED_CHUNK > SEAL_TAG ? (size_t)count : 0;
}

size_t sealed_chunk_length(uint64_t sealed_length, size_t count, size_t i)
{
    return i + 1 < count ? (size_t)SEAL_SEALED_CHUNK
                         : (size_t)(sealed_length - (uint64_t)(count - 1) * SEAL_SEALED_CHUNK);
}

bool sealed_chunks_match(const struct header *header, const struct buffer *chunks, size_t count)
{
    if (count == 0 || count != sealed_chunk_count(header->sealed_length))
        return false;
    struct bytes *views = memory_zeroed(count, sizeof(*views));
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        views[i] = buffer_bytes(&chunks[i]);
        good = good && views[i].len == sealed_chunk_length(header->sealed_length, count, i);
    }
    uint8_t root[HASH_SIZE];
    if (good) {
        seal_root(views, count, root);
        good = memcmp(root, header->sealed_root, HASH_SIZE) == 0;
    }
    free(views);
    return good;
}

bool sealed_slots_match(const struct header *header, const uint8_t (*slot_hashes)[HASH_SIZE], size_t count)
{
    uint8_t list[HASH_SIZE];
    slots_hash(slot_hashes, count, list);
    return memcmp(list, header->slots_hash, HASH_SIZE) == 0;
}
