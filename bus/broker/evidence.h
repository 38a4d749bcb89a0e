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

/*
 * Marks `kept` the SUBJECT_KEYs of a batch that the ledger is going to take, and those alone: a record
 * without an entry would stay until the next start, and a member could fill the vault with them. What was
 * judged by another snapshot is left alone; of two with one exchange id the second is refused. 0, -1.
 */
int evidence_mark(struct ledger *ledger, const struct snapshot *snapshot, struct job *const *jobs,
                  size_t count, struct error *e);
/* Keeps the bodies of what is marked, durably, before the ledger is committed; where the vault has no room
 * they are refused (DISK_FULL) and nothing is kept. 0, -1. */
int evidence_keep(struct vault *vault, struct job *const *jobs, size_t count, struct error *e);

/* At start, before serving: destroys what a crash left in the vault without an entry. 0, -1. */
int evidence_collect(struct vault *vault, struct ledger *ledger, struct error *e);

#endif
