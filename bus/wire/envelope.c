#include "wire/envelope.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "envelope.pb-c.h"
#include "wire/strict.h"

#include <string.h>

static const char domain[] = "wasl/batch/v1"; /* with its terminating zero */

void envelope_free(struct envelope *envelope)
{
    buffer_free(&envelope->context);
    buffer_free(&envelope->body);
    buffer_free(&envelope->signature);
}

void envelope_leaf(struct bytes context, struct bytes body, uint8_t leaf[HASH_SIZE])
{
    uint8_t length[4];
    put_u32be(length, (uint32_t)context.len);
    struct bytes parts[] = {bytes_make(length, sizeof(length)), context, body};
    merkle_leaf_parts(parts, 3, leaf);
}

void envelope_signed_bytes(const char *instance, uint8_t algorithm, const uint8_t certificate[HASH_SIZE],
                           uint32_t size, const uint8_t root[HASH_SIZE], struct buffer *out)
{
    buffer_append(out, domain, sizeof(domain));
    buffer_append_string(out, instance);
    buffer_append(out, &algorithm, 1);
    buffer_append(out, certificate, HASH_SIZE);
    buffer_put_u32be(out, size);
    buffer_append(out, root, HASH_SIZE);
}

/* Length of the path of leaf `index` among `size`, as RFC 6962 has it: one hash for each level at which the
 * leaf's subtree has a sibling. */
static size_t path_length(uint32_t index, uint32_t size)
{
    size_t length = 0;
    uint32_t last = size - 1;
    while (last > 0) {
        if ((index & 1) != 0 || index < last)
            length++;
        index >>= 1;
        last >>= 1;
    }
    return length;
}

static void write_block(const struct signer *signer, uint32_t index, uint32_t size,
                        uint8_t (*path)[HASH_SIZE], size_t path_len, struct bytes signature,
                        struct buffer *out)
{
    ProtobufCBinaryData hashes[64];
    for (size_t i = 0; i < path_len; i++)
        hashes[i] = (ProtobufCBinaryData){HASH_SIZE, path[i]};
    Wasl__V1__Signature block = WASL__V1__SIGNATURE__INIT;
    block.algorithm = (Wasl__V1__Algorithm)signer->algorithm;
    block.certificate = strict_field(bytes_make(signer->certificate, HASH_SIZE));
    block.tree_size = size;
    block.index = index;
    block.n_path = path_len;
    block.path = hashes;
    block.signature = strict_field(signature);
    strict_pack(&block.base, out);
}

int envelope_sign(struct signer *signer, const char *instance, struct envelope *envelopes, size_t count,
                  struct error *e)
{
    BUG_ON(count == 0 || count > BATCH_MOST);
    uint8_t leaves[BATCH_MOST][HASH_SIZE];
    for (size_t i = 0; i < count; i++)
        envelope_leaf(buffer_bytes(&envelopes[i].context), buffer_bytes(&envelopes[i].body), leaves[i]);
    uint8_t root[HASH_SIZE];
    merkle_root(leaves, count, root);

    struct buffer signed_bytes = {0};
    envelope_signed_bytes(instance, signer->algorithm, signer->certificate, (uint32_t)count, root,
                          &signed_bytes);
    uint8_t signature[SIGNATURE_MOST];
    size_t signature_len = signer->sign(signer, buffer_bytes(&signed_bytes), signature, e);
    buffer_free(&signed_bytes);
    if (signature_len == 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        uint8_t path[64][HASH_SIZE];
        size_t path_len = merkle_path(leaves, count, i, path);
        write_block(signer, (uint32_t)i, (uint32_t)count, path, path_len,
                    bytes_make(signature, signature_len), &envelopes[i].signature);
    }
    return 0;
}

static size_t signature_length(uint8_t algorithm)
{
    return algorithm == SIGNATURE_RSA2048 ? 256 : 64;
}

static bool take_block(const Wasl__V1__Signature *s, struct signature_block *out)
{
    if (s->algorithm == WASL__V1__ALGORITHM__ALGORITHM_UNSPECIFIED || s->certificate.len != HASH_SIZE ||
        s->tree_size == 0 || s->tree_size > BATCH_MOST || s->index >= s->tree_size ||
        s->n_path != path_length(s->index, s->tree_size) || s->n_path > 8 ||
        s->signature.len != signature_length((uint8_t)s->algorithm))
        return false;
    for (size_t i = 0; i < s->n_path; i++) {
        if (s->path[i].len != HASH_SIZE)
            return false;
        memcpy(out->path[i], s->path[i].data, HASH_SIZE);
    }
    out->algorithm = (uint8_t)s->algorithm;
    memcpy(out->certificate, s->certificate.data, HASH_SIZE);
    out->tree_size = s->tree_size;
    out->index = s->index;
    out->path_len = s->n_path;
    memcpy(out->signature, s->signature.data, s->signature.len);
    out->signature_len = s->signature.len;
    return true;
}

enum refusal signature_block_decode(struct bytes data, struct signature_block *out)
{
    memset(out, 0, sizeof(*out));
    struct strict_message hold;
    if (data.len > SIGNATURE_BLOCK_MOST || !strict_unpack(&wasl__v1__signature__descriptor, data, &hold))
        return REFUSAL_MALFORMED;
    bool good = take_block(hold.message, out);
    strict_free(&hold);
    return good ? REFUSAL_NONE : REFUSAL_MALFORMED;
}

enum refusal envelope_verify(const struct signature_block *block, const char *instance,
                             const uint8_t leaf[HASH_SIZE], EVP_PKEY *key, uint8_t key_algorithm)
{
    uint8_t root[HASH_SIZE];
    if (block->algorithm != key_algorithm ||
        !merkle_root_from_path(leaf, block->index, block->tree_size, (const uint8_t(*)[HASH_SIZE])block->path,
                               block->path_len, root))
        return REFUSAL_BAD_SIGNATURE;
    struct buffer signed_bytes = {0};
    envelope_signed_bytes(instance, block->algorithm, block->certificate, block->tree_size, root,
                          &signed_bytes);
    bool good = signature_verify(key, block->algorithm, buffer_bytes(&signed_bytes),
                                 bytes_make(block->signature, block->signature_len));
    buffer_free(&signed_bytes);
    return good ? REFUSAL_NONE : REFUSAL_BAD_SIGNATURE;
}
