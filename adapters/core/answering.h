#ifndef WASL_ADAPTERS_CORE_ANSWERING_H
#define WASL_ADAPTERS_CORE_ANSWERING_H
/*
 * The provider's side. Without a valid receipt for exactly this request, under a ledger that is consistent
 * with what was accepted before, nothing is answered at all. With one, the adapter judges again by itself,
 * calls the connector, reduces what comes back to what the grant permits, and sends it sealed and signed.
 */
#include "core/connector.h"
#include "core/delivery.h"
#include "core/session.h"

struct common;
struct waiting;
struct answering;

struct answering *answering_new(struct common *common, struct waiting *waiting);
/* Calls that connectors still have are given back to nobody and freed then. */
void answering_free(struct answering *answering); /* NULL is harmless */

void answering_deliver(struct answering *answering, struct delivery *d); /* a REQUEST; owns it */
bool answering_refused(struct answering *answering, const struct session_refused *refused);
/* Of a response: its exchange and its leaf. */
bool answering_receipt(struct answering *answering, const uint8_t exchange_id[16],
                       const uint8_t leaf[HASH_SIZE]);
void answering_resubmit(struct answering *answering);
void answering_keys_changed(struct answering *answering);
void answering_tick(struct answering *answering);

#endif
