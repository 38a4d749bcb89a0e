#include "connectors/rest_field.h"
#include <ctype.h>
#include <stddef.h>

/* "X_Road_Client" and "X-Road-Client" are one variable for a system behind CGI, WSGI or PHP. */
static bool same(const char *a, const char *b)
{
    for (; *a != 0 && *b != 0; a++, b++)
        if (tolower((unsigned char)(*a == '_' ? '-' : *a)) != *b)
            return false;
    return *a == *b;
}

/* The names of a list are in lower case, with hyphens. */
static bool among(const char *name, const char *const *list)
{
    for (; *list != NULL; list++)
        if (same(name, *list))
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

bool rest_field_of_bus(const char *name)
{
    static const char *const list[] = {
        "x-road-client",   "x-road-service", "x-road-request-id", "x-road-request-hash",
        "idempotency-key", "traceparent",    "tracestate",        NULL};
    return among(name, list);
}

bool rest_field_of_purpose(const char *name)
{
    return same(name, "wasl-purpose") || same(name, "uxp-purpose-ids");
}

bool rest_field_of_subject(const char *name)
{
    return same(name, "wasl-subject") || same(name, "uxp-subject-id");
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
