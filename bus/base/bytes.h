#ifndef WASL_BASE_BYTES_H
#define WASL_BASE_BYTES_H
/* Byte slices, growing buffers, and the few encodings that the formats use. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HASH_SIZE 32 /* SHA-256 everywhere */

/* A view of bytes that somebody else owns. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

/* Bytes that the buffer owns. Zero-initialised is empty and valid. */
struct buffer {
    uint8_t *data;
    size_t len;
    size_t capacity;
};

static inline struct bytes bytes_make(const void *data, size_t len)
{
    return (struct bytes){(const uint8_t *)data, len};
}
struct bytes bytes_of_string(const char *text); /* without the terminating zero */
static inline struct bytes buffer_bytes(const struct buffer *b)
{
    return (struct bytes){b->data, b->len};
}
bool bytes_equal(struct bytes a, struct bytes b);                         /* not for secrets */
bool bytes_equal_constant_time(const void *a, const void *b, size_t len); /* for secrets and tags */
bool bytes_equal_string(struct bytes a, const char *text);

/* Memory exhaustion is fatal by decision (these daemons are bounded by their own limits first): these never
 * fail. */
void buffer_append(struct buffer *b, const void *data, size_t len);
void buffer_append_bytes(struct buffer *b, struct bytes data);
void buffer_append_string(struct buffer *b, const char *text);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_vprintf(struct buffer *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
uint8_t *buffer_extend(struct buffer *b, size_t len); /* room for len more, counted in; contents undefined */
void buffer_put_u16be(struct buffer *b, uint16_t v);
void buffer_put_u32be(struct buffer *b, uint32_t v);
void buffer_put_u64be(struct buffer *b, uint64_t v);
void buffer_clear(struct buffer *b); /* keeps the memory */
void buffer_free(struct buffer *b);  /* zeroes and frees; buffer is empty and valid afterwards */
/* Copies into fresh memory that the caller frees with free(); data of length 0 gives a non-NULL pointer. */
void *memory_copy(const void *data, size_t len);
void *memory_zeroed(size_t count, size_t size); /* aborts when there is none */
char *string_copy(const char *text);

static inline void put_u16be(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void put_u32be(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}
static inline void put_u64be(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (56 - 8 * i));
}
static inline uint16_t get_u16be(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}
static inline uint32_t get_u32be(const uint8_t *p)
{
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}
static inline uint64_t get_u64be(const uint8_t *p)
{
    return ((uint64_t)get_u32be(p) << 32) | get_u32be(p + 4);
}

/* Lower-case hexadecimal. out has room for 2 * len + 1. */
void hex_encode(const void *data, size_t len, char *out);
/* Exactly out_len bytes from exactly 2 * out_len digits of either case. */
bool hex_decode(const char *text, size_t text_len, void *out, size_t out_len);

/* Standard base64 with padding (RFC 4648 section 4). Decoding is strict: no white space, padding required,
 * unused bits zero. base64_decode appends to out and returns false (out unchanged) on anything else. */
void base64_encode(struct bytes data, struct buffer *out);
bool base64_decode(struct bytes text, struct buffer *out);

/* Decimal without sign, leading zero, or overflow; the whole text. */
bool decimal_parse(struct bytes text, uint64_t *out);

/* An exchange id (16 bytes) in the 8-4-4-4-12 form of RFC 4122; out has room for 37. */
void uuid_format(const uint8_t id[16], char *out);
bool uuid_parse(const char *text, uint8_t id[16]);
void uuid_random(uint8_t id[16]); /* version 4 */
/* Version 7 (RFC 9562, 5.7): the first 48 bits are milliseconds since 1970, so that what is made at about the
 * same time lies together wherever it is a key; 74 bits are random. */
void uuid_ordered(uint8_t id[16], uint64_t microseconds);
/* From the kernel's generator; aborts when the system has none. */
void bytes_random(void *out, size_t len);

/* A path is read whole, up to limit bytes; out is replaced. Returns 0, or -1 with e set (ERROR_NOT_FOUND
 * where it does not exist, ERROR_FULL where it is larger). */
struct error;
int file_read(const char *path, size_t limit, struct buffer *out, struct error *e);
/* The same of a file only (ERROR_CONFIG for anything else), so that a pipe in its place keeps nobody waiting:
 * for daemons that read folders which others fill. */
int file_read_regular(const char *path, size_t limit, struct buffer *out, struct error *e);
/* Writes path.tmp, fsync, rename, fsync of the folder: whole or not at all. mode as for open(2). */
int file_write_atomically(const char *path, struct bytes data, mode_t mode, struct error *e);
/* Makes the names in a folder, or the name of a file in its folder, survive a power cut. 0, or -1 with e set.
 */
int folder_sync(const char *folder, struct error *e);
int file_sync_name(const char *path, struct error *e);
/* "folder/name"; the caller frees it. */
char *file_path_in(const char *folder, const char *name);

#endif
