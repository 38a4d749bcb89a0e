#include "faults.h"

#include <string.h>

#define FAULTS_MOST 1000 /* kept as text; all are counted */

void faults_free(struct faults *faults)
{
    buffer_free(&faults->text);
    faults->count = 0;
}

/* The line number of a fault of the file `name`, or 0: a fault of another file. */
static unsigned line_of_fault(const uint8_t *text, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    unsigned line = 0;
    if (len <= name_len + 1 || memcmp(text, name, name_len) != 0 || text[name_len] != ':')
        return 0;
    for (size_t i = name_len + 1; i < len && text[i] >= '0' && text[i] <= '9'; i++)
        line = line * 10 + (unsigned)(text[i] - '0');
    return line;
}

/* Puts one finished line behind the faults of earlier and the same lines. */
static void insert(struct faults *faults, const char *name, unsigned line, struct bytes text)
{
    size_t at = 0, len = faults->text.len;
    const uint8_t *all = faults->text.data;
    while (at < len && line_of_fault(all + at, len - at, name) <= line)
        at += (size_t)((const uint8_t *)memchr(all + at, '\n', len - at) - (all + at)) + 1;
    buffer_extend(&faults->text, text.len);
    memmove(faults->text.data + at + text.len, faults->text.data + at, len - at);
    memcpy(faults->text.data + at, text.data, text.len);
}

void faults_add(struct faults *faults, const char *name, unsigned line, const char *path, const char *format,
                va_list args)
{
    struct buffer words = {0}, fault = {0};
    if (++faults->count > FAULTS_MOST)
        return;
    buffer_printf(&words, "%s%s", path, path[0] != '\0' ? ": " : "");
    buffer_vprintf(&words, format, args);
    buffer_printf(&fault, "%s:%u: ", name, line);
    /* Keys and values of the file may hold anything: one fault stays one line. */
    for (size_t i = 0; i < words.len; i++) {
        if (words.data[i] < 0x20 || words.data[i] == 0x7f)
            buffer_printf(&fault, "\\x%02x", words.data[i]);
        else
            buffer_append(&fault, &words.data[i], 1);
    }
    buffer_append_string(&fault, "\n");
    insert(faults, name, line, buffer_bytes(&fault));
    buffer_free(&words);
    buffer_free(&fault);
}
