#ifndef WASL_ADAPTERS_CORE_INSIDE_H
#define WASL_ADAPTERS_CORE_INSIDE_H
/*
 * What the rooms of the core share: the struct, and the few services that both sides of an exchange (asking,
 * answering) need. Nobody outside adapters/core includes this. Everything here runs on the loop's thread.
 */
#include "core/answering.h"
#include "core/asking.h"
#include "core/catchup.h"
#include "core/core.h"
#include "core/daykey.h"
#include "core/delivery.h"
#include "core/knowledge.h"
#include "core/marks.h"
#include "core/parcel.h"
#include "core/peers.h"
#include "core/session.h"
#include "core/trail.h"
#include "core/waiting.h"

#include <stdatomic.h>

struct queue;

struct core {
    struct loop *loop;
    struct core_options options; /* with the defaults filled in */
    struct store *store;
    struct trail *trail;
    struct marks *marks;
    struct daykey *daykey;
    struct knowledge *knowledge;
    struct peers *peers;
    struct session *session;
    struct catchup *catchup;
    struct asking *asking;
    struct answering *answering;

    struct queue *asks; /* from the fronts' threads */
    struct loop_source *asks_source;
    struct loop_timer *timer;
    uint64_t flush_at, clean_at; /* monotonic */
    const char **subsystems;     /* codes of what we answer for */
    char **subsystem_texts;
    size_t subsystem_count;

    struct waiting *waiting; /* deliveries, for a chain or a registry */
    bool inconsistent_said;

    /* read by other threads */
    atomic_bool linked, stopping;
    _Atomic(const char *) trouble;
    atomic_uint_fast64_t checkpoint_size, registry_version;
    atomic_uint_fast64_t asks_open, ask_bytes, calls_open;
    atomic_uint_fast64_t asked, answered, refused;
};

static inline uint64_t core_now(const struct core *core)
{
    return loop_now(core->loop);
}
static inline uint64_t core_monotonic(const struct core *core)
{
    return loop_now_monotonic(core->loop);
}

/* May we ask and answer now? REFUSAL_NONE, BUS_UNAVAILABLE, INCONSISTENT. */
enum refusal core_able(struct core *core);
/* Fields that every header of ours begins with; lives for `lifetime`. */
void core_header(struct core *core, enum message_kind kind, uint64_t lifetime, struct header *out);
/* True when a receipt is good and what it shows of the ledger has been noted: entry of `type` (0: any), for
 * exactly the message of leaf (NULL: any). entry is set, entry_release(hold) it. */
bool core_receipt(struct core *core, struct bytes entry_bytes, struct bytes proof, unsigned type,
                  const uint8_t *leaf, struct entry *entry, struct entry_hold *hold);
/* Notes the `seen` pair of a message whose signature is good. False: too much waits to be proven. */
bool core_claim_seen(struct core *core, const struct delivery *delivery);
/* Sends it when there is a link; otherwise its owner hands it in again when there is (asking_resubmit,
 * answering_resubmit). */
void core_submit(struct core *core, struct parcel *parcel);
/* Its credit goes back, its memory too. */
void core_done_with(struct core *core, struct delivery *delivery);

/* Parks a delivery until a chain or a newer registry has come, or is known not to come; then it is delivered
 * again. False: it has waited too often; the caller keeps it. */
bool core_wait_for_chain(struct core *core, struct delivery *delivery, const uint8_t certificate[HASH_SIZE]);
bool core_wait_for_registry(struct core *core, struct delivery *delivery);
/* Asks the bus for the proofs that are wanted, and looks whether they have all come in time. */
void core_prove(struct core *core);
/* Sees to it that today's day key is escrowed, and shortly before midnight tomorrow's. */
void core_escrow(struct core *core);
/* The session has just been linked. */
void core_linked(struct core *core);
/* It came, or will not come: what waits for it is delivered again. hash: of the certificate whose chain it
 * is; NULL for a registry. */
void core_wake(struct core *core, enum wait_for what, const uint8_t *hash);
/* Fetches what is waited for and could not be fetched before, and gives up what is over. */
void core_fetch_awaited(struct core *core);

enum core_pseudonyms {
    PSEUDONYMS_READY,
    PSEUDONYMS_WAIT,
    PSEUDONYMS_NONE /* no oversight key is registered */
};
/* The day key of the UTC day of `at`; asks for its escrow where it is missing. */
enum core_pseudonyms core_day_key(struct core *core, uint64_t at, uint8_t key[32]);

#endif
