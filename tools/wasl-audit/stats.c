/* wasl-audit stats: how many exchanges, of what kind, and what became of them. */
#include "commands.h"

#include "base/clock.h"
#include "base/error.h"
#include "exits.h"
#include "filter.h"
#include "pending.h"
#include "period.h"
#include "seek.h"
#include "source.h"
#include "stats_put.h"
#include "text.h"
#include "walk.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* An exchange lives two minutes at most and its end is written soon after: past this it counts as open. */
#define WAIT_MOST (600 * MICROSECONDS)

struct stats_options {
    struct source source;
    struct filter filter;
    struct pace pace;
    struct stats_table table;
};

struct stats_run {
    const struct stats_options *options;
    struct filter filter; /* without an outcome, which is known when an exchange ends */
    struct exchanges *none;
    struct tally *tally;
    struct pending *pending;
    uint64_t unreadable;
    uint64_t first, last; /* start of the first and the last hour or day, where there is one */
};

enum { OPTION_BY = 0x6000, OPTION_UTC };

static const struct argp_option options[] = {
    {"by", OPTION_BY, "WHAT,...", 0,
     "In groups by purpose, service, pair (consumer and provider), outcome, hour or day; several are "
     "combined",
     2},
    {"output", 'o', "FORM", 0, "text (default), jsonl or csv", 2},
    {"utc", OPTION_UTC, NULL, 0, "Hours and days of UTC instead of the local zone", 2},
    {0},
};

static void add_column(struct stats_table *table, enum stats_column column, struct argp_state *state)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i] == column)
            argp_error(state, "--by: the same thing twice");
    table->columns[table->column_count++] = column;
}

static void parse_by(struct stats_table *table, const char *argument, struct argp_state *state)
{
    static const struct {
        const char *word;
        enum stats_column first, second;
    } words[] = {{"purpose", STATS_PURPOSE, STATS_COLUMNS}, {"service", STATS_SERVICE, STATS_COLUMNS},
                 {"pair", STATS_CONSUMER, STATS_PROVIDER},  {"outcome", STATS_OUTCOME, STATS_COLUMNS},
                 {"hour", STATS_HOUR, STATS_COLUMNS},       {"day", STATS_DAY, STATS_COLUMNS}};
    for (const char *at = argument;; at++) {
        size_t len = strcspn(at, ","), i = 0;
        while (i < sizeof words / sizeof words[0] && !bytes_equal_string(bytes_make(at, len), words[i].word))
            i++;
        if (i == sizeof words / sizeof words[0])
            argp_error(state,
                       "--by takes purpose, service, pair, outcome, hour, day, and several with commas "
                       "between them");
        add_column(table, words[i].first, state);
        if (words[i].second != STATS_COLUMNS)
            add_column(table, words[i].second, state);
        at += len;
        if (*at == '\0')
            return;
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct stats_options *stats = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &stats->filter;
        state->child_inputs[1] = &stats->pace;
        state->child_inputs[2] = &stats->source;
        return 0;
    case OPTION_BY:
        parse_by(&stats->table, argument, state);
        return 0;
    case 'o':
        if (strcmp(argument, "text") == 0)
            stats->table.form = STATS_TEXT;
        else if (strcmp(argument, "jsonl") == 0)
            stats->table.form = STATS_JSONL;
        else if (strcmp(argument, "csv") == 0)
            stats->table.form = STATS_CSV;
        else
            argp_error(state, "--output is text, jsonl or csv");
        return 0;
    case OPTION_UTC:
        stats->table.utc = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "stats takes options only; %s is none", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void key_add_text(struct buffer *key, struct bytes text)
{
    struct buffer safe = {0};
    text_put(text, &safe);
    key_add(key, 0, buffer_bytes(&safe));
    buffer_free(&safe);
}

static void key_add_time(struct stats_run *run, enum stats_column column, uint64_t time, struct buffer *key)
{
    enum period_unit unit = column == STATS_HOUR ? PERIOD_HOUR : PERIOD_DAY;
    uint64_t start = period_start(time, unit, run->options->table.utc);
    key_add(key, start, bytes_make(NULL, 0));
    if (run->first == 0 || start < run->first)
        run->first = start;
    if (start > run->last)
        run->last = start;
}

/* The key of what the row begins, or is all there is of, but for its outcome, which belongs at *outcome_at.
 */
static void make_key(struct stats_run *run, const struct row *row, struct buffer *key, size_t *outcome_at)
{
    const struct header *header = row->header;
    struct bytes member = row->record->entry.member, none = {0};
    *outcome_at = SIZE_MAX;
    for (size_t i = 0; i < run->options->table.column_count; i++) {
        enum stats_column column = run->options->table.columns[i];
        switch (column) {
        case STATS_PURPOSE:
            key_add_text(key, header != NULL ? bytes_of_string(header->purpose) : none);
            break;
        case STATS_SERVICE: /* without a service's name the id is the provider's, and no service */
            key_add_text(key,
                         header != NULL && header->service[0] != '\0' ? bytes_of_string(row->service) : none);
            break;
        case STATS_CONSUMER:
            key_add_text(key, header != NULL ? bytes_of_string(header->consumer) : member);
            break;
        case STATS_PROVIDER:
            key_add_text(key, header != NULL ? bytes_of_string(header->provider) : none);
            break;
        case STATS_OUTCOME:
            *outcome_at = key->len;
            break;
        default:
            key_add_time(run, column, row->record->entry.time, key);
            break;
        }
    }
}

static bool wanted(const struct stats_run *run, const char *outcome, bool refused, bool admitted)
{
    const char *word = run->options->filter.outcome;
    return word == NULL || strcmp(word, outcome) == 0 || (refused && strcmp(word, "refused") == 0) ||
           (admitted && strcmp(word, "admitted") == 0);
}

/* Puts the outcome into a key where it belongs, and returns what is counted under it: of its group, in all.
 */
static void counts_of(struct stats_run *run, struct bytes key, size_t outcome_at, const char *outcome,
                      struct counts *out[2])
{
    struct buffer whole = {0};
    if (outcome_at == SIZE_MAX) {
        buffer_append_bytes(&whole, key);
    } else {
        buffer_append(&whole, key.data, outcome_at);
        key_add(&whole, 0, bytes_of_string(outcome));
        buffer_append(&whole, key.data + outcome_at, key.len - outcome_at);
    }
    out[0] = tally_of(run->tally, buffer_bytes(&whole));
    out[1] = tally_total(run->tally);
    buffer_free(&whole);
}

enum end { END_ANSWERED, END_REFUSED, END_TIMED_OUT, END_INTERRUPTED, END_OPEN };

static void count_end(struct counts *counts, enum end end, uint64_t number, uint64_t sealed)
{
    uint64_t *const by_end[] = {[END_ANSWERED] = &counts->answered,
                                [END_REFUSED] = &counts->refused,
                                [END_TIMED_OUT] = &counts->timed_out,
                                [END_INTERRUPTED] = &counts->interrupted,
                                [END_OPEN] = &counts->open};
    counts->asked += number;
    *by_end[end] += number;
    counts->sealed += sealed;
}

/* What was asked has ended, or is given up. record: the entry that ends it; NULL. */
static void close_question(struct stats_run *run, struct question *question, enum end end,
                           const char *outcome, const struct record *record)
{
    if (wanted(run, outcome, end == END_REFUSED, true)) {
        struct counts *counts[2];
        counts_of(run, buffer_bytes(&question->key), question->outcome_at, outcome, counts);
        for (unsigned i = 0; i < 2; i++) {
            bool answer = record != NULL && record_is(record, ENTRY_ADMITTED, MESSAGE_RESPONSE);
            count_end(counts[i], end, 1, question->sealed + (answer ? record->header.sealed_length : 0));
            if (end == END_ANSWERED)
                latencies_add(&counts[i]->latencies,
                              record->entry.time > question->time ? record->entry.time - question->time : 0);
        }
    }
    pending_remove(run->pending, question);
}

static void give_up(struct stats_run *run, struct question *question)
{
    close_question(run, question, END_OPEN, "open", NULL);
}

static void on_request(struct stats_run *run, const struct record *record)
{
    struct row row;
    row_make(&row, record, run->none);
    struct question *same = pending_find(run->pending, record->exchange_id);
    if (same != NULL) /* no bus writes that: `verify` names it */
        give_up(run, same);
    if (!filter_passes(&run->filter, &row))
        return;
    if (pending_count(run->pending) == PENDING_MOST)
        give_up(run, pending_oldest(run->pending));
    struct question *question = pending_add(run->pending, record->exchange_id);
    question->time = record->entry.time;
    question->sealed = record->header.sealed_length;
    make_key(run, &row, &question->key, &question->outcome_at);
}

/* Ended by one entry, which is all that there is of it; or of so many that one entry counts. */
static void on_refused(struct stats_run *run, const struct record *record)
{
    struct row row;
    row_make(&row, record, run->none);
    const char *outcome = refusal_name(row.refusal);
    if (!filter_passes(&run->filter, &row) || !wanted(run, outcome, true, false))
        return;
    struct buffer key = {0};
    struct counts *counts[2];
    size_t outcome_at;
    make_key(run, &row, &key, &outcome_at);
    counts_of(run, buffer_bytes(&key), outcome_at, outcome, counts);
    for (unsigned i = 0; i < 2; i++)
        count_end(counts[i], END_REFUSED, record->entry.count > 0 ? record->entry.count : 1, 0);
    buffer_free(&key);
}

static void on_late(struct stats_run *run, const struct record *record)
{
    struct row row;
    row_make(&row, record, run->none);
    if (!filter_passes(&run->filter, &row) || !wanted(run, "late", false, false))
        return;
    struct buffer key = {0};
    struct counts *counts[2];
    size_t outcome_at;
    make_key(run, &row, &key, &outcome_at);
    counts_of(run, buffer_bytes(&key), outcome_at, "late", counts);
    for (unsigned i = 0; i < 2; i++)
        counts[i]->late++;
    buffer_free(&key);
}

static void on_entry(struct stats_run *run, const struct record *record)
{
    struct question *question = record->has_exchange ? pending_find(run->pending, record->exchange_id) : NULL;
    switch (record->entry.type) {
    case ENTRY_ADMITTED:
        if (record_is(record, ENTRY_ADMITTED, MESSAGE_REQUEST))
            on_request(run, record);
        else if (record_is(record, ENTRY_ADMITTED, MESSAGE_RESPONSE) && question != NULL)
            close_question(run, question, record->header.outcome == 0 ? END_ANSWERED : END_REFUSED,
                           record_outcome(record), record);
        break;
    case ENTRY_REFUSED:
        if (!record->has_header && question != NULL)
            close_question(run, question, END_REFUSED, record_outcome(record), record);
        else if (!record->has_header || record->header.kind == MESSAGE_REQUEST ||
                 record->header.kind == MESSAGE_REFUSAL)
            on_refused(run, record);
        break;
    case ENTRY_TIMED_OUT:
        if (question != NULL)
            close_question(run, question, END_TIMED_OUT, record_outcome(record), record);
        break;
    case ENTRY_INTERRUPTED:
        if (question != NULL)
            close_question(run, question, END_INTERRUPTED, record_outcome(record), record);
        break;
    case ENTRY_LATE:
        if (record->has_header)
            on_late(run, record);
        break;
    default:
        break;
    }
}

static int finish_entry(void *arg, const struct walk_entry *entry, struct error *e)
{
    struct stats_run *run = arg;
    (void)e;
    if (entry->presence != WALK_READ) {
        run->unreadable++;
        return 0;
    }
    uint64_t time = entry->record.entry.time;
    struct question *oldest;
    while ((oldest = pending_oldest(run->pending)) != NULL && oldest->time + WAIT_MOST < time)
        give_up(run, oldest);
    on_entry(run, &entry->record);
    /* Behind --until only ends of what began before it are of interest. */
    return time >= run->filter.until && pending_oldest(run->pending) == NULL ? 1 : 0;
}

/* Hours and days in which nothing was asked are shown too, where that is all that is asked for. */
static void mention_empty(struct stats_run *run)
{
    const struct stats_table *table = &run->options->table;
    if (table->column_count != 1 || (table->columns[0] != STATS_HOUR && table->columns[0] != STATS_DAY))
        return;
    enum period_unit unit = table->columns[0] == STATS_HOUR ? PERIOD_HOUR : PERIOD_DAY;
    /* From first to last, if there is room for all of them. Times come from a ledger and may be absurd. */
    size_t count = 0;
    uint64_t start = run->first;
    for (; start < run->last && count < TALLY_GROUPS_MOST; count++) {
        uint64_t next = period_next(start, unit, table->utc);
        if (next <= start)
            return;
        start = next;
    }
    if (start < run->last)
        return;
    for (start = run->first; start < run->last; start = period_next(start, unit, table->utc)) {
        struct buffer key = {0};
        key_add(&key, start, bytes_make(NULL, 0));
        tally_mention(run->tally, buffer_bytes(&key));
        buffer_free(&key);
    }
}

static int count_entries(struct stats_run *run, struct reader *reader, uint64_t size, struct error *e)
{
    static const struct walk_calls calls = {.finish = finish_entry};
    struct progress progress;
    struct walk walk = {.reader = reader,
                        .size = size,
                        .to = size,
                        .threads = run->options->pace.threads,
                        .progress = &progress};
    if (run->filter.since > 0 && seek_time(reader, size, run->filter.since, &walk.from, e) != 0)
        return -1;
    progress_start(&progress, run->options->pace.progress, size - walk.from);
    int result = walk_run(&walk, &calls, run, e);
    progress_clear(&progress);
    struct question *oldest;
    while ((oldest = pending_oldest(run->pending)) != NULL)
        give_up(run, oldest);
    return result;
}

static int run_stats(struct stats_options *stats, struct error *e)
{
    struct checkpoint checkpoint = {0};
    struct buffer out = {0};
    struct stats_run run = {.options = stats,
                            .filter = stats->filter,
                            .none = exchanges_new(),
                            .tally = tally_new(),
                            .pending = pending_new()};
    int result = -1;
    run.filter.outcome = NULL;
    if (source_open(&stats->source, e) != 0)
        goto done;
    int found = reader_checkpoint(stats->source.reader, stats->source.keys, stats->source.key_count, NULL,
                                  &checkpoint, e);
    if (found < 0 || (found == 1 && count_entries(&run, stats->source.reader, checkpoint.size, e) != 0))
        goto done;
    mention_empty(&run);
    stats_put(&stats->table, run.tally, &out);
    fwrite(out.data, 1, out.len, stdout);
    if (run.unreadable > 0)
        fprintf(stderr,
                "wasl-audit: %" PRIu64
                " entries are of no version that this tool knows, and are not counted\n",
                run.unreadable);
    const struct counts *total = tally_total(run.tally);
    result = total->asked > 0 || total->late > 0 ? EXIT_GOOD : EXIT_NONE;
    if (fflush(stdout) != 0)
        result = error_set(e, ERROR_IO, "standard output: writing failed");
done:
    pending_free(run.pending);
    tally_free(run.tally);
    exchanges_free(run.none);
    buffer_free(&out);
    source_close(&stats->source);
    return result;
}

int command_stats(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&filter_argp, 0, NULL, 0}, {&pace_argp, 0, NULL, 5}, {&source_argp, 0, NULL, 10}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .doc =
            "Counts exchanges and what became of them: asked = answered + refused + timed out + interrupted "
            "+ "
            "open, each in the hour and day in which it was asked; answers that came late; how long answers "
            "took (p50, p95, max), and how many sealed bytes were let through.\v"
            "This counts what the bus (or the folder) says; whether that is what was signed is told by "
            "`wasl-audit verify`.\n\nExit status: 0 something was counted, 1 there is nothing, 2 usage, 3 "
            "integrity, 6 I/O.",
    };
    struct stats_options stats = {.filter = FILTER_ALL};
    struct error e = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &stats);
    int result = run_stats(&stats, &e);
    return result < 0 ? exit_with(&e) : result;
}
