#include "crypto/seal.h"
#include "base/error.h"

#include <string.h>

#define FRAME_LENGTHS ((size_t)12) /* u32 and u64 */
#define CLASS_LEAST   ((size_t)256)

/* Padme (Nikitin et al., PETS 2019, "Reducing Metadata Leakage from Encrypted Files", section 4): the length
 * keeps its log2(log2) highest bits, so that it tells little and grows by 12 % at most. */
static size_t size_class(size_t len)
{
    size_t exponent;
    size_t kept;
    size_t mask;

    if (len <= CLASS_LEAST)
        return CLASS_LEAST;
    exponent = 63 - (size_t)__builtin_clzll(len);
    kept = 64 - (size_t)__builtin_clzll(exponent);
    mask = ((size_t)1 << (exponent - kept)) - 1;
    return (len + mask) & ~mask;
}

void seal_frame(struct bytes head, struct bytes body, bool pad_to_class, struct buffer *plaintext)
{
    size_t len = FRAME_LENGTHS + head.len + body.len;
    size_t padding = pad_to_class ? size_class(len) - len : 0;

    BUG_ON(head.len > UINT32_MAX);
    buffer_put_u32be(plaintext, (uint32_t)head.len);
    buffer_append_bytes(plaintext, head);
    buffer_put_u64be(plaintext, body.len);
    buffer_append_bytes(plaintext, body);
    if (padding > 0)
        memset(buffer_extend(plaintext, padding), 0, padding);
}

bool seal_unframe(struct bytes plaintext, struct bytes *head, struct bytes *body)
{
    size_t left = plaintext.len;
    const uint8_t *at = plaintext.data;
    uint64_t len;

    if (left < FRAME_LENGTHS)
        return false;
    len = get_u32be(at);
    at += 4;
    left -= 4;
    if (len > left - 8)
        return false;
    *head = bytes_make(at, (size_t)len);
    at += len;
    left -= (size_t)len;
    len = get_u64be(at);
    at += 8;
    left -= 8;
    if (len > left)
        return false;
    *body = bytes_make(at, (size_t)len);
    at += len;
    left -= (size_t)len;
    /* Padding that is not zero would be a place to carry what nobody looks at. */
    for (size_t i = 0; i < left; i++)
        if (at[i] != 0)
            return false;
    return true;
}
