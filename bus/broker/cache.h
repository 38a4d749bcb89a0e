#ifndef WASL_BROKER_CACHE_H
#define WASL_BROKER_CACHE_H
/* Responses that have been sent, for a consumer who lost its session and asks again with the same bytes.
 * Bounded in bytes; the oldest go first. What has gone is answered from the ledger, without its body. */
#include "broker/delivery.h"

struct cache;

/* What one costs besides its bytes: its row here, and what malloc adds to each of its parts. */
#define CACHE_OVERHEAD ((uint64_t)512)

struct cache *cache_new(uint64_t most_bytes);
void cache_free(struct cache *cache); /* NULL is harmless */
/* Takes its own reference. */
void cache_put(struct cache *cache, const uint8_t exchange_id[16], struct delivery *delivery);
struct delivery *cache_get(const struct cache *cache, const uint8_t exchange_id[16]); /* the cache's; NULL */
/* Drops what has expired. */
void cache_expire(struct cache *cache, uint64_t now);

#endif
