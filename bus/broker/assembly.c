#include "broker/assembly.h"

#include "base/error.h"
#include "crypto/seal.h"

#include <stdlib.h>
#include <string.h>

uint64_t assembly_chunks(uint64_t sealed_length)
{
    return sealed_length == 0 ? 1 : (sealed_length - 1) / SEAL_SEALED_CHUNK + 1;
}

bool assemblies_begin(struct assemblies *assemblies, struct job *job, uint64_t now)
{
    if (assemblies->count == ASSEMBLIES_MOST)
        return false;
    struct message *m = &job->message;
    size_t expected = (size_t)assembly_chunks(m->header.sealed_length);
    BUG_ON(m->chunk_count != 1 || expected < 2);
    struct buffer first = m->chunks[0];
    free(m->chunks);
    m->chunks = memory_zeroed(expected, sizeof(*m->chunks));
    m->chunks[0] = first;
    assemblies->items[assemblies->count++] = (struct assembly){job, expected, now};
    return true;
}

static struct job *take(struct assemblies *assemblies, size_t i)
{
    struct job *job = assemblies->items[i].job;
    assemblies->items[i] = assemblies->items[--assemblies->count];
    return job;
}

static size_t find(const struct assemblies *assemblies, const uint8_t leaf[HASH_SIZE])
{
    size_t i = 0;
    while (i < assemblies->count && memcmp(assemblies->items[i].job->message.leaf, leaf, HASH_SIZE) != 0)
        i++;
    return i;
}

enum assembly_step assemblies_chunk(struct assemblies *assemblies, const uint8_t leaf[HASH_SIZE],
                                    uint32_t index, struct bytes payload, uint64_t credit, struct job **done)
{
    size_t i = find(assemblies, leaf);
    if (i == assemblies->count)
        return ASSEMBLY_UNKNOWN;
    struct assembly *a = &assemblies->items[i];
    struct message *m = &a->job->message;
    m->credit_bytes += credit;
    a->job->bytes += payload.len;
    if (index != m->chunk_count || payload.len == 0) {
        *done = take(assemblies, i);
        return ASSEMBLY_BROKEN;
    }
    buffer_append_bytes(&m->chunks[m->chunk_count++], payload);
    if (m->chunk_count < a->expected)
        return ASSEMBLY_MORE;
    m->whole = true;
    *done = take(assemblies, i);
    return ASSEMBLY_WHOLE;
}

struct job *assemblies_expired(struct assemblies *assemblies, uint64_t now)
{
    for (size_t i = 0; i < assemblies->count; i++)
        if (now >= assemblies->items[i].started + ASSEMBLY_TIME)
            return take(assemblies, i);
    return NULL;
}

struct job *assemblies_withdraw(struct assemblies *assemblies, const uint8_t leaf[HASH_SIZE])
{
    size_t i = find(assemblies, leaf);
    return i == assemblies->count ? NULL : take(assemblies, i);
}

void assemblies_clear(struct assemblies *assemblies)
{
    while (assemblies->count > 0)
        job_free(take(assemblies, 0));
}
