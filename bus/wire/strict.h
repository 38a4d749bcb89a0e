#ifndef WASL_WIRE_STRICT_H
#define WASL_WIRE_STRICT_H
/*
 * Protobuf from a peer. protobuf-c has no recursion limit, multiplies memory by 71, and accepts duplicates
 * and unknown fields; so bytes are first scanned against the message's descriptor and accepted only in their
 * one canonical encoding: known fields in rising order, each at most once (repeated ones together), minimal
 * varints, no default values, enums in range, lengths within the bytes, no empty elements. Nothing nests but
 * the header list of a sealed head, one level deep. Then they are unpacked in an arena with a budget.
 */
#include "base/bytes.h"
#include <protobuf-c/protobuf-c.h>

/* Fields of one message, counting every element of a repeated one. */
#define STRICT_ELEMENTS_MOST 1024

/* An unpacked message and its memory. */
struct strict_message {
    void *message; /* of the generated type; NULL after a failure */
    void *arena;
};
/* False when the bytes are not the canonical encoding or have more than STRICT_ELEMENTS_MOST fields.
 * Byte fields of the result are copies in the arena: free the bytes if you like. */
bool strict_unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes data,
                   struct strict_message *out);
/* The same, but an enum may have a value that this version does not know: what a later version wrote into a
 * ledger is shown, never skipped. */
bool strict_unpack_any_enum(const ProtobufCMessageDescriptor *descriptor, struct bytes data,
                            struct strict_message *out);
void strict_free(struct strict_message *message); /* harmless on a zeroed one */
/* Packs (appends). Our own messages are canonical because protobuf-c writes fields in order and skips
 * defaults. */
void strict_pack(const ProtobufCMessage *message, struct buffer *out);

/* A field of exactly len bytes, or none: *has says which. False when it has another length. */
bool strict_take_fixed(ProtobufCBinaryData field, size_t len, uint8_t *out, bool *has);

static inline struct bytes strict_bytes(ProtobufCBinaryData b)
{
    return bytes_make(b.data, b.len);
}
static inline ProtobufCBinaryData strict_field(struct bytes b)
{
    return (ProtobufCBinaryData){b.len, (uint8_t *)(uintptr_t)b.data};
}
static inline ProtobufCBinaryData strict_fixed(bool present, const uint8_t *data, size_t len)
{
    return strict_field(bytes_make(data, present ? len : 0));
}

#endif
