#ifndef WASL_ADAPTERS_CORE_CATCHUP_H
#define WASL_ADAPTERS_CORE_CATCHUP_H
/*
 * From WELCOME to linked: fetches the registry and CRLs that are missing, checks the bus's checkpoint under
 * the registry's ledger keys and against what was accepted, and only then opens the door. Later the same
 * fetching after NOTICE, and the chains of peers.
 */
#include "core/session.h"

struct common;
struct catchup;

/* What it says to whoever stands above it. */
struct catchup_events {
    /* The session has just been linked. */
    void (*linked)(void *arg);
    /* It came, or is known not to come. */
    void (*chain)(void *arg, const uint8_t certificate[HASH_SIZE]);
    void (*registry)(void *arg);
};

struct catchup *catchup_new(struct common *common, const struct catchup_events *events, void *arg);
void catchup_free(struct catchup *catchup); /* NULL is harmless */

void catchup_welcome(struct catchup *catchup, const struct session_welcome *welcome);
void catchup_notice(struct catchup *catchup, const struct session_holdings *holdings);
void catchup_object(struct catchup *catchup, enum session_object kind, const uint8_t hash[HASH_SIZE],
                    struct bytes object);
void catchup_lost(struct catchup *catchup);
/* A request names a registry that we lack. False: it cannot be fetched now. */
bool catchup_want_registry(struct catchup *catchup, uint64_t version, const uint8_t hash[HASH_SIZE]);
/* Goes on where it can; harmless at any time. */
void catchup_continue(struct catchup *catchup);

#endif
