#ifndef WASL_ADAPTERS_CORE_WAITING_H
#define WASL_ADAPTERS_CORE_WAITING_H
/*
 * Deliveries that cannot be judged before something has been fetched: the chain of their signer, or a newer
 * registry. Each waits for its own object and is handed back when that has come, or is known not to come.
 * Their number and bytes are bounded by the credit that they hold.
 */
#include "core/delivery.h"

struct catchup;
struct common;
struct waiting;

enum wait_for { WAIT_FOR_CHAIN, WAIT_FOR_REGISTRY };

struct waiting *waiting_new(struct common *common, struct catchup *catchup);
void waiting_free(struct waiting *waiting); /* with all that wait; NULL is harmless */

/* Owns it from here on, and sees to it that what it waits for is fetched: the chain of that certificate, or
 * the registry that its entry names. False: it has waited too often, and the caller keeps it. */
bool waiting_for_chain(struct waiting *waiting, struct delivery *delivery,
                       const uint8_t certificate[HASH_SIZE]);
bool waiting_for_registry(struct waiting *waiting, struct delivery *delivery);
/* Those that wait for this, a list by `next` in the order in which they came; the caller owns them. NULL:
 * none. hash: of the certificate; a registry serves all that wait for one. */
struct delivery *waiting_take(struct waiting *waiting, enum wait_for what, const uint8_t *hash);
/* Fetches what could not be fetched before, and gives up what is over. */
void waiting_tick(struct waiting *waiting);
/* The session is gone, and they with it: the bus delivers them again. */
void waiting_lost(struct waiting *waiting);

#endif
