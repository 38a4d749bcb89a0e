#include "registry/operation.h"

#include "base/utf8.h"
#include "registry/glob.h"
#include "registry/template.h"

#include <string.h>

#define PATH_MOST 8192

static bool is_unreserved(unsigned c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static bool is_path_byte(unsigned c)
{
    return is_unreserved(c) || (c != 0 && c < 0x80 && strchr("!$&'()*+,=:@/", (int)c) != NULL) || c >= 0x80;
}

/*
 * What may be percent-encoded. Not the unreserved bytes (RFC 3986 calls "%61" and "a" the same, so a
 * provider's system may run "/admin" where we saw a parameter's value), nor what some systems take for
 * structure after decoding.
 */
static bool may_be_encoded(unsigned c)
{
    return c > 0x20 - 1 && c != 0x7f && !is_unreserved(c) && c != '/' && c != '\\' && c != '%';
}

/* The whole path before anything is matched. A raw ';' is refused: some servers cut a segment there, others
 * do not. */
static bool path_unambiguous(struct bytes path)
{
    size_t segment = 0;
    if (path.len > PATH_MOST)
        return false;
    for (size_t i = 0; i < path.len; i++) {
        uint8_t c = path.data[i];
        if (c == '/') {
            if (i > 0 && i == segment)
                return false; /* "//" */
            segment = i + 1;
        } else if (c == '%') {
            uint8_t decoded;
            if (i + 2 >= path.len || !hex_decode((const char *)path.data + i + 1, 2, &decoded, 1) ||
                !may_be_encoded(decoded))
                return false;
            i += 2;
        } else if (!is_path_byte(c)) {
            return false;
        }
        size_t end = i + 1;
        if (c != '/' && (end == path.len || path.data[end] == '/')) {
            size_t len = end - segment;
            if (path.data[segment] == '.' && (len == 1 || (len == 2 && path.data[segment + 1] == '.')))
                return false;
        }
    }
    return true;
}

/* UTF-8 without C0 and C1 controls. */
static bool text_valid(struct bytes text)
{
    uint32_t c;
    for (size_t i = 0, n; i < text.len; i += n) {
        n = utf8_character(bytes_make(text.data + i, text.len - i), &c);
        if (n == 0 || c < 0x20 || (c >= 0x7f && c <= 0x9f))
            return false;
    }
    return true;
}

/* Decodes a segment into a parameter's value. raw: it has bytes over 0x7f that were not encoded. */
static bool decode(struct bytes segment, char *out, size_t room, size_t *out_len, bool *raw)
{
    size_t len = 0;
    *raw = false;
    for (size_t i = 0; i < segment.len; i++) {
        uint8_t c = segment.data[i];
        if (c == '%') {
            if (!hex_decode((const char *)segment.data + i + 1, 2, &c, 1))
                return false;
            i += 2;
        } else if (c >= 0x80) {
            *raw = true;
        }
        if (len + 1 >= room)
            return false;
        out[len++] = (char)c;
    }
    out[len] = 0;
    *out_len = len;
    return text_valid(bytes_make(out, len));
}

/* A path that everybody reads alike, once it is decoded, too. raw: see decode. */
static bool path_judgeable(struct bytes path, bool *raw)
{
    char decoded[PATH_MOST + 1];
    size_t len;
    return path.data[0] == '/' && path_unambiguous(path) && decode(path, decoded, sizeof decoded, &len, raw);
}

/* What a glob has taken: any text, but all of it encoded. */
static bool is_encoded(struct bytes part)
{
    for (size_t i = 0; i < part.len; i++)
        if (part.data[i] >= 0x80)
            return false;
    return true;
}

/* The segment of the path that begins at *start, and *start after its '/'. */
static struct bytes take_segment(struct bytes path, size_t *start)
{
    const uint8_t *slash = memchr(path.data + *start, '/', path.len - *start);
    size_t len = slash != NULL ? (size_t)(slash - path.data) - *start : path.len - *start;
    struct bytes segment = bytes_make(path.data + *start, len);
    *start += len + 1;
    return segment;
}

/* Does the path have the template's form: as many segments, the same literals? */
static bool shape_fits(const char *template, struct bytes path)
{
    struct template_segment want;
    size_t at = 0, start = 1;
    while (template_next(template, &at, &want)) {
        if (want.kind == TEMPLATE_REST)
            return start <= path.len; /* a '/' stands before it */
        if (start >= path.len)
            return false;
        struct bytes segment = take_segment(path, &start);
        if (segment.len == 0 || (want.kind == TEMPLATE_LITERAL && !bytes_equal(want.text, segment)) ||
            (want.kind == TEMPLATE_GLOB && !glob_match(want.text, segment)))
            return false;
    }
    /* start stands one past where a '/' would be; "/a/" has one more byte than "/a". */
    return at == 0 ? path.len == 1 : start == path.len + 1;
}

static enum refusal take_parameter(const struct template_segment *want, struct bytes segment,
                                   struct operation_parameter *out)
{
    out->name = (const char *)want->text.data;
    out->name_len = want->text.len;
    out->type = want->type;
    size_t value_len;
    bool raw;
    if (!decode(segment, out->value, sizeof out->value, &value_len, &raw))
        return REFUSAL_BAD_PARAMETER;
    if (want->type == SUBJECT_NONE)
        return raw ? REFUSAL_AMBIGUOUS_TARGET : REFUSAL_NONE;
    char canonical[32];
    enum refusal refusal = subject_check(want->type, bytes_make(out->value, value_len), canonical);
    if (refusal == REFUSAL_NONE)
        memcpy(out->value, canonical, strlen(canonical) + 1);
    return refusal;
}

static enum refusal take_parameters(const struct registry_operation *operation, struct bytes path,
                                    struct operation_match *out)
{
    struct template_segment want;
    size_t at = 0, start = 1;
    out->operation = operation;
    out->parameter_count = 0;
    while (template_next(operation->path, &at, &want)) {
        if (want.kind == TEMPLATE_REST)
            return is_encoded(bytes_make(path.data + start, path.len - start)) ? REFUSAL_NONE
                                                                               : REFUSAL_AMBIGUOUS_TARGET;
        struct bytes segment = take_segment(path, &start);
        if (want.kind == TEMPLATE_GLOB && !is_encoded(segment))
            return REFUSAL_AMBIGUOUS_TARGET;
        if (want.kind != TEMPLATE_PARAMETER)
            continue;
        enum refusal refusal = take_parameter(&want, segment, &out->parameters[out->parameter_count++]);
        if (refusal != REFUSAL_NONE)
            return refusal;
    }
    return REFUSAL_NONE;
}

enum refusal operation_match(const struct registry_service *service, struct bytes method, struct bytes path,
                             struct operation_match *out)
{
    bool raw;
    memset(out, 0, sizeof *out);
    if (path.len == 0)
        path = bytes_of_string("/"); /* what is forwarded then */
    if (!path_judgeable(path, &raw))
        return REFUSAL_AMBIGUOUS_TARGET;
    enum refusal refusal = REFUSAL_UNKNOWN_OPERATION;
    for (size_t i = 0; i < service->operation_count; i++) {
        const struct registry_operation *operation = &service->operations[i];
        if (!shape_fits(operation->path, path))
            continue;
        if (!bytes_equal_string(method, operation->method)) {
            if (refusal == REFUSAL_UNKNOWN_OPERATION)
                refusal = REFUSAL_METHOD_NOT_SERVED;
            continue;
        }
        /* A literal and a typed parameter may stand at one place ("/persons/search", "/persons/{iuc:IUC}"):
         * the one whose type refuses the literal has no say when the other fits. */
        enum refusal of_this = take_parameters(operation, path, out);
        if (of_this == REFUSAL_NONE)
            return REFUSAL_NONE;
        if (refusal == REFUSAL_UNKNOWN_OPERATION || refusal == REFUSAL_METHOD_NOT_SERVED)
            refusal = of_this;
    }
    memset(out, 0, sizeof *out);
    return refusal;
}

enum refusal operation_permitted(const struct registry_grant *grant, struct bytes method, struct bytes path,
                                 const struct registry_endpoint **by)
{
    bool raw;
    if (by != NULL)
        *by = NULL;
    if (path.len == 0)
        path = bytes_of_string("/");
    if (!path_judgeable(path, &raw))
        return REFUSAL_AMBIGUOUS_TARGET;
    if (grant->endpoint_count == 0)
        return REFUSAL_NONE;
    for (size_t i = 0; i < grant->endpoint_count; i++) {
        const struct registry_endpoint *endpoint = &grant->endpoints[i];
        if (strcmp(endpoint->method, "*") != 0 && !bytes_equal_string(method, endpoint->method))
            continue;
        if (!glob_match(bytes_of_string(endpoint->path), path))
            continue;
        if (by != NULL)
            *by = endpoint;
        return REFUSAL_NONE;
    }
    return REFUSAL_ENDPOINT_NOT_PERMITTED;
}
