#include "core/permitted.h"

#include "base/error.h"
#include "core/delivery.h"
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

static bool among(const char *word, size_t len, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strlen(*list) == len && strncasecmp(word, *list, len) == 0)
            return true;
    return false;
}

/* A list of nothing but these words. */
static bool only(const char *value, const char *const *words)
{
    for (;;) {
        value += strspn(value, ", \t");
        size_t len = strcspn(value, ", \t");
        if (len == 0)
            return true;
        if (!among(value, len, words))
            return false;
        value += len;
    }
}

/* What says how to use the interface in words that are all known here: no room for a person in it. */
static bool may_leave(const struct http_header *h)
{
    static const char *const verbs[] = {"DELETE", "GET", "HEAD",  "OPTIONS", "PATCH",
                                        "POST",   "PUT", "TRACE", NULL};
    static const char *const caching[] = {"no-cache", "no-store", "private", "must-revalidate", NULL};
    size_t digits = strspn(h->value, "0123456789");
    if (strcasecmp(h->name, "allow") == 0)
        return only(h->value, verbs);
    if (strcasecmp(h->name, "cache-control") == 0)
        return only(h->value, caching);
    return strcasecmp(h->name, "retry-after") == 0 && digits >= 1 && digits <= 5 && h->value[digits] == 0;
}

static void reduce_headers(struct http_headers *headers)
{
    struct http_headers kept = {0};
    for (size_t i = 0; i < headers->count; i++)
        if (may_leave(&headers->items[i]) && http_headers_get(&kept, headers->items[i].name) == NULL)
            http_headers_add(&kept, headers->items[i].name, headers->items[i].value);
    http_headers_free(headers);
    *headers = kept;
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
    reduce_headers(&reply->headers);
    if (reduced.len > 0)
        http_headers_add(&reply->headers, "content-type", "application/json");
    buffer_free(&reply->body);
    reply->body = reduced;
    return REFUSAL_NONE;
}

enum refusal permitted_outcome(const struct registry_grant *grant, const struct registry_service *service,
                               struct reply *reply)
{
    if (reply->refusal != REFUSAL_NONE)
        return reply->refusal;
    if (reply->status < 100 || reply->status > 599)
        return REFUSAL_PROVIDER_FAILED;
    if (reply->body.len > service->most_response || reply->body.len > DELIVERY_MOST / 2)
        return REFUSAL_RESPONSE_TOO_LARGE;
    enum refusal refusal = permitted_reduce(grant, reply);
    for (size_t i = 0; refusal == REFUSAL_NONE && i < reply->headers.count; i++)
        if (!http_field_valid(bytes_of_string(reply->headers.items[i].name),
                              bytes_of_string(reply->headers.items[i].value)))
            refusal = REFUSAL_PROVIDER_FAILED;
    return refusal;
}
