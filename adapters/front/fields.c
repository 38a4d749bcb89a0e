#include "front/fields.h"
#include <string.h>
#include <strings.h>

static bool among(const char *name, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcasecmp(name, *list) == 0)
            return true;
    return false;
}

bool field_filtered(const char *name)
{
    static const char *const list[] = {"transfer-encoding",
                                       "keep-alive",
                                       "proxy-authenticate",
                                       "proxy-authorization",
                                       "te",
                                       "trailer",
                                       "upgrade",
                                       "connection",
                                       "user-agent",
                                       "host",
                                       "content-length",
                                       "server",
                                       "expect",
                                       NULL};
    return among(name, list);
}

bool field_stripped_from_request(const char *name)
{
    /* The trace context is made fresh on the way; tracestate may carry anything. */
    static const char *const list[] = {"x-road-request-id", "x-road-request-hash", "traceparent",
                                       "tracestate", NULL};
    return among(name, list);
}

bool field_stripped_from_response(const char *name)
{
    static const char *const list[] = {"x-road-id",         "x-road-client",       "x-road-service",
                                       "x-road-request-id", "x-road-request-hash", "x-road-error",
                                       "wasl-refusal",      "wasl-exchange",       NULL};
    return among(name, list);
}

bool field_single(const char *name)
{
    static const char *const list[] = {"x-road-client",
                                       "x-road-id",
                                       "x-road-userid",
                                       "x-road-issue",
                                       "x-road-represented-party",
                                       "x-road-security-server",
                                       "wasl-purpose",
                                       "wasl-subject",
                                       "uxp-purpose-ids",
                                       "uxp-subject-id",
                                       "host",
                                       "content-type",
                                       "content-length",
                                       "content-encoding",
                                       "transfer-encoding",
                                       "authorization",
                                       NULL};
    return among(name, list);
}

bool field_value_plain(const char *value, size_t most)
{
    size_t len = strlen(value);

    if (len > most)
        return false;
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
            return false;
    return true;
}

bool field_accept_wants_xml(const char *accept)
{
    static const char *const xml[] = {"application/xml", "text/xml", "text/*", NULL};
    static const char *const json[] = {"application/json", "application/*", "*/*", NULL};

    while (accept != NULL && *accept != 0) {
        size_t len = strcspn(accept, ",");
        size_t start = strspn(accept, " \t");
        size_t end = strcspn(accept, ",; \t");
        if (start < len) {
            size_t from = start;
            end = from + strcspn(accept + from, ",; \t");
            char entry[64] = "";
            if (end - from < sizeof entry)
                memcpy(entry, accept + from, end - from);
            if (among(entry, xml))
                return true;
            if (among(entry, json))
                return false;
        }
        accept += len;
        if (*accept == ',')
            accept++;
    }
    return false;
}
