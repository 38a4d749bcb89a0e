/* The tree over tiles against the plain definition of RFC 6962: roots, proofs, and that no other proof is
 * accepted. */
#include "fuzz.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "tlog/tree.h"

#define MOST 700

static uint8_t leaves[MOST][HASH_SIZE];
static uint8_t roots[MOST + 1][HASH_SIZE];

void fuzz_setup(void)
{
    for (size_t i = 0; i < MOST; i++) {
        uint8_t number[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        merkle_leaf(bytes_make(number, 2), leaves[i]);
    }
    for (size_t n = 0; n <= MOST; n++)
        merkle_root((const uint8_t(*)[HASH_SIZE])leaves, n, roots[n]);
}

void fuzz_seeds(void)
{
    fuzz_seed(bytes_make("\x02\x58\x01\x00\x00\x05\x00", 7));
    fuzz_seed(bytes_make("\x00\x03\x00\x02\x00\x01\x01\x00\x00\x00\x01\x01", 12));
    fuzz_seed(bytes_make("\x01\x00\x00\xff\x00\x80\x02", 7));
    fuzz_seed(bytes_make("\x00\x01\x00\x01\x00\x00\x00", 7));
}

static int no_tiles(void *arg, unsigned level, uint64_t number, unsigned width, uint8_t *out, struct error *e)
{
    (void)arg;
    (void)e;
    if (level == 0) {
        memcpy(out, leaves[number * 256], width * (size_t)HASH_SIZE);
        return 0;
    }
    for (unsigned i = 0; i < width; i++)
        merkle_root((const uint8_t(*)[HASH_SIZE])leaves + (number * 256 + i) * 256, 256, out + i * HASH_SIZE);
    return 0;
}

void fuzz_target(struct fuzz_input *in)
{
    uint64_t size = fuzz_u16(in) % (MOST + 1), old = fuzz_u16(in) % (size + 1), index = fuzz_u16(in);
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE], naive[64][HASH_SIZE], root[HASH_SIZE];
    const struct tree_reader reader = {no_tiles, NULL};
    struct tree *tree = tree_new(&reader);
    struct error e = {0};
    size_t count = 0;

    FUZZ_CHECK(tree_load(tree, old, &e) == 0);
    for (uint64_t i = old; i < size; i++)
        tree_append(tree, leaves[i]);
    FUZZ_CHECK(tree_size(tree) == size && tree_root(tree, size, root, &e) == 0);
    FUZZ_CHECK(memcmp(root, roots[size], HASH_SIZE) == 0);
    FUZZ_CHECK(tree_root(tree, old, root, &e) == 0 && memcmp(root, roots[old], HASH_SIZE) == 0);

    FUZZ_CHECK((tree_inclusion(tree, index, size, proof, &count, &e) == 0) == (index < size));
    if (index < size) {
        FUZZ_CHECK(merkle_path((const uint8_t(*)[HASH_SIZE])leaves, size, index, naive) == count);
        FUZZ_CHECK(memcmp(proof, naive, count * HASH_SIZE) == 0);
        FUZZ_CHECK(merkle_root_from_path(leaves[index], index, size, (const uint8_t(*)[HASH_SIZE])proof,
                                         count, root));
        FUZZ_CHECK(memcmp(root, roots[size], HASH_SIZE) == 0);
    }
    FUZZ_CHECK(tree_consistency(tree, old, size, proof, &count, &e) == 0);
    FUZZ_CHECK(tree_check_consistency(old, roots[old], size, roots[size], (const uint8_t(*)[HASH_SIZE])proof,
                                      count));

    /* Anything else is no proof. */
    struct buffer other = {0};
    buffer_append(&other, proof, count * HASH_SIZE);
    fuzz_edit(in, &other);
    bool same = bytes_equal(buffer_bytes(&other), bytes_make(proof, count * HASH_SIZE));
    if (!same && old > 0 && other.len % HASH_SIZE == 0)
        FUZZ_CHECK(!tree_check_consistency(old, roots[old], size, roots[size],
                                           (const uint8_t(*)[HASH_SIZE])other.data, other.len / HASH_SIZE));
    buffer_free(&other);
    /* Sizes and indices of a liar. */
    uint64_t a = fuzz_u64(in), b = fuzz_u64(in);
    (void)tree_check_consistency(a, roots[old], b, roots[size], (const uint8_t(*)[HASH_SIZE])proof, count);
    (void)merkle_root_from_path(leaves[0], a, b, (const uint8_t(*)[HASH_SIZE])proof, count, root);
    (void)tree_inclusion(tree, a, b, proof, &count, &e);
    (void)tree_consistency(tree, a, b, proof, &count, &e);
    tree_free(tree);
}
