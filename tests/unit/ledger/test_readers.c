/* Readers in other threads while the writer writes: whatever they get is good under a checkpoint that they
 * could have seen. */
#include "fixture.h"

#include "tlog/tile.h"

#include <pthread.h>
#include <stdatomic.h>

#define READERS 3
#define BATCHES 150

static atomic_bool done;
static atomic_int good_reads;

/* Any failure ends the loop and is told as a number, since cmocka's assertions belong to the main thread. */
static void *read_all_the_time(void *arg)
{
    struct fixture *f = arg;
    struct buffer bundle = {0}, tile = {0}, note = {0}, entry = {0};
    uint64_t last = 0, turn = 0;
    intptr_t fault = 0;

    while (fault == 0 && (!atomic_load(&done) || turn < 3)) {
        struct checkpoint checkpoint, opened;
        struct error e = {0};
        uint8_t hash[HASH_SIZE];

        turn++;
        buffer_clear(&note);
        ledger_checkpoint(f->ledger, &note, &checkpoint);
        if (checkpoint.size == 0)
            continue;
        if (checkpoint.size < last || ledger_size(f->ledger) < checkpoint.size ||
            !checkpoint_open(buffer_bytes(&note), &f->signer.verifier, 1, &opened) ||
            memcmp(opened.root, checkpoint.root, HASH_SIZE) != 0)
            fault = 1;
        last = checkpoint.size;
        const uint64_t number = turn % ((checkpoint.size + 255) / 256);
        const unsigned width = tile_width(checkpoint.size, 0, number);
        buffer_clear(&bundle);
        buffer_clear(&tile);
        if (ledger_read_bundle(f->ledger, number, width, &bundle, &e) != 1 ||
            ledger_read_tile(f->ledger, 0, number, width, &tile, &e) != 1 ||
            tile.len != (size_t)width * HASH_SIZE)
            fault = 2;
        struct bytes rest = buffer_bytes(&bundle), one;
        for (unsigned i = 0; i < width && fault == 0; i++) {
            if (!tile_next_entry(&rest, &one))
                fault = 3;
            merkle_leaf(one, hash);
            if (memcmp(hash, tile.data + (size_t)i * HASH_SIZE, HASH_SIZE) != 0)
                fault = 4;
        }
        buffer_clear(&entry);
        if (fault == 0 && ledger_read_entry(f->ledger, checkpoint.size - 1, &entry, &e) != 1)
            fault = 5;
        atomic_fetch_add(&good_reads, 1);
    }
    buffer_free(&bundle);
    buffer_free(&tile);
    buffer_free(&note);
    buffer_free(&entry);
    return (void *)fault;
}

static void readers_see_only_what_is_signed_while_the_writer_writes(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[READERS];
    struct message request;
    uint32_t id = 0;

    atomic_store(&done, false);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, f), 0);
    for (int batch = 0; batch < BATCHES; batch++) {
        begin(f);
        for (int i = 0; i < 1 + batch % 40; i++) {
            message_request(f, id++, &request);
            put(f, &request);
            message_free(&request);
        }
        commit(f);
    }
    atomic_store(&done, true);
    for (int i = 0; i < READERS; i++) {
        void *fault;

        assert_int_equal(pthread_join(threads[i], &fault), 0);
        assert_int_equal((intptr_t)fault, 0);
    }
    assert_true(atomic_load(&good_reads) >= READERS * 3);
    assert_int_equal(ledger_size(f->ledger), id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(readers_see_only_what_is_signed_while_the_writer_writes,
                                        fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests_name("ledger-readers", tests, NULL, NULL);
}
