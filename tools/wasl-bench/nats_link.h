#ifndef WASL_BENCH_NATS_LINK_H
#define WASL_BENCH_NATS_LINK_H
/* One process's connection to nats-server: mutual TLS, a JetStream stream to publish into, a consumer of
 * another. All that comes (acknowledgements of what was published, messages of the stream) comes into one
 * inbox, in one thread. libnats is threaded inside: made after the last fork. */
#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct error;
struct nats_link;

struct nats_account {
    const char *url;               /* nats://127.0.0.1:PORT */
    const char *authorities;       /* PEM file: who may certify the server */
    const char *certificate, *key; /* ours, PEM */
    bool at_once; /* what is published goes out at once; libnats gathers for a millisecond otherwise, which is
                     cheaper for many and a millisecond lost for one */
};

enum nats_stream { NATS_REQUESTS, NATS_RESPONSES };

/* What came. */
struct nats_arrival {
    enum {
        NATS_NOTHING,      /* none in time */
        NATS_ACKNOWLEDGED, /* what was published under `tag` is in its stream */
        NATS_REFUSED,      /* ... is not: the server said no */
        NATS_MESSAGE,      /* of the stream that we take from */
    } kind;
    unsigned tag;
    struct bytes body; /* valid until the next nats_link_next */
};

/* NULL with e set. The name is seen in the server's log only. */
struct nats_link *nats_link_new(const struct nats_account *account, const char *name, struct error *e);
void nats_link_free(struct nats_link *link); /* NULL is harmless */
/* Makes both streams, on file storage. */
int nats_link_make_streams(struct nats_link *link, struct error *e);
/* From now on, what comes into the stream comes to us: a push consumer without acknowledgements of its own.
 */
int nats_link_take(struct nats_link *link, enum nats_stream stream, struct error *e);
/* Into the stream; its acknowledgement will come under the tag. */
int nats_link_publish(struct nats_link *link, enum nats_stream stream, unsigned tag, struct bytes body,
                      struct error *e);
/* Waits up to so many milliseconds. */
int nats_link_next(struct nats_link *link, int milliseconds, struct nats_arrival *out, struct error *e);
/* How many records the stream holds. */
int nats_link_records(struct nats_link *link, enum nats_stream stream, uint64_t *out, struct error *e);

#endif
