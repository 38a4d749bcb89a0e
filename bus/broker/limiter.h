#ifndef WASL_BROKER_LIMITER_H
#define WASL_BROKER_LIMITER_H
/*
 * Refusals of a member are entries, up to a number a second; the rest of that second is one entry with their
 * count and the hash over their leaves, so that a member cannot fill the ledger with its own faults. One
 * thread.
 */
#include "base/bytes.h"
#include "base/refusal.h"

struct limiter;

struct limiter *limiter_new(unsigned most_per_second);
void limiter_free(struct limiter *limiter); /* NULL is harmless */
/* Has the member's second room for one more entry? */
bool limiter_room(struct limiter *limiter, const char *member, uint64_t now);
/* May this refusal be written on its own? If not it has been counted. */
bool limiter_allow(struct limiter *limiter, const char *member, enum refusal reason,
                   const uint8_t leaf[HASH_SIZE], uint64_t now);
/* One that the ledger wrote by itself counts too. */
void limiter_note(struct limiter *limiter, const char *member, uint64_t now);

struct limiter_rest {
    const char *member;  /* valid until the next call */
    enum refusal reason; /* of the first */
    uint64_t count;
    uint8_t hash[HASH_SIZE]; /* SHA-256 over the leaves in order */
};
/* The next member whose second is over and who has a rest (or, with `all`, whoever has one); false: none. */
bool limiter_next(struct limiter *limiter, uint64_t now, bool all, struct limiter_rest *out);
/* When limiter_next should be asked again; UINT64_MAX: nothing is waiting. */
uint64_t limiter_due(const struct limiter *limiter);

#endif
