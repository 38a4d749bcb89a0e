/* What an adapter has accepted of the ledger, without any bus. */
#include "core/trail.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "tlog/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../scratch.h"

#define MOST 1000000u

struct fixture {
    char folder[64];
    struct store *store;
    struct trail *trail;
    struct tree *tree;
};

static int no_tile(void *arg, unsigned level, uint64_t number, unsigned width, uint8_t *out, struct error *e)
{
    (void)arg;
    (void)level;
    (void)number;
    (void)width;
    (void)out;
    return error_set(e, ERROR_NOT_FOUND, "the tree of the test is small");
}

static void open_it(struct fixture *f)
{
    struct store_options options = {.map_size = 1 << 24, .most_tables = 8, .create = true};
    struct error e;
    char path[96];
    snprintf(path, sizeof(path), "%s/store", f->folder);
    f->store = store_open(path, &options, &e);
    assert_non_null(f->store);
    f->trail = trail_open(f->store, f->folder, MOST, &e);
    assert_non_null(f->trail);
}

static int setup(void **state)
{
    static struct fixture f;
    struct tree_reader reader = {no_tile, NULL};
    strcpy(f.folder, "/tmp/wasl-trail-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    open_it(&f);
    f.tree = tree_new(&reader);
    for (unsigned i = 0; i < 100; i++) {
        uint8_t leaf[HASH_SIZE];
        merkle_leaf(bytes_make(&i, sizeof(i)), leaf);
        tree_append(f.tree, leaf);
    }
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    trail_close(f->trail);
    store_close(f->store);
    tree_free(f->tree);
    return scratch_delete(f->folder);
}

static void root_of(struct fixture *f, uint64_t size, uint8_t root[HASH_SIZE])
{
    struct error e;
    assert_int_equal(tree_root(f->tree, size, root, &e), 0);
}

static bool claim(struct fixture *f, uint64_t size, uint64_t now)
{
    uint8_t root[HASH_SIZE];
    root_of(f, size, root);
    return trail_claim(f->trail, size, root, bytes_of_string("a note"), bytes_make(NULL, 0), now);
}

static void prove(struct fixture *f, uint64_t old_size, uint64_t new_size, uint64_t now)
{
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE];
    size_t count;
    struct error e;
    assert_int_equal(tree_consistency(f->tree, old_size, new_size, proof, &count, &e), 0);
    trail_proof(f->trail, old_size, new_size, (const uint8_t(*)[HASH_SIZE])proof, count, now);
}

static void the_first_signed_checkpoint_is_where_the_trail_begins(void **state)
{
    struct fixture *f = *state;
    assert_null(trail_accepted(f->trail));
    assert_true(claim(f, 10, 0));
    assert_int_equal(trail_accepted(f->trail)->size, 10);
    assert_int_equal(trail_pending(f->trail), 0);
}

static void a_larger_checkpoint_is_accepted_only_with_its_proof(void **state)
{
    struct fixture *f = *state;
    uint64_t old_size, new_size;
    claim(f, 10, 0);
    claim(f, 25, 0);
    assert_int_equal(trail_accepted(f->trail)->size, 10);
    assert_true(trail_next(f->trail, 0, &old_size, &new_size));
    assert_int_equal(old_size, 10);
    assert_int_equal(new_size, 25);
    assert_false(trail_next(f->trail, 0, &old_size, &new_size));
    trail_proof(f->trail, 10, 25, NULL, 0, 0); /* no proof */
    assert_int_equal(trail_accepted(f->trail)->size, 10);
    assert_int_equal(trail_pending(f->trail), 1);
    assert_true(trail_next(f->trail, MOST, &old_size, &new_size));
    prove(f, 10, 25, MOST);
    assert_int_equal(trail_accepted(f->trail)->size, 25);
    assert_int_equal(trail_pending(f->trail), 0);
}

static void a_smaller_one_is_proven_backwards_and_moves_nothing(void **state)
{
    struct fixture *f = *state;
    uint64_t old_size, new_size;
    claim(f, 40, 0);
    claim(f, 7, 0);
    assert_true(trail_next(f->trail, 0, &old_size, &new_size));
    assert_int_equal(old_size, 7);
    assert_int_equal(new_size, 40);
    prove(f, 7, 40, 0);
    assert_int_equal(trail_accepted(f->trail)->size, 40);
    assert_int_equal(trail_pending(f->trail), 0);
    /* It is remembered: the same pair again needs no proof. */
    claim(f, 7, 0);
    assert_int_equal(trail_pending(f->trail), 0);
}

static void what_is_not_proven_in_time_suspends_until_it_is(void **state)
{
    struct fixture *f = *state;
    uint64_t old_size, new_size;
    claim(f, 10, 0);
    claim(f, 11, 5);
    assert_int_equal(trail_judge(f->trail, MOST), TRAIL_GOOD);
    assert_int_equal(trail_judge(f->trail, MOST + 6), TRAIL_UNPROVEN);
    /* A new session does not give it more time. */
    trail_restart(f->trail);
    assert_int_equal(trail_judge(f->trail, MOST + 6), TRAIL_UNPROVEN);
    assert_true(trail_next(f->trail, MOST + 6, &old_size, &new_size));
    prove(f, 10, 11, MOST + 6);
    assert_int_equal(trail_judge(f->trail, MOST + 6), TRAIL_GOOD);
}

/* Who was shown a fork and answered must not be made to forget it by a restart. */
static void what_was_not_proven_suspends_after_a_restart_too(void **state)
{
    struct fixture *f = *state;
    uint64_t old_size, new_size;
    uint8_t fork[HASH_SIZE] = {1};
    struct error e;
    claim(f, 10, 0);
    claim(f, 11, 5);
    assert_true(trail_claim(f->trail, 12, fork, bytes_make(NULL, 0), bytes_of_string("a peer's header"), 5));
    assert_int_equal(trail_flush(f->trail, MOST + 10, &e), 0);
    /* As after a crash. */
    struct trail *again = trail_open(f->store, f->folder, MOST, &e);
    assert_int_equal(trail_pending(again), 2);
    assert_int_equal(trail_judge(again, 0), TRAIL_UNPROVEN);
    struct trail *old = f->trail;
    f->trail = again;
    assert_true(trail_next(f->trail, 0, &old_size, &new_size));
    prove(f, 10, 11, 0);
    assert_int_equal(trail_pending(f->trail), 1);
    assert_int_equal(trail_judge(f->trail, 0), TRAIL_UNPROVEN);
    assert_int_equal(trail_accepted(f->trail)->size, 11);
    assert_memory_equal(trail_note(f->trail).data, "a note", 6);
    /* What has been proven is forgotten, the fork is not. */
    assert_int_equal(trail_flush(f->trail, MOST + 10, &e), 0);
    trail_close(f->trail);
    f->trail = trail_open(f->store, f->folder, MOST, &e);
    assert_int_equal(trail_pending(f->trail), 1);
    /* The right root of that size shows both sides, and what was kept of the one. */
    claim(f, 12, 0);
    assert_int_equal(trail_judge(f->trail, 0), TRAIL_DISPROVED);
    char path[96];
    struct buffer evidence = {0};
    snprintf(path, sizeof(path), "%s/INCONSISTENT", f->folder);
    assert_int_equal(file_read(path, 65536, &evidence, &e), 0);
    assert_non_null(memmem(evidence.data, evidence.len, "a peer's header", 15));
    buffer_free(&evidence);
    trail_close(old);
}

static void two_roots_of_one_size_are_for_ever(void **state)
{
    struct fixture *f = *state;
    uint8_t root[HASH_SIZE];
    struct error e;
    char path[96];
    struct buffer evidence = {0};
    claim(f, 10, 0);
    root_of(f, 10, root);
    root[31] ^= 1;
    trail_claim(f->trail, 10, root, bytes_of_string("the other note"), bytes_make(NULL, 0), 0);
    assert_int_equal(trail_judge(f->trail, 0), TRAIL_DISPROVED);
    snprintf(path, sizeof(path), "%s/INCONSISTENT", f->folder);
    assert_int_equal(file_read(path, 65536, &evidence, &e), 0);
    assert_non_null(memmem(evidence.data, evidence.len, "a note", 6));
    assert_non_null(memmem(evidence.data, evidence.len, "the other note", 14));
    buffer_free(&evidence);
    trail_close(f->trail);
    f->trail = trail_open(f->store, f->folder, MOST, &e);
    assert_int_equal(trail_judge(f->trail, 0), TRAIL_DISPROVED);
}

static void two_unproven_roots_of_one_size_are_evidence_too(void **state)
{
    struct fixture *f = *state;
    uint8_t root[HASH_SIZE];
    claim(f, 10, 0);
    claim(f, 20, 0);
    root_of(f, 20, root);
    root[0] ^= 1;
    trail_claim(f->trail, 20, root, bytes_make(NULL, 0), bytes_of_string("a peer's header"), 0);
    assert_int_equal(trail_judge(f->trail, 0), TRAIL_DISPROVED);
}

static void a_welcome_that_goes_back_is_refused(void **state)
{
    struct fixture *f = *state;
    struct checkpoint c = {.size = 20};
    struct error e;
    claim(f, 30, 0);
    root_of(f, 20, c.root);
    assert_int_equal(trail_welcome(f->trail, bytes_of_string("n"), &c, NULL, 0, &e), 1);
    assert_int_equal(trail_judge(f->trail, 0), TRAIL_DISPROVED);
}

static void a_welcome_that_follows_is_on_disk_when_it_is_accepted(void **state)
{
    struct fixture *f = *state;
    struct checkpoint c = {.size = 50};
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE];
    size_t count;
    struct error e;
    claim(f, 30, 0);
    root_of(f, 50, c.root);
    assert_int_equal(tree_consistency(f->tree, 30, 50, proof, &count, &e), 0);
    assert_int_equal(trail_welcome(f->trail, bytes_of_string("note 50"), &c,
                                   (const uint8_t(*)[HASH_SIZE])proof, count, &e),
                     0);
    /* As after a crash: nothing is flushed by closing in good order. */
    struct trail *again = trail_open(f->store, f->folder, MOST, &e);
    assert_int_equal(trail_accepted(again)->size, 50);
    assert_memory_equal(trail_note(again).data, "note 50", 7);
    trail_close(again);
}

static void no_more_claims_are_kept_than_the_bound(void **state)
{
    struct fixture *f = *state;
    uint8_t root[HASH_SIZE] = {1};
    uint64_t size = 1000;
    claim(f, 10, 0);
    while (trail_claim(f->trail, size, root, bytes_make(NULL, 0), bytes_make(NULL, 0), 0))
        assert_true(++size < 100000);
    assert_int_equal(trail_pending(f->trail), 4096);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_signed_checkpoint_is_where_the_trail_begins),
        TEST(a_larger_checkpoint_is_accepted_only_with_its_proof),
        TEST(a_smaller_one_is_proven_backwards_and_moves_nothing),
        TEST(what_is_not_proven_in_time_suspends_until_it_is),
        TEST(what_was_not_proven_suspends_after_a_restart_too),
        TEST(two_roots_of_one_size_are_for_ever),
        TEST(two_unproven_roots_of_one_size_are_evidence_too),
        TEST(a_welcome_that_goes_back_is_refused),
        TEST(a_welcome_that_follows_is_on_disk_when_it_is_accepted),
        TEST(no_more_claims_are_kept_than_the_bound),
    };
    return cmocka_run_group_tests_name("core-trail", tests, NULL, NULL);
}
