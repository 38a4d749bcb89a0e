#include "core/delivery.h"

#include "crypto/hash.h"
#include "crypto/seal.h"
#include "session.pb-c.h"
#include "wire/envelope.h"
#include "wire/sealed.h"
#include "wire/strict.h"

#include <stdlib.h>
#include <string.h>

static bool take_slots(struct delivery *d, const Wasl__V1__Deliver *m)
{
    if (m->n_slot_hash == 0 || m->n_slot_hash > SEAL_SLOTS_MOST)
        return false;
    d->slot_hashes = memory_zeroed(m->n_slot_hash, HASH_SIZE);
    d->slot_count = m->n_slot_hash;
    for (size_t i = 0; i < m->n_slot_hash; i++) {
        if (m->slot_hash[i].len != HASH_SIZE)
            return false;
        memcpy(d->slot_hashes[i], m->slot_hash[i].data, HASH_SIZE);
    }
    buffer_append_bytes(&d->slot, strict_bytes(m->slot));
    return true;
}

static bool take(struct delivery *d, const Wasl__V1__Deliver *m, struct bytes chunk)
{
    buffer_append_bytes(&d->entry_bytes, strict_bytes(m->entry));
    buffer_append_bytes(&d->proof, strict_bytes(m->proof));
    buffer_append_bytes(&d->request_entry, strict_bytes(m->request_entry));
    buffer_append_bytes(&d->request_proof, strict_bytes(m->request_proof));
    if (!take_slots(d, m) || !entry_decode(buffer_bytes(&d->entry_bytes), &d->entry, &d->hold) ||
        header_decode(d->entry.context, d->entry.body, &d->header) != REFUSAL_NONE || !d->header.has_body)
        return false;
    envelope_leaf(d->entry.context, d->entry.body, d->leaf);
    d->chunk_count =
        d->header.sealed_length <= DELIVERY_MOST ? sealed_chunk_count(d->header.sealed_length) : 0;
    if (d->chunk_count == 0)
        return false;
    d->chunks = memory_zeroed(d->chunk_count, sizeof(*d->chunks));
    return delivery_add(d, 0, chunk);
}

struct delivery *delivery_open(struct bytes message, struct bytes chunk, uint64_t monotonic)
{
    struct strict_message hold;
    if (!strict_unpack(&wasl__v1__deliver__descriptor, message, &hold))
        return NULL;
    struct delivery *d = memory_zeroed(1, sizeof(*d));
    d->begun = monotonic;
    bool good = take(d, hold.message, chunk);
    strict_free(&hold);
    if (!good) {
        delivery_free(d);
        return NULL;
    }
    return d;
}

void delivery_free(struct delivery *d)
{
    if (d == NULL)
        return;
    entry_release(&d->hold);
    buffer_free(&d->entry_bytes);
    buffer_free(&d->proof);
    buffer_free(&d->slot);
    buffer_free(&d->request_entry);
    buffer_free(&d->request_proof);
    for (size_t i = 0; i < d->chunks_here; i++)
        buffer_free(&d->chunks[i]);
    free(d->chunks);
    free(d->slot_hashes);
    free(d);
}

bool delivery_add(struct delivery *d, uint32_t index, struct bytes chunk)
{
    if (index != d->chunks_here || index >= d->chunk_count ||
        chunk.len != sealed_chunk_length(d->header.sealed_length, d->chunk_count, index))
        return false;
    buffer_append_bytes(&d->chunks[d->chunks_here++], chunk);
    return true;
}

bool delivery_whole(const struct delivery *d)
{
    return d->chunks_here == d->chunk_count;
}

static struct bytes *chunk_views(const struct delivery *d)
{
    struct bytes *views = memory_zeroed(d->chunk_count, sizeof(*views));
    for (size_t i = 0; i < d->chunk_count; i++)
        views[i] = buffer_bytes(&d->chunks[i]);
    return views;
}

bool delivery_seal_good(const struct delivery *d)
{
    uint8_t hash[HASH_SIZE];
    if (!delivery_whole(d) ||
        !sealed_slots_match(&d->header, (const uint8_t(*)[HASH_SIZE])d->slot_hashes, d->slot_count))
        return false;
    slot_hash(buffer_bytes(&d->slot), hash);
    bool ours = false;
    for (size_t i = 0; i < d->slot_count; i++)
        ours = ours || memcmp(hash, d->slot_hashes[i], HASH_SIZE) == 0;
    return ours && sealed_chunks_match(&d->header, d->chunks, d->chunk_count);
}

bool delivery_unseal(const struct delivery *d, struct seal_contexts *contexts, const struct sealing_key *keys,
                     size_t key_count, struct buffer *plaintext, struct bytes *head, struct bytes *content,
                     const char **why)
{
    uint8_t context_hash[HASH_SIZE];
    sha256(d->entry.context, context_hash);
    struct bytes *views = chunk_views(d);
    bool good =
        seal_open_with(contexts, header_signer(&d->header), buffer_bytes(&d->slot), views, d->chunk_count,
                       context_hash, d->header.commitment, keys, key_count, plaintext, why);
    free(views);
    if (good && !seal_unframe(buffer_bytes(plaintext), head, content)) {
        *why = "the plaintext is not framed as it must be";
        good = false;
    }
    return good;
}
