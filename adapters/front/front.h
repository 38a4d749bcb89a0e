#ifndef WASL_FRONT_FRONT_H
#define WASL_FRONT_FRONT_H
/*
 * What information systems call: X-Road's REST message protocol over HTTP on loopback or unix sockets. One
 * thread (MHD's epoll loop) for each listener; a request that waits for its answer is suspended and holds no
 * thread.
 */
#include "core/ask.h"
#include "core/core.h"
#include "front/fault.h"

struct error;
struct front;

/*
 * What a front needs of the core; an interface, so that a front can be tried without one. Any thread may call
 * each.
 */
struct front_core {
    bool (*ask)(void *arg, struct ask *ask);            /* = core_ask */
    void (*status)(void *arg, struct core_status *out); /* = core_status */
    struct registry *(*registry)(void *arg);            /* = core_registry: a reference, or NULL */
    /*
     * The description of a service (five-part id, read before describe returns), for getOpenAPI. `done` is
     * called once, on any thread, perhaps before describe returns; document and media_type live until it
     * returns. A refusal instead of a document: UNKNOWN_SERVICE, NO_DESCRIPTION, UNKNOWN_OBJECT,
     * BUS_UNAVAILABLE, STOPPED. False: too much is waiting, done is not called. NULL: no descriptions are
     * served.
     */
    bool (*describe)(void *arg, const char *service,
                     void (*done)(void *done_arg, enum refusal refusal, struct bytes document,
                                  const char *media_type),
                     void *done_arg);
    void *arg;
};
struct front_listener {
    const char *address; /* "127.0.0.1:8080", "[::1]:0"; NULL: unix */
    const char *unix_path;
    unsigned mode;                 /* of the unix socket; 0: 0600 */
    const char *const *subsystems; /* full ids that this listener speaks for */
    size_t subsystem_count;
};
struct front_options {
    const char *member;
    const struct front_listener *listeners;
    size_t listener_count;
    struct front_core core;
    enum fault_spelling spelling;
    uint64_t most_body;        /* of one request; 0: 1 MiB */
    uint64_t most_body_bytes;  /* of all requests under way together; 0: 64 MiB */
    unsigned most_connections; /* of a listener; 0: 512 */
    unsigned idle_seconds;     /* 0: 30 */
};
/* Opens every listener and serves. Options are copied but for core.arg. NULL with e set. */
struct front *front_new(const struct front_options *options, struct error *e);
/* "127.0.0.1:40123" or "unix:/path"; NULL past the last. */
const char *front_address(const struct front *front, size_t i);
/* No new connection and no new ask; the core is not touched any more after it returns. */
void front_stop(struct front *front);
/* After front_stop, and after every ask got its answer (core_free sees to it). Gives open answers a second to
 * leave. */
void front_free(struct front *front);

#endif
