#ifndef WASL_BROKER_EVIDENCE_H
#define WASL_BROKER_EVIDENCE_H
/*
 * What the bus keeps of bodies: so far the members' day keys, sealed to the oversight key. In the vault, by
 * the message's leaf hash: u32 len(slot) || slot || the sealed chunks one after the other.
 */
#include "broker/job.h"

struct error;
struct ledger;
struct vault;

/* Keeps the body of every good SUBJECT_KEY among the jobs, durably, before the ledger is committed. Where the
 * member's day has a key already nothing is kept: what an entry names is kept, and no more. 0, -1. */
int evidence_keep(struct vault *vault, struct ledger *ledger, struct job *const *jobs, size_t count,
                  struct error *e);

/* At start, before serving: destroys what a crash left in the vault without an entry. 0, -1. */
int evidence_collect(struct vault *vault, struct ledger *ledger, struct error *e);

#endif
