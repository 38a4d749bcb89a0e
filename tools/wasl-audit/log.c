/* wasl-audit log: entries as lines, filtered; with -f as they come. */
#include "commands.h"

#include "base/clock.h"
#include "base/error.h"
#include "exits.h"
#include "filter.h"
#include "row.h"
#include "seek.h"
#include "source.h"
#include "text.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A request lives two minutes at most: so much before --since is read for the join. */
#define LOOK_BACK (180 * MICROSECONDS)

struct log_options {
    struct source source;
    struct filter filter;
    enum row_form form;
    bool utc, follow;
};

struct log_run {
    const struct log_options *options;
    struct reader *reader;
    struct exchanges *exchanges;
    uint64_t shown;
};

enum { OPTION_TYPE = 0x2000, OPTION_UTC };

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Which entries:", 1},
    {"type", OPTION_TYPE, "WORD", 0,
     "Type of the entry (admitted, registry, ...) or kind of its message (request, ...)", 1},
    {NULL, 0, NULL, 0, "How:", 2},
    {"output", 'o', "FORM", 0, "short (default), jsonl or csv", 2},
    {"utc", OPTION_UTC, NULL, 0, "Times in UTC instead of the local zone", 2},
    {"follow", 'f', NULL, 0, "Go on with new entries as they come", 2},
    {NULL, 0, NULL, 0, "Where from:", 10},
    {0},
};

static bool type_known(const char *word)
{
    for (unsigned type = ENTRY_ADMITTED; type <= ENTRY_FILL; type++)
        if (strcmp(word, entry_type_name(type)) == 0)
            return true;
    for (unsigned kind = MESSAGE_REQUEST; kind <= MESSAGE_REFUSAL; kind++)
        if (strcmp(word, message_kind_name(kind)) == 0)
            return true;
    return strcmp(word, "unknown") == 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct log_options *log = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &log->filter;
        state->child_inputs[1] = &log->source;
        return 0;
    case OPTION_TYPE:
        if (!type_known(argument))
            argp_error(state, "there is no type of entry and no kind of message %s", argument);
        log->filter.type = argument;
        return 0;
    case 'o':
        if (strcmp(argument, "short") == 0)
            log->form = ROW_SHORT;
        else if (strcmp(argument, "jsonl") == 0)
            log->form = ROW_JSONL;
        else if (strcmp(argument, "csv") == 0)
            log->form = ROW_CSV;
        else
            argp_error(state, "--output is short, jsonl or csv");
        return 0;
    case OPTION_UTC:
        log->utc = true;
        return 0;
    case 'f':
        log->follow = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "log takes options only; to see one exchange: wasl-audit show %s", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Remembers what later entries of the exchange do not say themselves. */
static void remember(struct exchanges *exchanges, const struct record *record)
{
    if (record->index % 65536 == 0 && exchanges_count(exchanges) > 65536)
        exchanges_forget_ended(exchanges);
    if (!record->has_exchange)
        return;
    struct exchange *exchange = exchanges_find(exchanges, record->exchange_id);
    if (record_is(record, ENTRY_ADMITTED, MESSAGE_REQUEST)) {
        if (exchange == NULL)
            exchange = exchanges_add(exchanges, record->exchange_id);
        free(exchange->header);
        exchange->header = memory_copy(&record->header, sizeof record->header);
        exchange->terminal = NO_ENTRY;
    } else if (exchange != NULL && exchange->terminal == NO_ENTRY &&
               (record->entry.type == ENTRY_TIMED_OUT || record->entry.type == ENTRY_INTERRUPTED ||
                record_is(record, ENTRY_ADMITTED, MESSAGE_RESPONSE) ||
                (record->entry.type == ENTRY_REFUSED && !record->has_header))) {
        exchange_end(exchange, record->index);
    }
}

static int show_entries(struct log_run *run, uint64_t size, uint64_t from, struct error *e)
{
    struct cursor cursor;
    struct buffer line = {0};
    uint64_t index;
    struct bytes raw;
    int more;
    cursor_start(&cursor, run->reader, size, from, size);
    while ((more = cursor_next(&cursor, &index, &raw, e)) == 1) {
        struct record record;
        if (!record_open(&record, index, raw)) {
            buffer_clear(&line);
            row_put_unreadable(index, run->options->form, &line);
            fwrite(line.data, 1, line.len, stdout);
            run->shown++;
            continue;
        }
        bool past = record.entry.time >= run->options->filter.until;
        struct row row;
        row_make(&row, &record, run->exchanges);
        if (filter_passes(&run->options->filter, &row)) {
            buffer_clear(&line);
            row_put(&row, run->options->form, run->options->utc, &line);
            fwrite(line.data, 1, line.len, stdout);
            run->shown++;
        }
        remember(run->exchanges, &record);
        record_close(&record);
        if (past)
            break; /* times only rise: `verify` finds where they do not */
    }
    buffer_free(&line);
    cursor_end(&cursor);
    return more < 0 ? -1 : 0;
}

static int follow(struct log_run *run, const struct source *source, uint64_t size, struct error *e)
{
    for (;;) {
        fflush(stdout);
        if (ferror(stdout))
            return error_set(e, ERROR_IO, "standard output: writing failed");
        sleep(1);
        struct checkpoint checkpoint = {0};
        int found = reader_checkpoint(run->reader, source->keys, source->key_count, NULL, &checkpoint, e);
        if (found < 0)
            return -1;
        if (checkpoint.size < size)
            return error_set(e, ERROR_INTEGRITY,
                             "the ledger has shrunk from %" PRIu64 " to %" PRIu64 " entries", size,
                             checkpoint.size);
        if (checkpoint.size > size && show_entries(run, checkpoint.size, size, e) != 0)
            return -1;
        size = checkpoint.size;
    }
}

static int run_log(struct log_options *log, struct error *e)
{
    struct checkpoint checkpoint = {0};
    struct log_run run = {.options = log, .exchanges = exchanges_new()};
    int result = -1;
    if (source_open(&log->source, e) != 0)
        goto done;
    run.reader = log->source.reader;
    int found = reader_checkpoint(run.reader, log->source.keys, log->source.key_count, NULL, &checkpoint, e);
    if (found < 0)
        goto done;
    uint64_t from = 0;
    if (found == 1 && log->filter.since > LOOK_BACK &&
        seek_time(run.reader, checkpoint.size, log->filter.since - LOOK_BACK, &from, e) != 0)
        goto done;
    struct buffer heading = {0};
    row_put_heading(log->form, &heading);
    if (heading.len > 0)
        fwrite(heading.data, 1, heading.len, stdout);
    buffer_free(&heading);
    if (found == 1 && show_entries(&run, checkpoint.size, from, e) != 0)
        goto done;
    if (log->follow && follow(&run, &log->source, checkpoint.size, e) != 0)
        goto done;
    result = run.shown > 0 ? EXIT_GOOD : EXIT_NONE;
    if (fflush(stdout) != 0)
        result = error_set(e, ERROR_IO, "standard output: writing failed");
done:
    exchanges_free(run.exchanges);
    source_close(&log->source);
    return result;
}

int command_log(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&filter_argp, 0, NULL, 0}, {&source_argp, 0, NULL, 10}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .doc =
            "Shows the ledger's entries, oldest first: who asked whom, what, why, when and what became of "
            "it. No names "
            "and no identifiers of persons: they are not in the ledger.\v"
            "This shows what the bus (or the folder) says; whether that is what was signed is told by "
            "`wasl-audit "
            "verify`.\n\nExit status: 0 entries were shown, 1 there are none, 2 usage, 3 integrity, 6 I/O.",
    };
    struct log_options log = {.filter = FILTER_ALL};
    struct error e = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &log);
    int result = run_log(&log, &e);
    return result < 0 ? exit_with(&e) : result;
}
