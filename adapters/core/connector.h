#ifndef WASL_ADAPTERS_CORE_CONNECTOR_H
#define WASL_ADAPTERS_CORE_CONNECTOR_H
/*
 * The provider's side: how a request reaches the ministry's own system. A connector serves one service. It is
 * a struct of functions; sql and echo are in adapters/connectors.
 */
#include "base/refusal.h"
#include "core/http.h"
#include "registry/identifier.h"
#include "registry/operation.h"
#include "wire/header.h"

struct reply {
    enum refusal refusal; /* NONE: the system answered. UNKNOWN_SUBJECT, BAD_PARAMETER, PROVIDER_FAILED,
                             PROVIDER_TIMEOUT, RESPONSE_TOO_LARGE, ... : the connector says why not */
    unsigned status;
    struct http_headers headers;
    struct buffer body;
};
struct call {
    uint8_t exchange_id[16]; /* idempotency key */
    char consumer[IDENTIFIER_MOST + 1];
    char purpose[CODE_MOST + 1]; /* as signed and judged */
    char subject[160]; /* the person that it is about, as judged: "IUC:01234567890"; empty: nobody */
    struct operation_match match; /* operation and typed parameters; points into `registry` */
    struct registry *registry;    /* a reference of the call's own: it may outlive the exchange */
    struct buffer method, path, query;
    struct http_headers headers;
    struct buffer body;
    uint64_t deadline; /* wall clock, microseconds: no use answering later */
    uint64_t most_response;
    uint64_t started; /* monotonic, when the core handed it over */
    /* Filled by the connector, then done() is called once, from any thread, which takes the call back. */
    struct reply reply;
    void (*done)(struct call *call);
    void *arg;
};
void call_free(struct call *call);

struct connector;
struct connector_operations {
    const char *kind; /* "sql" */
    /* Takes the call; never waits; calls done later or at once. */
    void (*start)(struct connector *connector, struct call *call);
    /* Waits for its threads, finishes every call it has. */
    void (*free)(struct connector *connector);
};
/* Implementations embed this as their first member. */
struct connector {
    const struct connector_operations *operations;
};

#endif
