#include "connectors/rest_field.h"
#include <string.h>
#include <strings.h>

static bool among(const char *name, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcasecmp(name, *list) == 0)
            return true;
    return false;
}

bool rest_field_of_connection(const char *name)
{
    /* X-Road's list; accept-encoding because an encoded answer could not be reduced; http2-settings and
     * proxy-connection ask for another protocol. */
    static const char *const list[] = {"transfer-encoding",
                                       "keep-alive",
                                       "proxy-authenticate",
                                       "proxy-authorization",
                                       "proxy-connection",
                                       "te",
                                       "trailer",
                                       "upgrade",
                                       "http2-settings",
                                       "connection",
                                       "user-agent",
                                       "host",
                                       "content-length",
                                       "server",
                                       "expect",
                                       "accept-encoding",
                                       NULL};
    return among(name, list);
}

static bool lists(const char *value, const char *name)
{
    size_t len = strlen(name);

    while (*value != 0) {
        value += strspn(value, ", \t");
        size_t item = strcspn(value, ", \t");
        if (item == len && strncasecmp(value, name, len) == 0)
            return true;
        value += item;
    }
    return false;
}

bool rest_field_nominated(const struct http_headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (strcasecmp(headers->items[i].name, "connection") == 0 && lists(headers->items[i].value, name))
            return true;
    return false;
}

bool rest_field_of_bus(const char *name)
{
    static const char *const list[] = {
        "x-road-client",   "x-road-service", "x-road-request-id", "x-road-request-hash",
        "idempotency-key", "traceparent",    "tracestate",        NULL};
    return among(name, list);
}

bool rest_field_of_purpose(const char *name)
{
    return strcasecmp(name, "wasl-purpose") == 0 || strcasecmp(name, "uxp-purpose-ids") == 0;
}

bool rest_field_of_subject(const char *name)
{
    return strcasecmp(name, "wasl-subject") == 0 || strcasecmp(name, "uxp-subject-id") == 0;
}

bool rest_field_overrides(const char *name)
{
    static const char *const list[] = {"x-http-method-override", "x-http-method", "x-method-override",
                                       "x-original-url",         "x-rewrite-url", NULL};
    return among(name, list);
}

bool rest_field_of_front(const char *name)
{
    static const char *const list[] = {"x-road-id",         "x-road-client",       "x-road-service",
                                       "x-road-request-id", "x-road-request-hash", "x-road-error",
                                       "wasl-refusal",      "wasl-exchange",       NULL};
    return among(name, list);
}
