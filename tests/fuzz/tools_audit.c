/*
 * The auditor's tools over a ledger that lies: entries are the input's, tree and checkpoint are made right
 * over them, and then bundle or tiles are edited. Every line of the log is well formed whatever stands in an
 * entry; the tree computed again agrees with what was signed exactly where nothing was edited.
 */
#include "fuzz_country.h"
#include "fuzz.h"
#include "fuzz_header.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "describe.h"
#include "filter.h"
#include "recompute.h"
#include "row.h"
#include "rules.h"
#include "text.h"

#include <jansson.h>
#include <sys/stat.h>

#define ENTRIES_MOST 6

void fuzz_setup(void)
{
    char path[256];
    static const char *const folders[] = {
        "log", "log/tile", "log/tile/0", "log/tile/0/000.p", "log/tile/entries", "log/tile/entries/000.p"};
    fuzz_country();
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", fuzz_folder(), folders[i]);
        FUZZ_CHECK(mkdir(path, 0700) == 0);
    }
    FUZZ_CHECK(freopen("/dev/null", "w", stdout) != NULL);
}

static void sample(unsigned number, struct buffer *out)
{
    struct header h = fuzz_header((number & 1) != 0 ? MESSAGE_RESPONSE : MESSAGE_REQUEST);
    h.has_body = true;
    h.has_request_leaf = (number & 1) != 0;
    h.sealed_length = 300;
    struct buffer context = {0}, body = {0};
    struct entry e = {.time = (FUZZ_NOW + number) * MICROSECONDS, .registry_version = 1};
    memset(h.exchange_id, (int)(number / 4), 16);
    header_encode_context(&h, &context);
    header_encode_body(&h, &body);
    if (number % 4 < 2) {
        e.type = (number & 8) != 0 ? ENTRY_LATE : ENTRY_ADMITTED;
        e.context = buffer_bytes(&context);
        e.body = buffer_bytes(&body);
        e.signature = bytes_of_string("signature");
    } else if (number % 4 == 2) {
        e.type = (number & 4) != 0 ? ENTRY_TIMED_OUT : ENTRY_REFUSED;
        e.has_leaf = e.has_exchange_id = true;
        e.reason = e.type == ENTRY_REFUSED ? REFUSAL_NO_GRANT : 0;
        e.member = bytes_of_string(e.type == ENTRY_REFUSED ? "TN/GOV/MI" : "");
        memcpy(e.exchange_id, h.exchange_id, 16);
        if (e.type == ENTRY_REFUSED)
            e.has_exchange_id = false;
    } else {
        e.type = ENTRY_ADMINISTRATION;
        e.note = bytes_of_string("bus \"started\", =cmd\x1b[2J");
    }
    entry_encode(&e, out);
    buffer_free(&context);
    buffer_free(&body);
}

void fuzz_seeds(void)
{
    struct buffer b = {0}, entry = {0};
    for (uint8_t n = 0; n < 16; n += 4) {
        b.len = 0;
        buffer_append(&b, (const uint8_t[]){0, 4, 0, n, 0, 0, n, 0, 0, n, 0, 0, n, 0}, 14);
        for (uint8_t i = 0; i < 4; i++)
            b.data[3 + 3 * i] = (uint8_t)(n + i);
        fuzz_seed(buffer_bytes(&b));
    }
    b.len = 0;
    sample(1, &entry);
    buffer_append(&b, (const uint8_t[]){1, 1, 1}, 3);
    fuzz_put_piece(&b, buffer_bytes(&entry));
    fuzz_seed(buffer_bytes(&b));
    fuzz_seed(bytes_make("\x03\x02\x00\x00\x00\x00\x01\x00\x01\x00\x00\x11\x02", 13));
    buffer_free(&b);
    buffer_free(&entry);
}

static void put(const char *name, const struct buffer *data)
{
    (void)fuzz_file(name, buffer_bytes(data));
}

static void show(const struct record *record, struct exchanges *exchanges)
{
    static const struct filter all = {.until = UINT64_MAX};
    struct row row;
    struct buffer line = {0};
    row_make(&row, record, exchanges);
    (void)filter_passes(&all, &row);
    for (int form = ROW_SHORT; form <= ROW_CSV; form++) {
        buffer_clear(&line);
        row_put(&row, (enum row_form)form, true, &line);
        FUZZ_CHECK(line.len > 0 && line.data[line.len - 1] == '\n');
        FUZZ_CHECK(memchr(line.data, '\n', line.len - 1) == NULL &&
                   memchr(line.data, 0x1b, line.len) == NULL);
        if (form == ROW_JSONL) {
            json_t *json = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, NULL);
            FUZZ_CHECK(json_is_object(json));
            json_decref(json);
        }
    }
    describe_entry(record, true);
    if (record->has_header)
        describe_header(record, true);
    (void)record_outcome(record);
    (void)record_object_name(record);
    (void)rules_signature_needed(record);
    buffer_free(&line);
}

static void walk(struct reader *reader, const struct checkpoint *checkpoint, bool right)
{
    static const uint64_t keep[RECOMPUTE_KEPT] = {1, 0};
    struct error e = {0};
    struct findings findings = {0}, of_rules = {0};
    struct rules_counts counts;
    struct recompute *recompute = recompute_new(reader, checkpoint->size, keep);
    struct rules *rules = rules_new(&of_rules);
    struct exchanges *exchanges = exchanges_new();
    struct cursor cursor;
    struct bytes entry;
    uint64_t index;
    int more;
    cursor_start(&cursor, reader, checkpoint->size, 0, UINT64_MAX);
    while ((more = cursor_next(&cursor, &index, &entry, &e)) == 1) {
        struct record record;
        uint8_t leaf[HASH_SIZE];
        bool readable = record_open(&record, index, entry);
        merkle_leaf(entry, leaf);
        if (recompute_add(recompute, leaf, &e) != 0) {
            if (readable)
                record_close(&record);
            more = -1;
            break;
        }
        if (readable) {
            rules_entry(rules, &record);
            show(&record, exchanges);
            record_close(&record);
        } else {
            struct buffer line = {0};
            for (int form = ROW_SHORT; form <= ROW_CSV; form++)
                row_put_unreadable(index, (enum row_form)form, &line);
            buffer_free(&line);
        }
    }
    cursor_end(&cursor);
    if (more == 0) {
        int result = recompute_end(recompute, checkpoint->root, &findings, &e);
        FUZZ_CHECK(!right || (result == 0 && findings.count == 0));
        FUZZ_CHECK(right || result != 0 || findings.count > 0);
    } else {
        FUZZ_CHECK(!right);
    }
    rules_end(rules, &counts);
    recompute_free(recompute);
    rules_free(rules);
    exchanges_free(exchanges);
}

void fuzz_target(struct fuzz_input *in)
{
    uint8_t how = fuzz_u8(in), count = (uint8_t)(fuzz_u8(in) % ENTRIES_MOST + 1);
    struct buffer bundle = {0}, tile = {0}, note = {0}, edited = {0};
    uint8_t leaves[ENTRIES_MOST][HASH_SIZE];
    struct checkpoint checkpoint = {.origin = "bus.example.tn/ledger", .size = count}, read;
    struct error e = {0};
    char name[64], where[256];
    for (unsigned i = 0; i < count; i++) {
        struct buffer entry = {0};
        if ((fuzz_u8(in) & 1) != 0) {
            buffer_append_bytes(&entry, fuzz_piece(in));
        } else {
            sample(fuzz_u8(in), &entry);
            fuzz_edit(in, &entry);
        }
        if (entry.len > 65535)
            entry.len = 65535;
        buffer_put_u16be(&bundle, (uint16_t)entry.len);
        buffer_append_bytes(&bundle, buffer_bytes(&entry));
        merkle_leaf(buffer_bytes(&entry), leaves[i]);
        buffer_append(&tile, leaves[i], HASH_SIZE);
        buffer_free(&entry);
    }
    merkle_root((const uint8_t(*)[HASH_SIZE])leaves, count, checkpoint.root);
    checkpoint_sign(&checkpoint, &country()->ledger, &note);
    bool right = true;
    if ((how & 3) != 0) {
        struct buffer *part = (how & 1) != 0 ? &bundle : &tile;
        buffer_append_bytes(&edited, buffer_bytes(part));
        fuzz_edit(in, part);
        /* What follows the last entry of a bundle is nobody's; a tile has one length. */
        right = part->len >= edited.len && memcmp(part->data, edited.data, edited.len) == 0 &&
                (part == &bundle || part->len == edited.len);
    }
    if ((how & 4) != 0)
        fuzz_edit(in, &note);
    put("log/checkpoint", &note);
    snprintf(name, sizeof name, "log/tile/entries/000.p/%u", count);
    put(name, &bundle);
    snprintf(name, sizeof name, "log/tile/0/000.p/%u", count);
    put(name, &tile);
    snprintf(where, sizeof where, "%s/log", fuzz_folder());
    struct reader *reader = reader_open(where, &e);
    FUZZ_CHECK(reader != NULL);
    if (reader_checkpoint(reader, &country()->ledger.verifier, 1, NULL, &read, &e) == 1) {
        FUZZ_CHECK(read.size == count);
        walk(reader, &checkpoint, right);
    } else {
        FUZZ_CHECK((how & 4) != 0);
    }
    reader_close(reader);
    buffer_free(&bundle);
    buffer_free(&tile);
    buffer_free(&note);
    buffer_free(&edited);
}
