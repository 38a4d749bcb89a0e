/* Every message of the protocol: what is accepted is the one canonical encoding, and standard protobuf reads
 * it too. */
#include "fuzz.h"

#include "content.pb-c.h"
#include "envelope.pb-c.h"
#include "ledger.pb-c.h"
#include "session.pb-c.h"
#include "wire/strict.h"

static const ProtobufCMessageDescriptor *const types[] = {
    &wasl__v1__context__descriptor, &wasl__v1__body__descriptor,          &wasl__v1__signature__descriptor,
    &wasl__v1__slot__descriptor,    &wasl__v1__entry__descriptor,         &wasl__v1__request_head__descriptor,
    &wasl__v1__hello__descriptor,   &wasl__v1__welcome__descriptor,       &wasl__v1__submit__descriptor,
    &wasl__v1__receipt__descriptor, &wasl__v1__refused__descriptor,       &wasl__v1__deliver__descriptor,
    &wasl__v1__chunk__descriptor,   &wasl__v1__prove__descriptor,         &wasl__v1__proof__descriptor,
    &wasl__v1__fetch__descriptor,   &wasl__v1__object__descriptor,        &wasl__v1__ping__descriptor,
    &wasl__v1__pong__descriptor,    &wasl__v1__credit__descriptor,        &wasl__v1__notice__descriptor,
    &wasl__v1__bye__descriptor,     &wasl__v1__response_head__descriptor,
};
#define TYPES (sizeof types / sizeof types[0])

void fuzz_setup(void)
{
}

/* Every field set, by the descriptor. */
static void put_varint(struct buffer *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buffer_append(out, &(uint8_t){(uint8_t)(v | 0x80)}, 1);
    buffer_append(out, &(uint8_t){(uint8_t)v}, 1);
}

void fuzz_seeds(void)
{
    for (size_t t = 0; t < TYPES; t++) {
        struct buffer b = {0};
        for (unsigned f = 0; f < types[t]->n_fields; f++) {
            const ProtobufCFieldDescriptor *field = &types[t]->fields[f];
            bool bytes = field->type == PROTOBUF_C_TYPE_BYTES;
            for (int n = 0; n < (field->label == PROTOBUF_C_LABEL_REPEATED ? 2 : 1); n++) {
                put_varint(&b, (uint64_t)field->id << 3 | (bytes ? 2 : 0));
                put_varint(&b, bytes ? 3 : field->type == PROTOBUF_C_TYPE_UINT64 ? 300 : 1);
                if (bytes)
                    buffer_append(&b, "abc", 3);
            }
        }
        fuzz_seed_with((uint8_t)t, buffer_bytes(&b));
        buffer_free(&b);
    }
}

void fuzz_target(struct fuzz_input *in)
{
    const ProtobufCMessageDescriptor *type = types[fuzz_u8(in) % TYPES];
    struct bytes data = fuzz_rest(in);
    struct strict_message strict, any;
    bool good = strict_unpack(type, data, &strict), lenient = strict_unpack_any_enum(type, data, &any);

    FUZZ_CHECK(lenient || !good);
    if (good) {
        struct buffer again = {0};
        strict_pack(strict.message, &again);
        FUZZ_CHECK(bytes_equal(buffer_bytes(&again), data));
        buffer_free(&again);
        ProtobufCMessage *other = protobuf_c_message_unpack(type, NULL, data.len, data.data);
        FUZZ_CHECK(other != NULL && other->n_unknown_fields == 0);
        protobuf_c_message_free_unpacked(other, NULL);
    }
    if (lenient) {
        struct buffer again = {0};
        strict_pack(any.message, &again);
        FUZZ_CHECK(bytes_equal(buffer_bytes(&again), data));
        buffer_free(&again);
    }
    strict_free(&strict);
    strict_free(&any);
}
