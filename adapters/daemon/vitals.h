#ifndef WASL_DAEMON_VITALS_H
#define WASL_DAEMON_VITALS_H
/*
 * What the adapter knows of itself, looked at every few seconds on the loop: memory, clock, the age of its
 * registry and certificate, whether the registry knows what it is to serve. Into metrics, alarms, and the
 * line that the service manager shows; it decides nothing. And the watchdog, which is fed from here: who
 * feeds it is the thread that everything passes through.
 */
#include "core/core.h"
#include "daemon/generation.h"

struct vitals;

struct vitals *vitals_new(struct loop *loop, struct core *core, const struct generation *generation);
void vitals_free(struct vitals *vitals); /* NULL is harmless */
/* Another generation is in force: looks anew. */
void vitals_change(struct vitals *vitals, const struct generation *generation);

/* Sets the gauges that change too often to be kept up; arg is the core. Any thread. */
void vitals_refresh(void *core);

#endif
