#ifndef WASL_FRONT_REQUEST_H
#define WASL_FRONT_REQUEST_H
/* From an HTTP request to an ask: the whole judgement of the front, without any socket. */
#include "core/ask.h"
#include "front/fault.h"

/* What came over HTTP. Headers as received, unfiltered. */
struct request {
    struct buffer target; /* raw bytes of the request line */
    struct buffer method;
    struct http_headers headers;
    struct buffer body;
    bool body_too_large; /* more came than the front takes: body is empty */
};
void request_clear(struct request *request);

/* For whom a listener speaks. */
struct speaker {
    const char *member;            /* TN/GOV/MEN */
    const char *const *subsystems; /* TN/GOV/MEN/enrolment */
    size_t subsystem_count;
};

/*
 * An ask, or NULL with fault set when nothing can be recorded about it (no consumer of this member is known).
 * What the front refuses although the consumer is known becomes ask->front_refusal, so that it is recorded;
 * *words then has words of the front's own, or NULL. Takes the request's body.
 */
struct ask *request_ask(struct request *request, const struct speaker *speaker, struct fault *fault,
                        const char **words);

#endif
