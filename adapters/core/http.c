#include "core/http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void add(struct http_headers *headers, char *name, char *value)
{
    struct http_header *items = realloc(headers->items, (headers->count + 1) * sizeof(*items));
    if (items == NULL)
        abort();
    items[headers->count] = (struct http_header){name, value};
    headers->items = items;
    headers->count++;
}

void http_headers_add(struct http_headers *headers, const char *name, const char *value)
{
    add(headers, string_copy(name), string_copy(value));
}

static char *text_of(struct bytes b)
{
    char *text = memory_zeroed(b.len + 1, 1);
    if (b.len > 0)
        memcpy(text, b.data, b.len);
    return text;
}

void http_headers_add_bytes(struct http_headers *headers, struct bytes name, struct bytes value)
{
    add(headers, text_of(name), text_of(value));
}

bool http_field_valid(struct bytes name, struct bytes value)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
            return false;
    }
    for (size_t i = 0; i < value.len; i++)
        if ((value.data[i] < 0x20 && value.data[i] != '\t') || value.data[i] == 0x7f)
            return false;
    return name.len > 0;
}

const char *http_headers_get(const struct http_headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (strcasecmp(headers->items[i].name, name) == 0)
            return headers->items[i].value;
    return NULL;
}

static bool same_field(const char *name, const char *listed)
{
    for (; *name != 0 && *listed != 0; name++, listed++)
        if (tolower((unsigned char)(*name == '_' ? '-' : *name)) != *listed)
            return false;
    return *name == *listed;
}

bool http_field_among(const char *name, const char *const *list)
{
    for (; *list != NULL; list++)
        if (same_field(name, *list))
            return true;
    return false;
}

bool http_field_of_connection(const char *name)
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
    return http_field_among(name, list);
}

bool http_field_of_front(const char *name)
{
    static const char *const list[] = {"x-road-id",         "x-road-client",       "x-road-service",
                                       "x-road-request-id", "x-road-request-hash", "x-road-error",
                                       "wasl-refusal",      "wasl-exchange",       NULL};
    return http_field_among(name, list);
}

static bool lists(const char *value, const char *name)
{
    static const char *const between = ", \t;";
    size_t wanted = strlen(name);

    for (value += strspn(value, between); *value != 0; value += strspn(value, between)) {
        size_t len = strcspn(value, between);
        if (len == wanted && strncasecmp(value, name, len) == 0)
            return true;
        value += len;
    }
    return false;
}

bool http_nominated(const struct http_headers *headers, const char *name)
{
    size_t left = HTTP_NOMINATIONS_MOST;

    for (size_t i = 0; i < headers->count; i++) {
        if (strcasecmp(headers->items[i].name, "connection") != 0)
            continue;
        const char *value = headers->items[i].value;
        size_t len = strnlen(value, left + 1);
        if (len > left || lists(value, name))
            return true;
        left -= len;
    }
    return false;
}

/* Values may be about a person: they do not stay in freed memory. */
static void text_free(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

void http_headers_free(struct http_headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        text_free(headers->items[i].name);
        text_free(headers->items[i].value);
    }
    free(headers->items);
    *headers = (struct http_headers){0};
}
