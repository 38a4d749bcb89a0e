#ifndef WASL_TOOLS_HTTP_H
#define WASL_TOOLS_HTTP_H
/* The tools' HTTP client: plain HTTP to a unix socket or a loopback port, one request at a time, never
 * through a proxy, never redirected, with an upper bound on what it takes in. */
#include "base/bytes.h"

struct error;
struct http_client;

struct http_field {
    const char *name, *value;
};
struct http_request {
    const char *method; /* "GET" */
    const char *target; /* path and query, begins with "/"; sent as it is */
    const struct http_field *fields;
    size_t field_count;
    const struct bytes *body; /* NULL: none */
    size_t limit;             /* most bytes of the answer's body */
    unsigned timeout;         /* seconds for the whole; 0: 30 */
};
struct http_response {
    unsigned status;
    struct buffer
        head; /* "name: value\n" lines as they came, without the status line; for http_response_field */
    struct buffer body;
};

/* target: "unix:/path/of/socket" or "http://host:port". NULL with e set (ERROR_USAGE). */
struct http_client *http_client_new(const char *target, struct error *e);
void http_client_free(struct http_client *client); /* NULL is harmless */
/* 0 when there was an answer, whatever its status; -1 (ERROR_IO; ERROR_FULL when it is larger than the
 * limit). The response is cleared first; free it with http_response_free. Error texts name the peer, never
 * the target of the request. */
int http_client_ask(struct http_client *client, const struct http_request *request,
                    struct http_response *response, struct error *e);
/* Value of a header field (name compared without case) in out (cut to fit); false when there is none. */
bool http_response_field(const struct http_response *response, const char *name, char *out, size_t room);
void http_response_free(struct http_response *response);

#endif
