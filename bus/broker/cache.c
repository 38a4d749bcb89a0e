#include "broker/cache.h"

#include "broker/map.h"

#include <stdlib.h>
#include <string.h>

struct kept {
    uint8_t id[16];
    struct delivery *delivery;
    struct kept *newer;
};
struct cache {
    struct map *by_id;
    struct kept *oldest, *newest;
    uint64_t bytes, most;
};

struct cache *cache_new(uint64_t most_bytes)
{
    struct cache *cache = memory_zeroed(1, sizeof(*cache));
    cache->by_id = map_new(16);
    cache->most = most_bytes;
    return cache;
}

static void drop_oldest(struct cache *cache)
{
    struct kept *kept = cache->oldest;
    cache->oldest = kept->newer;
    if (cache->oldest == NULL)
        cache->newest = NULL;
    cache->bytes -= kept->delivery->bytes + CACHE_OVERHEAD;
    map_remove(cache->by_id, kept->id);
    delivery_free(kept->delivery);
    free(kept);
}

void cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->oldest != NULL)
        drop_oldest(cache);
    map_free(cache->by_id);
    free(cache);
}

void cache_put(struct cache *cache, const uint8_t exchange_id[16], struct delivery *delivery)
{
    /* An exchange has one response: what is there is it. */
    const uint64_t cost = delivery->bytes + CACHE_OVERHEAD;
    if (cost > cache->most || map_get(cache->by_id, exchange_id) != NULL)
        return;
    while (cache->bytes + cost > cache->most)
        drop_oldest(cache);
    struct kept *kept = memory_zeroed(1, sizeof(*kept));
    memcpy(kept->id, exchange_id, sizeof(kept->id));
    kept->delivery = delivery_ref(delivery);
    if (cache->newest != NULL)
        cache->newest->newer = kept;
    else
        cache->oldest = kept;
    cache->newest = kept;
    cache->bytes += cost;
    map_put(cache->by_id, kept->id, kept);
}

struct delivery *cache_get(const struct cache *cache, const uint8_t exchange_id[16])
{
    struct kept *kept = map_get(cache->by_id, exchange_id);
    return kept == NULL ? NULL : kept->delivery;
}

void cache_expire(struct cache *cache, uint64_t now)
{
    while (cache->oldest != NULL && cache->oldest->delivery->expires < now)
        drop_oldest(cache);
}
