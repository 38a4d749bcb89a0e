/* wasl-audit verify and tiles on ledgers good and bad. */
#include "forge.h"

#include "base/clock.h"
#include "base/error.h"
#include "tlog/checkpoint.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static struct forge forge;

static int begin(void **state)
{
    (void)state;
    forge_new(&forge);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    forge_free(&forge);
    return 0;
}

static int verify(const char *option, const char *value)
{
    return run_tool("WASL_AUDIT_TOOL", NULL, "verify", "--dir", forge.ledger, "--key", forge.vkey,
                    option != NULL ? option : "--no-state", value, NULL);
}

/* On so many ledgers, good and bad, as this file has: the same words and exit code on 1, 2 and 7 threads. */
static int verify_alike(void)
{
    static const char *const threads[] = {"1", "2", "7"};
    struct buffer first = {0};
    int code = 0;
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        int own = run_tool("WASL_AUDIT_TOOL", NULL, "verify", "--dir", forge.ledger, "--key", forge.vkey,
                           "--no-state", "--threads", threads[i], NULL);
        if (i == 0) {
            code = own;
            buffer_append_bytes(&first, buffer_bytes(&run_output));
        } else if (own != code || !bytes_equal(buffer_bytes(&first), buffer_bytes(&run_output))) {
            print_error("%s threads, exit code %d:\n%.*s\n1 thread, exit code %d:\n%.*s\n", threads[i], own,
                        (int)run_output.len, (const char *)run_output.data, code, (int)first.len,
                        (const char *)first.data);
            fail();
        }
    }
    buffer_free(&first);
    return code;
}

static void shown(void)
{
    print_error("%.*s\n", (int)run_output.len, (const char *)run_output.data);
}

#define assert_verify(code, words)                                                                           \
    do {                                                                                                     \
        int code_ = verify_alike();                                                                          \
        if (code_ != (code) || !output_has(words))                                                           \
            shown();                                                                                         \
        assert_int_equal(code_, code);                                                                       \
        assert_true(output_has(words));                                                                      \
    } while (0)

static void an_untouched_ledger_is_found_good(void **state)
{
    (void)state;
    forge_exchanges(&forge, 0, 400);
    forge_write(&forge, 0);
    assert_verify(0, "GOOD");
    assert_true(output_has("803 entries"));
    assert_true(output_has("800 good"));
    assert_true(output_has("400 answered"));
}

/* Nor is a folder that is none of a ledger. */
static void what_has_no_checkpoint_is_not_called_good(void **state)
{
    (void)state;
    assert_verify(1, "there is no checkpoint");
    assert_false(output_has("GOOD"));
}

/* Number of the entry at an offset of a bundle; -1 in a length. */
static int entry_at(const struct buffer *bundle, size_t offset)
{
    size_t at = 0;
    for (int i = 0;; i++) {
        size_t len = get_u16be(bundle->data + at);
        if (offset < at + 2)
            return -1;
        if (offset < at + 2 + len)
            return i;
        at += 2 + len;
    }
}

static void flip(const char *name, size_t offset, int first_entry)
{
    char path[256], words[64];
    struct buffer file = {0};
    struct error e = {0};
    snprintf(path, sizeof path, "%s/%s", forge.ledger, name);
    assert_int_equal(file_read(path, 1 << 24, &file, &e), 0);
    if (offset >= file.len)
        offset = file.len - 1;
    int entry = first_entry >= 0 ? entry_at(&file, offset) : -1;
    file.data[offset] ^= 0x10;
    write_text(path, file.data, file.len);
    static unsigned flips;
    int code = flips++ % 6 == 0 ? verify_alike() : verify(NULL, NULL);
    file.data[offset] ^= 0x10;
    write_text(path, file.data, file.len);
    buffer_free(&file);
    if (entry >= 0)
        snprintf(words, sizeof words, "entry %d", first_entry + entry);
    else if (first_entry < 0 && strncmp(name, "tile/", 5) == 0)
        snprintf(words, sizeof words, "%s: ", name);
    else
        words[0] = '\0';
    if (code != 3 || !output_has(words)) {
        print_message("%s at %zu\n", name, offset);
        shown();
    }
    assert_int_equal(code, 3);
    assert_true(output_has(words));
}

static void one_flipped_byte_in_an_entry_is_found_and_the_entry_named(void **state)
{
    (void)state;
    forge_exchanges(&forge, 0, 150);
    forge_write(&forge, 0);
    for (size_t offset = 0; offset < 1600; offset += 37)
        flip("tile/entries/000", offset, 0);
    for (size_t offset = 0; offset < 40000; offset += 1777)
        flip("tile/entries/001.p/47", offset, 256);
}

static void one_flipped_byte_in_a_tile_is_found_and_the_tile_named(void **state)
{
    (void)state;
    forge_exchanges(&forge, 0, 150);
    forge_write(&forge, 0);
    for (size_t offset = 0; offset < 8192; offset += 373)
        flip("tile/0/000", offset, -1);
    flip("tile/0/001.p/47", 0, -1);
    flip("tile/0/001.p/47", 5000, -1);
    for (size_t offset = 0; offset < 32; offset += 7)
        flip("tile/1/000.p/1", offset, -1);
}

static void one_flipped_byte_in_the_checkpoint_is_found(void **state)
{
    (void)state;
    forge_exchanges(&forge, 0, 3);
    forge_write(&forge, 0);
    for (size_t offset = 0; offset < 200; offset += 3)
        flip("checkpoint", offset, -1);
}

static void one_flipped_byte_in_a_trust_object_is_found(void **state)
{
    char name[80] = "trust/";
    (void)state;
    forge_exchanges(&forge, 0, 3);
    forge_write(&forge, 0);
    hex_encode(forge.chain, HASH_SIZE, name + 6);
    for (size_t offset = 0; offset < 400; offset += 29)
        flip(name, offset, -1);
    hex_encode(forge.registry, HASH_SIZE, name + 6);
    flip(name, 3, -1);
}

static void a_missing_tile_bundle_or_object_is_found_and_named(void **state)
{
    char path[256], object[80] = "trust/";
    (void)state;
    forge_exchanges(&forge, 0, 150);
    hex_encode(forge.chain, HASH_SIZE, object + 6);
    const char *names[] = {"tile/1/000.p/1", "tile/0/001.p/47", "tile/entries/000", object};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        forge_write(&forge, 0);
        snprintf(path, sizeof path, "%s/%s", forge.ledger, names[i]);
        assert_int_equal(unlink(path), 0);
        assert_verify(3, i < 3 ? names[i] : "trust store");
    }
}

static void another_ledgers_key_does_not_open_the_checkpoint(void **state)
{
    (void)state;
    forge_exchanges(&forge, 0, 1);
    forge_write(&forge, 0);
    assert_int_equal(note_signer_generate("bus.example.tn/ledger", NOTE_ED25519, &forge.key, NULL), 0);
    struct buffer vkey = {0};
    note_verifier_format(&forge.key.verifier, &vkey);
    memcpy(forge.vkey, vkey.data, vkey.len);
    buffer_free(&vkey);
    assert_verify(3, "no good signature");
}

static void without_a_key_nothing_is_called_good(void **state)
{
    (void)state;
    forge_write(&forge, 0);
    assert_int_equal(run_tool("WASL_AUDIT_TOOL", NULL, "verify", "--dir", forge.ledger, NULL), 2);
}

static void an_exchange_that_ends_twice_is_found(void **state)
{
    (void)state;
    struct header request = forge_request(&forge, 1);
    forge_message(&forge, ENTRY_ADMITTED, &request, 0);
    struct header response = forge_response(&forge, &request);
    forge_message(&forge, ENTRY_ADMITTED, &response, 0);
    forge_write(&forge, 0);
    assert_verify(0, "GOOD");
    forge_end(&forge, ENTRY_TIMED_OUT, &request, REFUSAL_PROVIDER_TIMEOUT);
    forge_write(&forge, 0);
    assert_verify(3, "entry 5: a second end of its exchange, which entry 4 has ended");
}

static void a_late_answer_after_the_end_is_as_it_should_be(void **state)
{
    (void)state;
    struct header request = forge_request(&forge, 1);
    forge_message(&forge, ENTRY_ADMITTED, &request, 0);
    forge_end(&forge, ENTRY_TIMED_OUT, &request, REFUSAL_PROVIDER_TIMEOUT);
    struct header response = forge_response(&forge, &request);
    forge_message(&forge, ENTRY_LATE, &response, 0);
    forge_write(&forge, 0);
    assert_verify(0, "1 timed out or interrupted");
}

static void a_late_answer_before_any_end_is_found(void **state)
{
    (void)state;
    struct header request = forge_request(&forge, 1);
    forge_message(&forge, ENTRY_ADMITTED, &request, 0);
    struct header response = forge_response(&forge, &request);
    forge_message(&forge, ENTRY_LATE, &response, 0);
    forge_write(&forge, 0);
    assert_verify(3, "entry 4: a late answer to an exchange that has not ended");
}

static void an_exchange_id_used_twice_is_found(void **state)
{
    (void)state;
    forge_exchanges(&forge, 7, 1);
    struct header request = forge_request(&forge, 7);
    strcpy(request.purpose, "STATISTICS");
    forge_message(&forge, ENTRY_ADMITTED, &request, 0);
    forge_write(&forge, 0);
    assert_verify(3, "entry 5: its exchange id was used before (entry 3)");
}

static void a_refused_replay_is_as_it_should_be(void **state)
{
    (void)state;
    forge_exchanges(&forge, 7, 1);
    struct header request = forge_request(&forge, 7);
    strcpy(request.purpose, "STATISTICS");
    forge_message(&forge, ENTRY_REFUSED, &request, REFUSAL_REPLAYED_ID);
    forge_write(&forge, 0);
    assert_verify(0, "1 refusals recorded");
}

static void a_request_that_was_refused_and_admitted_is_found(void **state)
{
    (void)state;
    struct header request = forge_request(&forge, 7);
    forge_message(&forge, ENTRY_REFUSED, &request, REFUSAL_NO_GRANT);
    forge_message(&forge, ENTRY_ADMITTED, &request, 0);
    forge_write(&forge, 0);
    assert_verify(3, "entry 4: its exchange id was used before (entry 3)");
}

static void an_answer_to_another_request_is_found(void **state)
{
    (void)state;
    struct header request = forge_request(&forge, 1), other = forge_request(&forge, 2);
    forge_message(&forge, ENTRY_ADMITTED, &request, 0);
    forge_message(&forge, ENTRY_ADMITTED, &other, 0);
    struct header response = forge_response(&forge, &request);
    memcpy(response.exchange_id, other.exchange_id, 16);
    forge_message(&forge, ENTRY_ADMITTED, &response, 0);
    forge_write(&forge, 0);
    assert_verify(3, "entry 5: it does not answer the request of its exchange, entry 4");
}

static void an_exchange_left_open_is_found_only_past_its_time(void **state)
{
    (void)state;
    struct header request = forge_request(&forge, 1);
    forge_message(&forge, ENTRY_ADMITTED, &request, 0);
    forge_exchanges(&forge, 2, 1);
    forge_write(&forge, 0);
    assert_verify(0, "1 still within their time");
    forge.time += 600 * MICROSECONDS;
    forge_exchanges(&forge, 3, 1);
    forge_write(&forge, 0);
    assert_verify(3, "entry 3: its exchange has neither ended nor is it within its time");
}

static void a_time_that_does_not_rise_is_found(void **state)
{
    (void)state;
    struct entry entry = {.type = ENTRY_ADMINISTRATION, .time = forge.time, .note = bytes_of_string("again")};
    forge_entry(&forge, &entry);
    forge_write(&forge, 0);
    assert_verify(3, "entry 3: its time is not later");
}

static void a_signature_by_another_key_is_found_although_the_tree_is_right(void **state)
{
    (void)state;
    struct forge other;
    forge_new(&other);
    memcpy(other.member->certificate, forge.certificate,
           HASH_SIZE); /* claims to be the member of the ledger */
    struct signer *own = forge.member;
    struct header request = forge_request(&forge, 1);
    forge.member = other.member;
    forge_message(&forge, ENTRY_ADMITTED, &request, 0);
    forge.member = own;
    forge_write(&forge, 0);
    int code = verify_alike();
    bool named = output_has("entry 3: its signature does not fit");
    forge_free(&other);
    assert_int_equal(code, 3);
    assert_true(named);
}

static void a_certificate_that_no_entry_names_is_found(void **state)
{
    (void)state;
    struct header request = forge_request(&forge, 1);
    uint8_t known[HASH_SIZE];
    memcpy(known, forge.member->certificate, HASH_SIZE);
    memset(forge.member->certificate, 9, HASH_SIZE);
    forge_message(&forge, ENTRY_ADMITTED, &request, 0);
    memcpy(forge.member->certificate, known, HASH_SIZE);
    forge_write(&forge, 0);
    assert_verify(3, "entry 3: no earlier entry names the certificate");
}

static void what_is_not_an_entry_is_found(void **state)
{
    (void)state;
    buffer_append_string(&forge.entries[forge.count++], "this is not an entry");
    forge_write(&forge, 0);
    assert_verify(3, "entry 3: it is not an entry");
}

static void exchanges_left_open_are_named_in_the_order_of_the_ledger(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        struct header request = forge_request(&forge, i * 7919 % 1000);
        forge_message(&forge, ENTRY_ADMITTED, &request, 0);
    }
    forge.time += 600 * MICROSECONDS;
    forge_exchanges(&forge, 1000, 1);
    forge_write(&forge, 0);
    assert_verify(3, "60 things are wrong");
    buffer_append(&run_output, "", 1);
    const char *at = (const char *)run_output.data;
    for (unsigned i = 0; i < 60; i++) {
        char words[64];
        snprintf(words, sizeof words, "WRONG  entry %u: its exchange has neither ended", 3 + i);
        at = strstr(at, words);
        assert_non_null(at);
    }
}

static void a_disk_that_fails_ends_it_in_its_place(void **state)
{
    char path[256];
    (void)state;
    struct header request = forge_request(&forge, 2000);
    forge_message(&forge, ENTRY_ADMITTED, &request, 0);
    forge_message(&forge, ENTRY_ADMITTED, &request, 0);
    forge_exchanges(&forge, 0, 500);
    forge_write(&forge, 0);
    snprintf(path, sizeof path, "%s/tile/entries/002", forge.ledger);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(path, path), 0); /* can be opened by nobody, root included */
    assert_verify(6, "tile/entries/002: Too many levels of symbolic links");
    assert_true(output_has("WRONG  entry 4: its exchange id was used before (entry 3)"));
    assert_false(output_has("GOOD"));
}

/* --- earlier checkpoints --- */

static int verify_with_trail(void)
{
    char trail[128];
    snprintf(trail, sizeof trail, "%s/deep/trail", forge.folder);
    return verify("--state", trail);
}

static void it_says_when_it_has_no_earlier_checkpoint_and_remembers_what_it_saw(void **state)
{
    (void)state;
    forge_exchanges(&forge, 0, 200);
    forge_write(&forge, 100);
    assert_int_equal(verify_with_trail(), 0);
    assert_true(output_has("no earlier checkpoint"));
    forge_write(&forge, 300);
    assert_int_equal(verify_with_trail(), 0);
    assert_false(output_has("no earlier checkpoint"));
    assert_true(output_has("extends the checkpoint remembered, of 100 entries"));
    forge_write(&forge, 0);
    assert_int_equal(verify_with_trail(), 0);
    assert_true(output_has("of 300 entries"));
}

static void a_ledger_that_has_shrunk_is_found_and_not_remembered(void **state)
{
    (void)state;
    forge_exchanges(&forge, 0, 200);
    forge_write(&forge, 0);
    assert_int_equal(verify_with_trail(), 0);
    forge_write(&forge, 300);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(verify_with_trail(), 3);
        assert_true(output_has("the ledger has shrunk"));
    }
}

static void a_ledger_with_another_past_is_found(void **state)
{
    (void)state;
    forge_exchanges(&forge, 0, 200);
    forge_write(&forge, 300);
    assert_int_equal(verify_with_trail(), 0);
    /* The same ledger key signs another history: entry 2 was another one. */
    struct entry entry = {
        .type = ENTRY_ADMINISTRATION, .time = FORGE_START + 3000, .note = bytes_of_string("bus Started")};
    size_t count = forge.count;
    forge.count = 2;
    buffer_clear(&forge.entries[2]);
    forge_entry(&forge, &entry);
    forge.count = count;
    forge_write(&forge, 0);
    assert_verify(0, "GOOD");
    assert_int_equal(verify_with_trail(), 3);
    assert_true(output_has("not consistent with the checkpoint remembered"));
}

static void a_checkpoint_that_is_given_must_be_extended_too(void **state)
{
    char given[128], now[128];
    struct buffer note = {0};
    struct error e = {0};
    (void)state;
    forge_exchanges(&forge, 0, 50);
    forge_write(&forge, 60);
    snprintf(now, sizeof now, "%s/checkpoint", forge.ledger);
    snprintf(given, sizeof given, "%s/given", forge.folder);
    assert_int_equal(file_read(now, 4096, &note, &e), 0);
    write_text(given, note.data, note.len);
    buffer_free(&note);
    forge_write(&forge, 0);
    assert_int_equal(verify("--from", given), 0);
    assert_true(output_has("extends the checkpoint given, of 60 entries"));

    struct checkpoint other = {.origin = "bus.example.tn/ledger", .size = 60, .root = {7}};
    checkpoint_sign(&other, &forge.key, &note);
    write_text(given, note.data, note.len);
    assert_int_equal(verify("--from", given), 3);
    assert_true(output_has("not consistent with the checkpoint given"));
    note.data[30] ^= 1;
    write_text(given, note.data, note.len);
    assert_int_equal(verify("--from", given), 3);
    buffer_free(&note);
    assert_int_equal(verify("--from", "/nonexistent/file"), 6);
}

/* --- copies --- */

static void a_copy_verifies_by_itself_and_grows(void **state)
{
    char copy[128], path[256], object[80] = "trust/";
    (void)state;
    forge_exchanges(&forge, 0, 150);
    snprintf(copy, sizeof copy, "%s/copy", forge.folder);
    for (size_t size = 200; size <= 300; size += 100) {
        forge_write(&forge, size);
        assert_int_equal(run_tool("WASL_AUDIT_TOOL", NULL, "tiles", "--dir", forge.ledger, copy, NULL), 0);
        assert_int_equal(run_tool("WASL_AUDIT_TOOL", NULL, "verify", "--dir", copy, "--key", forge.vkey,
                                  "--no-state", NULL),
                         0);
    }
    hex_encode(forge.chain, HASH_SIZE, object + 6);
    snprintf(path, sizeof path, "%s/%s", copy, object);
    assert_int_equal(access(path, R_OK), 0);
}

static void bytes_behind_the_last_entry_of_a_bundle_are_found(void **state)
{
    static const char more[5] = {0, 0, 0, 1, 7};
    const char *names[] = {"tile/entries/000", "tile/entries/001.p/47"};
    char path[256];
    (void)state;
    forge_exchanges(&forge, 0, 150);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        forge_write(&forge, 0);
        snprintf(path, sizeof path, "%s/%s", forge.ledger, names[i]);
        FILE *file = fopen(path, "ab");
        assert_non_null(file);
        assert_int_equal(fwrite(more, 1, sizeof more, file), sizeof more);
        assert_int_equal(fclose(file), 0);
        assert_verify(3, "bytes are left over behind its last entry");
    }
}

static void what_is_hostile_in_a_folder_is_named_and_nothing_hangs(void **state)
{
    char path[256];
    (void)state;
    forge_exchanges(&forge, 0, 2);
    forge_write(&forge, 0);
    snprintf(path, sizeof path, "%s/tile/entries/000.p/7", forge.ledger);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_verify(3, "not a plain file");
    snprintf(path, sizeof path, "%s/checkpoint", forge.ledger);
    assert_int_equal(truncate(path, 1 << 30), 0);
    assert_verify(3, "larger than such a file may be");
    assert_int_equal(run_tool("WASL_AUDIT_TOOL", NULL, "log", "--dir", "/nonexistent", NULL), 6);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        T(an_untouched_ledger_is_found_good),
        T(what_has_no_checkpoint_is_not_called_good),
        T(one_flipped_byte_in_an_entry_is_found_and_the_entry_named),
        T(one_flipped_byte_in_a_tile_is_found_and_the_tile_named),
        T(one_flipped_byte_in_the_checkpoint_is_found),
        T(one_flipped_byte_in_a_trust_object_is_found),
        T(a_missing_tile_bundle_or_object_is_found_and_named),
        T(another_ledgers_key_does_not_open_the_checkpoint),
        T(without_a_key_nothing_is_called_good),
        T(an_exchange_that_ends_twice_is_found),
        T(a_late_answer_after_the_end_is_as_it_should_be),
        T(a_late_answer_before_any_end_is_found),
        T(an_exchange_id_used_twice_is_found),
        T(a_refused_replay_is_as_it_should_be),
        T(a_request_that_was_refused_and_admitted_is_found),
        T(an_answer_to_another_request_is_found),
        T(an_exchange_left_open_is_found_only_past_its_time),
        T(a_time_that_does_not_rise_is_found),
        T(a_signature_by_another_key_is_found_although_the_tree_is_right),
        T(a_certificate_that_no_entry_names_is_found),
        T(what_is_not_an_entry_is_found),
        T(exchanges_left_open_are_named_in_the_order_of_the_ledger),
        T(a_disk_that_fails_ends_it_in_its_place),
        T(it_says_when_it_has_no_earlier_checkpoint_and_remembers_what_it_saw),
        T(a_ledger_that_has_shrunk_is_found_and_not_remembered),
        T(a_ledger_with_another_past_is_found),
        T(a_checkpoint_that_is_given_must_be_extended_too),
        T(a_copy_verifies_by_itself_and_grows),
        T(bytes_behind_the_last_entry_of_a_bundle_are_found),
        T(what_is_hostile_in_a_folder_is_named_and_nothing_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
