#ifndef WASL_BENCH_NATS_PROVIDER_H
#define WASL_BENCH_NATS_PROVIDER_H
/* The providing side: a process of its own that answers what it was asked, byte for byte, through the stream
 * of responses. */
#include "wasl-bench/nats_link.h"

#include <sys/types.h>

struct nats_provider {
    pid_t pid;
    int control; /* closed: the provider is to end */
};

/* Forks (nothing of libnats may have run before), makes the streams, and returns once it takes requests.
 * spoil: the number, from 1, of the answer that is to be a wrong one; 0: none. -1 with e set. */
int nats_provider_start(struct nats_provider *provider, const struct nats_account *account, uint64_t spoil,
                        struct error *e);
/* Ends it. 0 when each of its answers was acknowledged by the server; -1 with e set. */
int nats_provider_stop(struct nats_provider *provider, struct error *e);

#endif
