/* The ledger on disk: what is found wrong at the next start, what survives a kill, what a full map does. */
#include "fixture.h"

#include "base/store.h"
#include "ledger/ledger_internal.h"
#include "tlog/tile.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* `count` requests, `batch` at a time; ids from `from`. */
static void fill(struct fixture *f, uint32_t from, uint32_t count, uint32_t batch)
{
    struct message request;

    for (uint32_t i = 0; i < count; i++) {
        if (i % batch == 0)
            begin(f);
        message_request(f, from + i, &request);
        assert_int_equal(put(f, &request).type, ENTRY_ADMITTED);
        message_free(&request);
        if (i % batch == batch - 1 || i == count - 1)
            commit(f);
    }
}

/* --- what somebody has changed on disk --- */

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

static void a_ledger_that_is_not_there_is_not_made_unless_asked(void **state)
{
    struct fixture *f = *state;
    struct buffer path = {0};
    struct error e = {0};

    buffer_printf(&path, "%s/elsewhere", f->folder);
    buffer_append(&path, "", 1);
    const struct ledger_options options = {
        .folder = (const char *)path.data, .map_size = f->map_size, .signer = &f->signer};
    assert_null(ledger_open(&options, &e));
    assert_int_equal(e.kind, ERROR_NOT_FOUND);
    assert_int_not_equal(access((const char *)path.data, F_OK), 0);
    buffer_free(&path);
}

/* --- reading and proving --- */

static void tiles_bundles_and_proofs_agree_with_the_entries(void **state)
{
    struct fixture *f = *state;
    struct buffer bundle = {0}, tile = {0}, entry = {0}, proof_text = {0}, note = {0};
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE], hash[HASH_SIZE];
    struct checkpoint first, latest, to;
    struct error e = {0};
    size_t count;

    fill(f, 0, 100, 7);
    ledger_checkpoint(f->ledger, NULL, &first);
    fill(f, 100, 500, 64);
    fixture_close(f);
    fixture_open(f);
    ledger_checkpoint(f->ledger, &note, &latest);
    assert_int_equal(latest.size, 600);
    struct checkpoint opened;
    assert_true(checkpoint_open(buffer_bytes(&note), &f->signer.verifier, 1, &opened));
    assert_memory_equal(opened.root, latest.root, HASH_SIZE);

    for (uint64_t number = 0; number < 3; number++) {
        const unsigned width = tile_width(600, 0, number);

        buffer_clear(&bundle);
        buffer_clear(&tile);
        assert_int_equal(ledger_read_bundle(f->ledger, number, width, &bundle, &e), 1);
        assert_int_equal(ledger_read_tile(f->ledger, 0, number, width, &tile, &e), 1);
        assert_int_equal(tile.len, width * HASH_SIZE);
        struct bytes rest = buffer_bytes(&bundle), one;
        for (unsigned i = 0; i < width; i++) {
            assert_true(tile_next_entry(&rest, &one));
            merkle_leaf(one, hash);
            assert_memory_equal(hash, tile.data + i * HASH_SIZE, HASH_SIZE);
        }
        assert_int_equal(rest.len, 0);
        /* A narrower one is a prefix; a wider one does not exist. */
        assert_int_equal(ledger_read_tile(f->ledger, 0, number, width - 1, &tile, &e), 1);
        assert_memory_equal(tile.data, tile.data + width * HASH_SIZE, (width - 1) * HASH_SIZE);
        assert_int_equal(ledger_read_tile(f->ledger, 0, number, width + 1, &tile, &e), 0);
        assert_int_equal(ledger_read_bundle(f->ledger, number, width + 1, &bundle, &e), 0);
    }
    assert_int_equal(ledger_read_tile(f->ledger, 0, 3, 1, &tile, &e), 0);
    assert_int_equal(ledger_read_tile(f->ledger, 2, 0, 1, &tile, &e), 0);
    assert_int_equal(ledger_read_entry(f->ledger, 600, &entry, &e), 0);

    for (uint64_t i = 0; i < 600; i += 37) {
        struct tlog_proof parsed;

        buffer_clear(&entry);
        buffer_clear(&proof_text);
        assert_int_equal(ledger_receipt(f->ledger, i, &entry, &proof_text, &e), 0);
        assert_true(tlog_proof_parse(buffer_bytes(&proof_text), &parsed));
        assert_true(tlog_proof_check(&parsed, buffer_bytes(&entry), &f->signer.verifier, 1, &to));
        assert_int_equal(parsed.index, i);
    }

    buffer_clear(&note);
    assert_int_equal(ledger_consistency(f->ledger, first.size, 0, proof, &count, &to, &note, &e), 0);
    assert_true(tree_check_consistency(first.size, first.root, to.size, to.root,
                                       (const uint8_t(*)[HASH_SIZE])proof, count));
    assert_true(checkpoint_open(buffer_bytes(&note), &f->signer.verifier, 1, &opened));
    assert_int_equal(opened.size, 600);
    buffer_clear(&note);
    assert_int_equal(ledger_consistency(f->ledger, 50, 100, proof, &count, &to, &note, &e), 0);
    assert_memory_equal(to.root, first.root, HASH_SIZE);
    assert_true(checkpoint_open(buffer_bytes(&note), &f->signer.verifier, 1, &opened));
    buffer_clear(&note);
    assert_int_equal(ledger_consistency(f->ledger, 50, 101, proof, &count, &to, &note, &e), 0);
    assert_int_equal(note.len, 0); /* no batch ended there */
    assert_int_equal(ledger_consistency(f->ledger, 0, 601, proof, &count, &to, &note, &e), -1);
    assert_int_equal(ledger_consistency(f->ledger, 60, 50, proof, &count, &to, &note, &e), -1);
    buffer_free(&bundle);
    buffer_free(&tile);
    buffer_free(&entry);
    buffer_free(&proof_text);
    buffer_free(&note);
}

static void the_notes_of_recent_checkpoints_are_kept_and_no_more(void **state)
{
    struct fixture *f = *state;
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE];
    struct buffer note = {0};
    struct checkpoint to;
    struct error e = {0};
    size_t count;

    fill(f, 0, CHECKPOINTS_KEPT + 10, 1);
    assert_int_equal(ledger_consistency(f->ledger, 1, 11, proof, &count, &to, &note, &e), 0);
    assert_true(note.len > 0);
    buffer_clear(&note);
    assert_int_equal(ledger_consistency(f->ledger, 1, 10, proof, &count, &to, &note, &e), 0);
    assert_int_equal(note.len, 0);
    buffer_free(&note);
}

static void a_checkpoint_that_this_ledger_does_not_extend_is_told_apart(void **state)
{
    struct fixture *f = *state;
    struct checkpoint old, latest, other;
    struct error e = {0};

    ledger_checkpoint(f->ledger, NULL, &latest);
    assert_int_equal(latest.size, 0);
    assert_int_equal(ledger_extends(f->ledger, &latest, &e), 1);
    fill(f, 0, 10, 10);
    ledger_checkpoint(f->ledger, NULL, &old);
    fill(f, 10, 10, 10);
    ledger_checkpoint(f->ledger, NULL, &latest);
    assert_int_equal(ledger_extends(f->ledger, &old, &e), 1);
    assert_int_equal(ledger_extends(f->ledger, &latest, &e), 1);
    other = old; /* a split view */
    other.root[5] ^= 1;
    assert_int_equal(ledger_extends(f->ledger, &other, &e), 0);
    other = latest; /* a ledger that was rolled back */
    other.size++;
    assert_int_equal(ledger_extends(f->ledger, &other, &e), 0);
    other = latest; /* nobody can stop the bus with another ledger's checkpoint */
    strcpy(other.origin, "elsewhere");
    assert_int_equal(ledger_extends(f->ledger, &other, &e), -1);
}

static void a_stopped_ledger_does_not_start_and_says_why(void **state)
{
    struct fixture *f = *state;
    struct buffer path = {0}, text = {0}, note = {0};
    struct error e = {0};

    fill(f, 0, 3, 3);
    ledger_checkpoint(f->ledger, &note, NULL);
    assert_int_equal(ledger_stop(f->ledger, "an adapter has accepted\na later checkpoint",
                                 bytes_of_string("their\nnote\n"), &e),
                     0);
    fixture_close(f);
    e = fixture_open_fails(f);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_non_null(strstr(e.text, "an adapter has accepted a later checkpoint"));
    buffer_printf(&path, "%s/STOPPED", f->folder);
    buffer_append(&path, "", 1);
    assert_int_equal(file_read((const char *)path.data, 4096, &text, &e), 0);
    assert_non_null(memmem(text.data, text.len, note.data, note.len));
    assert_non_null(memmem(text.data, text.len, "their\nnote\n", 11));
    buffer_free(&path);
    buffer_free(&text);
    buffer_free(&note);
}

/* --- trouble while writing --- */

/* Batches of `batch` until the map is full; nothing of the batch in which that happens is signed or kept. */
static void fill_to_the_brim(struct fixture *f, uint32_t batch)
{
    struct ledger_result result;
    struct message request;
    struct buffer entry = {0}, proof = {0};
    struct error e = {0};
    uint64_t size = 0;
    uint32_t id = batch << 20;
    int put_done, committed = 0;

    do {
        size = ledger_size(f->ledger);
        begin(f);
        put_done = 0;
        for (uint32_t i = 0; i < batch && put_done == 0; i++) {
            message_request(f, id++, &request);
            put_done = ledger_put_message(f->ledger, &request.put, &result, &e);
            message_free(&request);
        }
        if (put_done == 0)
            committed = ledger_commit(f->ledger, &e);
        assert_true((id & 0xfffff) < 20000);
    } while (put_done == 0 && committed == 0);
    assert_int_equal(e.kind, ERROR_FULL);
    assert_true(ledger_used(f->ledger) > 0.8);
    assert_int_equal(ledger_size(f->ledger), size);
    if (put_done != 0) {
        message_request(f, id, &request);
        assert_int_equal(ledger_put_message(f->ledger, &request.put, &result, &e), -1);
        message_free(&request);
        assert_int_equal(ledger_abort(f->ledger, &e), 0);
        assert_int_equal(ledger_receipt(f->ledger, size - 1, &entry, &proof, &e), 0);
    } else {
        /* That size may have been signed: this process never signs it again. */
        assert_int_equal(ledger_begin(f->ledger, f->now, &e), -1);
    }
    fixture_close(f);
    f->map_size *= 2;
    fixture_open(f);
    assert_int_equal(ledger_size(f->ledger), size);
    buffer_free(&entry);
    buffer_free(&proof);
}

static void a_full_map_is_told_and_what_was_committed_stays_good(void **state)
{
    struct fixture *f = *state;

    fixture_close(f);
    f->map_size = (size_t)1 << 20;
    fixture_open(f);
    fill_to_the_brim(f, 1);
    fill_to_the_brim(f, 20);
    fill_to_the_brim(f, 400);
    fill(f, 7, 10, 10);
}

static void an_entry_costs_well_below_1000_bytes_of_disk(void **state)
{
    struct fixture *f = *state;
    struct message request, response;
    struct buffer path = {0};
    struct stat st;
    struct bytes body;
    size_t entry_bytes = 0;
    const uint32_t exchanges = 20000;
    uint32_t scatter = 1;
    char signature[180];

    memset(signature, 's', sizeof(signature));
    body = bytes_make(signature, sizeof(signature));
    ledger_set_registry(f->ledger, 12, (const uint8_t *)signature);
    for (uint32_t i = 0; i < exchanges; i++) {
        if (i % 32 == 0)
            begin(f);
        scatter = scatter * 1664525 + 1013904223; /* ids are random: they spread over the whole table */
        message_request(f, scatter, &request);
        request.header.has_traceparent = true;
        request.header.seen_size = 1000000 + i;
        memset(request.header.seen_root, 7, HASH_SIZE);
        message_encode(&request);
        message_response(f, &request, &response);
        request.put.signature = response.put.signature = body;
        put(f, &request);
        put(f, &response);
        message_free(&request);
        message_free(&response);
        if (i % 32 == 31 || i == exchanges - 1)
            commit(f);
        f->now += 20000; /* 100 messages a second; a minute of them is in the replay index */
    }
    assert_int_equal(ledger_size(f->ledger), 2 * exchanges);
    for (uint32_t i = 0; i < 1000; i++) {
        struct buffer entry = {0};
        struct error e = {0};

        assert_int_equal(ledger_read_entry(f->ledger, i, &entry, &e), 1);
        entry_bytes += entry.len;
        buffer_free(&entry);
    }
    buffer_printf(&path, "%s/segments/00000000000000000000/data.mdb", f->folder);
    buffer_append(&path, "", 1);
    assert_int_equal(stat((const char *)path.data, &st), 0);
    const uint64_t cost = (uint64_t)st.st_blocks * 512 / (2 * exchanges);
    print_message("%zu bytes an entry, %u bytes of disk for each\n", entry_bytes / 1000, (unsigned)cost);
    assert_true(entry_bytes / 1000 > 500);
    assert_true(cost < 850);
    buffer_free(&path);
}

static void an_abandoned_batch_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    struct message request;
    struct error e = {0};

    fill(f, 0, 300, 100);
    const uint64_t time = ledger_last_time(f->ledger);
    begin(f);
    for (uint32_t i = 0; i < 300; i++) {
        message_request(f, 1000 + i, &request);
        put(f, &request);
        message_free(&request);
    }
    assert_int_equal(ledger_abort(f->ledger, &e), 0);
    assert_true(ledger_last_time(f->ledger) == time);
    message_request(f, 1000, &request);
    assert_false(put_alone(f, &request).old);
    message_free(&request);
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(ledger_size(f->ledger), 301);
}

static void a_batch_without_entries_signs_nothing(void **state)
{
    struct fixture *f = *state;
    struct checkpoint checkpoint;

    begin(f);
    commit(f);
    ledger_checkpoint(f->ledger, NULL, &checkpoint);
    assert_int_equal(checkpoint.size, 0);
    fill(f, 0, 1, 1);
    begin(f);
    commit(f);
    assert_int_equal(ledger_size(f->ledger), 1);
}

/* --- kill -9 --- */

struct report {
    uint64_t size;
    uint8_t root[HASH_SIZE];
    uint64_t answered; /* exchanges ended so far in this process */
};

/* Writes batches of requests, responses and time-outs until it is killed; reports each commit. */
static void write_until_killed(struct fixture *f, unsigned seed, int fd)
{
    struct message open[64], response;
    unsigned used = 0;
    uint32_t id = (seed & 0xffff) << 16;
    struct ledger_result result;
    struct error e = {0};
    struct report report = {0};

    for (;;) {
        const int count = 1 + (int)((unsigned)rand_r(&seed) % 20);

        f->now += 1000;
        begin(f);
        for (int i = 0; i < count; i++) {
            const unsigned what = (unsigned)rand_r(&seed) % 4;

            if (used < 64 && (used == 0 || what < 2)) {
                message_request(f, id++, &open[used]);
                put(f, &open[used++]);
                continue;
            }
            struct message *request = &open[--used];
            if (what == 2) {
                ledger_put_end(f->ledger, request->header.exchange_id, ENTRY_TIMED_OUT,
                               REFUSAL_PROVIDER_TIMEOUT, &result, &e);
            } else {
                message_response(f, request, &response);
                put(f, &response);
                message_free(&response);
            }
            report.answered++;
            message_free(request);
        }
        commit(f);
        struct checkpoint checkpoint;
        ledger_checkpoint(f->ledger, NULL, &checkpoint);
        report.size = checkpoint.size;
        memcpy(report.root, checkpoint.root, HASH_SIZE);
        if (write(fd, &report, sizeof(report)) != sizeof(report))
            _exit(1);
    }
}

/* Every exchange in the ledger has one terminal entry. */
static void assert_each_ended_once(struct fixture *f)
{
    struct buffer data = {0};
    struct error e = {0};
    const uint64_t size = ledger_size(f->ledger);
    struct seen {
        uint8_t id[16];
        int opened, ended;
    } *seen = memory_zeroed(size + 1, sizeof(*seen));
    size_t used = 0;
    uint64_t last = 0;

    for (uint64_t i = 0; i < size; i++) {
        struct entry entry;
        struct entry_hold hold;
        struct header header;
        const uint8_t *id;
        int opened = 0;

        buffer_clear(&data);
        assert_int_equal(ledger_read_entry(f->ledger, i, &data, &e), 1);
        assert_true(entry_decode(buffer_bytes(&data), &entry, &hold));
        assert_true(entry.time > last);
        last = entry.time;
        if (entry.context.len > 0) {
            assert_int_equal(header_decode(entry.context, entry.body, &header), REFUSAL_NONE);
            id = header.exchange_id;
            opened = header.kind == MESSAGE_REQUEST;
        } else {
            id = entry.exchange_id;
        }
        size_t at = used;
        while (at > 0 && memcmp(seen[at - 1].id, id, 16) != 0)
            at--;
        if (at == 0) {
            memcpy(seen[used++].id, id, 16);
            at = used;
        }
        seen[at - 1].opened += opened;
        seen[at - 1].ended += !opened;
        entry_release(&hold);
    }
    for (size_t i = 0; i < used; i++) {
        assert_int_equal(seen[i].opened, 1);
        assert_int_equal(seen[i].ended, 1);
    }
    free(seen);
    buffer_free(&data);
}

static void a_killed_writer_leaves_a_good_ledger_with_all_that_it_reported(void **state)
{
    struct fixture *f = *state;
    const char *given = getenv("WASL_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)clock_wall();
    uint64_t before = 0;

    print_message("seed %u (WASL_SEED=%u repeats it)\n", seed, seed);
    for (int round = 0; round < 12; round++) {
        struct report report, last = {0};
        struct checkpoint seen = {0};
        struct error e = {0};
        int fds[2];

        const unsigned child_seed = (unsigned)rand_r(&seed);
        const int commits = (int)((unsigned)rand_r(&seed) % 12);
        const int spin = (int)((unsigned)rand_r(&seed) % 2000000);
        assert_int_equal(pipe(fds), 0);
        fixture_close(f);
        pid_t child = fork();
        if (child == 0) {
            close(fds[0]);
            fixture_open(f);
            write_until_killed(f, child_seed, fds[1]);
        }
        close(fds[1]);
        for (int i = 0; i <= commits; i++)
            assert_int_equal(read(fds[0], &last, sizeof(last)), sizeof(last));
        for (volatile int i = 0; i < spin; i++)
            ;
        assert_int_equal(kill(child, SIGKILL), 0);
        while (read(fds[0], &report, sizeof(report)) == sizeof(report))
            last = report;
        assert_int_equal(waitpid(child, NULL, 0), child);
        close(fds[0]);

        fixture_open(f);
        assert_true(last.size > before);
        assert_true(ledger_size(f->ledger) >= last.size);
        strcpy(seen.origin, "bus.test/ledger");
        seen.size = last.size;
        memcpy(seen.root, last.root, HASH_SIZE);
        assert_int_equal(ledger_extends(f->ledger, &seen, &e), 1);
        begin(f);
        assert_true(ledger_put_interrupted(f->ledger, &e) >= 0);
        commit(f);
        assert_each_ended_once(f);
        before = ledger_size(f->ledger);
    }
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
        LEDGER_TEST(a_ledger_that_is_not_there_is_not_made_unless_asked),
        LEDGER_TEST(tiles_bundles_and_proofs_agree_with_the_entries),
        LEDGER_TEST(the_notes_of_recent_checkpoints_are_kept_and_no_more),
        LEDGER_TEST(a_checkpoint_that_this_ledger_does_not_extend_is_told_apart),
        LEDGER_TEST(a_stopped_ledger_does_not_start_and_says_why),
        LEDGER_TEST(a_full_map_is_told_and_what_was_committed_stays_good),
        LEDGER_TEST(an_entry_costs_well_below_1000_bytes_of_disk),
        LEDGER_TEST(an_abandoned_batch_leaves_no_trace),
        LEDGER_TEST(a_batch_without_entries_signs_nothing),
        LEDGER_TEST(a_killed_writer_leaves_a_good_ledger_with_all_that_it_reported),
    };
    return cmocka_run_group_tests_name("ledger-store", tests, NULL, NULL);
}
