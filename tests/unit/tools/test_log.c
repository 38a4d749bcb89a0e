/* wasl-audit log and show: what people and other programs are shown. */
#include "forge.h"
#include "text.h"

#include "base/clock.h"
#include "base/error.h"
#include "tlog/proof.h"
#include "wire/envelope.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static struct forge forge;

static int begin(void **state)
{
    (void)state;
    setenv("TZ", "UTC-1", 1); /* one hour ahead of UTC, as Tunisia is */
    tzset();
    forge_new(&forge);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    forge_free(&forge);
    return 0;
}

#define LOG(...)  run_tool("WASL_AUDIT_TOOL", NULL, "log", "--dir", forge.ledger, __VA_ARGS__, NULL)
#define SHOW(...) run_tool("WASL_AUDIT_TOOL", NULL, "show", "--dir", forge.ledger, __VA_ARGS__, NULL)

static unsigned lines(void)
{
    unsigned count = 0;
    for (size_t i = 0; i < run_output.len; i++)
        count += run_output.data[i] == '\n';
    return count;
}

/* 3 an answered exchange, 5 a timed-out one, 7 a refused request, 8 of another consumer for another purpose
 */
static void some_exchanges(void)
{
    forge_exchanges(&forge, 0, 1);
    struct header slow = forge_request(&forge, 1);
    forge_message(&forge, ENTRY_ADMITTED, &slow, 0);
    forge_end(&forge, ENTRY_TIMED_OUT, &slow, REFUSAL_PROVIDER_TIMEOUT);
    struct header refused = forge_request(&forge, 2);
    strcpy(refused.purpose, "STATISTICS");
    forge_message(&forge, ENTRY_REFUSED, &refused, REFUSAL_WRONG_PURPOSE);
    struct header other = forge_request(&forge, 3);
    strcpy(other.consumer, "TN/GOV/MENX/portal");
    strcpy(other.service, "status");
    forge_message(&forge, ENTRY_ADMITTED, &other, 0);
    forge_write(&forge, 0);
}

static void filters_pass_what_they_name_and_nothing_else(void **state)
{
    (void)state;
    some_exchanges();
    assert_int_equal(LOG("-o", "short"), 0);
    assert_int_equal(lines(), 9);
    assert_int_equal(LOG("--consumer", "TN/GOV/MEN"), 0);
    assert_int_equal(lines(), 5); /* the time-out says its exchange only, and is joined with its request */
    assert_true(output_has("timed_out"));
    assert_false(output_has("MENX"));
    assert_int_equal(LOG("--provider", "TN/GOV/MI/civil", "--service", "status"), 0);
    assert_int_equal(lines(), 1);
    assert_int_equal(LOG("--service", "TN/GOV/MI/civil/person"), 0);
    assert_int_equal(lines(), 5);
    assert_int_equal(LOG("--purpose", "STATISTICS"), 0);
    assert_int_equal(lines(), 1);
    assert_int_equal(LOG("--outcome", "wrong_purpose"), 0);
    assert_int_equal(lines(), 1);
    assert_int_equal(LOG("--outcome", "refused"), 0);
    assert_int_equal(lines(), 2);
    assert_int_equal(LOG("--outcome", "answered"), 0);
    assert_int_equal(lines(), 1);
    assert_int_equal(LOG("--type", "registry"), 0);
    assert_int_equal(lines(), 2);
    assert_int_equal(LOG("--type", "response"), 0);
    assert_int_equal(lines(), 1);
    assert_int_equal(LOG("--exchange", "00000002-0000-4000-8000-000000000000"), 0);
    assert_int_equal(lines(), 2);
    assert_int_equal(LOG("--purpose", "NOTHING"), 1);
    assert_int_equal(lines(), 0);
}

static void times_bound_what_is_shown_and_requests_before_are_still_joined(void **state)
{
    char since[28], until[28];
    (void)state;
    forge_exchanges(&forge, 10, 300);
    struct header slow = forge_request(&forge, 1);
    forge_message(&forge, ENTRY_ADMITTED, &slow, 0);
    uint64_t from = forge.time + 1;
    forge_end(&forge, ENTRY_TIMED_OUT, &slow, REFUSAL_PROVIDER_TIMEOUT);
    clock_format(forge.time + 1, until);
    forge_exchanges(&forge, 500, 100);
    forge_write(&forge, 0);
    clock_format(from, since);
    assert_int_equal(LOG("--since", since, "--until", until), 0);
    assert_int_equal(lines(), 1);
    assert_true(output_has("TN/GOV/MEN/enrolment"));
    assert_int_equal(LOG("--since", since), 0);
    assert_int_equal(lines(), 201);
    assert_int_equal(LOG("--until", since), 0);
    assert_int_equal(lines(), 604);
    assert_int_equal(LOG("--since", "2026-11-22 08:00"), 2); /* a time without its zone says nothing */
    assert_int_equal(LOG("--since", "yesteryear"), 2);
}

static void times_are_shown_with_their_zone(void **state)
{
    char utc[28];
    (void)state;
    some_exchanges();
    assert_int_equal(LOG("--type", "administration"), 0);
    assert_true(output_has("+01:00"));
    assert_int_equal(LOG("--type", "administration", "--utc", "-o", "jsonl"), 0);
    clock_format(FORGE_START + 3000, utc);
    assert_true(output_has(utc));
}

static void every_line_of_jsonl_is_an_object_with_the_same_members(void **state)
{
    (void)state;
    some_exchanges();
    assert_int_equal(LOG("-o", "jsonl"), 0);
    buffer_append(&run_output, "", 1);
    size_t members = 0;
    for (char *line = strtok((char *)run_output.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(object);
        assert_true(members == 0 || members == json_object_size(object));
        members = json_object_size(object);
        assert_true(json_is_integer(json_object_get(object, "index")));
        assert_true(json_is_string(json_object_get(object, "time")));
        json_decref(object);
    }
    assert_true(members > 10);
}

static void a_csv_cell_cannot_become_a_formula(void **state)
{
    (void)state;
    struct entry entry = {.type = ENTRY_ADMINISTRATION,
                          .note = bytes_of_string("=HYPERLINK(\"http://x\",\"y\")")};
    forge_entry(&forge, &entry);
    forge_write(&forge, 0);
    assert_int_equal(LOG("--type", "administration", "-o", "csv"), 0);
    assert_int_equal(lines(), 3);
    assert_true(output_has("\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""));
    assert_false(output_has("\"=HYPER"));
    static const char *const dangerous[] = {"=1", "+1", "-1", "@x", "\tx", "\rx", "  =1", "|x", "%x"};
    for (size_t i = 0; i < sizeof dangerous / sizeof dangerous[0]; i++) {
        struct buffer cell = {0};
        text_put_cell(bytes_of_string(dangerous[i]), &cell);
        assert_memory_equal(cell.data, "\"'", 2);
        buffer_free(&cell);
    }
}

static void control_characters_and_marks_of_direction_do_not_reach_a_terminal(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct bytes text = bytes_of_string("a\x1b[2Jb\xe2\x80\xae"
                                        "c\xff\xd9\x88\x07\xc2\x9b\n");
    text_put(text, &out);
    buffer_append(&out, "", 1);
    assert_string_equal(out.data, "a\\x1b[2Jb\\xe2\\x80\\xaec\\xff\xd9\x88\\x07\\xc2\\x9b\\x0a");
    buffer_free(&out);
    struct entry entry = {.type = ENTRY_ADMINISTRATION, .note = bytes_of_string("x\x1b]0;owned\x07")};
    forge_entry(&forge, &entry);
    forge_write(&forge, 0);
    assert_int_equal(LOG("--utc"), 0);
    assert_null(memchr(run_output.data, 0x1b, run_output.len));
}

static void what_cannot_be_read_is_shown_and_never_skipped(void **state)
{
    (void)state;
    buffer_append_string(&forge.entries[forge.count++], "nonsense");
    forge_write(&forge, 0);
    assert_int_equal(LOG("--utc"), 0);
    assert_int_equal(lines(), 4);
    assert_true(output_has("not an entry of a version"));
    assert_int_equal(LOG("-o", "csv"), 0);
    assert_true(output_has("\"3\",\"\",\"unreadable\",\"\",\"unreadable\",\"\""));
    assert_int_equal(LOG("-o", "jsonl"), 0);
    assert_true(output_has("{\"index\":3,\"time\":null,\"type\":\"unreadable\""));
    buffer_append(&run_output, "", 1);
    for (char *line = strtok((char *)run_output.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_int_equal(json_object_size(object), 22);
        json_decref(object);
    }
}

static void show_writes_the_exact_bytes_of_an_entry_and_its_message(void **state)
{
    (void)state;
    forge_exchanges(&forge, 0, 200);
    forge_write(&forge, 0);
    assert_int_equal(SHOW("--raw", "300"), 0);
    assert_int_equal(run_output.len, forge.entries[300].len);
    assert_memory_equal(run_output.data, forge.entries[300].data, run_output.len);

    struct entry entry;
    struct entry_hold hold;
    assert_true(entry_decode(buffer_bytes(&forge.entries[300]), &entry, &hold));
    const struct {
        const char *option;
        struct bytes expected;
    } parts[] = {{"--context", entry.context}, {"--body", entry.body}, {"--signature", entry.signature}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(SHOW(parts[i].option, "300"), 0);
        assert_true(bytes_equal(buffer_bytes(&run_output), parts[i].expected));
    }
    entry_release(&hold);
    assert_int_equal(SHOW("--certificate", "300"), 0);
    assert_true(run_output.len > 100 && run_output.data[0] == 0x30);
    assert_int_equal(SHOW("--context", "2"), 1); /* an entry without a message */
    assert_int_equal(SHOW("9999"), 1);
    assert_int_equal(SHOW("12345678-1234-4234-8234-123456789012"), 1);
    assert_int_equal(SHOW("neither"), 2);
}

static void a_receipt_that_show_writes_is_one_that_the_protocol_accepts(void **state)
{
    char name[96], path[128];
    struct buffer entry = {0}, proof = {0};
    struct error e = {0};
    (void)state;
    forge_exchanges(&forge, 0, 200);
    forge_write(&forge, 0);
    snprintf(name, sizeof name, "%s/receipt", forge.folder);
    assert_int_equal(SHOW("--receipt", name, "300", "--key", forge.vkey), 0);
    snprintf(path, sizeof path, "%s.entry", name);
    assert_int_equal(file_read(path, 65536, &entry, &e), 0);
    snprintf(path, sizeof path, "%s.proof", name);
    assert_int_equal(file_read(path, 65536, &proof, &e), 0);
    struct entry decoded;
    struct entry_hold hold;
    struct checkpoint checkpoint;
    assert_int_equal(receipt_check(buffer_bytes(&entry), buffer_bytes(&proof), ENTRY_ADMITTED, NULL,
                                   &forge.key.verifier, 1, &decoded, &hold, &checkpoint),
                     REFUSAL_NONE);
    entry_release(&hold);
    assert_int_equal(checkpoint.size, 403);
    buffer_free(&entry);
    buffer_free(&proof);
}

static void show_tells_everything_of_an_exchange_and_that_it_is_good(void **state)
{
    (void)state;
    forge_exchanges(&forge, 0, 200);
    forge_write(&forge, 0);
    assert_int_equal(SHOW("00000005-0000-4000-8000-000000000000", "--key", forge.vkey), 0);
    assert_true(output_has("entry 11: admitted request"));
    assert_true(output_has("entry 12: admitted response"));
    assert_true(output_has("SCHOOL-ENROLMENT"));
    assert_true(output_has("CN=TN/GOV/MEN"));
    assert_true(output_has("signature          good"));
    assert_true(output_has("good: in the checkpoint of 403 entries, whose signature is good"));
}

static void show_says_when_an_entry_is_not_the_one_that_was_signed(void **state)
{
    char path[256];
    struct buffer bundle = {0};
    struct error e = {0};
    (void)state;
    forge_exchanges(&forge, 0, 5);
    forge_write(&forge, 0);
    snprintf(path, sizeof path, "%s/tile/entries/000.p/13", forge.ledger);
    assert_int_equal(file_read(path, 1 << 20, &bundle, &e), 0);
    bundle.data[bundle.len - 1] ^= 1; /* in the last signature */
    write_text(path, bundle.data, bundle.len);
    buffer_free(&bundle);
    assert_int_equal(SHOW("12"), 3);
    assert_true(output_has("signature          NOT GOOD"));
    assert_true(output_has("proof              NOT GOOD"));
    assert_int_equal(SHOW("3"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        T(filters_pass_what_they_name_and_nothing_else),
        T(times_bound_what_is_shown_and_requests_before_are_still_joined),
        T(times_are_shown_with_their_zone),
        T(every_line_of_jsonl_is_an_object_with_the_same_members),
        T(a_csv_cell_cannot_become_a_formula),
        T(control_characters_and_marks_of_direction_do_not_reach_a_terminal),
        T(what_cannot_be_read_is_shown_and_never_skipped),
        T(show_writes_the_exact_bytes_of_an_entry_and_its_message),
        T(a_receipt_that_show_writes_is_one_that_the_protocol_accepts),
        T(show_tells_everything_of_an_exchange_and_that_it_is_good),
        T(show_says_when_an_entry_is_not_the_one_that_was_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
