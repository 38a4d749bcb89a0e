#ifndef WASL_ADAPTERS_CORE_WAITING_H
#define WASL_ADAPTERS_CORE_WAITING_H
/*
 * Deliveries that cannot be judged before something has been fetched: the chain of their signer, or a newer
 * registry. Each waits for its own object and is handed back when that has come, or is known not to come.
 * Their number and bytes are bounded by the credit that they hold.
 */
#include "core/delivery.h"

struct waiting;

enum wait_for { WAIT_FOR_CHAIN, WAIT_FOR_REGISTRY };

struct waiting *waiting_new(void);
void waiting_free(struct waiting *waiting); /* with all that wait; NULL is harmless */

/* Owns it from here on. hash: whose chain; of a registry it says nothing, the newest one serves all. False:
 * it has waited too often, and the caller keeps it. */
bool waiting_add(struct waiting *waiting, struct delivery *delivery, enum wait_for what,
                 const uint8_t hash[HASH_SIZE]);
/* Those that wait for this, a list by `next` in the order in which they came; the caller owns them. NULL:
 * none. hash as for waiting_add. */
struct delivery *waiting_take(struct waiting *waiting, enum wait_for what, const uint8_t hash[HASH_SIZE]);
/* Those whose time is over, likewise. */
struct delivery *waiting_take_expired(struct waiting *waiting, uint64_t now);
/* What is waited for, oldest first, perhaps more than once; until visit says false. */
void waiting_each(const struct waiting *waiting,
                  bool (*visit)(void *arg, enum wait_for what, const struct delivery *delivery), void *arg);

#endif
