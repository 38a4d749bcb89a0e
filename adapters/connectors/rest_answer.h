#ifndef WASL_CONNECTORS_REST_ANSWER_H
#define WASL_CONNECTORS_REST_ANSWER_H
/* From an HTTP response to a reply: judged line by line as it comes, and broken off as soon as it is not one,
 * or is too large. */
#include "core/connector.h"
#include <curl/curl.h>

#define REST_FIELDS_MOST      100
#define REST_FIELD_BYTES_MOST 65536 /* of all header lines, those of 1xx responses and trailers too */

struct rest_answer {
    struct reply *reply; /* filled by rest_answer_finish */
    uint64_t most;       /* bytes of body */
    bool head;           /* answers HEAD: its Content-Length is of no body that comes */
    enum rest_answer_state { REST_STATUS, REST_FIELDS, REST_BODY } state;
    unsigned status;
    size_t bytes;
    bool chunked, has_length;
    uint64_t length;
    struct http_headers headers;
    struct buffer body;
    enum refusal refusal; /* why it was broken off: PROVIDER_FAILED, RESPONSE_TOO_LARGE */
    const char *why;      /* static words */
};
void rest_answer_init(struct rest_answer *answer, struct reply *reply, uint64_t most, bool head);
/* Sets the handle's callbacks; the answer outlives its transfer. */
void rest_answer_apply(struct rest_answer *answer, CURL *easy);
/* The final response's status line is there: from now on it has to go on at some speed. */
bool rest_answer_begun(const struct rest_answer *answer);
/* After the transfer succeeded: fills the reply. NONE, or why it is none. */
enum refusal rest_answer_finish(struct rest_answer *answer);
void rest_answer_free(struct rest_answer *answer); /* what was not moved into the reply */

/* One header line, with its line end; a piece of the body. False: break off. */
bool rest_answer_line(struct rest_answer *answer, struct bytes line);
bool rest_answer_body(struct rest_answer *answer, struct bytes piece);

#endif
