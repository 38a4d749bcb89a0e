#include "crypto/trust_cache.h"
#include "base/error.h"

#include <pthread.h>
#include <string.h>

#define SLOTS (2 * TRUST_CACHE_MOST) /* a power of two, half empty, so that probes stay short */

struct entry {
    uint8_t id[HASH_SIZE];
    struct trust_verdict verdict;
};

struct trust_cache {
    pthread_mutex_t lock;
    struct entry *slots[SLOTS];
    size_t count;
};

struct trust_cache *trust_cache_new(void)
{
    struct trust_cache *cache = memory_zeroed(1, sizeof(*cache));

    BUG_ON(pthread_mutex_init(&cache->lock, NULL) != 0);
    return cache;
}

void trust_cache_free(struct trust_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < SLOTS; i++) {
        if (cache->slots[i] == NULL)
            continue;
        EVP_PKEY_free(cache->slots[i]->verdict.key);
        free(cache->slots[i]);
    }
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* The slot of this id, or the empty one where it belongs. Ids are hashes, so their first bytes are spread
 * already. */
static struct entry **slot_of(struct trust_cache *cache, const uint8_t id[HASH_SIZE])
{
    size_t at = get_u32be(id) & (SLOTS - 1);

    while (cache->slots[at] != NULL && memcmp(cache->slots[at]->id, id, HASH_SIZE) != 0)
        at = (at + 1) & (SLOTS - 1);
    return &cache->slots[at];
}

bool trust_cache_get(struct trust_cache *cache, const uint8_t id[HASH_SIZE], uint64_t now,
                     struct trust_verdict *out)
{
    struct entry *entry;
    bool found = false;

    BUG_ON(pthread_mutex_lock(&cache->lock) != 0);
    entry = *slot_of(cache, id);
    if (entry != NULL && entry->verdict.from <= now && now < entry->verdict.until) {
        *out = entry->verdict;
        found = true;
    }
    BUG_ON(pthread_mutex_unlock(&cache->lock) != 0);
    return found;
}

void trust_cache_put(struct trust_cache *cache, const uint8_t id[HASH_SIZE],
                     const struct trust_verdict *verdict)
{
    struct entry **slot;

    BUG_ON(pthread_mutex_lock(&cache->lock) != 0);
    slot = slot_of(cache, id);
    if (*slot != NULL) {
        EVP_PKEY *key = (*slot)->verdict.key; /* somebody may hold it */

        (*slot)->verdict = *verdict;
        (*slot)->verdict.key = key;
    } else if (cache->count < TRUST_CACHE_MOST) {
        *slot = memory_zeroed(1, sizeof(**slot));
        memcpy((*slot)->id, id, HASH_SIZE);
        (*slot)->verdict = *verdict;
        BUG_ON(EVP_PKEY_up_ref(verdict->key) != 1);
        cache->count++;
    }
    BUG_ON(pthread_mutex_unlock(&cache->lock) != 0);
}
