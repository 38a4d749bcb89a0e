#ifndef WASL_BROKER_BROKER_H
#define WASL_BROKER_BROKER_H
/* The whole bus, put together: opens in a fixed order, runs, and stops in the reverse one. */
#include "broker/config.h"

struct broker;
struct error;

/* Exit codes of wasl-bus. */
enum broker_exit {
    BROKER_OK = 0,
    BROKER_FAILED =
        1, /* disk, socket or memory failed; a commit that failed ends the process with this at once */
    BROKER_USAGE = 2,     /* options or configuration */
    BROKER_INTEGRITY = 3, /* the ledger is STOPPED, inconsistent or damaged: a person must look */
    BROKER_ZAP_OPEN = 4,  /* a stranger's key was let in */
};

/* Signals are blocked here, before any thread starts. NULL with e set and *code the exit code. */
struct broker *broker_open(const struct config *config, struct error *e, int *code);
/* Until SIGTERM or SIGINT, then to a stop in good order; returns the exit code. */
int broker_run(struct broker *broker);
void broker_close(struct broker *broker); /* NULL is harmless */

#endif
