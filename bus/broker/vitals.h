#ifndef WASL_BROKER_VITALS_H
#define WASL_BROKER_VITALS_H
/*
 * The thread that looks after the daemon itself every few seconds: memory, clock, the age of registry and
 * CRLs, how long the disk lasts. What it finds goes into metrics, alarms and the status; it decides nothing.
 * It may wait for a disk, and nobody waits for it.
 */
#include "broker/pipeline.h"
#include "broker/snapshot.h"
#include "broker/status.h"

struct error;
struct ledger;
struct vitals;

struct vitals_options {
    const struct config *config;
    struct status *status;
    struct ledger *ledger;
    struct snapshot_box *box;
    struct pipeline *pipeline;
};
/* Looks once on the caller's thread, then goes on by itself. What is in options must outlive it. NULL with e
 * set. */
struct vitals *vitals_start(const struct vitals_options *options, struct error *e);
/* Reads the configuration anew: what may change while the bus runs (the log level) takes effect, what may not
 * is named in the log; one with faults changes nothing. Never waits. */
void vitals_reload(struct vitals *vitals);
void vitals_stop(struct vitals *vitals); /* NULL is harmless */

/* Sets the gauges that change too often to be kept up: for who is about to show the metrics. Any thread. */
void vitals_refresh(void *vitals);

#endif
