#ifndef WASL_ADAPTERS_CORE_MARKS_H
#define WASL_ADAPTERS_CORE_MARKS_H
/*
 * Once-only marks of a provider: a non-safe operation is marked `begun` on disk before the ministry's system
 * is called, and its sealed response is kept until the request expires. So a request that is delivered again
 * gets those bytes again, and one that was begun and has no response is never run a second time.
 */
#include "base/bytes.h"
#include "base/store.h"

struct error;
struct marks;

struct marks *marks_open(struct store *store, struct error *e);
void marks_close(struct marks *marks); /* NULL is harmless */

/* Durable when it returns 0. 1: this exchange was begun before. 2: the disk's quota is nearly used up,
 * nothing was written. -1 with e set. */
int marks_begin(struct marks *marks, const uint8_t exchange_id[16], const uint8_t leaf[HASH_SIZE],
                uint64_t expires, struct error *e);
/* The response of an exchange that was begun; durable when it returns 0. -1 with e set. */
int marks_keep(struct marks *marks, const uint8_t exchange_id[16], struct bytes response, struct error *e);

enum mark { MARK_NONE, MARK_BEGUN, MARK_KEPT, MARK_OTHER /* same id, another request */ };
/* What is known of an exchange; response is appended for MARK_KEPT. -1 with e set. */
int marks_find(struct marks *marks, const uint8_t exchange_id[16], const uint8_t leaf[HASH_SIZE],
               struct buffer *response, struct error *e);
/* Deletes at most `most` marks that expired before `now` less a margin for clocks. Returns how many, -1. */
int marks_clean(struct marks *marks, uint64_t now, unsigned most, struct error *e);

#endif
