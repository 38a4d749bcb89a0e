#include "connectors/rest_answer.h"
#include "base/error.h"
#include "connectors/rest_field.h"
#include "connectors/rest_site.h"
#include <string.h>
#include <strings.h>

void rest_answer_init(struct rest_answer *answer, struct reply *reply, uint64_t most, bool head)
{
    *answer = (struct rest_answer){.reply = reply, .most = most, .head = head};
}

void rest_answer_free(struct rest_answer *answer)
{
    http_headers_free(&answer->headers);
    buffer_free(&answer->body);
}

static bool break_off(struct rest_answer *a, enum refusal refusal, const char *why)
{
    if (a->refusal == REFUSAL_NONE) {
        a->refusal = refusal;
        a->why = why;
    }
    return false;
}

static bool digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK": what stands behind the number is for people. */
static bool take_status(struct rest_answer *a, struct bytes line)
{
    const uint8_t *p = line.data;

    if (line.len < 12 || memcmp(p, "HTTP/1.", 7) != 0 || (p[7] != '0' && p[7] != '1') || p[8] != ' ' ||
        !digit(p[9]) || !digit(p[10]) || !digit(p[11]) || (line.len > 12 && p[12] != ' '))
        return break_off(a, REFUSAL_PROVIDER_FAILED, "its status line is not one of HTTP/1.1");
    a->status = (unsigned)(p[9] - '0') * 100 + (unsigned)(p[10] - '0') * 10 + (unsigned)(p[11] - '0');
    /* 101 would leave HTTP, and was not asked for. */
    if (a->status < 100 || a->status > 599 || a->status == 101)
        return break_off(a, REFUSAL_PROVIDER_FAILED, "its status is none that may be answered");
    a->state = REST_FIELDS;
    return true;
}

static bool take_length(struct rest_answer *a, struct bytes value)
{
    uint64_t length;

    if (!decimal_parse(value, &length) || (a->has_length && a->length != length))
        return break_off(a, REFUSAL_PROVIDER_FAILED, "its Content-Length is no length, or says two");
    a->has_length = true;
    a->length = length;
    return true;
}

/* How long the body is must have one meaning. */
static bool take_framing(struct rest_answer *a, const char *name, struct bytes value)
{
    if (strcasecmp(name, "content-length") == 0)
        return take_length(a, value);
    if (strcasecmp(name, "transfer-encoding") != 0)
        return true;
    if (a->chunked || value.len != 7 || strncasecmp((const char *)value.data, "chunked", 7) != 0)
        return break_off(a, REFUSAL_PROVIDER_FAILED, "a Transfer-Encoding that was not asked for");
    a->chunked = true;
    return true;
}

static struct bytes trimmed(struct bytes b)
{
    while (b.len > 0 && (b.data[0] == ' ' || b.data[0] == '\t'))
        b = bytes_make(b.data + 1, b.len - 1);
    while (b.len > 0 && (b.data[b.len - 1] == ' ' || b.data[b.len - 1] == '\t'))
        b.len--;
    return b;
}

/* A line that continues the one before it begins with a blank, which is in no name. */
static bool take_field(struct rest_answer *a, struct bytes line)
{
    const uint8_t *colon = memchr(line.data, ':', line.len);
    struct bytes name = bytes_make(line.data, colon != NULL ? (size_t)(colon - line.data) : 0);
    struct bytes value = {0};

    if (colon != NULL)
        value = trimmed(bytes_make(colon + 1, line.len - name.len - 1));
    if (colon == NULL || !http_field_valid(name, value))
        return break_off(a, REFUSAL_PROVIDER_FAILED, "a line of its header is no field");
    if (a->status < 200)
        return true; /* of an interim response: only its form matters */
    if (a->headers.count >= REST_FIELDS_MOST)
        return break_off(a, REFUSAL_RESPONSE_TOO_LARGE, "more header fields than are taken");
    http_headers_add_bytes(&a->headers, name, value);
    return take_framing(a, a->headers.items[a->headers.count - 1].name, value);
}

static bool may_have_body(const struct rest_answer *a)
{
    return !a->head && a->status != 204 && a->status != 304;
}

static bool end_fields(struct rest_answer *a)
{
    if (a->status < 200) {
        a->state = REST_STATUS;
        return true;
    }
    a->state = REST_BODY;
    if (a->chunked && a->has_length)
        return break_off(a, REFUSAL_PROVIDER_FAILED,
                         "Content-Length and Transfer-Encoding contradict each other");
    if (a->has_length && a->length > a->most && may_have_body(a))
        return break_off(a, REFUSAL_RESPONSE_TOO_LARGE, "it announces a larger body than is permitted");
    return true;
}

bool rest_answer_line(struct rest_answer *a, struct bytes line)
{
    a->bytes += line.len;
    if (a->bytes > REST_FIELD_BYTES_MOST)
        return break_off(a, REFUSAL_RESPONSE_TOO_LARGE, "more bytes of header than are taken");
    if (line.len > 0 && line.data[line.len - 1] == '\n')
        line.len--;
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    switch (a->state) {
    case REST_STATUS:
        return take_status(a, line);
    case REST_FIELDS:
        return line.len > 0 ? take_field(a, line) : end_fields(a);
    default:
        return true; /* trailers are read over */
    }
}

bool rest_answer_body(struct rest_answer *a, struct bytes piece)
{
    if (a->state != REST_BODY)
        return break_off(a, REFUSAL_PROVIDER_FAILED, "a body without a header");
    if (a->body.len + piece.len > a->most)
        return break_off(a, REFUSAL_RESPONSE_TOO_LARGE, "its body is larger than is permitted");
    buffer_append_bytes(&a->body, piece);
    return true;
}

bool rest_answer_begun(const struct rest_answer *a)
{
    return a->state != REST_STATUS && a->status >= 200;
}

static void move_fields(struct rest_answer *a)
{
    for (size_t i = 0; i < a->headers.count; i++) {
        const struct http_header *h = &a->headers.items[i];
        if (!rest_field_of_connection(h->name) && !http_nominated(&a->headers, h->name) &&
            !http_field_of_front(h->name))
            http_headers_add(&a->reply->headers, h->name, h->value);
    }
}

enum refusal rest_answer_finish(struct rest_answer *a)
{
    if (a->refusal != REFUSAL_NONE)
        return a->refusal;
    if (a->state != REST_BODY) {
        break_off(a, REFUSAL_PROVIDER_FAILED, "it is not whole");
        return a->refusal;
    }
    a->reply->status = a->status;
    move_fields(a);
    a->reply->body = a->body;
    a->body = (struct buffer){0};
    return REFUSAL_NONE;
}

/* --- libcurl's callbacks --- */

static size_t on_line(char *data, size_t size, size_t count, void *arg)
{
    size_t len = size * count;

    return rest_answer_line(arg, bytes_make(data, len)) ? len : 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    size_t len = size * count;

    return rest_answer_body(arg, bytes_make(data, len)) || len == 0 ? len : 0;
}

void rest_answer_apply(struct rest_answer *answer, CURL *easy)
{
    REST_SET(easy, CURLOPT_HEADERFUNCTION, on_line);
    REST_SET(easy, CURLOPT_HEADERDATA, answer);
    REST_SET(easy, CURLOPT_WRITEFUNCTION, on_body);
    REST_SET(easy, CURLOPT_WRITEDATA, answer);
}
