#ifndef WASL_FRONT_URI_H
#define WASL_FRONT_URI_H
/*
 * The request target of X-Road's REST protocol, from the raw bytes of the request line:
 *     /r1/{instance}/{class}/{member}/{subsystem}/{service}[/path][?query]
 * The five parts are percent-decoded one by one; path and query are views of the bytes as they came.
 */
#include "base/bytes.h"
#include "registry/identifier.h"

enum uri_status {
    URI_OK,
    URI_ELSEWHERE, /* does not begin with /r1/ */
    URI_MALFORMED, /* fewer than five parts, a byte or escape that the protocol does not permit, an absolute
                      form */
    URI_NO_SUCH,   /* well formed, but no identifier of the registry can look like this */
};
struct uri {
    char service[IDENTIFIER_MOST + 1]; /* empty unless URI_OK */
    struct bytes path;                 /* from the slash after the service on; empty when there is none */
    struct bytes query;                /* after the first "?" */
};
enum uri_status uri_parse(struct bytes target, struct uri *out);

/* An identifier as it stands in X-Road-Client: parts joined by "/", each percent-decoded. out has room for
 * IDENTIFIER_MOST + 1. Number of parts, 0 when it is malformed or no identifier. */
unsigned uri_identifier(struct bytes text, char *out);
/* Parts of an identifier of the wider world, such as a represented party: each percent-decoded as UTF-8 on
 * its own, without control characters. Their number, 0 when one is malformed. */
unsigned uri_parts(struct bytes text);

#endif
