/* The vault: what is destroyed is gone, from the key file byte for byte, and what a crash left half done is
 * cleared away. */
#include "ledger/vault.h"

#include "base/error.h"
#include "base/keyfile.h"
#include "base/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../scratch.h"

#define MAP ((size_t)16 << 20)

static char folder[64];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/wasl-vault-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    return scratch_delete(folder);
}

static struct vault *opened(void)
{
    struct error e = {0};
    struct vault *vault = vault_open(folder, MAP, &e);

    if (vault == NULL)
        fail_msg("the vault does not open: %s", e.text);
    return vault;
}

static void leaf_of(uint8_t n, uint8_t leaf[HASH_SIZE])
{
    memset(leaf, n, HASH_SIZE);
}

static void put(struct vault *vault, uint8_t n, const char *text)
{
    struct vault_record record = {.data = bytes_of_string(text)};
    struct error e = {0};

    leaf_of(n, record.leaf);
    assert_int_equal(vault_put(vault, &record, 1, &e), 0);
}

/* 1 and the same text, 0 or -1. */
static int get(struct vault *vault, uint8_t n, const char *text, struct error *e)
{
    uint8_t leaf[HASH_SIZE];
    struct buffer out = {0};

    leaf_of(n, leaf);
    buffer_append_string(&out, "before ");
    int found = vault_get(vault, leaf, &out, e);
    if (found == 1) {
        assert_int_equal(out.len, 7 + strlen(text));
        assert_memory_equal(out.data + 7, text, strlen(text));
    } else {
        assert_int_equal(out.len, 7);
    }
    buffer_free(&out);
    return found;
}

static void read_file(const char *name, struct buffer *out)
{
    char path[128];
    struct error e = {0};

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(file_read(path, MAP, out, &e), 0);
}

/* The record key in a slot, read through the key file's own door while the vault is closed. */
static int key_in_slot(uint64_t slot, uint8_t key[KEYFILE_KEY])
{
    char path[128];
    uint8_t tag[KEYFILE_TAG];
    struct error e = {0};

    snprintf(path, sizeof(path), "%s/keys", folder);
    struct keyfile *file = keyfile_open(path, false, &e);
    assert_non_null(file);
    int found = keyfile_get(file, slot, tag, key, &e);
    keyfile_close(file);
    return found;
}

static void a_record_is_there_after_a_restart_and_lies_encrypted(void **state)
{
    struct vault *vault = opened();
    struct buffer disk = {0};
    struct error e = {0};

    (void)state;
    put(vault, 1, "sealed body of one");
    put(vault, 2, "");
    put(vault, 1, "another text under the same leaf"); /* what is there stays */
    assert_int_equal(get(vault, 1, "sealed body of one", &e), 1);
    vault_close(vault);
    vault = opened();
    assert_int_equal(get(vault, 1, "sealed body of one", &e), 1);
    assert_int_equal(get(vault, 2, "", &e), 1);
    assert_int_equal(get(vault, 3, "", &e), 0);
    vault_close(vault);
    read_file("records/data.mdb", &disk);
    assert_null(memmem(disk.data, disk.len, "sealed body", 11));
    uint8_t key[KEYFILE_KEY];
    assert_int_equal(key_in_slot(0, key), 1);
    assert_null(memmem(disk.data, disk.len, key, sizeof(key)));
    buffer_free(&disk);
}

static void many_records_go_in_at_once_and_a_leaf_given_twice_is_one(void **state)
{
    struct vault *vault = opened();
    struct vault_record records[100];
    char texts[100][16];
    struct error e = {0};

    (void)state;
    for (uint8_t i = 0; i < 100; i++) {
        snprintf(texts[i], sizeof(texts[i]), "record %d", i % 50);
        leaf_of((uint8_t)(i % 50 + 1), records[i].leaf);
        records[i].data = bytes_of_string(texts[i]);
    }
    assert_int_equal(vault_put(vault, records, 100, &e), 0);
    assert_int_equal(vault_put(vault, records, 0, &e), 0);
    for (uint8_t i = 0; i < 50; i++)
        assert_int_equal(get(vault, (uint8_t)(i + 1), texts[i], &e), 1);
    vault_close(vault);
}

static void destroying_leaves_no_byte_of_the_key_in_the_key_file(void **state)
{
    struct vault *vault = opened();
    uint8_t key[KEYFILE_KEY], kept[KEYFILE_KEY], leaf[HASH_SIZE];
    struct buffer disk = {0};
    struct error e = {0};

    (void)state;
    put(vault, 1, "to be erased");
    put(vault, 2, "to be kept");
    vault_close(vault);
    assert_int_equal(key_in_slot(0, key), 1);
    assert_int_equal(key_in_slot(1, kept), 1);
    read_file("keys", &disk);
    assert_non_null(memmem(disk.data, disk.len, key, sizeof(key))); /* the search would find it */

    vault = opened();
    leaf_of(1, leaf);
    assert_int_equal(vault_destroy(vault, leaf, &e), 1);
    assert_int_equal(get(vault, 1, "", &e), 0);
    assert_int_equal(vault_destroy(vault, leaf, &e), 0);
    assert_int_equal(get(vault, 2, "to be kept", &e), 1);
    vault_close(vault);

    buffer_clear(&disk);
    read_file("keys", &disk);
    for (size_t i = 0; i + 8 <= sizeof(key); i++)
        assert_null(memmem(disk.data, disk.len, key + i, 8));
    assert_non_null(memmem(disk.data, disk.len, kept, sizeof(kept)));
    vault = opened();
    assert_int_equal(get(vault, 1, "", &e), 0);
    assert_int_equal(get(vault, 2, "to be kept", &e), 1);
    vault_close(vault);
    buffer_free(&disk);
}

static void a_key_without_record_is_destroyed_at_the_next_start(void **state)
{
    char path[128];
    const uint8_t tag[KEYFILE_TAG] = {9};
    uint8_t key[KEYFILE_KEY];
    uint64_t slot;
    struct error e = {0};

    (void)state;
    struct vault *vault = opened();
    put(vault, 1, "good");
    vault_close(vault);
    /* A crash between the keys' sync and the records' commit. */
    snprintf(path, sizeof(path), "%s/keys", folder);
    struct keyfile *file = keyfile_open(path, false, &e);
    assert_int_equal(keyfile_create(file, tag, &slot, key, &e), 0);
    keyfile_close(file);
    assert_int_equal(key_in_slot(slot, key), 1);
    vault = opened();
    assert_int_equal(get(vault, 1, "good", &e), 1);
    vault_close(vault);
    assert_int_equal(key_in_slot(slot, key), 0);
}

static void a_record_whose_key_is_destroyed_goes_at_the_next_start(void **state)
{
    char path[128];
    struct error e = {0};

    (void)state;
    struct vault *vault = opened();
    put(vault, 1, "half destroyed");
    put(vault, 2, "good");
    vault_close(vault);
    /* A crash between the key's destruction and the row's. */
    snprintf(path, sizeof(path), "%s/keys", folder);
    struct keyfile *file = keyfile_open(path, false, &e);
    assert_int_equal(keyfile_destroy(file, 0, &e), 0);
    keyfile_close(file);
    vault = opened();
    assert_int_equal(get(vault, 1, "", &e), 0);
    assert_int_equal(get(vault, 2, "good", &e), 1);
    put(vault, 1, "anew");
    assert_int_equal(get(vault, 1, "anew", &e), 1);
    vault_close(vault);
}

static int known_even(void *arg, const uint8_t leaf[HASH_SIZE])
{
    ++*(int *)arg;
    return leaf[0] % 2 == 0;
}

static int cannot_say(void *arg, const uint8_t leaf[HASH_SIZE])
{
    (void)arg;
    (void)leaf;
    return -1;
}

static void what_no_entry_names_is_collected(void **state)
{
    struct vault *vault = opened();
    struct error e = {0};
    int asked = 0;

    (void)state;
    for (uint8_t i = 1; i <= 5; i++)
        put(vault, i, "text");
    put(vault, 0xff, "text"); /* the last leaf that there can be */
    assert_int_equal(vault_collect(vault, cannot_say, NULL, &e), -1);
    assert_int_equal(vault_collect(vault, known_even, &asked, &e), 0);
    assert_int_equal(asked, 6);
    for (uint8_t i = 1; i <= 5; i++)
        assert_int_equal(get(vault, i, "text", &e), i % 2 == 0);
    assert_int_equal(get(vault, 0xff, "", &e), 0);
    vault_close(vault);
}

static void a_changed_record_does_not_open(void **state)
{
    const struct store_options options = {.map_size = MAP, .most_tables = 4, .create = true};
    struct vault *vault = opened();
    uint8_t leaf[HASH_SIZE], other[HASH_SIZE], copy[64];
    struct bytes value;
    struct error e = {0};
    char path[128];
    MDB_dbi table;

    (void)state;
    put(vault, 1, "first");
    put(vault, 2, "second");
    vault_close(vault);
    snprintf(path, sizeof(path), "%s/records", folder);
    struct store *store = store_open(path, &options, &e);
    assert_int_equal(store_table(store, "records", &table, &e), 0);
    struct store_txn *txn = store_write(store, &e);
    leaf_of(1, leaf);
    leaf_of(2, other);
    assert_int_equal(store_get(txn, table, bytes_make(leaf, HASH_SIZE), &value, &e), 1);
    memcpy(copy, value.data, value.len);
    copy[value.len - 1] ^= 1;
    assert_int_equal(store_put(txn, table, bytes_make(leaf, HASH_SIZE), bytes_make(copy, value.len), &e), 0);
    assert_int_equal(store_commit(txn, &e), 0);
    store_close(store);
    vault = opened();
    assert_int_equal(get(vault, 1, "", &e), -1);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_int_equal(get(vault, 2, "second", &e), 1);
    vault_close(vault);
}

static void what_is_too_large_is_refused(void **state)
{
    struct vault *vault = opened();
    struct vault_record record = {0};
    struct error e = {0};

    (void)state;
    record.data = bytes_make(memory_zeroed(VAULT_RECORD_MOST + 1, 1), VAULT_RECORD_MOST + 1);
    assert_int_equal(vault_put(vault, &record, 1, &e), -1);
    assert_int_equal(e.kind, ERROR_USAGE);
    record.data.len--;
    assert_int_equal(vault_put(vault, &record, 1, &e), 0);
    free((void *)(uintptr_t)record.data.data);
    vault_close(vault);
}

static void a_full_vault_keeps_no_key_of_what_did_not_fit(void **state)
{
    struct error e = {0};
    struct vault_record record = {0};
    uint8_t key[KEYFILE_KEY];
    uint8_t n = 0;

    (void)state;
    struct vault *vault = vault_open(folder, (size_t)2 << 20, &e);
    assert_non_null(vault);
    record.data = bytes_make(memory_zeroed(VAULT_RECORD_MOST, 1), VAULT_RECORD_MOST);
    do
        leaf_of(++n, record.leaf);
    while (vault_put(vault, &record, 1, &e) == 0 && n < 100);
    assert_int_equal(e.kind, ERROR_FULL);
    vault_close(vault);
    assert_int_equal(key_in_slot((uint64_t)n - 1, key), 0);
    assert_int_equal(key_in_slot((uint64_t)n - 2, key), 1);
    free((void *)(uintptr_t)record.data.data);
}

#define VAULT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VAULT_TEST(a_record_is_there_after_a_restart_and_lies_encrypted),
        VAULT_TEST(many_records_go_in_at_once_and_a_leaf_given_twice_is_one),
        VAULT_TEST(destroying_leaves_no_byte_of_the_key_in_the_key_file),
        VAULT_TEST(a_key_without_record_is_destroyed_at_the_next_start),
        VAULT_TEST(a_record_whose_key_is_destroyed_goes_at_the_next_start),
        VAULT_TEST(what_no_entry_names_is_collected),
        VAULT_TEST(a_changed_record_does_not_open),
        VAULT_TEST(what_is_too_large_is_refused),
        VAULT_TEST(a_full_vault_keeps_no_key_of_what_did_not_fit),
    };
    return cmocka_run_group_tests_name("ledger-vault", tests, NULL, NULL);
}
