/* wasl-audit show: everything about one exchange or entry, for people and, byte by byte, for other tools. */
#include "commands.h"

#include "base/error.h"
#include "certificates.h"
#include "describe.h"
#include "exits.h"
#include "receipt.h"
#include "source.h"
#include "tlog/tree.h"
#include "wire/envelope.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MOST 64 /* entries of one exchange */

enum show_part { PART_ALL, PART_RAW, PART_CONTEXT, PART_BODY, PART_SIGNATURE, PART_CERTIFICATE };

struct show_options {
    struct source source;
    const char *which;
    bool is_index;
    uint64_t index;
    uint8_t id[16];
    enum show_part part;
    const char *receipt;
    bool utc;
};

struct show_run {
    const struct show_options *options;
    struct reader *reader;
    struct checkpoint checkpoint;
    struct buffer note;
    struct certificates *certificates;
    uint64_t certificates_read; /* those that entries before this one name have been noted */
};

enum {
    OPTION_RAW = 0x4000,
    OPTION_CONTEXT,
    OPTION_BODY,
    OPTION_SIGNATURE,
    OPTION_CERTIFICATE,
    OPTION_RECEIPT,
    OPTION_UTC,
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Exact bytes of one entry, on standard output:", 1},
    {"raw", OPTION_RAW, NULL, 0, "The entry: the leaf of the tree", 1},
    {"context", OPTION_CONTEXT, NULL, 0, "The first signed byte string of its message", 1},
    {"body", OPTION_BODY, NULL, 0, "The second", 1},
    {"signature", OPTION_SIGNATURE, NULL, 0, "The signature block", 1},
    {"certificate", OPTION_CERTIFICATE, NULL, 0, "The certificate that signed it (DER)", 1},
    {NULL, 0, NULL, 0, "Into files:", 2},
    {"receipt", OPTION_RECEIPT, "NAME", 0,
     "Write the entry into NAME.entry and its proof (tlog-proof) into NAME.proof", 2},
    {NULL, 0, NULL, 0, "How:", 3},
    {"utc", OPTION_UTC, NULL, 0, "Times in UTC instead of the local zone", 3},
    {NULL, 0, NULL, 0, "Where from, and whose keys:", 10},
    {0},
};

static void take_part(struct show_options *show, enum show_part part, struct argp_state *state)
{
    if (show->part != PART_ALL)
        argp_error(state, "one kind of bytes at a time");
    show->part = part;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct show_options *show = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &show->source;
        return 0;
    case OPTION_RAW:
        take_part(show, PART_RAW, state);
        return 0;
    case OPTION_CONTEXT:
        take_part(show, PART_CONTEXT, state);
        return 0;
    case OPTION_BODY:
        take_part(show, PART_BODY, state);
        return 0;
    case OPTION_SIGNATURE:
        take_part(show, PART_SIGNATURE, state);
        return 0;
    case OPTION_CERTIFICATE:
        take_part(show, PART_CERTIFICATE, state);
        return 0;
    case OPTION_RECEIPT:
        show->receipt = argument;
        return 0;
    case OPTION_UTC:
        show->utc = true;
        return 0;
    case ARGP_KEY_ARG:
        if (show->which != NULL)
            argp_error(state, "one exchange or entry at a time");
        show->which = argument;
        show->is_index = decimal_parse(bytes_of_string(argument), &show->index);
        if (!show->is_index && !uuid_parse(argument, show->id))
            argp_error(state, "%s is neither the id of an exchange (a UUID) nor the number of an entry",
                       argument);
        return 0;
    case ARGP_KEY_END:
        if (show->which == NULL)
            argp_error(state, "which exchange or entry?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Notes the certificates that take effect before an entry: its own must be among them. Entries are shown in
 * order. */
static int read_certificates(struct show_run *run, uint64_t before, struct error *e)
{
    struct cursor cursor;
    uint64_t index;
    struct bytes raw;
    int more;
    cursor_start(&cursor, run->reader, run->checkpoint.size, run->certificates_read, before);
    while ((more = cursor_next(&cursor, &index, &raw, e)) == 1) {
        struct record record;
        if (record_open(&record, index, raw)) {
            certificates_note(run->certificates, &record);
            record_close(&record);
        }
    }
    cursor_end(&cursor);
    if (more < 0)
        return -1;
    run->certificates_read = before;
    return 0;
}

static int print_signature(struct show_run *run, const struct record *record, struct error *e)
{
    char words[256];
    const struct certificate *certificate;
    if (read_certificates(run, record->index, e) != 0)
        return -1;
    int good = certificates_check(run->certificates, record, words, &certificate, e);
    if (good < 0)
        return -1;
    describe("signature", good ? "good" : "NOT GOOD");
    if (!good)
        describe("because", words);
    if (certificate != NULL && certificate->chain != NULL) {
        static const char *const algorithms[] = {"?", "ECDSA P-256", "RSA-2048", "Ed25519"};
        char *subject = chain_subject(certificate->chain);
        describe("signed by", subject);
        describe("with", algorithms[certificate->algorithm < 4 ? certificate->algorithm : 0]);
        describe_hex("certificate", certificate->hash, HASH_SIZE);
        free(subject);
    }
    return good ? 0 : 1;
}

static int proof_of(struct show_run *run, const struct record *record, struct buffer *out, struct error *e)
{
    return receipt_proof(run->reader, &run->checkpoint, buffer_bytes(&run->note), record, out, e);
}

static int print_proof(struct show_run *run, const struct record *record, struct error *e)
{
    struct buffer proof = {0};
    int good = proof_of(run, record, &proof, e);
    buffer_free(&proof);
    if (good < 0)
        return -1;
    printf("  %-18s %s the checkpoint of %" PRIu64 " entries, %s\n", "proof",
           good ? "good: in" : "NOT GOOD: not in", run->checkpoint.size,
           run->options->source.key_count > 0 ? "whose signature is good"
                                              : "whose signature was not checked (give --key)");
    return good ? 0 : 1;
}

static int write_receipt(struct show_run *run, const struct record *record, struct error *e)
{
    const char *name = run->options->receipt;
    struct buffer proof = {0};
    int result = -1;
    int good = proof_of(run, record, &proof, e);
    if (good == 0)
        error_set(e, ERROR_INTEGRITY,
                  "entry %" PRIu64 " is not in the tree of the checkpoint: there is no receipt",
                  record->index);
    if (good == 1)
        result = receipt_write(name, record->raw, buffer_bytes(&proof), e);
    if (result == 0)
        fprintf(stderr, "wasl-audit: wrote %s.entry and %s.proof\n", name, name);
    buffer_free(&proof);
    return result;
}

static int write_certificate(struct show_run *run, const struct record *record, struct error *e)
{
    struct signature_block block;
    int status;
    if (signature_block_decode(record->entry.signature, &block) != REFUSAL_NONE)
        return error_set(e, ERROR_NOT_FOUND, "entry %" PRIu64 " has no signature", record->index);
    if (read_certificates(run, record->index, e) != 0)
        return -1;
    const struct certificate *certificate =
        certificates_find(run->certificates, block.certificate, &status, e);
    if (status != 0)
        return -1;
    if (certificate == NULL || certificate->chain == NULL)
        return error_set(e, ERROR_INTEGRITY, "entry %" PRIu64 ": %s", record->index,
                         certificate == NULL ? "no entry names the certificate that signed it"
                                             : certificate->fault);
    struct buffer der = {0};
    chain_certificate_der(certificate->chain, 0, &der);
    fwrite(der.data, 1, der.len, stdout);
    buffer_free(&der);
    return 0;
}

static int write_part(struct show_run *run, const struct record *record, struct error *e)
{
    struct bytes part = record->raw;
    switch (run->options->part) {
    case PART_CERTIFICATE:
        return write_certificate(run, record, e);
    case PART_CONTEXT:
        part = record->entry.context;
        break;
    case PART_BODY:
        part = record->entry.body;
        break;
    case PART_SIGNATURE:
        part = record->entry.signature;
        break;
    default:
        break;
    }
    if (part.len == 0 && run->options->part != PART_BODY)
        return error_set(e, ERROR_NOT_FOUND, "entry %" PRIu64 " holds no message", record->index);
    if (part.len > 0)
        fwrite(part.data, 1, part.len, stdout);
    return 0;
}

/* 0 shown; 1 shown, and something in it is not good; -1. */
static int show_entry(struct show_run *run, uint64_t index, struct error *e)
{
    struct cursor cursor;
    struct bytes raw;
    struct record record;
    uint64_t at;
    int result = -1;
    cursor_start(&cursor, run->reader, run->checkpoint.size, index, index + 1);
    if (cursor_next(&cursor, &at, &raw, e) != 1)
        goto done;
    if (!record_open(&record, index, raw)) {
        if (run->options->part == PART_RAW) {
            fwrite(raw.data, 1, raw.len, stdout);
            result = 0;
        } else {
            error_set(e, ERROR_INTEGRITY,
                      "entry %" PRIu64 " is not an entry of a version that this tool knows", index);
        }
        goto done;
    }
    if (run->options->part != PART_ALL)
        result = write_part(run, &record, e);
    else if (run->options->receipt != NULL)
        result = write_receipt(run, &record, e);
    else {
        int bad = 0;
        result = 0;
        describe_entry(&record, run->options->utc);
        if (record.has_header) {
            describe_header(&record, run->options->utc);
            result = print_signature(run, &record, e);
            bad |= result == 1 && record.entry.type != ENTRY_REFUSED;
        }
        if (result >= 0) {
            result = print_proof(run, &record, e);
            bad |= result == 1;
        }
        result = result < 0 ? -1 : bad;
    }
    record_close(&record);
done:
    cursor_end(&cursor);
    return result;
}

/* Entries of the exchange in one bundle, added in front of those found before. */
static int find_in_bundle(struct show_run *run, uint64_t number, uint64_t *found, size_t *count, bool *begun,
                          struct error *e)
{
    uint64_t here[TREE_TILE];
    size_t here_count = 0;
    struct cursor cursor;
    uint64_t index;
    struct bytes raw;
    int more;
    cursor_start(&cursor, run->reader, run->checkpoint.size, number * TREE_TILE, (number + 1) * TREE_TILE);
    while ((more = cursor_next(&cursor, &index, &raw, e)) == 1) {
        struct record record;
        if (!record_open(&record, index, raw))
            continue;
        if (record.has_exchange && memcmp(record.exchange_id, run->options->id, 16) == 0) {
            here[here_count++] = index;
            *begun |= record_is(&record, ENTRY_ADMITTED, MESSAGE_REQUEST);
        }
        record_close(&record);
    }
    cursor_end(&cursor);
    if (more < 0)
        return -1;
    if (*count + here_count > SHOWN_MOST)
        here_count = SHOWN_MOST - *count;
    memmove(found + here_count, found, *count * sizeof *found);
    memcpy(found, here, here_count * sizeof *found);
    *count += here_count;
    return 0;
}

/* From the newest back to the admitted request: what is asked about is mostly young. */
static int find_exchange(struct show_run *run, uint64_t found[SHOWN_MOST], size_t *count, struct error *e)
{
    bool begun = false;
    *count = 0;
    for (uint64_t number = (run->checkpoint.size + TREE_TILE - 1) / TREE_TILE; number > 0 && !begun; number--)
        if (find_in_bundle(run, number - 1, found, count, &begun, e) != 0)
            return -1;
    return 0;
}

static int show_found(struct show_run *run, struct error *e)
{
    uint64_t found[SHOWN_MOST] = {run->options->index};
    size_t count = run->options->index < run->checkpoint.size ? 1 : 0;
    if (!run->options->is_index && find_exchange(run, found, &count, e) != 0)
        return -1;
    if (count == 0) {
        fprintf(stderr, "wasl-audit: there is no %s %s among the %" PRIu64 " entries\n",
                run->options->is_index ? "entry" : "exchange", run->options->which, run->checkpoint.size);
        return EXIT_NONE;
    }
    if (count > 1 && (run->options->part != PART_ALL || run->options->receipt != NULL)) {
        fprintf(stderr, "wasl-audit: this exchange has several entries; name one by its number:");
        for (size_t i = 0; i < count; i++)
            fprintf(stderr, " %" PRIu64, found[i]);
        fputc('\n', stderr);
        return EXIT_USAGE;
    }
    int bad = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            putchar('\n');
        int result = show_entry(run, found[i], e);
        if (result < 0)
            return -1;
        bad |= result;
    }
    return bad ? EXIT_INTEGRITY : EXIT_GOOD;
}

static int run_show(struct show_options *show, struct error *e)
{
    struct show_run run = {.options = show};
    int result = -1;
    if (source_open(&show->source, e) != 0)
        goto done;
    run.reader = show->source.reader;
    run.certificates = certificates_new(run.reader);
    if (reader_checkpoint(run.reader, show->source.keys, show->source.key_count, &run.note, &run.checkpoint,
                          e) < 0)
        goto done;
    result = show_found(&run, e);
done:
    certificates_free(run.certificates);
    buffer_free(&run.note);
    source_close(&show->source);
    return result;
}

int command_show(int argc, char **argv)
{
    static const struct argp_child children[] = {{&source_argp, 0, NULL, 10}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .args_doc = "EXCHANGE|ENTRY",
        .doc = "Shows everything about one exchange (by its id, a UUID) or one entry (by its number): every "
               "field, the "
               "signature and who made it, and the proof that the entry is in the ledger.\v"
               "With --raw, --context, --body, --signature and --certificate other tools can verify a "
               "message from its bytes "
               "alone (proto/README.md says how).\n\nExit status: 0 good, 1 there is no such exchange or "
               "entry, 2 usage, 3 a "
               "signature or proof is not good, 6 I/O.",
    };
    struct show_options show = {0};
    struct error e = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &show);
    int result = run_show(&show, &e);
    if (result < 0 && e.kind == ERROR_NOT_FOUND) {
        fprintf(stderr, "wasl-audit: %s\n", e.text);
        return EXIT_NONE;
    }
    return result < 0 ? exit_with(&e) : result;
}
