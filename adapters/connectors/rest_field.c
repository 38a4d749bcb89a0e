#include "connectors/rest_field.h"
#include "core/http.h"
#include <stddef.h>

bool rest_field_of_connection(const char *name)
{
    /* Beside X-Road's list: accept-encoding because an encoded answer could not be reduced; http2-settings
     * and proxy-connection ask for another protocol. */
    static const char *const list[] = {"proxy-connection", "http2-settings", "accept-encoding", NULL};
    return http_field_of_connection(name) || http_field_among(name, list);
}

bool rest_field_of_bus(const char *name)
{
    static const char *const list[] = {
        "x-road-client",   "x-road-service", "x-road-request-id", "x-road-request-hash",
        "idempotency-key", "traceparent",    "tracestate",        NULL};
    return http_field_among(name, list);
}

bool rest_field_of_purpose(const char *name)
{
    static const char *const list[] = {"wasl-purpose", "uxp-purpose-ids", NULL};
    return http_field_among(name, list);
}

bool rest_field_of_subject(const char *name)
{
    static const char *const list[] = {"wasl-subject", "uxp-subject-id", NULL};
    return http_field_among(name, list);
}

bool rest_field_overrides(const char *name)
{
    static const char *const list[] = {"x-http-method-override", "x-http-method", "x-method-override",
                                       "x-original-url",         "x-rewrite-url", NULL};
    return http_field_among(name, list);
}
