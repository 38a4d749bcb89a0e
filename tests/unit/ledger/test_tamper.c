/* What somebody has changed on disk is found, and named, at the next start. */
#include "fixture.h"

#include "base/store.h"
#include "ledger/ledger_internal.h"

static void table_change(struct fixture *f, const char *table, const void *key, size_t key_len,
                         void (*change)(struct buffer *value), bool last)
{
    const struct store_options options = {.map_size = f->map_size, .most_tables = 16, .create = true};
    struct error e = {0};
    struct buffer path = {0}, value = {0}, k = {0};
    struct bytes found_key, found;
    MDB_dbi dbi;

    buffer_printf(&path, "%s/segments/00000000000000000000", f->folder);
    buffer_append(&path, "", 1);
    struct store *store = store_open((const char *)path.data, &options, &e);
    assert_non_null(store);
    assert_int_equal(store_table(store, table, &dbi, &e), 0);
    struct store_txn *txn = store_write(store, &e);
    if (last)
        assert_int_equal(store_last(txn, dbi, &found_key, &found, &e), 1);
    else
        assert_int_equal(store_get(txn, dbi, found_key = bytes_make(key, key_len), &found, &e), 1);
    buffer_append_bytes(&value, found);
    buffer_append_bytes(&k, found_key);
    change(&value);
    if (value.len == 0)
        assert_int_equal(store_delete(txn, dbi, buffer_bytes(&k), &e), 1);
    else
        assert_int_equal(store_put(txn, dbi, buffer_bytes(&k), buffer_bytes(&value), &e), 0);
    assert_int_equal(store_commit(txn, &e), 0);
    store_close(store);
    buffer_free(&path);
    buffer_free(&value);
    buffer_free(&k);
}

static unsigned flipped_byte;
static void flip(struct buffer *value)
{
    value->data[flipped_byte % value->len] ^= 0x10;
}
static void erase(struct buffer *value)
{
    buffer_clear(value);
}
static void shorten(struct buffer *value)
{
    value->len -= HASH_SIZE;
}

static uint8_t replaced_hash[HASH_SIZE];
static void replace_hash_4(struct buffer *value)
{
    memcpy(value->data + 4 * HASH_SIZE, replaced_hash, HASH_SIZE);
}

static void entry_key(uint64_t index, uint8_t key[8])
{
    put_u64be(key, index);
}

static void a_changed_entry_is_named_at_the_next_start(void **state)
{
    static const uint64_t places[] = {0, 255, 256, 300, 599};
    struct fixture *f = *state;
    uint8_t key[8];

    fill(f, 0, 600, 50);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char name[32];

        fixture_close(f);
        entry_key(places[i], key);
        flipped_byte = (unsigned)(17 * i + 3);
        table_change(f, "entries", key, 8, flip, false);
        struct error e = fixture_open_fails(f);
        assert_int_equal(e.kind, ERROR_INTEGRITY);
        snprintf(name, sizeof(name), "entry %u of", (unsigned)places[i]);
        assert_non_null(strstr(e.text, name));
        table_change(f, "entries", key, 8, flip, false);
        fixture_open(f);
    }
}

static void a_changed_or_missing_tile_is_named(void **state)
{
    struct fixture *f = *state;
    uint8_t key[9];
    struct error e;

    fill(f, 0, 600, 100);
    fixture_close(f);
    segment_tile_key(0, 1, key);
    flipped_byte = 32 * 44 + 5; /* hash of entry 300 */
    table_change(f, "tiles", key, 9, flip, false);
    e = fixture_open_fails(f);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_non_null(strstr(e.text, "stored hash of entry 300 "));
    table_change(f, "tiles", key, 9, flip, false);

    segment_tile_key(1, 0, key);
    flipped_byte = 40;
    table_change(f, "tiles", key, 9, flip, false);
    e = fixture_open_fails(f);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_non_null(strstr(e.text, "tile 1/0 "));
    table_change(f, "tiles", key, 9, flip, false);

    segment_tile_key(0, 2, key);
    table_change(f, "tiles", key, 9, shorten, false);
    e = fixture_open_fails(f);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_non_null(strstr(e.text, "stored hash of entry 599 "));
}

static void a_missing_entry_is_named(void **state)
{
    struct fixture *f = *state;
    uint8_t key[8];

    fill(f, 0, 300, 100);
    fixture_close(f);
    entry_key(299, key);
    table_change(f, "entries", key, 8, erase, false);
    struct error e = fixture_open_fails(f);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_non_null(strstr(e.text, "entry 299 of the ledger is missing"));
    entry_key(7, key);
    table_change(f, "entries", key, 8, erase, false);
    e = fixture_open_fails(f);
    assert_non_null(strstr(e.text, "entry 7 of the ledger is missing"));
}

static void entries_beyond_the_checkpoint_are_an_integrity_error(void **state)
{
    struct fixture *f = *state;

    fill(f, 0, 20, 10);
    fixture_close(f);
    table_change(f, "checkpoints", NULL, 0, erase, true);
    struct error e = fixture_open_fails(f);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_non_null(strstr(e.text, "entry 10 "));
    assert_non_null(strstr(e.text, "beyond"));
    table_change(f, "checkpoints", NULL, 0, erase, true);
    e = fixture_open_fails(f);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_non_null(strstr(e.text, "entry 0 "));
}

static void an_entry_changed_together_with_its_hash_is_still_found(void **state)
{
    struct fixture *f = *state;
    uint8_t key[9];

    fill(f, 0, 10, 10);
    struct buffer entry = {0}, tile = {0};
    struct error e = {0};
    assert_int_equal(ledger_read_entry(f->ledger, 4, &entry, &e), 1);
    assert_int_equal(ledger_read_tile(f->ledger, 0, 0, 10, &tile, &e), 1);
    uint8_t before[HASH_SIZE], after[HASH_SIZE];
    merkle_leaf(buffer_bytes(&entry), before);
    assert_memory_equal(before, tile.data + 4 * HASH_SIZE, HASH_SIZE);
    entry.data[8] ^= 0x10;
    merkle_leaf(buffer_bytes(&entry), after);
    fixture_close(f);
    entry_key(4, key);
    flipped_byte = 8;
    table_change(f, "entries", key, 8, flip, false);
    segment_tile_key(0, 0, key);
    memcpy(replaced_hash, after, HASH_SIZE);
    table_change(f, "tiles", key, 9, replace_hash_4, false);
    e = fixture_open_fails(f);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_non_null(strstr(e.text, "do not lead to the root"));
    buffer_free(&entry);
    buffer_free(&tile);
}

static void a_checkpoint_that_the_ledger_key_has_not_signed_is_refused(void **state)
{
    struct fixture *f = *state;
    struct note_signer own = f->signer;
    struct error e = {0};

    fill(f, 0, 5, 5);
    fixture_close(f);
    /* Another key of the same name. */
    assert_int_equal(note_signer_generate("bus.test/ledger", NOTE_ED25519, &f->signer, &e), 0);
    e = fixture_open_fails(f);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_int_equal(note_signer_generate("bus.other/ledger", NOTE_ED25519, &f->signer, &e), 0);
    e = fixture_open_fails(f);
    assert_int_equal(e.kind, ERROR_CONFIG);
    f->signer = own;
    fixture_open(f);
    assert_int_equal(ledger_size(f->ledger), 5);
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(a_changed_entry_is_named_at_the_next_start),
        LEDGER_TEST(a_changed_or_missing_tile_is_named),
        LEDGER_TEST(a_missing_entry_is_named),
        LEDGER_TEST(entries_beyond_the_checkpoint_are_an_integrity_error),
        LEDGER_TEST(an_entry_changed_together_with_its_hash_is_still_found),
        LEDGER_TEST(a_checkpoint_that_the_ledger_key_has_not_signed_is_refused),
    };
    return cmocka_run_group_tests_name("ledger-tamper", tests, NULL, NULL);
}
