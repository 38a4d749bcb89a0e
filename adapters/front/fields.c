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

/* The next entry of a list, up to its parameters; longer ones than any of ours are empty. False at the end.
 */
static bool next_entry(const char **at, char *entry, size_t room)
{
    const char *text = *at + strspn(*at, ", \t");
    size_t len = strcspn(text, ",; \t");

    if (*text == 0)
        return false;
    memset(entry, 0, room);
    if (len < room)
        memcpy(entry, text, len);
    *at = text + strcspn(text, ",");
    return true;
}

bool field_stripped_from_request(const char *name)
{
    /* The trace context is made fresh on the way; tracestate may carry anything. */
    static const char *const list[] = {"x-road-request-id", "x-road-request-hash", "traceparent",
                                       "tracestate", NULL};
    return http_field_among(name, list);
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

static size_t token_length(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~");
}

/* A token, or a quoted string without escapes. 0: neither. */
static size_t parameter_length(const char *text)
{
    if (*text != '"')
        return token_length(text);
    size_t len = strcspn(text + 1, "\"\\");
    return text[1 + len] == '"' ? len + 2 : 0;
}

bool field_media_type_plain(const char *value)
{
    const char *names[8];
    size_t lengths[8], count = 0, len = token_length(value);

    if (len == 0 || value[len] != '/')
        return false;
    value += len + 1;
    len = token_length(value);
    if (len == 0)
        return false;
    for (value += len; *(value += strspn(value, " \t")) == ';'; value += len) {
        value += 1 + strspn(value + 1, " \t");
        names[count] = value;
        lengths[count] = token_length(value);
        if (lengths[count] == 0 || value[lengths[count]] != '=')
            return false;
        for (size_t i = 0; i < count; i++)
            if (lengths[i] == lengths[count] && strncasecmp(names[i], value, lengths[i]) == 0)
                return false;
        value += lengths[count] + 1;
        len = parameter_length(value);
        if (len == 0 || ++count == sizeof names / sizeof names[0])
            return false;
    }
    return *value == 0;
}

const char *fields_accepted_xml(const struct http_headers *headers)
{
    static const char *const json[] = {"application/json", "application/*", "*/*", NULL};
    static const char *const text_xml[] = {"text/xml", "text/*", NULL};
    char entry[64];

    for (size_t i = 0; i < headers->count; i++) {
        if (strcasecmp(headers->items[i].name, "accept") != 0)
            continue;
        for (const char *at = headers->items[i].value; next_entry(&at, entry, sizeof entry);) {
            if (strcasecmp(entry, "application/xml") == 0)
                return "application/xml;charset=utf-8";
            if (among(entry, text_xml))
                return "text/xml;charset=utf-8";
            if (among(entry, json))
                return NULL;
        }
    }
    return NULL;
}

bool fields_accept(const struct http_headers *headers, const char *media_type, bool *given)
{
    char entry[64];

    *given = false;
    for (size_t i = 0; i < headers->count; i++) {
        if (strcasecmp(headers->items[i].name, "accept") != 0)
            continue;
        *given = true;
        for (const char *at = headers->items[i].value; next_entry(&at, entry, sizeof entry);)
            if (strcasecmp(entry, media_type) == 0)
                return true;
    }
    return false;
}
