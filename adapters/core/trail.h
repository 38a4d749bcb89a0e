#ifndef WASL_ADAPTERS_CORE_TRAIL_H
#define WASL_ADAPTERS_CORE_TRAIL_H
/*
 * What this adapter has accepted of the ledger, and what it was shown since: each receipt's checkpoint and
 * each peer's `seen` pair is a claim, which must be proven to lie on one line with the accepted checkpoint.
 * Nothing here talks to the bus: the core asks which proof is wanted and hands in what came.
 *
 * Claims that stay unproven too long suspend asking and answering until they are proven; they are kept in the
 * file UNPROVEN of the state folder, so that a restart neither forgets nor forgives them. A contradiction
 * (two roots of one size, or a WELCOME that does not follow from what was accepted) is for ever: evidence is
 * written to the file INCONSISTENT in the state folder, and the adapter stands still until a person has taken
 * it away.
 */
#include "base/bytes.h"
#include "base/store.h"
#include "tlog/checkpoint.h"

struct error;
struct trail;

enum trail_verdict {
    TRAIL_GOOD,
    TRAIL_UNPROVEN,  /* something was not proven in time */
    TRAIL_DISPROVED, /* a contradiction */
};

/* Reads what was accepted. unproven_most in microseconds. NULL with e set. */
struct trail *trail_open(struct store *store, const char *folder, uint64_t unproven_most, struct error *e);
/* Writes what was accepted last, and everything that is not proven. */
void trail_close(struct trail *trail); /* NULL is harmless */

/* NULL while nothing has been accepted. */
const struct checkpoint *trail_accepted(const struct trail *trail);
struct bytes trail_note(const struct trail *trail);

/*
 * WELCOME: a signed checkpoint, already verified, with the proof from the accepted one. Durable when it
 * returns 0. 1: it does not follow (evidence is written, verdict DISPROVED). -1 with e set: the disk.
 */
int trail_welcome(struct trail *trail, struct bytes note, const struct checkpoint *checkpoint,
                  const uint8_t (*proof)[HASH_SIZE], size_t count, struct error *e);

/*
 * A checkpoint that the ledger signed (note not empty), or a pair that a peer signed (evidence: the peer's
 * envelope in words). False when too many wait already: the message that brought it must then be treated as
 * not received.
 */
bool trail_claim(struct trail *trail, uint64_t size, const uint8_t root[HASH_SIZE], struct bytes note,
                 struct bytes evidence, uint64_t monotonic);
/* The next pair to PROVE; false when there is nothing more to ask now. */
bool trail_next(struct trail *trail, uint64_t monotonic, uint64_t *old_size, uint64_t *new_size);
/* A PROOF came. */
void trail_proof(struct trail *trail, uint64_t old_size, uint64_t new_size, const uint8_t (*proof)[HASH_SIZE],
                 size_t count, uint64_t monotonic);
/* The session is gone: what was asked must be asked again. */
void trail_restart(struct trail *trail);

enum trail_verdict trail_judge(const struct trail *trail, uint64_t monotonic);
size_t trail_pending(const struct trail *trail);
/* Writes the accepted checkpoint and the file UNPROVEN where they have changed; called from time to time, not
 * for each message. */
int trail_flush(struct trail *trail, uint64_t monotonic, struct error *e);

#endif
