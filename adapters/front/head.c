#include "front/head.h"
#include "core/http.h"
#include <string.h>
#include <strings.h>

#define CRLF 2

static bool is(struct bytes text, const char *word)
{
    return text.len == strlen(word) && strncasecmp((const char *)text.data, word, text.len) == 0;
}

/* Expects a text at `next`; `separator` bytes follow it. */
static void expect(struct head *head, const void *text, size_t len, size_t separator)
{
    head->odd = head->odd || (uintptr_t)text != head->next;
    head->next = (uintptr_t)text + len + separator;
}

void head_begin(struct head *head, const char *method, const char *target, size_t target_len,
                const char *version)
{
    *head = (struct head){.begin = (uintptr_t)method, .next = (uintptr_t)method};
    expect(head, method, strlen(method), 1);
    expect(head, target, target_len, 1);
    expect(head, version, strlen(version), CRLF);
    head->old_version = strcmp(version, "HTTP/1.0") == 0;
    head->bad_version = !head->old_version && strcmp(version, "HTTP/1.1") != 0;
}

void head_field(struct head *head, struct bytes name, struct bytes value)
{
    uint64_t length;

    expect(head, name.data, name.len, 1);
    /* Blanks before the value belong to nobody: any number may stand there. */
    if ((uintptr_t)value.data > head->next)
        head->next = (uintptr_t)value.data;
    expect(head, value.data, value.len, CRLF);
    head->bad_field = head->bad_field || !http_field_valid(name, value);
    if (is(name, "Content-Length")) {
        head->lengths++;
        head->bad_length = head->bad_length || !decimal_parse(value, &length);
    } else if (is(name, "Transfer-Encoding")) {
        head->encodings++;
        head->chunked = is(value, "chunked");
        head->bad_encoding = head->bad_encoding || !head->chunked;
    }
}

const char *head_judge(const struct head *head, size_t size)
{
    if (head->odd || head->next + CRLF != head->begin + size)
        return "The head has blanks, bare line ends, folded lines or NUL bytes that can be read in two ways.";
    if (head->bad_version)
        return "The version is neither HTTP/1.1 nor HTTP/1.0.";
    if (head->bad_field)
        return "A header field holds control bytes, or its name is none.";
    if (head->lengths > 1 || head->bad_length)
        return "Content-Length is repeated, or not a number.";
    if (head->encodings > 1 || head->bad_encoding || (head->encodings > 0 && head->old_version))
        return "Transfer-Encoding is something else than one \"chunked\" in HTTP/1.1.";
    if (head->encodings > 0 && head->lengths > 0)
        return "Content-Length and Transfer-Encoding contradict each other.";
    return NULL;
}
