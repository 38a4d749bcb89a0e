#include "text.h"

#include "base/clock.h"

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

/* Length of the UTF-8 character at p and its code point; 0 when it is none. */
static size_t utf8_character(const uint8_t *p, size_t len, uint32_t *point)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80             ? 1
               : (p[0] & 0xe0) == 0xc0 ? 2
               : (p[0] & 0xf0) == 0xe0 ? 3
               : (p[0] & 0xf8) == 0xf0 ? 4
                                       : 0;
    if (n == 0 || n > len)
        return 0;
    uint32_t c = n == 1 ? p[0] : p[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = (c << 6) | (p[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *point = c;
    return n;
}

static bool harmless(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        return false;
    if (c == 0x061c || c == 0x200e || c == 0x200f || c == 0x2028 || c == 0x2029 || c == 0xfeff)
        return false;
    return !(c >= 0x202a && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

void text_put(struct bytes text, struct buffer *out)
{
    for (size_t i = 0; i < text.len;) {
        uint32_t c = 0;
        size_t n = utf8_character(text.data + i, text.len - i, &c);
        if (n > 0 && harmless(c)) {
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
