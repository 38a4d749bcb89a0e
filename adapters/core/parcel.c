#include "core/parcel.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "session.pb-c.h"
#include "wire/envelope.h"
#include "wire/strict.h"

#include <stdlib.h>
#include <string.h>

static void take_header(struct parcel *parcel, const struct header *header)
{
    parcel->kind = header->kind;
    memcpy(parcel->exchange_id, header->exchange_id, sizeof(parcel->exchange_id));
    parcel->created = header->created;
    parcel->expires = header->expires;
    envelope_leaf(buffer_bytes(&parcel->context), buffer_bytes(&parcel->body), parcel->leaf);
}

/* Moves the sealed chunks and slots into the parcel. */
static int seal_into(struct parcel *parcel, struct seal_contexts *contexts, struct header *header,
                     struct bytes head, struct bytes content, bool pad, const struct seal_receiver *receivers,
                     size_t receiver_count, struct error *e)
{
    uint8_t context_hash[HASH_SIZE];
    sha256(buffer_bytes(&parcel->context), context_hash);
    struct buffer plaintext = {0};
    seal_frame(head, content, pad, &plaintext);
    struct sealed sealed = {0};
    int result =
        seal_with(contexts, buffer_bytes(&plaintext), context_hash, receivers, receiver_count, &sealed, e);
    buffer_free(&plaintext);
    if (result != 0)
        return -1;
    header->has_body = true;
    memcpy(header->sealed_root, sealed.root, HASH_SIZE);
    memcpy(header->slots_hash, sealed.slots_hash, HASH_SIZE);
    memcpy(header->commitment, sealed.commitment, HASH_SIZE);
    header->sealed_length = sealed.sealed_length;
    parcel->chunks = sealed.chunks;
    parcel->chunk_count = sealed.chunk_count;
    parcel->slots = sealed.slots;
    parcel->slot_count = sealed.slot_count;
    return 0;
}

struct parcel *parcel_make(struct signer *signer, struct seal_contexts *contexts, struct header *header,
                           struct bytes head, struct bytes content, bool pad,
                           const struct seal_receiver *receivers, size_t receiver_count, struct error *e)
{
    struct parcel *parcel = memory_zeroed(1, sizeof(*parcel));
    parcel->references = 1;
    header->has_body = false;
    header_encode_context(header, &parcel->context);
    if (receiver_count > 0 &&
        seal_into(parcel, contexts, header, head, content, pad, receivers, receiver_count, e) != 0)
        goto failed;
    header_encode_body(header, &parcel->body);

    struct envelope envelope = {parcel->context, parcel->body, {0}};
    int result = envelope_sign(signer, header->instance, &envelope, 1, e);
    parcel->signature = envelope.signature;
    if (result != 0)
        goto failed;
    take_header(parcel, header);
    return parcel;

failed:
    parcel_free(parcel);
    return NULL;
}

struct parcel *parcel_ref(struct parcel *parcel)
{
    parcel->references++;
    return parcel;
}

static void buffers_free(struct buffer *buffers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_free(&buffers[i]);
    free(buffers);
}

void parcel_free(struct parcel *parcel)
{
    if (parcel == NULL || --parcel->references > 0)
        return;
    buffer_free(&parcel->context);
    buffer_free(&parcel->body);
    buffer_free(&parcel->signature);
    buffers_free(parcel->slots, parcel->slot_count);
    buffers_free(parcel->chunks, parcel->chunk_count);
    free(parcel);
}

size_t parcel_size(const struct parcel *parcel)
{
    size_t size = parcel->context.len + parcel->body.len + parcel->signature.len;
    for (size_t i = 0; i < parcel->slot_count; i++)
        size += parcel->slots[i].len;
    for (size_t i = 0; i < parcel->chunk_count; i++)
        size += parcel->chunks[i].len;
    return size;
}

static void put_part(struct buffer *out, const struct buffer *part)
{
    buffer_put_u32be(out, (uint32_t)part->len);
    buffer_append_bytes(out, buffer_bytes(part));
}

void parcel_encode(const struct parcel *parcel, struct buffer *out)
{
    put_part(out, &parcel->context);
    put_part(out, &parcel->body);
    put_part(out, &parcel->signature);
    buffer_put_u32be(out, (uint32_t)parcel->slot_count);
    for (size_t i = 0; i < parcel->slot_count; i++)
        put_part(out, &parcel->slots[i]);
    buffer_put_u32be(out, (uint32_t)parcel->chunk_count);
    for (size_t i = 0; i < parcel->chunk_count; i++)
        put_part(out, &parcel->chunks[i]);
}

static bool take_u32(struct bytes *rest, uint32_t *out)
{
    if (rest->len < 4)
        return false;
    *out = get_u32be(rest->data);
    *rest = bytes_make(rest->data + 4, rest->len - 4);
    return true;
}

static bool take_part(struct bytes *rest, struct buffer *out)
{
    uint32_t len;
    if (!take_u32(rest, &len) || len > rest->len)
        return false;
    buffer_append(out, rest->data, len);
    *rest = bytes_make(rest->data + len, rest->len - len);
    return true;
}

static bool take_parts(struct bytes *rest, struct buffer **out, size_t *count)
{
    uint32_t parts;
    /* Each part has at least its length: what claims more parts than that is not ours. */
    if (!take_u32(rest, &parts) || parts > rest->len / 4)
        return false;
    *out = memory_zeroed(parts == 0 ? 1 : parts, sizeof(**out));
    for (*count = 0; *count < parts; (*count)++)
        if (!take_part(rest, &(*out)[*count]))
            return false;
    return true;
}

struct parcel *parcel_decode(struct bytes data)
{
    struct parcel *parcel = memory_zeroed(1, sizeof(*parcel));
    parcel->references = 1;
    struct header header;
    if (!take_part(&data, &parcel->context) || !take_part(&data, &parcel->body) ||
        !take_part(&data, &parcel->signature) || !take_parts(&data, &parcel->slots, &parcel->slot_count) ||
        !take_parts(&data, &parcel->chunks, &parcel->chunk_count) || data.len != 0 ||
        header_decode(buffer_bytes(&parcel->context), buffer_bytes(&parcel->body), &header) != REFUSAL_NONE) {
        parcel_free(parcel);
        return NULL;
    }
    take_header(parcel, &header);
    return parcel;
}

void parcel_submit(const struct parcel *parcel, struct buffer *out)
{
    ProtobufCBinaryData slots[SEAL_SLOTS_MOST];
    BUG_ON(parcel->slot_count > SEAL_SLOTS_MOST);
    for (size_t i = 0; i < parcel->slot_count; i++)
        slots[i] = strict_field(buffer_bytes(&parcel->slots[i]));
    Wasl__V1__Submit submit = WASL__V1__SUBMIT__INIT;
    submit.context = strict_field(buffer_bytes(&parcel->context));
    submit.body = strict_field(buffer_bytes(&parcel->body));
    submit.signature = strict_field(buffer_bytes(&parcel->signature));
    submit.n_slot = parcel->slot_count;
    submit.slot = slots;
    strict_pack(&submit.base, out);
}

struct bytes parcel_chunk(const struct parcel *parcel, size_t i)
{
    return i < parcel->chunk_count ? buffer_bytes(&parcel->chunks[i]) : bytes_make(NULL, 0);
}
