#ifndef WASL_CRYPTO_TRUST_CACHE_H
#define WASL_CRYPTO_TRUST_CACHE_H
/*
 * Verdicts of trust_verify that were good, each with the time in which it holds. Bounded: when it is full,
 * nothing is remembered any more and nothing forgotten, since the keys that it gave are in use. Only chains
 * that a trusted CA has issued get in, so a stranger cannot fill it; a set lives until the next CRL. Thread
 * safe.
 */
#include "base/bytes.h"
#include <openssl/evp.h>

#define TRUST_CACHE_MOST 4096

struct trust_verdict {
    EVP_PKEY *key; /* in: a reference is taken; out: owned by the cache */
    uint8_t algorithm;
    bool crl_stale;
    uint64_t from; /* holds when from <= now < until */
    uint64_t until;
};

struct trust_cache;
struct trust_cache *trust_cache_new(void);
void trust_cache_free(struct trust_cache *cache); /* NULL is harmless */
/* id: what was asked, hashed. False when there is no verdict that holds at `now`. */
bool trust_cache_get(struct trust_cache *cache, const uint8_t id[HASH_SIZE], uint64_t now,
                     struct trust_verdict *out);
/* Remembers a verdict, in the place of one with the same id. The id names the leaf, so both have the same
 * key. */
void trust_cache_put(struct trust_cache *cache, const uint8_t id[HASH_SIZE],
                     const struct trust_verdict *verdict);

#endif
