#ifndef WASL_ADAPTERS_CORE_COMMON_H
#define WASL_ADAPTERS_CORE_COMMON_H
/*
 * What both sides of an exchange stand on: the state folder's parts, the session, and the few services made
 * of them (may we ask and answer now, receipts, headers, day keys). It knows neither side, nor who drives
 * them: core.c does. Nobody outside adapters/core includes this. All of it runs on the loop's thread, but for
 * the atomics.
 */
#include "core/core.h"
#include "core/daykey.h"
#include "core/delivery.h"
#include "core/knowledge.h"
#include "core/marks.h"
#include "core/parcel.h"
#include "core/peers.h"
#include "core/session.h"
#include "core/trail.h"
#include "crypto/seal_contexts.h"

#include <stdatomic.h>

struct common {
    struct loop *loop;
    struct core_options options; /* with the defaults filled in */
    struct store *store;
    struct trail *trail;
    struct marks *marks;
    struct daykey *daykey;
    struct knowledge *knowledge;
    struct peers *peers;
    struct session *session;
    struct seal_contexts *contexts;
    struct checkpoint_cache *checkpoints;
    bool inconsistent_said;
    bool suspended; /* the bus has said so, and has not let us in since */

    /* read by other threads */
    atomic_bool linked, stopping;
    _Atomic(const char *) trouble;
    atomic_uint_fast64_t checkpoint_size, registry_version;
    atomic_uint_fast64_t asks_open, ask_bytes, calls_open;
    atomic_uint_fast64_t asked, answered, refused;
};

static inline uint64_t common_now(const struct common *common)
{
    return loop_now(common->loop);
}
static inline uint64_t common_monotonic(const struct common *common)
{
    return loop_now_monotonic(common->loop);
}

/* May we ask and answer now? REFUSAL_NONE, BUS_UNAVAILABLE, MEMBER_SUSPENDED, INCONSISTENT. */
enum refusal common_able(struct common *common);
/* Fields that every header of ours begins with; lives for `lifetime`. */
void common_header(struct common *common, enum message_kind kind, uint64_t lifetime, struct header *out);
/* True when a receipt is good and what it shows of the ledger has been noted: entry of `type` (0: any), for
 * exactly the message of leaf (NULL: any). entry is set, entry_release(hold) it. */
bool common_receipt(struct common *common, struct bytes entry_bytes, struct bytes proof, unsigned type,
                    const uint8_t *leaf, struct entry *entry, struct entry_hold *hold);
/* Notes the `seen` pair of a message whose signature is good. False: too much waits to be proven. */
bool common_claim_seen(struct common *common, const struct delivery *delivery);
/* Sends it when there is a link; otherwise its owner hands it in again when there is. */
void common_submit(struct common *common, struct parcel *parcel);
/* Its credit goes back, its memory too. */
void common_done_with(struct common *common, struct delivery *delivery);

/* Asks the bus for the proofs that are wanted, and looks whether they have all come in time. */
void common_prove(struct common *common);
/* Sees to it that today's day key is escrowed, and shortly before midnight tomorrow's. */
void common_escrow(struct common *common);
enum pseudonyms {
    PSEUDONYMS_READY,
    PSEUDONYMS_WAIT,
    PSEUDONYMS_NONE /* no oversight key is registered */
};
/* The day key of the UTC day of `at`; asks for its escrow where it is missing. */
enum pseudonyms common_day_key(struct common *common, uint64_t at, uint8_t key[32]);

#endif
