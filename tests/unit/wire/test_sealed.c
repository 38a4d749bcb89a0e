/* The cut of a sealed body into chunks, at its boundaries, and the header's words on it. */
#include "wire/sealed.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "crypto/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_body_has_one_cut(void **state)
{
    (void)state;
    const uint64_t full = SEAL_SEALED_CHUNK;
    static const struct {
        uint64_t more; /* over `chunks` full ones */
        unsigned chunks;
        size_t count;
    } cases[] = {
        {0, 0, 0}, {SEAL_TAG, 0, 0}, {SEAL_TAG + 1, 0, 1}, {0, 1, 1},
        {1, 1, 0}, {SEAL_TAG, 1, 0}, {SEAL_TAG + 1, 1, 2}, {0, 4, 4},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t length = cases[i].chunks * full + cases[i].more;
        size_t count = sealed_chunk_count(length);
        assert_int_equal(count, cases[i].count);
        uint64_t sum = 0;
        for (size_t k = 0; k < count; k++)
            sum += sealed_chunk_length(length, count, k);
        assert_int_equal(sum, count > 0 ? length : 0);
    }
    assert_int_equal(sealed_chunk_count(UINT64_MAX), 0);
}

static void chunks_of_another_length_number_or_content_do_not_match(void **state)
{
    (void)state;
    struct buffer chunks[2] = {{0}, {0}};
    struct bytes views[2];
    struct header h = {0};
    for (size_t i = 0; i < SEAL_SEALED_CHUNK; i++)
        buffer_append(&chunks[0], "x", 1);
    buffer_append(&chunks[1], "0123456789abcdef+", SEAL_TAG + 1);
    for (size_t i = 0; i < 2; i++)
        views[i] = buffer_bytes(&chunks[i]);
    seal_root(views, 2, h.sealed_root);
    h.sealed_length = SEAL_SEALED_CHUNK + SEAL_TAG + 1;

    assert_true(sealed_chunks_match(&h, chunks, 2));
    assert_false(sealed_chunks_match(&h, chunks, 1));
    assert_false(sealed_chunks_match(&h, chunks, 0));
    h.sealed_length++;
    assert_false(sealed_chunks_match(&h, chunks, 2));
    h.sealed_length--;
    chunks[1].data[0] ^= 1;
    assert_false(sealed_chunks_match(&h, chunks, 2));
    chunks[1].data[0] ^= 1;
    struct buffer swapped[2] = {chunks[1], chunks[0]};
    assert_false(sealed_chunks_match(&h, swapped, 2));
    for (size_t i = 0; i < 2; i++)
        buffer_free(&chunks[i]);
}

static void slots_match_as_a_list(void **state)
{
    (void)state;
    uint8_t hashes[2][HASH_SIZE] = {{1}, {2}}, swapped[2][HASH_SIZE] = {{2}, {1}};
    struct header h = {0};
    slots_hash((const uint8_t(*)[HASH_SIZE])hashes, 2, h.slots_hash);
    assert_true(sealed_slots_match(&h, (const uint8_t(*)[HASH_SIZE])hashes, 2));
    assert_false(sealed_slots_match(&h, (const uint8_t(*)[HASH_SIZE])swapped, 2));
    assert_false(sealed_slots_match(&h, (const uint8_t(*)[HASH_SIZE])hashes, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_has_one_cut),
        cmocka_unit_test(chunks_of_another_length_number_or_content_do_not_match),
        cmocka_unit_test(slots_match_as_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
