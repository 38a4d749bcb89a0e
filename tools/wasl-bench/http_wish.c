#include "wasl-bench/http_wish.h"

#include "base/error.h"

#include <string.h>

#define FILE_MOST ((size_t)64 << 20)

/* What would end the request line or a field. */
static bool plain(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    return true;
}

static int take_line(const char *line, size_t len, const struct http_words *words, struct http_wish *wish)
{
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL), *answer = NULL;
    const char *path = NULL, *subject = NULL;
    int result = -1;
    if (object != NULL &&
        json_unpack(object, "{s:s, s:s, s:o !}", "path", &path, "subject", &subject, "answer", &answer) ==
            0 &&
        *path == '/' && plain(path) && plain(subject)) {
        buffer_printf(&wish->request,
                      "GET /r1/%s%s HTTP/1.1\r\nHost: localhost\r\nX-Road-Client: %s\r\nWasl-Purpose: %s\r\n"
                      "Wasl-Subject: %s\r\n\r\n",
                      words->service, path, words->client, words->purpose, subject);
        wish->answer = json_incref(answer);
        result = 0;
    }
    json_decref(object);
    return result;
}

int http_wishes_read(const char *path, const struct http_words *words, struct http_wishes *out,
                     struct error *e)
{
    struct buffer file = {0};
    size_t room = 0;
    int result = -1;
    *out = (struct http_wishes){0};
    if (!plain(words->client) || !plain(words->service) || !plain(words->purpose))
        return error_set(e, ERROR_USAGE, "client, service and purpose have no blanks");
    if (file_read(path, FILE_MOST, &file, e) != 0)
        goto done;
    const char *p = (const char *)file.data, *end = p + file.len;
    while (p < end) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((line_end != NULL ? line_end : end) - p);
        if (out->count == room) {
            room = room == 0 ? 256 : 2 * room;
            out->all = reallocarray(out->all, room, sizeof *out->all);
            BUG_ON(out->all == NULL);
        }
        struct http_wish *wish = &out->all[out->count++];
        *wish = (struct http_wish){0};
        if (take_line(p, len, words, wish) != 0) {
            error_set(e, ERROR_CONFIG,
                      "%s:%zu: {\"path\": \"/...\", \"subject\": \"...\", \"answer\": ...} is meant", path,
                      out->count);
            goto done;
        }
        p += len + 1;
    }
    if (out->count == 0)
        error_set(e, ERROR_CONFIG, "%s: nothing to ask for", path);
    else
        result = 0;
done:
    buffer_free(&file);
    return result;
}

void http_wishes_free(struct http_wishes *wishes)
{
    for (size_t i = 0; i < wishes->count; i++) {
        buffer_free(&wishes->all[i].request);
        json_decref(wishes->all[i].answer);
    }
    free(wishes->all);
    *wishes = (struct http_wishes){0};
}
