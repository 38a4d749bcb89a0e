#ifndef WASL_BROKER_WRITER_H
#define WASL_BROKER_WRITER_H
/*
 * The thread that owns the ledger. It takes everything that waits, up to a bound in count and time, puts it
 * in one batch, commits (one fdatasync), and only then lets the results go: nothing leaves the bus before its
 * entry is on disk. When a commit fails the process ends at once with exit code 1 and never signs that size
 * again.
 */
#include "broker/pipeline.h"
#include "broker/status.h"
#include "ledger/ledger.h"
#include "ledger/vault.h"

struct writer;

struct writer_options {
    struct pipeline *pipeline;
    struct ledger *ledger;
    struct vault *vault;
    struct status *status;
    unsigned batch_messages;
    uint64_t batch_time; /* microseconds */
    unsigned refusals_per_second;
    struct heart *heart; /* beats at every turn; NULL: none */
};
/*
 * First, on the caller's thread, the batch of the start: exchanges that the last process left open are
 * INTERRUPTED, "bus started", and the objects of the snapshot. Then the thread begins. NULL with e set.
 */
struct writer *writer_start(const struct writer_options *options, struct snapshot *snapshot, struct error *e);
/* Writes what is in the queue, then ends the thread. NULL is harmless. */
void writer_stop(struct writer *writer);

#endif
