/* What is remembered of checkpoints that opened. */
#include "tlog/checkpoint_cache.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct note_signer ledger, other;

static int make_keys(void **state)
{
    struct error e;
    (void)state;
    return note_signer_generate("log", NOTE_ED25519, &ledger, &e) |
           note_signer_generate("log", NOTE_ED25519, &other, &e);
}

static void note_of(uint64_t size, const struct note_signer *signer, struct buffer *note)
{
    struct checkpoint c = {.origin = "log", .size = size, .root = {(uint8_t)size}};
    buffer_clear(note);
    checkpoint_sign(&c, signer, note);
}

static bool opens(struct checkpoint_cache *cache, const struct buffer *note, const struct note_verifier *key,
                  uint64_t size)
{
    struct checkpoint c = {0};
    bool good = checkpoint_cache_open(cache, buffer_bytes(note), key, 1, &c);
    if (good)
        assert_true(c.size == size && c.root[0] == (uint8_t)size && strcmp(c.origin, "log") == 0);
    return good;
}

static void the_same_note_is_opened_once(void **state)
{
    struct checkpoint_cache *cache = checkpoint_cache_new();
    struct buffer note = {0};
    (void)state;
    note_of(7, &ledger, &note);
    for (int i = 0; i < 5; i++)
        assert_true(opens(cache, &note, &ledger.verifier, 7));
    assert_int_equal(checkpoint_cache_hits(cache), 4);
    assert_true(opens(NULL, &note, &ledger.verifier, 7));
    buffer_free(&note);
    checkpoint_cache_free(cache);
}

static void a_note_that_differs_in_any_bit_is_opened_anew_and_refused(void **state)
{
    struct checkpoint_cache *cache = checkpoint_cache_new();
    struct buffer note = {0};
    (void)state;
    note_of(7, &ledger, &note);
    assert_true(opens(cache, &note, &ledger.verifier, 7));
    for (size_t i = 0; i < note.len; i++) {
        note.data[i] ^= 1;
        assert_false(opens(cache, &note, &ledger.verifier, 7));
        note.data[i] ^= 1;
    }
    note.len--;
    assert_false(opens(cache, &note, &ledger.verifier, 7));
    note.len++;
    assert_int_equal(checkpoint_cache_hits(cache), 0);
    assert_true(opens(cache, &note, &ledger.verifier, 7));
    assert_int_equal(checkpoint_cache_hits(cache), 1);
    buffer_free(&note);
    checkpoint_cache_free(cache);
}

static void other_keys_open_nothing_that_was_remembered(void **state)
{
    struct checkpoint_cache *cache = checkpoint_cache_new();
    struct buffer note = {0};
    (void)state;
    note_of(7, &ledger, &note);
    assert_true(opens(cache, &note, &ledger.verifier, 7));
    assert_false(opens(cache, &note, &other.verifier, 7));
    struct checkpoint c;
    assert_false(checkpoint_cache_open(cache, buffer_bytes(&note), NULL, 0, &c));
    assert_true(opens(cache, &note, &ledger.verifier, 7));
    assert_int_equal(checkpoint_cache_hits(cache), 0);
    buffer_free(&note);
    checkpoint_cache_free(cache);
}

static void what_did_not_open_is_not_remembered(void **state)
{
    struct checkpoint_cache *cache = checkpoint_cache_new();
    struct buffer note = {0};
    (void)state;
    note_of(7, &other, &note);
    assert_false(opens(cache, &note, &ledger.verifier, 7));
    assert_false(opens(cache, &note, &ledger.verifier, 7));
    assert_int_equal(checkpoint_cache_hits(cache), 0);
    buffer_free(&note);
    checkpoint_cache_free(cache);
}

static void the_oldest_gives_way(void **state)
{
    struct checkpoint_cache *cache = checkpoint_cache_new();
    struct buffer note = {0};
    (void)state;
    for (uint64_t size = 1; size <= CHECKPOINT_CACHE_MOST + 1; size++) {
        note_of(size, &ledger, &note);
        assert_true(opens(cache, &note, &ledger.verifier, size));
    }
    note_of(2, &ledger, &note);
    assert_true(opens(cache, &note, &ledger.verifier, 2));
    assert_int_equal(checkpoint_cache_hits(cache), 1);
    note_of(1, &ledger, &note);
    assert_true(opens(cache, &note, &ledger.verifier, 1));
    assert_int_equal(checkpoint_cache_hits(cache), 1);
    buffer_free(&note);
    checkpoint_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_note_is_opened_once),
        cmocka_unit_test(a_note_that_differs_in_any_bit_is_opened_anew_and_refused),
        cmocka_unit_test(other_keys_open_nothing_that_was_remembered),
        cmocka_unit_test(what_did_not_open_is_not_remembered),
        cmocka_unit_test(the_oldest_gives_way),
    };

    return cmocka_run_group_tests(tests, make_keys, NULL);
}
