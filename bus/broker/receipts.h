#ifndef WASL_BROKER_RECEIPTS_H
#define WASL_BROKER_RECEIPTS_H
/*
 * What a commit makes known, given to each job of its batch: the entry with its proof, what was found for a
 * message that had been here before, the checkpoint and the proof that a HELLO or PROVE asks for. Nothing is
 * written here. The writer's thread, after ledger_commit.
 */
#include "broker/job.h"
#include "broker/status.h"
#include "ledger/ledger.h"

struct receipts_source {
    struct ledger *ledger;
    struct status *status; /* counts what was written */
    bool stopped;          /* the ledger proves nothing any more */
};
/* 0; -1: the ledger cannot be read. */
int receipts_give(const struct receipts_source *source, struct job *job, const struct ledger_result *result,
                  struct error *e);

#endif
