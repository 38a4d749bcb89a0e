#ifndef WASL_FRONT_REQUESTHASH_H
#define WASL_FRONT_REQUESTHASH_H
/*
 * X-Road-Request-Hash: by it a client (and later an auditor with the client's own records) ties an answer to
 * the exact request.   m = SHA512(VERB CRLF path[?query] CRLF { Name:Value CRLF }) value = base64(m), or
 * base64(SHA512(m || SHA512(body))) when there is a body path is the whole path of the request line, /r1/...
 * included; the header fields are those that are forwarded, in order.
 */
#include "core/http.h"

void request_hash(struct bytes method, struct bytes target, const struct http_headers *headers,
                  struct bytes body, struct buffer *out);

#endif
