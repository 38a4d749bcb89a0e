#include "text.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

void text_time(uint64_t microseconds, bool utc, struct buffer *out)
{
    if (utc) {
        char text[28];
        clock_format(microseconds, text);
        buffer_append_string(out, text);
        return;
    }
    time_t seconds = (time_t)(microseconds / MICROSECONDS);
    struct tm tm;
    char date[32], zone[8];
    if (localtime_r(&seconds, &tm) == NULL || strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm) == 0 ||
        strftime(zone, sizeof zone, "%z", &tm) != 5) {
        text_time(microseconds, true, out);
        return;
    }
    buffer_printf(out, "%s.%06u%.3s:%s", date, (unsigned)(microseconds % MICROSECONDS), zone, zone + 3);
}

static bool parse_ago(const char *text, uint64_t *out)
{
    size_t len = strlen(text);
    uint64_t number;
    if (len < 2 || !decimal_parse(bytes_make(text, len - 1), &number) || number > 1000000)
        return false;
    switch (text[len - 1]) {
    case 's':
        *out = number * MICROSECONDS;
        return true;
    case 'm':
        *out = number * 60 * MICROSECONDS;
        return true;
    case 'h':
        *out = number * 3600 * MICROSECONDS;
        return true;
    case 'd':
        *out = number * DAY_MICROSECONDS;
        return true;
    default:
        return false;
    }
}

bool text_parse_time(const char *text, uint64_t now, uint64_t *out)
{
    uint64_t ago;
    if (parse_ago(text, &ago)) {
        *out = ago < now ? now - ago : 0;
        return true;
    }
    return clock_parse(text, out);
}

void text_put(struct bytes text, struct buffer *out)
{
    for (size_t i = 0; i < text.len;) {
        uint32_t c = 0;
        size_t n = utf8_character(bytes_make(text.data + i, text.len - i), &c);
        if (n > 0 && utf8_harmless(c)) {
            buffer_append(out, text.data + i, n);
            i += n;
            continue;
        }
        for (size_t end = i + (n > 0 ? n : 1); i < end; i++)
            buffer_printf(out, "\\x%02x", text.data[i]);
    }
}

void text_put_cell(struct bytes text, struct buffer *out)
{
    buffer_append_string(out, "\"");
    size_t first = 0;
    while (first < text.len && text.data[first] == ' ')
        first++;
    if (first < text.len && memchr("=+-@\t\r\n|%", text.data[first], 9) != NULL)
        buffer_append_string(out, "'");
    struct buffer safe = {0};
    text_put(text, &safe);
    for (size_t i = 0; i < safe.len; i++)
        buffer_append(out, safe.data[i] == '"' ? (const void *)"\"\"" : safe.data + i,
                      safe.data[i] == '"' ? 2 : 1);
    buffer_free(&safe);
    buffer_append_string(out, "\"");
}

void text_put_hex(struct bytes data, struct buffer *out)
{
    for (size_t i = 0; i < data.len; i++)
        buffer_printf(out, "%02x", data.data[i]);
}
