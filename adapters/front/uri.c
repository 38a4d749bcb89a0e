#include "front/uri.h"
#include "base/percent.h"
#include "base/utf8.h"
#include <string.h>

#define PREFIX    "/r1/"
#define PART_MOST 255 /* bytes of an encoded part: an identifier's 64 bytes, each escaped, and no more */

static bool unescaped_allowed(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("-._~!$&'()*+,;=:@", c) != NULL);
}

/* One part up to `end`. */
static enum uri_status part_decode(struct bytes part, struct buffer *out)
{
    if (part.len == 0 || part.len > PART_MOST)
        return URI_MALFORMED;
    for (size_t i = 0; i < part.len; i++)
        if (part.data[i] != '%' && !unescaped_allowed(part.data[i]))
            return URI_MALFORMED;
    size_t before = out->len;
    if (!percent_decode(part, out) || !utf8_valid(bytes_make(out->data + before, out->len - before)))
        return URI_MALFORMED;
    return identifier_part_valid(bytes_make(out->data + before, out->len - before)) ? URI_OK : URI_NO_SUCH;
}

/* Decodes exactly `wanted` parts (0: all there are) and joins them. rest: what follows them. */
static enum uri_status parts_decode(struct bytes text, unsigned wanted, struct buffer *id, unsigned *count,
                                    struct bytes *rest)
{
    enum uri_status status = URI_OK;
    size_t at = 0;

    *count = 0;
    for (;;) {
        const uint8_t *slash = text.len > at ? memchr(text.data + at, '/', text.len - at) : NULL;
        size_t end = slash != NULL ? (size_t)(slash - text.data) : text.len;
        if (*count > 0)
            buffer_append(id, "/", 1);
        enum uri_status one = part_decode(bytes_make(text.data + at, end - at), id);
        if (one == URI_MALFORMED || *count == 8)
            return URI_MALFORMED;
        if (one != URI_OK)
            status = one;
        (*count)++;
        at = end;
        if (*count == wanted || at == text.len)
            break;
        at++;
    }
    *rest = bytes_make(text.data + at, text.len - at);
    if (wanted != 0 && *count != wanted)
        return URI_MALFORMED;
    return status == URI_OK && id->len > IDENTIFIER_MOST ? URI_NO_SUCH : status;
}

enum uri_status uri_parse(struct bytes target, struct uri *out)
{
    struct buffer id = {0};
    unsigned count;

    memset(out, 0, sizeof *out);
    /* What cannot stand in a request line has no business in the bytes that are forwarded; '#' never leaves a
     * client. */
    for (size_t i = 0; i < target.len; i++)
        if (target.data[i] <= 0x20 || target.data[i] == 0x7f || target.data[i] == '#')
            return URI_MALFORMED;
    if (target.len == 0 || target.data[0] != '/')
        return URI_MALFORMED;
    const uint8_t *mark = memchr(target.data, '?', target.len);
    struct bytes path = target;
    if (mark != NULL) {
        path.len = (size_t)(mark - target.data);
        out->query = bytes_make(mark + 1, target.len - path.len - 1);
    }
    if (path.len < strlen(PREFIX) || memcmp(path.data, PREFIX, strlen(PREFIX)) != 0)
        return URI_ELSEWHERE;
    path.data += strlen(PREFIX);
    path.len -= strlen(PREFIX);

    enum uri_status status = parts_decode(path, 5, &id, &count, &out->path);
    if (status == URI_OK)
        memcpy(out->service, id.data, id.len);
    buffer_free(&id);
    return status;
}

unsigned uri_identifier(struct bytes text, char *out)
{
    struct buffer id = {0};
    struct bytes rest;
    unsigned count = 0;

    out[0] = 0;
    if (parts_decode(text, 0, &id, &count, &rest) != URI_OK || identifier_parts(buffer_bytes(&id)) != count) {
        count = 0;
    } else {
        memcpy(out, id.data, id.len);
        out[id.len] = 0;
    }
    buffer_free(&id);
    return count;
}

unsigned uri_parts(struct bytes text)
{
    struct buffer id = {0};
    struct bytes rest;
    unsigned count = 0;
    enum uri_status status = parts_decode(text, 0, &id, &count, &rest);

    for (size_t i = 0; i < id.len; i++)
        if (id.data[i] < 0x20 || id.data[i] == 0x7f)
            status = URI_MALFORMED;
    buffer_free(&id);
    return status == URI_OK || status == URI_NO_SUCH ? count : 0;
}
