#include "base/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "../scratch.h"

#define S(text) bytes_of_string(text)

static struct store *open_small(void **state, size_t size)
{
    struct error e = {0};
    struct store_options options = {.map_size = size, .most_tables = 4, .create = true};
    struct store *store = store_open(scratch_path(state, "s"), &options, &e);
    if (store == NULL)
        fail_msg("%s", e.text);
    return store;
}

static MDB_dbi table_of(struct store *store)
{
    struct error e = {0};
    MDB_dbi table;
    if (store_table(store, "t", &table, &e) != 0)
        fail_msg("%s", e.text);
    return table;
}

static void what_was_committed_is_there_after_reopening(void **state)
{
    struct error e = {0};
    struct bytes value;
    struct store *store = open_small(state, 1 << 20);
    MDB_dbi table = table_of(store);
    struct store_txn *txn = store_write(store, &e);
    assert_int_equal(store_put(txn, table, S("k"), S("v"), &e), 0);
    assert_int_equal(store_commit(txn, &e), 0);
    txn = store_write(store, &e);
    assert_int_equal(store_put(txn, table, S("k"), S("other"), &e), 0);
    store_abort(txn);
    store_close(store);

    store = open_small(state, 1 << 20);
    table = table_of(store);
    txn = store_read(store, &e);
    assert_int_equal(store_get(txn, table, S("k"), &value, &e), 1);
    assert_true(bytes_equal_string(value, "v"));
    assert_int_equal(store_get(txn, table, S("none"), &value, &e), 0);
    store_abort(txn);
    store_close(store);
}

static void keys_are_found_in_order(void **state)
{
    struct error e = {0};
    struct bytes key, value;
    struct store *store = open_small(state, 1 << 20);
    MDB_dbi table = table_of(store);
    struct store_txn *txn = store_write(store, &e);
    assert_int_equal(store_last(txn, table, &key, &value, &e), 0);
    assert_int_equal(store_seek(txn, table, S(""), &key, &value, &e), 0);
    assert_int_equal(store_put(txn, table, S("b"), S("2"), &e), 0);
    assert_int_equal(store_put(txn, table, S("d"), S("4"), &e), 0);
    assert_int_equal(store_seek(txn, table, S(""), &key, &value, &e), 1);
    assert_true(bytes_equal_string(key, "b"));
    assert_int_equal(store_seek(txn, table, S("c"), &key, &value, &e), 1);
    assert_true(bytes_equal_string(key, "d") && bytes_equal_string(value, "4"));
    assert_int_equal(store_seek(txn, table, S("e"), &key, &value, &e), 0);
    assert_int_equal(store_last(txn, table, &key, &value, &e), 1);
    assert_true(bytes_equal_string(key, "d"));
    assert_int_equal(store_delete(txn, table, S("d"), &e), 1);
    assert_int_equal(store_delete(txn, table, S("d"), &e), 0);
    assert_int_equal(store_commit(txn, &e), 0);
    store_close(store);
}

static void an_append_never_overwrites(void **state)
{
    struct error e = {0};
    struct store *store = open_small(state, 1 << 20);
    MDB_dbi table = table_of(store);
    struct store_txn *txn = store_write(store, &e);
    assert_int_equal(store_append(txn, table, S("2"), S("x"), &e), 0);
    assert_int_equal(store_append(txn, table, S("2"), S("y"), &e), -1);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_int_equal(store_append(txn, table, S("1"), S("y"), &e), -1);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_int_equal(store_append(txn, table, S("3"), S("z"), &e), 0);
    store_abort(txn);
    store_close(store);
}

static void a_store_that_is_open_is_not_opened_twice(void **state)
{
    struct error e = {0};
    struct store_options options = {.map_size = 1 << 20, .most_tables = 4, .create = true};
    struct store *store = open_small(state, 1 << 20);
    assert_null(store_open(scratch_path(state, "s"), &options, &e));
    assert_int_equal(e.kind, ERROR_CONFIG);
    assert_int_equal(symlink(scratch_path(state, "s"), scratch_path(state, "other")), 0);
    assert_null(store_open(scratch_path(state, "other"), &options, &e));
    assert_int_equal(e.kind, ERROR_CONFIG);
    store_close(store);
    store_close(open_small(state, 1 << 20));
}

static void a_missing_store_is_not_made_by_a_reader(void **state)
{
    struct error e = {0};
    struct store_options options = {.map_size = 1 << 20, .most_tables = 4};
    assert_null(store_open(scratch_path(state, "s"), &options, &e));
    assert_int_equal(e.kind, ERROR_NOT_FOUND);
    assert_int_equal(mkdir(scratch_path(state, "s"), 0700), 0);
    assert_null(store_open(scratch_path(state, "s"), &options, &e));
    assert_int_equal(e.kind, ERROR_NOT_FOUND);
    assert_int_not_equal(access(scratch_path(state, "s/data.mdb"), F_OK), 0);
}

static void a_full_map_is_an_error_of_its_own_and_the_store_goes_on(void **state)
{
    struct error e = {0};
    static const char big[3000];
    struct bytes value;
    struct store *store = open_small(state, 65536);
    MDB_dbi table = table_of(store);
    struct store_txn *txn = store_write(store, &e);
    int result = 0;
    for (char key = 'a'; key <= 'z' && result == 0; key++)
        result = store_put(txn, table, bytes_make(&key, 1), bytes_make(big, sizeof big), &e);
    assert_int_equal(result, -1);
    assert_int_equal(e.kind, ERROR_FULL);
    store_abort(txn);
    txn = store_write(store, &e);
    assert_int_equal(store_put(txn, table, S("k"), S("v"), &e), 0);
    assert_int_equal(store_commit(txn, &e), 0);
    txn = store_read(store, &e);
    assert_int_equal(store_get(txn, table, S("k"), &value, &e), 1);
    store_abort(txn);
    store_close(store);
}

static void the_used_share_falls_when_rows_are_deleted(void **state)
{
    struct error e = {0};
    static const char big[3000];
    struct store *store = open_small(state, 1 << 20);
    MDB_dbi table = table_of(store);
    assert_true(store_used(store) < 0.1);
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t key[4];
        put_u32be(key, i);
        struct store_txn *txn = store_write(store, &e);
        assert_int_equal(store_append(txn, table, bytes_make(key, 4), bytes_make(big, sizeof big), &e), 0);
        assert_int_equal(store_commit(txn, &e), 0);
    }
    assert_true(store_used(store) > 0.75);
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t key[4];
        put_u32be(key, i);
        struct store_txn *txn = store_write(store, &e);
        assert_int_equal(store_delete(txn, table, bytes_make(key, 4), &e), 1);
        assert_int_equal(store_commit(txn, &e), 0);
    }
    assert_true(store_used(store) < 0.2);
    store_close(store);
}

static void a_file_of_another_kind_is_kept_and_named(void **state)
{
    struct error e = {0};
    struct buffer back = {0};
    struct store_options options = {.map_size = 1 << 20, .most_tables = 4, .create = true};
    static const char junk[8192] = "not a store";
    assert_int_equal(mkdir(scratch_path(state, "s"), 0700), 0);
    assert_int_equal(
        file_write_atomically(scratch_path(state, "s/data.mdb"), bytes_make(junk, sizeof junk), 0600, &e), 0);
    assert_null(store_open(scratch_path(state, "s"), &options, &e));
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_int_equal(file_read(scratch_path(state, "s/data.mdb"), 10000, &back, &e), 0);
    assert_int_equal(back.len, sizeof junk);
    buffer_free(&back);
}

static void foreign_codes_become_our_kinds(void **state)
{
    (void)state;
    static const struct {
        int code;
        enum error_kind kind;
    } rows[] = {{MDB_NOTFOUND, ERROR_NOT_FOUND},
                {MDB_MAP_FULL, ERROR_FULL},
                {ENOSPC, ERROR_FULL},
                {MDB_READERS_FULL, ERROR_FULL},
                {MDB_CORRUPTED, ERROR_INTEGRITY},
                {MDB_PANIC, ERROR_INTEGRITY},
                {EIO, ERROR_IO},
                {ENOMEM, ERROR_MEMORY}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error e = {0};
        assert_int_equal(store_error(&e, rows[i].code, "here"), -1);
        assert_int_equal(e.kind, rows[i].kind);
        assert_non_null(strstr(e.text, "here"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_scratch(what_was_committed_is_there_after_reopening),
        in_scratch(keys_are_found_in_order),
        in_scratch(an_append_never_overwrites),
        in_scratch(a_store_that_is_open_is_not_opened_twice),
        in_scratch(a_missing_store_is_not_made_by_a_reader),
        in_scratch(a_full_map_is_an_error_of_its_own_and_the_store_goes_on),
        in_scratch(the_used_share_falls_when_rows_are_deleted),
        in_scratch(a_file_of_another_kind_is_kept_and_named),
        cmocka_unit_test(foreign_codes_become_our_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
