#include "wire/strict.h"

#include "base/error.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A field costs protobuf-c a scanned member, an array slot and rounding; measured at under 100 bytes on
 * amd64. */
#define ARENA_PER_ELEMENT ((size_t)192)
#define ARENA_BASE        ((size_t)4096)
#define ARENA_ALIGN       ((size_t)16)

enum wire_type { WIRE_VARINT = 0, WIRE_LENGTH = 2 };

struct scan {
    size_t elements; /* fields seen */
    bool any_enum;
};

struct cursor {
    const uint8_t *at, *end;
};

/* Minimal: the last byte is not zero, unless it is the only one. */
static bool cursor_varint(struct cursor *c, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (c->at == c->end)
            return false;
        uint8_t byte = *c->at++;
        if (shift == 63 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            if (byte == 0 && shift > 0)
                return false;
            *out = value;
            return true;
        }
    }
    return false;
}

static bool scan_number(const ProtobufCFieldDescriptor *field, struct cursor *c, const struct scan *scan)
{
    uint64_t value;
    if (!cursor_varint(c, &value) || value == 0)
        return false;
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT64:
        return true;
    case PROTOBUF_C_TYPE_UINT32:
        return value <= UINT32_MAX;
    case PROTOBUF_C_TYPE_ENUM:
        if (value > INT_MAX)
            return false;
        return scan->any_enum || protobuf_c_enum_descriptor_get_value(field->descriptor, (int)value) != NULL;
    default:
        return false;
    }
}

/* No message contains another, so whatever has a length is bytes. An element of a list may be empty: the
 * others count their places by it. */
static bool scan_bytes(const ProtobufCFieldDescriptor *field, struct cursor *c)
{
    uint64_t len;
    if (field->type != PROTOBUF_C_TYPE_BYTES || !cursor_varint(c, &len) || len > (uint64_t)(c->end - c->at))
        return false;
    c->at += len;
    return len > 0 || field->label == PROTOBUF_C_LABEL_REPEATED;
}

static bool scan_message(const ProtobufCMessageDescriptor *descriptor, struct bytes data, struct scan *scan)
{
    struct cursor c = {data.data, data.len > 0 ? data.data + data.len : data.data};
    uint32_t last = 0;
    while (c.at != c.end) {
        uint64_t key;
        if (!cursor_varint(&c, &key) || key > UINT32_MAX)
            return false;
        uint32_t number = (uint32_t)key >> 3;
        const ProtobufCFieldDescriptor *field =
            number == 0 ? NULL : protobuf_c_message_descriptor_get_field(descriptor, number);
        if (field == NULL)
            return false;
        bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
        if (number < last || (number == last && !repeated))
            return false;
        last = number;
        if (++scan->elements > STRICT_ELEMENTS_MOST)
            return false;
        switch (key & 7) {
        case WIRE_VARINT:
            /* A repeated number would have to be packed; no message of ours has one. */
            if (repeated || !scan_number(field, &c, scan))
                return false;
            break;
        case WIRE_LENGTH:
            if (!scan_bytes(field, &c))
                return false;
            break;
        default:
            return false;
        }
    }
    return true;
}

struct arena {
    size_t used, size;
    _Alignas(16) uint8_t memory[];
};

static void *arena_alloc(void *data, size_t size)
{
    struct arena *arena = data;
    size_t left = arena->size - arena->used;
    if (size > left || left - size < ARENA_ALIGN)
        return NULL;
    void *p = arena->memory + arena->used;
    arena->used += (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    return p;
}

static void arena_free(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

static bool unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes data, bool any_enum,
                   struct strict_message *out)
{
    out->message = NULL;
    out->arena = NULL;
    struct scan scan = {.any_enum = any_enum};
    if (!scan_message(descriptor, data, &scan))
        return false;

    size_t size = ARENA_BASE + descriptor->sizeof_message + data.len +
                  scan.elements * (ARENA_PER_ELEMENT + ARENA_ALIGN);
    struct arena *arena = memory_zeroed(1, sizeof(*arena) + size);
    arena->size = size;
    ProtobufCAllocator allocator = {arena_alloc, arena_free, arena};
    out->message = protobuf_c_message_unpack(descriptor, &allocator, data.len, data.data);
    out->arena = arena;
    if (out->message == NULL) {
        strict_free(out);
        return false;
    }
    return true;
}

bool strict_unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes data,
                   struct strict_message *out)
{
    return unpack(descriptor, data, false, out);
}

bool strict_unpack_any_enum(const ProtobufCMessageDescriptor *descriptor, struct bytes data,
                            struct strict_message *out)
{
    return unpack(descriptor, data, true, out);
}

void strict_free(struct strict_message *message)
{
    struct arena *arena = message->arena;
    if (arena != NULL) {
        /* What was unpacked may be the head of a sealed body. */
        explicit_bzero(arena->memory, arena->used);
        free(arena);
    }
    message->message = NULL;
    message->arena = NULL;
}

void strict_pack(const ProtobufCMessage *message, struct buffer *out)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size == 0)
        return;
    uint8_t *room = buffer_extend(out, size);
    size_t written = protobuf_c_message_pack(message, room);
    BUG_ON(written != size);
}

bool strict_take_fixed(ProtobufCBinaryData field, size_t len, uint8_t *out, bool *has)
{
    *has = field.len > 0;
    if (!*has)
        return true;
    if (field.len != len)
        return false;
    memcpy(out, field.data, len);
    return true;
}
