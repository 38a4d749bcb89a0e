#ifndef WASL_CRYPTO_SEAL_CONTEXTS_H
#define WASL_CRYPTO_SEAL_CONTEXTS_H
/*
 * HPKE contexts that are kept for a while, so that a message costs no key agreement (proto/README.md,
 * "Seal"): a sender's, one for each receiver, and what a receiver got out of the `enc` of its senders. A slot
 * key is Export(label, 32) of such a context, its label 32 fresh random bytes; the context's own Seal and
 * Open are not used, and their keys are not even kept.
 *
 * What is kept can seal and open, like a private key, and is wiped when it is dropped: a sender's
 * SEAL_CONTEXT_LIFE after it was made, after SEAL_CONTEXT_USES slots, or when its receiver has another key; a
 * receiver's when it was not used for SEAL_CONTEXT_LIFE; all of it by seal_contexts_forget. For one thread.
 */
#include "crypto/hpke.h"
#include "crypto/seal.h"

#define SEAL_CONTEXT_LIFE ((uint64_t)60 * 1000000) /* microseconds */
#define SEAL_CONTEXT_USES UINT32_C(1000000)
#define SEAL_LABEL        ((size_t)32)
/* Kept in each direction, four for each value of a hash of the peer's name: a peer that never uses a context
 * twice drives out its own, and those of the few that share its place. */
#define SEAL_CONTEXTS_MOST 512

struct error;
struct seal_contexts;

struct seal_contexts *seal_contexts_new(void);
void seal_contexts_free(struct seal_contexts *contexts); /* wipes; NULL is harmless */
/* Tells the time (monotonic, microseconds) and drops what is past its own. Owed once a second at least, for
 * nothing in here reads a clock. */
void seal_contexts_tick(struct seal_contexts *contexts, uint64_t monotonic);
/* Drops everything: our sealing keys are others from now on. */
void seal_contexts_forget(struct seal_contexts *contexts);

/* A key for one slot to that receiver, with the label and enc that the slot has to carry. Returns 0, -1 with
 * e set (a public key that cannot be agreed with). */
int seal_contexts_send(struct seal_contexts *contexts, const struct seal_receiver *receiver,
                       uint8_t enc[HPKE_ENC], uint8_t label[SEAL_LABEL], uint8_t slot_key[32],
                       struct error *e);
/* The key of a slot that came. sender: who is proven to have sent it, by any name, of at least one byte. key:
 * the one of ours that the slot names. False when enc cannot be agreed with. */
bool seal_contexts_receive(struct seal_contexts *contexts, struct bytes sender, const struct sealing_key *key,
                           const uint8_t enc[HPKE_ENC], const uint8_t label[SEAL_LABEL],
                           uint8_t slot_key[32]);
/* How many are kept in both directions. */
size_t seal_contexts_count(const struct seal_contexts *contexts);

#endif
