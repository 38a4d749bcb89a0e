#include "ledger/truststore.h"

#include "base/error.h"
#include "crypto/hash.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../scratch.h"

static char folder[64];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/wasl-trust-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    return scratch_delete(folder);
}

static struct truststore *opened(void)
{
    struct error e = {0};
    struct truststore *store = truststore_open(folder, &e);

    assert_non_null(store);
    return store;
}

static void path_of(const uint8_t hash[HASH_SIZE], char path[200])
{
    char hex[2 * HASH_SIZE + 1];

    hex_encode(hash, HASH_SIZE, hex);
    snprintf(path, 200, "%s/%.2s/%s", folder, hex, hex);
}

static void an_object_is_found_by_its_hash_after_a_restart(void **state)
{
    const struct bytes object = bytes_of_string("a registry");
    struct truststore *store = opened();
    uint8_t hash[HASH_SIZE], wanted[HASH_SIZE];
    struct buffer out = {0}, file = {0};
    struct error e = {0};
    char path[200];

    (void)state;
    assert_int_equal(truststore_put(store, object, hash, &e), 0);
    assert_int_equal(truststore_put(store, object, hash, &e), 0);
    sha256(object, wanted);
    assert_memory_equal(hash, wanted, HASH_SIZE);
    truststore_close(store);
    path_of(hash, path);
    assert_int_equal(file_read(path, 100, &file, &e), 0);
    assert_true(bytes_equal(buffer_bytes(&file), object));

    store = opened();
    buffer_append_string(&out, "before ");
    assert_int_equal(truststore_get(store, hash, &out, &e), 1);
    assert_true(bytes_equal_string(buffer_bytes(&out), "before a registry"));
    hash[0] ^= 1;
    assert_int_equal(truststore_get(store, hash, &out, &e), 0);
    truststore_close(store);
    buffer_free(&out);
    buffer_free(&file);
}

static void a_changed_object_is_an_integrity_error_and_can_be_mended(void **state)
{
    const struct bytes object = bytes_of_string("a certificate chain");
    struct truststore *store = opened();
    uint8_t hash[HASH_SIZE];
    struct buffer out = {0};
    struct error e = {0};
    char path[200];

    (void)state;
    assert_int_equal(truststore_put(store, object, hash, &e), 0);
    path_of(hash, path);
    assert_int_equal(file_write_atomically(path, bytes_of_string("a certificate chaim"), 0600, &e), 0);
    assert_int_equal(truststore_get(store, hash, &out, &e), -1);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_int_equal(out.len, 0);
    assert_int_equal(truststore_put(store, object, hash, &e), 0);
    assert_int_equal(truststore_get(store, hash, &out, &e), 1);
    truststore_close(store);
    buffer_free(&out);
}

static void what_is_empty_or_too_large_is_not_kept(void **state)
{
    struct truststore *store = opened();
    uint8_t hash[HASH_SIZE];
    struct error e = {0};
    uint8_t *large = memory_zeroed(TRUST_OBJECT_MOST + 1, 1);

    (void)state;
    assert_int_equal(truststore_put(store, bytes_make(large, 0), hash, &e), -1);
    assert_int_equal(truststore_put(store, bytes_make(large, TRUST_OBJECT_MOST + 1), hash, &e), -1);
    assert_int_equal(e.kind, ERROR_USAGE);
    free(large);
    truststore_close(store);
}

static void *put_the_same(void *arg)
{
    struct truststore *store = arg;
    struct error e = {0};
    intptr_t faults = 0;

    for (int i = 0; i < 40; i++) {
        char text[32];
        uint8_t hash[HASH_SIZE];
        struct buffer out = {0};

        snprintf(text, sizeof(text), "object %d", i);
        if (truststore_put(store, bytes_of_string(text), hash, &e) != 0 ||
            truststore_get(store, hash, &out, &e) != 1 || !bytes_equal_string(buffer_bytes(&out), text))
            faults++;
        buffer_free(&out);
    }
    return (void *)faults;
}

static void threads_that_put_the_same_objects_do_not_disturb_each_other(void **state)
{
    struct truststore *store = opened();
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_the_same, store), 0);
    for (int i = 0; i < 4; i++) {
        void *faults;

        pthread_join(threads[i], &faults);
        assert_int_equal((intptr_t)faults, 0);
    }
    truststore_close(store);
}

#define TRUST_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRUST_TEST(an_object_is_found_by_its_hash_after_a_restart),
        TRUST_TEST(a_changed_object_is_an_integrity_error_and_can_be_mended),
        TRUST_TEST(what_is_empty_or_too_large_is_not_kept),
        TRUST_TEST(threads_that_put_the_same_objects_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests_name("ledger-truststore", tests, NULL, NULL);
}
