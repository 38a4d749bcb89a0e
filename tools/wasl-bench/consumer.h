#ifndef WASL_BENCH_CONSUMER_H
#define WASL_BENCH_CONSUMER_H
/*
 * A member's adapter core on a thread of its own (named "core"), as wasl-adapter has one, without front,
 * connectors or configuration file. What the daemon's main composes is composed here once more, from the same
 * libraries, because tools do not use a daemon's inside.
 */
#include "core/core.h"

struct error;
struct consumer;

struct consumer_options {
    const char *instance, *member; /* "TN", "TN/GOV/MEN" */
    const char *state;             /* folder; made where it is missing */
    const char *keys; /* folder as make-pki and `wasl member init` fill it: signing.key.pem, chain.pem,
                         link.key, sealing.key; subject.keys is used there, too */
    const char *bus_endpoint, *bus_public_key; /* the key as 64 hex digits */
    const char *authority;                     /* vkey of who may sign the first registry */
    uint32_t most_asks; /* as in struct core_options. An ask counts until its `done` has returned, so who
                           asks again from another thread needs room for twice as many */
};
/* Starts and waits, at most `wait` microseconds, until the core is linked. NULL with e set. */
struct consumer *consumer_start(const struct consumer_options *options, uint64_t wait, struct error *e);
struct core *consumer_core(struct consumer *consumer); /* to ask */
/* Ends every open ask with STOPPED, on the core's thread, and waits for it. NULL is harmless. */
void consumer_stop(struct consumer *consumer);

#endif
