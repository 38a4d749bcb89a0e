#ifndef WASL_ADAPTERS_CORE_ASK_H
#define WASL_ADAPTERS_CORE_ASK_H
/*
 * The consumer's side of an exchange: what an information system asks, through a front, and the answer it
 * gets. Data flow: front fills an ask -> core_ask (any thread) -> the core decides, seals, signs, SUBMITs ->
 * REFUSED or DELIVER -> ask->done on the core's thread with an answer.
 */
#include "base/refusal.h"
#include "core/http.h"
#include "registry/identifier.h"
#include "registry/subject.h"

struct core;

struct answer {
    enum refusal refusal; /* REFUSAL_NONE: the provider's system answered, whatever its status */
    const char *words;    /* for people, about this refusal; never personal data */
    unsigned status;      /* HTTP status of the provider's system */
    const struct http_headers *headers;
    struct bytes body;
};

struct ask {
    /* filled by the front; owned by the ask */
    char consumer[IDENTIFIER_MOST +
                  1]; /* subsystem id; the front has checked that the caller may speak for it */
    char service[IDENTIFIER_MOST + 1]; /* five-part id */
    char purpose[65];                  /* empty: take it if exactly one grant fits */
    struct buffer method, path, query; /* unchanged bytes */
    struct http_headers headers;       /* already filtered */
    struct buffer body;
    enum subject_type subject_type; /* SUBJECT_NONE: none was given; the core takes the person in the path */
    char subject[32];               /* canonical */
    struct buffer agent;            /* X-Road-UserId; empty: none */
    struct buffer request_id;       /* X-Road-Id */
    struct buffer request_hash;     /* X-Road-Request-Hash */
    enum refusal
        front_refusal; /* the front refuses this by itself (a malformed subject, say): the core records it
                          as a REFUSAL message and answers with it; nothing is sent to the provider */
    uint8_t traceparent[25];
    bool has_traceparent;
    /* called once, on the core's thread; the ask is freed afterwards by the core. The answer lives until it
     * returns. */
    void (*done)(struct ask *ask, const struct answer *answer);
    void *arg;
    /* made by ask_new: the exchange's id, in the signed header, the ledger, the error's detail and the log */
    uint8_t exchange_id[16];
};
struct ask *ask_new(void);
void ask_free(struct ask *ask);

/* Takes the ask. Any thread. False when the bound on waiting asks is reached or the core is stopping: the
 * caller keeps the ask. */
bool core_ask(struct core *core, struct ask *ask);

#endif
