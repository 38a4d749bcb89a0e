/* Proof texts and tiles. */
#include "tlog/proof.h"
#include "tlog/tile.h"

#include "base/error.h"
#include "crypto/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct bytes str(const char *text)
{
    return bytes_of_string(text);
}

/* A tree of seven entries "entry 0" ... and the proof text of entry 5. */
static void make(const struct note_signer *signer, struct buffer *proof)
{
    uint8_t leaves[7][HASH_SIZE], path[64][HASH_SIZE];
    struct checkpoint c = {.size = 7};
    struct buffer note = {0};

    for (int i = 0; i < 7; i++) {
        char entry[24];

        snprintf(entry, sizeof(entry), "entry %d", i);
        merkle_leaf(str(entry), leaves[i]);
    }
    strcpy(c.origin, signer->verifier.name);
    merkle_root((const uint8_t(*)[HASH_SIZE])leaves, 7, c.root);
    checkpoint_sign(&c, signer, &note);
    size_t count = merkle_path((const uint8_t(*)[HASH_SIZE])leaves, 7, 5, path);
    tlog_proof_format(5, (const uint8_t(*)[HASH_SIZE])path, count, buffer_bytes(&note), proof);
    buffer_free(&note);
}

static bool good(struct bytes text, const char *entry, const struct note_verifier *key)
{
    struct tlog_proof proof;
    struct checkpoint c;

    return tlog_proof_parse(text, &proof) && tlog_proof_check(&proof, str(entry), key, 1, &c) && c.size == 7;
}

static void a_proof_shows_exactly_its_entry(void **state)
{
    struct note_signer log, other;
    struct buffer proof = {0};
    struct error e = {0};

    (void)state;
    assert_int_equal(note_signer_generate("log", NOTE_ED25519, &log, &e), 0);
    assert_int_equal(note_signer_generate("log", NOTE_ED25519, &other, &e), 0);
    make(&log, &proof);
    assert_true(good(buffer_bytes(&proof), "entry 5", &log.verifier));
    assert_false(good(buffer_bytes(&proof), "entry 4", &log.verifier));
    assert_false(good(buffer_bytes(&proof), "entry 5", &other.verifier));
    assert_memory_equal(proof.data, "c2sp.org/tlog-proof@v1\nindex 5\n", 31);
    buffer_free(&proof);
}

static void a_flipped_bit_in_a_proof_text_is_rejected(void **state)
{
    struct note_signer log;
    struct buffer proof = {0};
    struct error e = {0};

    (void)state;
    assert_int_equal(note_signer_generate("log", NOTE_ED25519, &log, &e), 0);
    make(&log, &proof);
    for (size_t i = 0; i < proof.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            proof.data[i] = (uint8_t)(proof.data[i] ^ (1 << bit));
            assert_false(good(buffer_bytes(&proof), "entry 5", &log.verifier));
            proof.data[i] = (uint8_t)(proof.data[i] ^ (1 << bit));
        }
    for (size_t cut = 0; cut < proof.len; cut++)
        assert_false(good(bytes_make(proof.data, cut), "entry 5", &log.verifier));
    buffer_append_string(&proof, "\n");
    assert_false(good(buffer_bytes(&proof), "entry 5", &log.verifier));
    buffer_free(&proof);
}

static void extra_data_is_carried_and_malformed_proofs_are_not_read(void **state)
{
    struct tlog_proof proof;

    (void)state;
    assert_true(tlog_proof_parse(str("c2sp.org/tlog-proof@v1\nextra AAEC\nindex 0\n\nc"), &proof));
    assert_true(bytes_equal(proof.extra, str("AAEC")));
    assert_true(bytes_equal(proof.checkpoint, str("c")));
    assert_int_equal(proof.path_len, 0);
    const char *const bad[] = {
        "",
        "c2sp.org/tlog-proof@v2\nindex 0\n\nc",
        "c2sp.org/tlog-proof@v1\nindex 00\n\nc",
        "c2sp.org/tlog-proof@v1\nindex -1\n\nc",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AAEC\n\nc",
        "c2sp.org/tlog-proof@v1\nextra AAE\nindex 0\n\nc",
        "c2sp.org/tlog-proof@v1\nindex 0\n\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nc",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAEC\n\nc",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(tlog_proof_parse(str(bad[i]), &proof));

    struct buffer deep = {0};
    buffer_append_string(&deep, "c2sp.org/tlog-proof@v1\nindex 0\n");
    for (int i = 0; i < 65; i++)
        buffer_append_string(&deep, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
    buffer_append_string(&deep, "\nc");
    assert_false(tlog_proof_parse(buffer_bytes(&deep), &proof));
    buffer_free(&deep);
}

static void tile_paths_are_written_as_the_specification_shows(void **state)
{
    static const struct {
        struct tile_path path;
        const char *text;
    } known[] = {
        {{TILE_HASHES, 0, 1234067, 256}, "tile/0/x001/x234/067"},
        {{TILE_HASHES, 0, 0, 256}, "tile/0/000"},
        {{TILE_HASHES, 1, 5, 17}, "tile/1/005.p/17"},
        {{TILE_HASHES, 7, 999, 256}, "tile/7/999"},
        {{TILE_HASHES, 0, 1000, 256}, "tile/0/x001/000"},
        {{TILE_ENTRIES, 0, 0, 17}, "tile/entries/000.p/17"},
        {{TILE_ENTRIES, 0, 256000, 255}, "tile/entries/x256/000.p/255"},
        {{TILE_HASHES, 0, UINT64_MAX, 1}, "tile/0/x018/x446/x744/x073/x709/x551/615.p/1"},
    };
    struct tile_path back;
    char text[96];

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        tile_path_format(&known[i].path, text);
        assert_string_equal(text, known[i].text);
        assert_true(tile_path_parse(str(text), &back));
        assert_int_equal(back.kind, known[i].path.kind);
        assert_int_equal(back.level, known[i].path.level);
        assert_true(back.number == known[i].path.number);
        assert_int_equal(back.width, known[i].path.width);
    }
}

static void a_tile_path_in_any_other_spelling_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/0/x000/000",
        "tile/0/000/000",
        "tile/0/x001",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "tile/0/000/",
        "tile/-1/000",
        "tile/0/../000",
        "/tile/0/000",
        "tile/8/0/000",
        "tile/data/000",
        "tile/entriesx/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/999",
    };
    struct tile_path back;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(tile_path_parse(str(bad[i]), &back));
}

static void a_tile_is_as_wide_as_the_tree_allows(void **state)
{
    (void)state;
    assert_int_equal(tile_width(0, 0, 0), 0);
    assert_int_equal(tile_width(1, 0, 0), 1);
    assert_int_equal(tile_width(256, 0, 0), 256);
    assert_int_equal(tile_width(256, 0, 1), 0);
    assert_int_equal(tile_width(256, 1, 0), 1);
    assert_int_equal(tile_width(255, 1, 0), 0);
    assert_int_equal(tile_width(70000, 0, 273), 112);
    assert_int_equal(tile_width(70000, 1, 1), 17);
    assert_int_equal(tile_width(70000, 2, 0), 1);
    assert_int_equal(tile_width(70000, 2, 1), 0);
    assert_int_equal(tile_width(UINT64_MAX, 8, 0), 0);
    assert_int_equal(tile_width(UINT64_MAX, 7, 0), 255);
}

static void a_cut_bundle_is_noticed(void **state)
{
    struct bytes rest = bytes_make("\x00\x03one\x00\x00\x00\x05thr", 12), entry;

    (void)state;
    assert_true(tile_next_entry(&rest, &entry));
    assert_true(bytes_equal(entry, str("one")));
    assert_true(tile_next_entry(&rest, &entry));
    assert_int_equal(entry.len, 0);
    assert_false(tile_next_entry(&rest, &entry));
    assert_int_equal(rest.len, 5);
    rest.len = 1;
    assert_false(tile_next_entry(&rest, &entry));
    assert_int_equal(rest.len, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proof_shows_exactly_its_entry),
        cmocka_unit_test(a_flipped_bit_in_a_proof_text_is_rejected),
        cmocka_unit_test(extra_data_is_carried_and_malformed_proofs_are_not_read),
        cmocka_unit_test(tile_paths_are_written_as_the_specification_shows),
        cmocka_unit_test(a_tile_path_in_any_other_spelling_is_refused),
        cmocka_unit_test(a_tile_is_as_wide_as_the_tree_allows),
        cmocka_unit_test(a_cut_bundle_is_noticed),
    };
    return cmocka_run_group_tests_name("tlog-proof", tests, NULL, NULL);
}
