#ifndef WASL_BROKER_ADMIT_H
#define WASL_BROKER_ADMIT_H
/* The verifier threads: they judge messages (judge.h), check what a HELLO presents, and read objects of the
 * trust store. Data flow: pipeline's admit queue -> judged -> writer queue (FETCH: results queue). */
#include "broker/chains.h"
#include "broker/pipeline.h"
#include "tlog/note.h"

struct admit;
struct error;
struct truststore;

struct admit_options {
    struct pipeline *pipeline;
    struct chains *chains;
    struct truststore *truststore;
    const char *instance;
    const struct note_verifier *ledger_key; /* this bus's own */
    unsigned threads;                       /* 0: one per core */
    struct hearts *hearts;                  /* each thread gets one; NULL: none */
};
/* Everything in options outlives it. NULL with e set. */
struct admit *admit_start(const struct admit_options *options, struct error *e);
/* Judges what is in the queue, then ends the threads. NULL is harmless. */
void admit_stop(struct admit *admit);

#endif
