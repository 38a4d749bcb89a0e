#include "tlog/checkpoint_cache.h"

#include <stdlib.h>
#include <string.h>

struct remembered {
    struct buffer note; /* empty: none */
    struct checkpoint checkpoint;
};

struct checkpoint_cache {
    struct buffer keys; /* under which all of it opened */
    struct remembered list[CHECKPOINT_CACHE_MOST];
    size_t next; /* the oldest */
    uint64_t hits;
};

struct checkpoint_cache *checkpoint_cache_new(void)
{
    return memory_zeroed(1, sizeof(struct checkpoint_cache));
}

static void forget(struct checkpoint_cache *cache)
{
    for (size_t i = 0; i < CHECKPOINT_CACHE_MOST; i++)
        buffer_free(&cache->list[i].note);
}

void checkpoint_cache_free(struct checkpoint_cache *cache)
{
    if (cache == NULL)
        return;
    forget(cache);
    buffer_free(&cache->keys);
    free(cache);
}

/* Bytes behind a name's end may differ between two copies of one key: then it is opened once more. */
static void under_keys(struct checkpoint_cache *cache, const struct note_verifier *keys, size_t count)
{
    struct bytes now = bytes_make(keys, count * sizeof(*keys));

    if (bytes_equal(now, buffer_bytes(&cache->keys)))
        return;
    forget(cache);
    buffer_clear(&cache->keys);
    buffer_append_bytes(&cache->keys, now);
}

static const struct remembered *find(const struct checkpoint_cache *cache, struct bytes note)
{
    /* From the newest back: receipts come in the order of their commits. */
    for (size_t i = 1; i <= CHECKPOINT_CACHE_MOST; i++) {
        size_t at = (cache->next + CHECKPOINT_CACHE_MOST - i) % CHECKPOINT_CACHE_MOST;

        if (bytes_equal(note, buffer_bytes(&cache->list[at].note)))
            return &cache->list[at];
    }
    return NULL;
}

bool checkpoint_cache_open(struct checkpoint_cache *cache, struct bytes note,
                           const struct note_verifier *keys, size_t count, struct checkpoint *out)
{
    if (cache == NULL || note.len == 0 || note.len > CHECKPOINT_CACHE_NOTE)
        return checkpoint_open(note, keys, count, out);
    under_keys(cache, keys, count);
    const struct remembered *known = find(cache, note);
    if (known != NULL) {
        *out = known->checkpoint;
        cache->hits++;
        return true;
    }
    if (!checkpoint_open(note, keys, count, out))
        return false;
    struct remembered *place = &cache->list[cache->next];
    cache->next = (cache->next + 1) % CHECKPOINT_CACHE_MOST;
    buffer_clear(&place->note);
    buffer_append_bytes(&place->note, note);
    place->checkpoint = *out;
    return true;
}

uint64_t checkpoint_cache_hits(const struct checkpoint_cache *cache)
{
    return cache->hits;
}
