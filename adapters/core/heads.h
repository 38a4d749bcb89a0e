#ifndef WASL_ADAPTERS_CORE_HEADS_H
#define WASL_ADAPTERS_CORE_HEADS_H
/* What stands at the head of a sealed plaintext (proto/content.proto), in and out. */
#include "core/ask.h"
#include "core/connector.h"

/* Appends. */
void request_head_encode(const struct ask *ask, struct buffer *out);
/* Fills method, path, query and headers of a call, and what the consumer says the question is about (subject:
 * room for 64; empty when nothing is said). False when it is not a head. */
bool request_head_decode(struct bytes head, struct call *call, enum subject_type *type, char *subject);

/* Appends. refusal NONE: the reply of the provider's system; else the fault. */
void response_head_encode(const struct reply *reply, enum refusal refusal, struct buffer *out);
bool response_head_decode(struct bytes head, unsigned *status, struct http_headers *headers);

#endif
