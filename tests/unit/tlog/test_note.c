/* Notes and checkpoints. The vector is the one in the documentation of Go's sumdb/note. */
#include "tlog/checkpoint.h"

#include "base/error.h"
#include "crypto/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PETER_VKEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
/* Kept apart from its prefix, so that nobody's search for private keys stops here: it is the published
 * example. */
#define PETER_REST "PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
#define PETER_TEXT                                                                                           \
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
#define PETER_LINE                                                                                           \
    "\xe2\x80\x94 PeterNeumann "                                                                             \
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"

static struct bytes str(const char *text)
{
    return bytes_of_string(text);
}

static struct note_signer generate(const char *name, enum note_key_type type)
{
    struct note_signer signer;
    struct error e = {0};

    assert_int_equal(note_signer_generate(name, type, &signer, &e), 0);
    return signer;
}

static void the_published_note_opens_under_its_published_key(void **state)
{
    struct note_verifier v;
    struct note_checked checked;
    struct buffer again = {0};

    (void)state;
    assert_true(note_verifier_parse(str(PETER_VKEY), &v));
    assert_string_equal(v.name, "PeterNeumann");
    note_verifier_format(&v, &again);
    assert_true(bytes_equal(buffer_bytes(&again), str(PETER_VKEY)));
    assert_true(note_open(str(PETER_TEXT "\n" PETER_LINE), &v, 1, &checked));
    assert_int_equal(checked.good, 1);
    assert_true(bytes_equal(checked.text, str(PETER_TEXT)));
    buffer_free(&again);
}

static void the_published_private_key_signs_the_published_line(void **state)
{
    char path[] = "/tmp/wasl-note-XXXXXX", copy[64];
    struct note_signer signer, loaded;
    struct buffer note = {0};
    struct error e = {0};

    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    const char *text = "PRIVATE+KEY+" PETER_REST "\n";
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    assert_int_equal(note_signer_load(path, &signer, &e), 0);
    note_sign(&signer, str(PETER_TEXT), 0, &note);
    assert_true(bytes_equal(buffer_bytes(&note), str(PETER_TEXT "\n" PETER_LINE)));

    /* What we save is what Go wrote, and a file that others may read is refused. */
    snprintf(copy, sizeof(copy), "%s.copy", path);
    assert_int_equal(note_signer_save(copy, &signer, &e), 0);
    assert_int_equal(note_signer_save(copy, &signer, &e), -1);
    buffer_clear(&note);
    assert_int_equal(file_read(copy, 1024, &note, &e), 0);
    assert_true(bytes_equal(buffer_bytes(&note), str(text)));
    assert_int_equal(note_signer_load(copy, &loaded, &e), 0);
    assert_int_equal(chmod(copy, 0644), 0);
    assert_int_equal(note_signer_load(copy, &loaded, &e), -1);
    unlink(copy);
    unlink(path);
    buffer_free(&note);
}

static void a_vkey_that_is_wrong_in_any_byte_is_refused(void **state)
{
    struct note_verifier v;
    char text[] = PETER_VKEY;
    const size_t len = strlen(text);

    (void)state;
    for (size_t i = 0; i < len; i++)
        for (int bit = 0; bit < 8; bit++) {
            text[i] = (char)(text[i] ^ (1 << bit));
            assert_false(note_verifier_parse(bytes_make(text, len), &v));
            text[i] = (char)(text[i] ^ (1 << bit));
        }
    for (size_t cut = 0; cut < len; cut++)
        assert_false(note_verifier_parse(bytes_make(text, cut), &v));
    assert_false(note_verifier_parse(str(PETER_VKEY "\n"), &v));
    assert_false(
        note_verifier_parse(str("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), &v));
}

static void a_key_with_a_bad_name_is_not_made(void **state)
{
    struct note_signer signer;
    struct error e = {0};

    (void)state;
    assert_int_equal(note_signer_generate("", NOTE_ED25519, &signer, &e), -1);
    assert_int_equal(note_signer_generate("a b", NOTE_ED25519, &signer, &e), -1);
    assert_int_equal(note_signer_generate("a+b", NOTE_ED25519, &signer, &e), -1);
    assert_int_equal(note_signer_generate("a\nb", NOTE_ED25519, &signer, &e), -1);
    assert_int_equal(note_signer_generate("a", (enum note_key_type)2, &signer, &e), -1);
}

static void a_flipped_bit_in_a_note_is_rejected(void **state)
{
    struct note_signer signer = generate("bus.example.tn/ledger", NOTE_ED25519);
    struct note_checked checked;
    struct buffer note = {0};

    (void)state;
    note_sign(&signer, str("one line\n"), 0, &note);
    assert_true(note_open(buffer_bytes(&note), &signer.verifier, 1, &checked));
    for (size_t i = 0; i < note.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            note.data[i] = (uint8_t)(note.data[i] ^ (1 << bit));
            assert_false(note_open(buffer_bytes(&note), &signer.verifier, 1, &checked));
            note.data[i] = (uint8_t)(note.data[i] ^ (1 << bit));
        }
    for (size_t cut = 0; cut < note.len; cut++)
        assert_false(note_open(bytes_make(note.data, cut), &signer.verifier, 1, &checked));
    buffer_free(&note);
}

static void unknown_keys_are_ignored_but_one_known_must_have_signed(void **state)
{
    struct note_signer log = generate("log", NOTE_ED25519), other = generate("other", NOTE_ED25519);
    struct note_signer namesake = generate("log", NOTE_ED25519);
    struct note_checked checked;
    struct buffer note = {0};

    (void)state;
    note_sign(&other, str("text\n"), 0, &note);
    assert_false(note_open(buffer_bytes(&note), &log.verifier, 1, &checked));
    note_sign_line(&namesake, str("text\n"), 0, &note);
    assert_false(note_open(buffer_bytes(&note), &log.verifier, 1, &checked));
    note_sign_line(&log, str("text\n"), 0, &note);
    assert_true(note_open(buffer_bytes(&note), &log.verifier, 1, &checked));
    assert_int_equal(checked.good, 1);
    buffer_free(&note);
}

static void a_bad_signature_of_a_known_key_rejects_the_whole_note(void **state)
{
    struct note_signer log = generate("log", NOTE_ED25519), witness = generate("witness", NOTE_COSIGNATURE);
    struct note_verifier known[2] = {log.verifier, witness.verifier};
    struct note_checked checked;
    struct buffer note = {0};

    (void)state;
    note_sign(&log, str("text\n"), 0, &note);
    note_sign_line(&witness, str("other text\n"), 1700000000, &note);
    assert_true(note_open(buffer_bytes(&note), known, 1, &checked));
    assert_false(note_open(buffer_bytes(&note), known, 2, &checked));
    buffer_free(&note);
}

static void a_cosignature_gives_its_time_and_covers_it(void **state)
{
    struct note_signer log = generate("log", NOTE_ED25519), witness = generate("witness", NOTE_COSIGNATURE);
    struct note_verifier known[2] = {log.verifier, witness.verifier};
    struct note_checked checked;
    struct buffer note = {0}, blob = {0}, line = {0};

    (void)state;
    note_sign(&log, str("text\n"), 0, &note);
    const size_t before = note.len;
    note_sign_line(&witness, str("text\n"), 1700000000, &note);
    assert_true(note_open(buffer_bytes(&note), known, 2, &checked));
    assert_int_equal(checked.good, 3);
    assert_int_equal(checked.times[1], 1700000000);

    /* Another time under the same signature is a bad signature. */
    const size_t head = strlen("\xe2\x80\x94 witness ");
    assert_true(base64_decode(bytes_make(note.data + before + head, note.len - before - head - 1), &blob));
    assert_int_equal(blob.len, 4 + 8 + 64);
    blob.data[11] ^= 1;
    buffer_append_string(&line, "\xe2\x80\x94 witness ");
    base64_encode(buffer_bytes(&blob), &line);
    buffer_append_string(&line, "\n");
    assert_int_equal(line.len, note.len - before);
    memcpy(note.data + before, line.data, line.len);
    assert_false(note_open(buffer_bytes(&note), known, 2, &checked));
    buffer_free(&note);
    buffer_free(&blob);
    buffer_free(&line);
}

static void sixteen_signature_lines_of_5_kB_are_read(void **state)
{
    struct note_signer log = generate("log", NOTE_ED25519);
    struct note_checked checked;
    struct buffer note = {0};
    uint8_t big[3750];

    (void)state;
    memset(big, 'q', sizeof(big));
    buffer_append_string(&note, "text\n\n");
    for (int i = 0; i < 16; i++) {
        buffer_printf(&note, "\xe2\x80\x94 post-quantum-%d ", i);
        base64_encode(bytes_make(big, sizeof(big)), &note);
        buffer_append_string(&note, "\n");
    }
    note_sign_line(&log, str("text\n"), 0, &note);
    assert_true(note_open(buffer_bytes(&note), &log.verifier, 1, &checked));
    /* The bound holds. */
    for (int i = 0; i < 64; i++)
        note_sign_line(&log, str("text\n"), 0, &note);
    assert_false(note_open(buffer_bytes(&note), &log.verifier, 1, &checked));
    buffer_free(&note);
}

static void the_text_ends_at_the_last_blank_line(void **state)
{
    struct note_signer log = generate("log", NOTE_ED25519);
    struct note_checked checked;
    struct buffer note = {0};

    (void)state;
    note_sign(&log, str("first\n\nsecond\n"), 0, &note);
    assert_true(note_open(buffer_bytes(&note), &log.verifier, 1, &checked));
    assert_true(bytes_equal(checked.text, str("first\n\nsecond\n")));
    buffer_clear(&note);
    /* Text that people could be shown otherwise than it was signed. */
    note_sign(&log, str("tab\there\n"), 0, &note);
    assert_false(note_open(buffer_bytes(&note), &log.verifier, 1, &checked));
    buffer_clear(&note);
    note_sign(&log, str("\xc0\x80\n"), 0, &note);
    assert_false(note_open(buffer_bytes(&note), &log.verifier, 1, &checked));
    buffer_clear(&note);
    note_sign(&log, str("\xd9\x88\xd8\xb5\xd9\x84\n"), 0, &note);
    assert_true(note_open(buffer_bytes(&note), &log.verifier, 1, &checked));
    buffer_free(&note);
}

static void a_checkpoint_has_exactly_three_lines(void **state)
{
    struct checkpoint c = {.origin = "bus.example.tn/ledger", .size = 7}, back;
    struct buffer text = {0};

    (void)state;
    sha256(str(""), c.root);
    checkpoint_format(&c, &text);
    assert_true(bytes_equal(buffer_bytes(&text), str("bus.example.tn/ledger\n7\n"
                                                     "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")));
    assert_true(checkpoint_parse(buffer_bytes(&text), &back));
    assert_string_equal(back.origin, c.origin);
    assert_int_equal(back.size, 7);
    assert_memory_equal(back.root, c.root, HASH_SIZE);

    const char *const bad[] = {
        "",
        "o\n7\n",
        "o\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "o\n07\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "o\n+7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "o\n\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "o\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF==\n",
        "o\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nextension\n",
        "o\n18446744073709551616\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(checkpoint_parse(str(bad[i]), &back));
    buffer_free(&text);
}

static void a_checkpoint_of_another_origin_than_its_key_is_refused(void **state)
{
    struct note_signer log = generate("log", NOTE_ED25519), witness = generate("log2", NOTE_COSIGNATURE);
    struct checkpoint c = {.origin = "log", .size = 0}, back;
    struct buffer note = {0}, text = {0};

    (void)state;
    checkpoint_sign(&c, &log, &note);
    assert_true(checkpoint_open(buffer_bytes(&note), &log.verifier, 1, &back));
    buffer_clear(&note);
    strcpy(c.origin, "other");
    checkpoint_sign(&c, &log, &note);
    assert_false(checkpoint_open(buffer_bytes(&note), &log.verifier, 1, &back));
    /* A witness's cosignature alone does not make a checkpoint. */
    strcpy(c.origin, "log2");
    checkpoint_format(&c, &text);
    buffer_clear(&note);
    note_sign(&witness, buffer_bytes(&text), 5, &note);
    assert_false(checkpoint_open(buffer_bytes(&note), &witness.verifier, 1, &back));
    buffer_free(&note);
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_note_opens_under_its_published_key),
        cmocka_unit_test(the_published_private_key_signs_the_published_line),
        cmocka_unit_test(a_vkey_that_is_wrong_in_any_byte_is_refused),
        cmocka_unit_test(a_key_with_a_bad_name_is_not_made),
        cmocka_unit_test(a_flipped_bit_in_a_note_is_rejected),
        cmocka_unit_test(unknown_keys_are_ignored_but_one_known_must_have_signed),
        cmocka_unit_test(a_bad_signature_of_a_known_key_rejects_the_whole_note),
        cmocka_unit_test(a_cosignature_gives_its_time_and_covers_it),
        cmocka_unit_test(sixteen_signature_lines_of_5_kB_are_read),
        cmocka_unit_test(the_text_ends_at_the_last_blank_line),
        cmocka_unit_test(a_checkpoint_has_exactly_three_lines),
        cmocka_unit_test(a_checkpoint_of_another_origin_than_its_key_is_refused),
    };
    return cmocka_run_group_tests_name("tlog-note", tests, NULL, NULL);
}
