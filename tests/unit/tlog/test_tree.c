/* The tree against a second computation that knows nothing of tiles: RFC 6962's recursive definitions over
 * all leaves. */
#include "tlog/tree.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "tlog/tile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MOST      70000 /* two full levels of tiles and more */
#define ROOM_L0   (MOST / 256 + 1)
#define ROOM_L1   2
#define TILE_SIZE (256 * HASH_SIZE)

static uint8_t leaves[MOST][HASH_SIZE];

/* The store: what tree_dirty writes, by level. */
struct shelf {
    uint8_t low[ROOM_L0][TILE_SIZE];
    uint8_t high[ROOM_L1][TILE_SIZE];
    uint8_t top[TILE_SIZE];
    unsigned width[3][ROOM_L0];
    unsigned reads, writes;
};
static struct shelf shelf;

static uint8_t *place(unsigned level, uint64_t number)
{
    assert_true(level < 3 && number < ROOM_L0);
    return level == 0 ? shelf.low[number] : level == 1 ? shelf.high[number] : shelf.top;
}

static int read_tile(void *arg, unsigned level, uint64_t number, unsigned width, uint8_t *out,
                     struct error *e)
{
    (void)arg;
    if (shelf.width[level][number] < width)
        return error_set(e, ERROR_NOT_FOUND, "no tile %u/%u", level, (unsigned)number);
    memcpy(out, place(level, number), (size_t)width * HASH_SIZE);
    shelf.reads++;
    return 0;
}

static int write_tile(void *arg, unsigned level, uint64_t number, unsigned width, const uint8_t *hashes,
                      struct error *e)
{
    (void)arg;
    (void)e;
    memcpy(place(level, number), hashes, (size_t)width * HASH_SIZE);
    shelf.width[level][number] = width;
    shelf.writes++;
    return 0;
}

static const struct tree_reader reader = {read_tile, NULL};

static uint64_t split(uint64_t n)
{
    uint64_t k = 1;

    while (k * 2 < n)
        k *= 2;
    return k;
}

/* Roots of small ranges are asked for again and again: each is computed once. */
#define REMEMBERED 301
static uint8_t remembered[REMEMBERED][REMEMBERED][HASH_SIZE];
static bool known[REMEMBERED][REMEMBERED];

static void reference_root(uint64_t from, uint64_t n, uint8_t out[HASH_SIZE])
{
    const bool small = from < REMEMBERED && n < REMEMBERED;
    uint8_t right[HASH_SIZE];

    if (small && known[from][n]) {
        memcpy(out, remembered[from][n], HASH_SIZE);
    } else if (n == 0) {
        sha256(bytes_make("", 0), out);
    } else if (n == 1) {
        memcpy(out, leaves[from], HASH_SIZE);
    } else {
        uint64_t k = split(n);

        reference_root(from, k, out);
        reference_root(from + k, n - k, right);
        merkle_node(out, right, out);
    }
    if (small) {
        memcpy(remembered[from][n], out, HASH_SIZE);
        known[from][n] = true;
    }
}

/* RFC 6962, 2.1.1: PATH(m, D[n]). */
static size_t reference_path(uint64_t m, uint64_t from, uint64_t n, uint8_t (*out)[HASH_SIZE])
{
    if (n == 1)
        return 0;
    uint64_t k = split(n);
    size_t count;

    if (m < k) {
        count = reference_path(m, from, k, out);
        reference_root(from + k, n - k, out[count]);
    } else {
        count = reference_path(m - k, from + k, n - k, out);
        reference_root(from, k, out[count]);
    }
    return count + 1;
}

/* RFC 6962, 2.1.2: SUBPROOF(m, D[n], b). */
static size_t reference_subproof(uint64_t m, uint64_t from, uint64_t n, bool whole, uint8_t (*out)[HASH_SIZE])
{
    if (m == n) {
        if (whole)
            return 0;
        reference_root(from, n, out[0]);
        return 1;
    }
    uint64_t k = split(n);
    size_t count;

    if (m <= k) {
        count = reference_subproof(m, from, k, whole, out);
        reference_root(from + k, n - k, out[count]);
    } else {
        count = reference_subproof(m - k, from + k, n - k, false, out);
        reference_root(from, k, out[count]);
    }
    return count + 1;
}

static int make_leaves(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MOST; i++) {
        uint8_t data[4];

        put_u32be(data, i);
        merkle_leaf(bytes_make(data, 4), leaves[i]);
    }
    return 0;
}

static struct tree *grown(uint64_t size)
{
    struct tree *tree = tree_new(&reader);

    memset(&shelf, 0, sizeof(shelf));
    for (uint64_t i = 0; i < size; i++)
        tree_append(tree, leaves[i]);
    return tree;
}

static void proofs_of_every_size_to_300_are_those_of_the_definition(void **state)
{
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE], expected[TREE_PROOF_MOST][HASH_SIZE];
    uint8_t root[HASH_SIZE], wanted[HASH_SIZE], other[HASH_SIZE];
    struct error e = {0};
    size_t count;

    (void)state;
    struct tree *tree = grown(300);
    for (uint64_t n = 0; n <= 300; n++) {
        assert_int_equal(tree_root(tree, n, root, &e), 0);
        reference_root(0, n, wanted);
        assert_memory_equal(root, wanted, HASH_SIZE);
        for (uint64_t m = 0; m < n; m++) {
            assert_int_equal(tree_inclusion(tree, m, n, proof, &count, &e), 0);
            assert_int_equal(count, reference_path(m, 0, n, expected));
            assert_memory_equal(proof, expected, count * HASH_SIZE);
            assert_true(merkle_root_from_path(leaves[m], m, n, proof, count, other));
            assert_memory_equal(other, root, HASH_SIZE);
        }
        for (uint64_t m = 1; m <= n; m++) {
            assert_int_equal(tree_consistency(tree, m, n, proof, &count, &e), 0);
            assert_int_equal(count, reference_subproof(m, 0, n, true, expected));
            assert_memory_equal(proof, expected, count * HASH_SIZE);
            reference_root(0, m, other);
            assert_true(tree_check_consistency(m, other, n, root, proof, count));
        }
    }
    tree_free(tree);
}

static void a_flipped_bit_in_a_proof_is_rejected(void **state)
{
    static const uint64_t sizes[] = {2, 3, 7, 8, 11, 64, 100, 257, 300};
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE], root[HASH_SIZE], old[HASH_SIZE], got[HASH_SIZE];
    struct error e = {0};
    size_t count;

    (void)state;
    struct tree *tree = grown(300);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        uint64_t n = sizes[s];

        reference_root(0, n, root);
        for (uint64_t m = 0; m < n; m += 1 + n / 9) {
            assert_int_equal(tree_inclusion(tree, m, n, proof, &count, &e), 0);
            for (size_t bit = 0; bit < count * HASH_SIZE * 8; bit++) {
                uint8_t *byte = &proof[0][0] + bit / 8, mask = (uint8_t)(1 << (bit % 8));

                *byte ^= mask;
                assert_false(merkle_root_from_path(leaves[m], m, n, proof, count, got) &&
                             memcmp(got, root, HASH_SIZE) == 0);
                *byte ^= mask;
            }
            /* Shorter, longer, for another place or size. */
            assert_false(merkle_root_from_path(leaves[m], m, n, proof, count - 1, got) &&
                         memcmp(got, root, HASH_SIZE) == 0);
            memset(proof[count], 0, HASH_SIZE);
            assert_false(merkle_root_from_path(leaves[m], m, n, proof, count + 1, got) &&
                         memcmp(got, root, HASH_SIZE) == 0);
            assert_false(merkle_root_from_path(leaves[m], m ^ 1, n, proof, count, got) &&
                         memcmp(got, root, HASH_SIZE) == 0);
        }
        for (uint64_t m = 1; m < n; m += 1 + n / 9) {
            reference_root(0, m, old);
            assert_int_equal(tree_consistency(tree, m, n, proof, &count, &e), 0);
            assert_true(tree_check_consistency(m, old, n, root, proof, count));
            for (size_t bit = 0; bit < count * HASH_SIZE * 8; bit++) {
                uint8_t *byte = &proof[0][0] + bit / 8, mask = (uint8_t)(1 << (bit % 8));

                *byte ^= mask;
                assert_false(tree_check_consistency(m, old, n, root, proof, count));
                *byte ^= mask;
            }
            assert_false(tree_check_consistency(m, old, n, root, proof, count - 1));
            memset(proof[count], 0, HASH_SIZE);
            assert_false(tree_check_consistency(m, old, n, root, proof, count + 1));
            assert_false(tree_check_consistency(n, root, m, old, proof, count));
            old[0] ^= 1;
            assert_false(tree_check_consistency(m, old, n, root, proof, count));
        }
    }
    tree_free(tree);
}

static void the_same_size_with_another_root_is_not_consistent(void **state)
{
    uint8_t a[HASH_SIZE], b[HASH_SIZE];

    (void)state;
    reference_root(0, 5, a);
    reference_root(1, 5, b);
    assert_true(tree_check_consistency(5, a, 5, a, NULL, 0));
    assert_false(tree_check_consistency(5, a, 5, b, NULL, 0));
    assert_false(tree_check_consistency(5, a, 5, a, (const uint8_t(*)[HASH_SIZE])b, 1));
    assert_true(tree_check_consistency(0, a, 5, b, NULL, 0));
    assert_false(tree_check_consistency(0, a, 5, b, (const uint8_t(*)[HASH_SIZE])a, 1));
}

static void a_tree_taken_up_from_its_tiles_goes_on_as_if_it_had_never_stopped(void **state)
{
    static const uint64_t stops[] = {1, 255, 256, 257, 511, 512, 65535, 65536, 65537, 65792, 66000, MOST};
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE], root[HASH_SIZE], wanted[HASH_SIZE];
    struct error e = {0};
    size_t count;
    uint64_t size = 0;

    (void)state;
    struct tree *tree = grown(0);
    for (size_t s = 0; s < sizeof(stops) / sizeof(stops[0]); s++) {
        for (; size < stops[s]; size++)
            tree_append(tree, leaves[size]);
        assert_int_equal(tree_dirty(tree, write_tile, NULL, &e), 0);
        tree_clean(tree);
        tree_free(tree);
        for (unsigned level = 0; level < 3; level++)
            for (uint64_t n = 0; n < ROOM_L0; n++)
                assert_int_equal(shelf.width[level][n], tile_width(size, level, n));

        tree = tree_new(&reader);
        assert_int_equal(tree_load(tree, size, &e), 0);
        assert_int_equal(tree_size(tree), size);
        reference_root(0, size, wanted);
        assert_int_equal(tree_root(tree, size, root, &e), 0);
        assert_memory_equal(root, wanted, HASH_SIZE);
        for (uint64_t m = 0; m < size; m += 1 + size / 40) {
            uint8_t got[HASH_SIZE], old[HASH_SIZE];

            assert_int_equal(tree_inclusion(tree, m, size, proof, &count, &e), 0);
            assert_true(merkle_root_from_path(leaves[m], m, size, proof, count, got));
            assert_memory_equal(got, wanted, HASH_SIZE);
            assert_int_equal(tree_root(tree, m, old, &e), 0);
            assert_int_equal(tree_consistency(tree, m, size, proof, &count, &e), 0);
            assert_true(tree_check_consistency(m, old, size, wanted, proof, count));
        }
    }
    tree_free(tree);
}

static void a_proof_of_a_fresh_entry_reads_no_tile(void **state)
{
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE];
    struct error e = {0};
    size_t count;

    (void)state;
    struct tree *tree = grown(66000);
    assert_int_equal(tree_dirty(tree, write_tile, NULL, &e), 0);
    tree_clean(tree);
    tree_free(tree);
    tree = tree_new(&reader);
    assert_int_equal(tree_load(tree, 66000, &e), 0);
    tree_append(tree, leaves[66000]);
    shelf.reads = 0;
    assert_int_equal(tree_inclusion(tree, 66000, 66001, proof, &count, &e), 0);
    assert_int_equal(shelf.reads, 0);
    tree_free(tree);
}

static void only_touched_tiles_are_written(void **state)
{
    struct error e = {0};

    (void)state;
    struct tree *tree = grown(1000);
    assert_int_equal(tree_dirty(tree, write_tile, NULL, &e), 0);
    assert_int_equal(shelf.writes, 5); /* three full ones, the growing one, and the one above */
    tree_clean(tree);
    shelf.writes = 0;
    assert_int_equal(tree_dirty(tree, write_tile, NULL, &e), 0);
    assert_int_equal(shelf.writes, 0);
    tree_append(tree, leaves[1000]);
    assert_int_equal(tree_dirty(tree, write_tile, NULL, &e), 0);
    assert_int_equal(shelf.writes, 1);
    tree_free(tree);
}

static void wrong_sizes_and_missing_tiles_are_errors(void **state)
{
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE], root[HASH_SIZE];
    struct error e = {0};
    size_t count;

    (void)state;
    struct tree *tree = grown(10);
    assert_int_equal(tree_root(tree, 11, root, &e), -1);
    assert_int_equal(tree_inclusion(tree, 10, 10, proof, &count, &e), -1);
    assert_int_equal(tree_inclusion(tree, 0, 11, proof, &count, &e), -1);
    assert_int_equal(tree_consistency(tree, 5, 4, proof, &count, &e), -1);
    assert_int_equal(tree_consistency(tree, 5, 11, proof, &count, &e), -1);
    assert_int_equal(tree_load(tree, 10, &e), -1); /* nothing was written */
    assert_int_equal(e.kind, ERROR_NOT_FOUND);
    tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proofs_of_every_size_to_300_are_those_of_the_definition),
        cmocka_unit_test(a_flipped_bit_in_a_proof_is_rejected),
        cmocka_unit_test(the_same_size_with_another_root_is_not_consistent),
        cmocka_unit_test(a_tree_taken_up_from_its_tiles_goes_on_as_if_it_had_never_stopped),
        cmocka_unit_test(a_proof_of_a_fresh_entry_reads_no_tile),
        cmocka_unit_test(only_touched_tiles_are_written),
        cmocka_unit_test(wrong_sizes_and_missing_tiles_are_errors),
    };
    return cmocka_run_group_tests_name("tlog-tree", tests, make_leaves, NULL);
}
