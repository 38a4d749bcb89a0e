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

/* Has the body of this job to be kept: a SUBJECT_KEY against which nothing was found. */
bool evidence_is_due(const struct job *job);
/* Keeps the bodies of the messages that are marked `kept`, durably, before the ledger is committed. 0; -1,
 * with ERROR_FULL when the vault has no room and nothing was kept. */
int evidence_keep(struct vault *vault, struct job *const *jobs, size_t count, struct error *e);

/* At start, before serving: destroys what a crash left in the vault without an entry. 0, -1. */
int evidence_collect(struct vault *vault, struct ledger *ledger, struct error *e);

#endif
