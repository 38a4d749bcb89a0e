#ifndef WASL_FRONT_FRONT_H
#define WASL_FRONT_FRONT_H
/*
 * What information systems call: X-Road's REST message protocol over HTTP, on unix sockets, on loopback and
 * with mutual TLS on any address. One thread (MHD's epoll loop) for each listener; a request that waits for
 * its answer is suspended and holds no thread.
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
/* Somebody who may speak at a listener, and for which subsystems. */
struct front_caller {
    uint32_t user;                 /* at a unix socket: the uid of the process that connects */
    uint8_t certificate[32];       /* at a TLS listener: SHA-256 of the client certificate's DER form */
    const char *const *subsystems; /* full ids */
    size_t subsystem_count;
};
/*
 * One of three kinds: a unix socket (for all who can open it, or for the users in `callers`); TLS on any
 * address for the pinned certificates in `callers`; plain HTTP on loopback for everybody there.
 */
struct front_listener {
    const char *address;                   /* "127.0.0.1:8080", "[::1]:0", with TLS any; NULL: unix */
    const char *tls_certificate, *tls_key; /* PEM files (chain, leaf first; key 0600); NULL: no TLS */
    const char *unix_path;
    unsigned mode; /* of the unix socket; 0: 0600 */
    const char *const
        *subsystems; /* full ids that everybody may speak for here; none where there are callers */
    size_t subsystem_count;
    const struct front_caller *callers; /* none of these: whoever gets in, for `subsystems` */
    size_t caller_count;
};
#define FRONT_MOST_CONNECTIONS 60000U /* of a listener; more cannot be configured */
struct front_options {
    const char *member;
    const struct front_listener *listeners;
    size_t listener_count;
    struct front_core core;
    enum fault_spelling spelling;
    uint64_t most_body;         /* of one request; 0: 1 MiB */
    uint64_t most_body_bytes;   /* of all requests that come in together; 0: 64 MiB */
    uint64_t most_answer_bytes; /* of all answers that wait to be read by their clients; 0: 64 MiB */
    unsigned most_connections; /* of a listener; 0: 512. When there are more, the one that has kept us waiting
                                  for longest is closed */
    unsigned most_client_connections; /* of one address or user at a listener; 0: most_connections, half of
                                         them behind TLS */
    unsigned most_client_requests;    /* under way, of one certificate, user or address; 0: 512 */
    unsigned most_subsystem_requests; /* under way, in the name of one subsystem; 0: 512 */
    unsigned idle_seconds;            /* between requests of a connection; 0: 30 */
    unsigned
        head_seconds; /* from connecting to the request line, and from there to the end of the head; 0: 10 */
    unsigned body_seconds;   /* 0: 60 */
    unsigned answer_seconds; /* for the client to read its answer; 0: 60 */
};
/* Opens every listener and serves. Options are copied but for core.arg. NULL with e set. */
struct front *front_new(const struct front_options *options, struct error *e);
/*
 * Takes up another configuration without dropping a request: callers, pins, subsystems, limits, certificates,
 * the mode of a unix socket; listeners that are new are opened, those that are gone take nothing new and
 * close when their last request has ended. member and core stay as they are. All or nothing: -1 with e set,
 * and everything goes on as before. A listener is the same when its address or path is written the same;
 * switching TLS on or off there needs a restart. On the thread that calls front_stop.
 */
int front_reload(struct front *front, const struct front_options *options, struct error *e);
/* "127.0.0.1:40123" or "unix:/path"; NULL past the last. */
const char *front_address(const struct front *front, size_t i);
/* No new connection and no new ask; the core is not touched any more after it returns. */
void front_stop(struct front *front);
/* After front_stop, and after every ask got its answer (core_free sees to it). Gives open answers a second to
 * leave. */
void front_free(struct front *front);

#endif
