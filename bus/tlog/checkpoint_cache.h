#ifndef WASL_TLOG_CHECKPOINT_CACHE_H
#define WASL_TLOG_CHECKPOINT_CACHE_H
/*
 * The last checkpoints that opened, by every byte of their notes: the receipts of one commit of the ledger
 * carry the same note, and its signature is checked once. A note that differs in any byte, and every note
 * after the keys have changed, is opened anew. What did not open is not remembered. For one thread.
 */
#include "tlog/checkpoint.h"

#define CHECKPOINT_CACHE_MOST 64
#define CHECKPOINT_CACHE_NOTE ((size_t)2048) /* bytes of a note that is remembered */

struct checkpoint_cache;

struct checkpoint_cache *checkpoint_cache_new(void);
void checkpoint_cache_free(struct checkpoint_cache *cache); /* NULL is harmless */
/* As checkpoint_open(), which it asks where it does not remember. cache NULL: it always does. */
bool checkpoint_cache_open(struct checkpoint_cache *cache, struct bytes note,
                           const struct note_verifier *keys, size_t count, struct checkpoint *out);
/* How often the answer was remembered. */
uint64_t checkpoint_cache_hits(const struct checkpoint_cache *cache);

#endif
