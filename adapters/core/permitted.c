#include "core/permitted.h"

#include "base/error.h"
#include "registry/fields.h"

#include <string.h>
#include <strings.h>

static bool plain(const struct http_headers *headers)
{
    const char *encoding = http_headers_get(headers, "content-encoding");
    return encoding == NULL || strcasecmp(encoding, "identity") == 0;
}

/* application/json or any +json, whatever its parameters. A reply without a type is tried: parsing decides.
 */
static bool may_be_json(const struct http_headers *headers)
{
    const char *type = http_headers_get(headers, "content-type");
    if (type == NULL)
        return true;
    size_t len = strcspn(type, "; \t");
    return (len == 16 && strncasecmp(type, "application/json", len) == 0) ||
           (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0);
}

enum refusal permitted_reduce(const struct registry_grant *grant, struct reply *reply)
{
    if (grant->whole)
        return REFUSAL_NONE;
    struct buffer reduced = {0};
    struct error e;
    bool readable = plain(&reply->headers) && may_be_json(&reply->headers);
    bool empty = reply->body.len == 0;
    bool good = empty || (readable && fields_reduce(grant, buffer_bytes(&reply->body), &reduced, &e) == 0);
    if (!good && reply->status < 400) {
        buffer_free(&reduced);
        return REFUSAL_NOT_FILTERABLE;
    }
    if (!good)
        buffer_clear(&reduced);
    http_headers_free(&reply->headers);
    if (reduced.len > 0)
        http_headers_add(&reply->headers, "content-type", "application/json");
    buffer_free(&reply->body);
    reply->body = reduced;
    return REFUSAL_NONE;
}
