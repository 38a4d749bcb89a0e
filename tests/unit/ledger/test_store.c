/* Reading and proving, and trouble while writing: a full map, an abandoned batch. */
#include "fixture.h"

#include "ledger/ledger_internal.h"
#include "tlog/tile.h"

#include <sys/stat.h>
#include <unistd.h>

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
    struct checkpoint seen;
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
        if (i % 32 == 0) {
            ledger_checkpoint(f->ledger, NULL, &seen);
            begin(f);
        }
        scatter = scatter * 1664525 + 1013904223; /* ids are random: they spread over the whole table */
        message_request(f, scatter, &request);
        request.header.has_traceparent = true;
        request.header.seen_size = seen.size;
        memcpy(request.header.seen_root, seen.root, HASH_SIZE);
        message_encode(&request);
        message_response(f, &request, &response);
        request.put.signature = response.put.signature = body;
        put(f, &request);
        put(f, &response);
        message_free(&request);
        message_free(&response);
        if (i % 32 == 31 || i == exchanges - 1)
            commit(f);
        f->now += 120000; /* 17 messages a second; six minutes of them are in the replay index */
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
    print_message("# %zu bytes an entry, %u bytes of disk for each\n", entry_bytes / 1000, (unsigned)cost);
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

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(a_ledger_that_is_not_there_is_not_made_unless_asked),
        LEDGER_TEST(tiles_bundles_and_proofs_agree_with_the_entries),
        LEDGER_TEST(the_notes_of_recent_checkpoints_are_kept_and_no_more),
        LEDGER_TEST(a_checkpoint_that_this_ledger_does_not_extend_is_told_apart),
        LEDGER_TEST(a_stopped_ledger_does_not_start_and_says_why),
        LEDGER_TEST(a_full_map_is_told_and_what_was_committed_stays_good),
        LEDGER_TEST(an_entry_costs_well_below_1000_bytes_of_disk),
        LEDGER_TEST(an_abandoned_batch_leaves_no_trace),
        LEDGER_TEST(a_batch_without_entries_signs_nothing),
    };
    return cmocka_run_group_tests_name("ledger-store", tests, NULL, NULL);
}
