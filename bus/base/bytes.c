#include "bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "error.h"

struct bytes bytes_of_string(const char *text)
{
    return bytes_make(text, strlen(text));
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_equal_constant_time(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < len; i++)
        difference = (uint8_t)(difference | (x[i] ^ y[i]));
    return difference == 0;
}

bool bytes_equal_string(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of_string(text));
}

void *memory_zeroed(size_t count, size_t size)
{
    void *p = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
    BUG_ON(p == NULL);
    return p;
}

void *memory_copy(const void *data, size_t len)
{
    void *p = malloc(len > 0 ? len : 1);
    BUG_ON(p == NULL);
    if (len > 0)
        memcpy(p, data, len);
    return p;
}

char *string_copy(const char *text)
{
    return memory_copy(text, strlen(text) + 1);
}

/* Not realloc: it would leave the old block, which may hold a key, unwiped in the heap. */
static void reserve(struct buffer *b, size_t more)
{
    BUG_ON(more > SIZE_MAX / 4 || b->len > SIZE_MAX / 4);
    size_t need = b->len + more;
    if (need <= b->capacity)
        return;
    /* Most are filled by one append and then kept: their size is known. What grows doubles. */
    size_t capacity = b->data == NULL ? (need + 63) & ~(size_t)63 : b->capacity;
    while (capacity < need)
        capacity *= 2;
    uint8_t *data = malloc(capacity);
    BUG_ON(data == NULL);
    if (b->data != NULL) {
        memcpy(data, b->data, b->len);
        explicit_bzero(b->data, b->capacity);
        free(b->data);
    }
    b->data = data;
    b->capacity = capacity;
}

uint8_t *buffer_extend(struct buffer *b, size_t len)
{
    reserve(b, len > 0 ? len : 1);
    uint8_t *at = b->data + b->len;
    b->len += len;
    return at;
}

void buffer_append(struct buffer *b, const void *data, size_t len)
{
    if (len > 0)
        memcpy(buffer_extend(b, len), data, len);
}

void buffer_append_bytes(struct buffer *b, struct bytes data)
{
    buffer_append(b, data.data, data.len);
}

void buffer_append_string(struct buffer *b, const char *text)
{
    buffer_append(b, text, strlen(text));
}

void buffer_vprintf(struct buffer *b, const char *format, va_list args)
{
    va_list again;
    BUG_ON(format == NULL);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    BUG_ON(len < 0);
    reserve(b, (size_t)len + 1);
    vsnprintf((char *)b->data + b->len, (size_t)len + 1, format, again);
    va_end(again);
    b->len += (size_t)len;
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buffer_vprintf(b, format, args);
    va_end(args);
}

void buffer_put_u16be(struct buffer *b, uint16_t v)
{
    put_u16be(buffer_extend(b, 2), v);
}

void buffer_put_u32be(struct buffer *b, uint32_t v)
{
    put_u32be(buffer_extend(b, 4), v);
}

void buffer_put_u64be(struct buffer *b, uint64_t v)
{
    put_u64be(buffer_extend(b, 8), v);
}

void buffer_clear(struct buffer *b)
{
    b->len = 0;
}

void buffer_free(struct buffer *b)
{
    if (b->data != NULL)
        explicit_bzero(b->data, b->capacity);
    free(b->data);
    *b = (struct buffer){NULL, 0, 0};
}

void hex_encode(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * len] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(const char *text, size_t text_len, void *out, size_t out_len)
{
    uint8_t *p = out;
    if (text_len % 2 != 0 || text_len / 2 != out_len)
        return false;
    for (size_t i = 0; i < out_len; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        p[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct bytes data, struct buffer *out)
{
    for (size_t i = 0; i < data.len; i += 3) {
        size_t n = data.len - i;
        uint32_t v = (uint32_t)data.data[i] << 16;
        if (n > 1)
            v |= (uint32_t)data.data[i + 1] << 8;
        if (n > 2)
            v |= data.data[i + 2];
        char quad[4] = {base64_digits[v >> 18], base64_digits[v >> 12 & 63],
                        n > 1 ? base64_digits[v >> 6 & 63] : '=', n > 2 ? base64_digits[v & 63] : '='};
        buffer_append(out, quad, 4);
    }
}

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of four: the number of bytes it holds, or -1. Padding only in the last group, unused bits zero.
 */
static int base64_group(const uint8_t *p, bool last, uint8_t out[3])
{
    int bytes = !last || p[3] != '=' ? 3 : p[2] != '=' ? 2 : 1;
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = i <= bytes ? base64_digit(p[i]) : 0;
        if (digit < 0)
            return -1;
        v = v << 6 | (uint32_t)digit;
    }
    if ((bytes == 1 && (v & 0xffff) != 0) || (bytes == 2 && (v & 0xff) != 0))
        return -1;
    out[0] = (uint8_t)(v >> 16);
    out[1] = (uint8_t)(v >> 8);
    out[2] = (uint8_t)v;
    return bytes;
}

bool base64_decode(struct bytes text, struct buffer *out)
{
    size_t before = out->len;
    if (text.len % 4 != 0)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        uint8_t three[3];
        int n = base64_group(text.data + i, i + 4 == text.len, three);
        if (n < 0) {
            out->len = before;
            return false;
        }
        buffer_append(out, three, (size_t)n);
    }
    return true;
}

bool decimal_parse(struct bytes text, uint64_t *out)
{
    uint64_t v = 0;
    if (text.len == 0 || (text.len > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        unsigned digit = text.data[i] - (unsigned)'0';
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

/* Where the hyphens stand in the text form. */
static bool uuid_hyphen(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

void uuid_format(const uint8_t id[16], char *out)
{
    char hex[33];
    hex_encode(id, 16, hex);
    const char *from = hex;
    for (size_t i = 0; i < 36; i++)
        out[i] = uuid_hyphen(i) ? '-' : *from++;
    out[36] = '\0';
}

bool uuid_parse(const char *text, uint8_t id[16])
{
    char hex[32];
    size_t n = 0;
    if (strlen(text) != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        if (uuid_hyphen(i)) {
            if (text[i] != '-')
                return false;
        } else {
            hex[n++] = text[i];
        }
    }
    return hex_decode(hex, n, id, 16);
}

void bytes_random(void *out, size_t len)
{
    uint8_t *p = out;
    while (len > 0) {
        ssize_t n = getrandom(p, len < 256 ? len : 256, 0); /* up to 256 bytes are never cut short */
        BUG_ON(n <= 0);
        p += n;
        len -= (size_t)n;
    }
}

void uuid_random(uint8_t id[16])
{
    bytes_random(id, 16);
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
}

void uuid_ordered(uint8_t id[16], uint64_t microseconds)
{
    uint8_t time[8];
    uuid_random(id);
    put_u64be(time, (microseconds / 1000) << 16);
    memcpy(id, time, 6);
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x70);
}
