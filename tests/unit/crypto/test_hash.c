#include "crypto/hash.h"
#include "checks.h"

#include <pthread.h>

static void sha256_gives_the_published_digests(void **state)
{
    uint8_t out[HASH_SIZE];

    (void)state;
    sha256(bytes_make(NULL, 0), out);
    assert_hex_equal(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256(bytes_of_string("abc"), out);
    assert_hex_equal(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void parts_and_stream_hash_the_concatenation(void **state)
{
    const struct bytes parts[] = {bytes_of_string("a"), bytes_make(NULL, 0), bytes_of_string("bc")};
    struct sha256_stream *stream = sha256_stream_new();
    struct sha256_stream *other = sha256_stream_new();
    uint8_t out[HASH_SIZE];

    (void)state;
    sha256_parts(parts, 3, out);
    assert_hex_equal(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    /* Two streams and a hash between do not disturb one another. */
    sha256_stream_add(stream, bytes_of_string("ab"));
    sha256_stream_add(other, bytes_of_string("x"));
    sha256(bytes_of_string("y"), out);
    sha256_stream_add(stream, bytes_of_string("c"));
    sha256_stream_end(other, out);
    sha256_stream_end(stream, out);
    assert_hex_equal(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231 test cases 1, 2 and 6. */
static void hmac_gives_the_published_codes(void **state)
{
    uint8_t key[131];
    uint8_t out[HASH_SIZE];
    const struct bytes hi = bytes_of_string("Hi There");
    const struct bytes question[] = {bytes_of_string("what do ya want "), bytes_of_string("for nothing?")};
    const struct bytes large = bytes_of_string("Test Using Larger Than Block-Size Key - Hash Key First");

    (void)state;
    memset(key, 0x0b, 20);
    hmac_sha256(bytes_make(key, 20), &hi, 1, out);
    assert_hex_equal(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_sha256(bytes_of_string("Jefe"), question, 2, out);
    assert_hex_equal(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 131);
    hmac_sha256(bytes_make(key, 131), &large, 1, out);
    assert_hex_equal(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void an_empty_hmac_key_is_not_the_key_of_before(void **state)
{
    uint8_t out[HASH_SIZE];
    const struct bytes empty = bytes_make(NULL, 0);

    (void)state;
    hmac_sha256(bytes_of_string("Jefe"), &empty, 1, out);
    hmac_sha256(bytes_make(NULL, 0), &empty, 1, out);
    assert_hex_equal(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* The eight leaves and roots of Certificate Transparency's own test (certificate-transparency,
 * merkle_tree_test.cc). */
static const char *ct_leaves[8] = {
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
static const char *ct_roots[8] = {
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static void merkle_roots_are_those_of_certificate_transparency(void **state)
{
    uint8_t leaves[8][HASH_SIZE];
    uint8_t out[HASH_SIZE];

    (void)state;
    merkle_root(NULL, 0, out);
    assert_hex_equal(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < 8; i++) {
        uint8_t data[16];
        size_t len = unhex(ct_leaves[i], data);
        const struct bytes parts[] = {bytes_make(data, len / 2), bytes_make(data + len / 2, len - len / 2)};

        merkle_leaf(bytes_make(data, len), leaves[i]);
        merkle_leaf_parts(parts, 2, out);
        assert_memory_equal(out, leaves[i], HASH_SIZE);
        merkle_root((const uint8_t(*)[HASH_SIZE])leaves, i + 1, out);
        assert_hex_equal(out, 32, ct_roots[i]);
    }
}

static void every_leaf_of_every_small_tree_is_proven_and_no_other(void **state)
{
    enum { MOST = 70 };
    uint8_t leaves[MOST][HASH_SIZE];
    uint8_t path[64][HASH_SIZE];
    uint8_t root[HASH_SIZE];
    uint8_t out[HASH_SIZE];

    (void)state;
    for (uint8_t i = 0; i < MOST; i++)
        merkle_leaf(bytes_make(&i, 1), leaves[i]);
    for (size_t count = 1; count <= MOST; count++) {
        merkle_root((const uint8_t(*)[HASH_SIZE])leaves, count, root);
        for (size_t index = 0; index < count; index++) {
            const uint8_t(*const view)[HASH_SIZE] = (const uint8_t(*)[HASH_SIZE])path;
            size_t len = merkle_path((const uint8_t(*)[HASH_SIZE])leaves, count, index, path);

            assert_true(merkle_root_from_path(leaves[index], index, count, view, len, out));
            assert_memory_equal(out, root, HASH_SIZE);
            /* Another place, one hash less or more, and an index outside do not lead to this root. */
            if (index > 0 && merkle_root_from_path(leaves[index], index - 1, count, view, len, out))
                assert_memory_not_equal(out, root, HASH_SIZE);
            if (len > 0)
                assert_false(merkle_root_from_path(leaves[index], index, count, view, len - 1, out));
            assert_false(merkle_root_from_path(leaves[index], index, count, view, len + 1, out));
            assert_false(merkle_root_from_path(leaves[index], count, count, view, len, out));
        }
    }
    assert_false(merkle_root_from_path(leaves[0], 0, 0, (const uint8_t(*)[HASH_SIZE])path, 0, out));
}

static void a_node_may_be_written_over_its_child(void **state)
{
    uint8_t left[HASH_SIZE] = {1};
    uint8_t right[HASH_SIZE] = {2};
    uint8_t out[HASH_SIZE];

    (void)state;
    merkle_node(left, right, out);
    merkle_node(left, right, right);
    assert_memory_equal(out, right, HASH_SIZE);
}

static void *hash_many(void *arg)
{
    uint8_t *good = arg;
    uint8_t out[HASH_SIZE];

    *good = 1;
    for (unsigned i = 0; i < 2000; i++) {
        const struct bytes question = bytes_of_string("what do ya want for nothing?");
        uint8_t expected[HASH_SIZE];

        hmac_sha256(bytes_of_string("Jefe"), &question, 1, out);
        hex_decode("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", 64, expected, 32);
        if (memcmp(out, expected, HASH_SIZE) != 0)
            *good = 0;
        sha256(bytes_make(&i, sizeof(i)), out);
    }
    return NULL;
}

static void threads_hash_without_disturbing_one_another(void **state)
{
    pthread_t threads[4];
    uint8_t good[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_many, &good[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(good[i], 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(parts_and_stream_hash_the_concatenation),
        cmocka_unit_test(hmac_gives_the_published_codes),
        cmocka_unit_test(an_empty_hmac_key_is_not_the_key_of_before),
        cmocka_unit_test(merkle_roots_are_those_of_certificate_transparency),
        cmocka_unit_test(every_leaf_of_every_small_tree_is_proven_and_no_other),
        cmocka_unit_test(a_node_may_be_written_over_its_child),
        cmocka_unit_test(threads_hash_without_disturbing_one_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
