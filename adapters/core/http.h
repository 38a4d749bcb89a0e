#ifndef WASL_ADAPTERS_CORE_HTTP_H
#define WASL_ADAPTERS_CORE_HTTP_H
/* A list of HTTP header fields, as both front and connectors hand them to the core. */
#include "base/bytes.h"

struct http_headers {
    struct http_header {
        char *name, *value;
    } * items;
    size_t count;
};
void http_headers_add(struct http_headers *headers, const char *name, const char *value);
void http_headers_add_bytes(struct http_headers *headers, struct bytes name, struct bytes value);
/* First value of that name (compared without case); NULL when there is none. */
const char *http_headers_get(const struct http_headers *headers, const char *name);
/* May this be a field of an HTTP message? The name is a token of RFC 9110: with a colon or a blank in it the
 * other side would read another field than the one that was judged. The value has no control byte but tabs.
 */
bool http_field_valid(struct bytes name, struct bytes value);
/*
 * Is the name among those that a Connection field of these headers lists? Then it is of that connection, too
 * (RFC 9110, 7.6.1). Where those fields hold more than HTTP_NOMINATIONS_MOST bytes together, every name is:
 * the work for a list that nobody needs must not grow with it.
 */
#define HTTP_NOMINATIONS_MOST ((size_t)1024)
bool http_nominated(const struct http_headers *headers, const char *name);
/* Is the name among these, in lower case and with hyphens? Without case, and with `_` for `-`: both spellings
 * are one variable for a system behind CGI, WSGI or PHP. */
bool http_field_among(const char *name, const char *const *list);
/* Of one connection, by X-Road's list: never passed on. */
bool http_field_of_connection(const char *name);
/* What a consumer's front says to its client: nobody else may say it. */
bool http_field_of_front(const char *name);
void http_headers_free(struct http_headers *headers);

#endif
