#ifndef WASL_ADAPTERS_CORE_CORE_H
#define WASL_ADAPTERS_CORE_CORE_H
/*
 * The adapter without its front and its connectors: one thread, one link to the bus, one member. See
 * README.md for the flow and for which file decides what.
 */
#include "base/loop.h"
#include "core/ask.h"
#include "core/connector.h"
#include "crypto/keys.h"
#include "crypto/signature.h"
#include "crypto/trust.h"
#include "registry/registry.h"

struct error;
struct core;

struct core_service {
    const char *service; /* five-part id of a service of this member */
    struct connector *connector;
};
struct core_options {
    const char *instance; /* "TN" */
    const char *member;   /* "TN/GOV/MI" */
    const char
        *state; /* folder: accepted checkpoint, marks, kept responses, day keys, registry, trust objects */
    const char *bus_endpoint;
    uint8_t bus_public_key[32];
    struct link_key link_key;
    const char *subject_keys;               /* key file of the day keys; NULL: <state>/daykeys */
    const struct sealing_key *sealing_keys; /* present and past */
    size_t sealing_key_count;
    struct signer *signer;
    struct chain *chain;                 /* of the signing certificate */
    struct registry_authority authority; /* who may sign the first registry that this adapter sees */
    const char *registry_file;           /* NULL: get it from the bus */
    const struct core_service *services;
    size_t service_count;
    uint32_t most_asks;       /* under way at once; 0: 1024 */
    uint64_t most_ask_bytes;  /* 0: 64 MiB */
    uint64_t request_timeout; /* microseconds; the service's limit applies too. 0: 30 s */
    uint64_t unproven_most;   /* how long a newer checkpoint may stay without a consistency proof before the
                                 core stops   answering and asking. 0: 5 s */
    uint64_t clock_skew;      /* 0: 60 s */
    uint64_t crl_grace;       /* 0: 24 h */
    uint64_t registry_alarm;  /* without a link for longer than this raises BUS_SILENT. 0: 24 h */
};
/* Everything in options must outlive the core. NULL with e set. */
struct core *core_new(struct loop *loop, void *zmq_context, const struct core_options *options,
                      struct error *e);
/* Ends every ask with STOPPED, says BYE. */
void core_free(struct core *core);

/*
 * Takes up what may change while it runs, on the loop's thread: services and their connectors, signer and
 * chain, sealing keys, request_timeout, clock_skew. Everything else of options is not looked at. Where HELLO
 * would say something else (another certificate, other subsystems) the link is opened anew, and nothing that
 * is under way is lost by it. What the core had before is not touched any more when this returns, but calls
 * that the old connectors have still come back.
 */
void core_change(struct core *core, const struct core_options *options);

/* The registry in force (a reference: registry_free it), NULL when there is none yet. Any thread. */
struct registry *core_registry(struct core *core);

/* document and media_type (NULL with a refusal) live until it returns. */
typedef void (*core_described)(void *done_arg, enum refusal refusal, struct bytes document,
                               const char *media_type);
/*
 * The OpenAPI document of a service (five-part id, copied), byte for byte as the authority has registered it,
 * at most DESCRIPTION_MOST. done is called once, on the core's thread: REFUSAL_NONE, UNKNOWN_SERVICE,
 * NO_DESCRIPTION, UNKNOWN_OBJECT (the bus has no such document), BUS_UNAVAILABLE (no link, or no answer
 * within request_timeout or 10 s), STOPPED. False: more wait than the bound (64), done is not called. Any
 * thread. Works without a link for what was had once.
 */
bool core_describe(struct core *core, const char *service, core_described done, void *done_arg);

struct core_status {
    bool linked;         /* WELCOME received and consistency proven */
    const char *trouble; /* static words when it neither submits nor answers; NULL */
    uint64_t checkpoint_size;
    uint64_t registry_version;
    uint64_t asks_open, calls_open;
    uint64_t asked, answered, refused;
};
void core_status(struct core *core, struct core_status *out); /* any thread */

#endif
