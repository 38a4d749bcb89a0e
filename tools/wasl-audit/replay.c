/* wasl-audit replay: exchanges told as time lines, each judged by what was in force when it happened, and if
 * wanted by another registry. */
#include "commands.h"

#include "base/error.h"
#include "cover.h"
#include "exits.h"
#include "filter.h"
#include "replay_summary.h"
#include "review.h"
#include "rules.h"
#include "source.h"
#include "spool.h"
#include "stories.h"
#include "walk.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The entries of an exchange come within its life and the time in which a late answer is still recorded. */
#define EXCHANGE_SPAN (LIFETIME_MOST + STORY_HOLD)

struct replay_options {
    struct source source;
    struct filter filter;
    struct pace pace;
    const char *policy;
    bool jsonl, utc;
};

struct replay_run {
    const struct replay_options *options;
    struct filter entries; /* which entries may be told: the filter without what is known only in the end */
    uint64_t rules_from;   /* time from which on the order of entries is judged */
    struct reader *reader;
    struct checkpoint checkpoint;
    struct progress progress;
    struct certificates *certificates;
    struct review *review;
    struct cover *cover;
    struct exchanges *no_exchanges; /* rows are made without joins here */
    struct rules *rules;
    struct findings rules_findings;
    struct kept_findings said; /* by the rules, of the entry at hand */
    struct stories *stories;
    struct spool *spool;
    struct policy *policy;
    struct telling telling;
    struct summary summary;
    struct buffer piece;
    uint64_t first_index, last_time; /* of the period's first entry; of the entry at hand */
    uint64_t general_findings;
};

/* What is found out about one entry on its way. */
struct replay_entry {
    bool wanted;
    struct step *step; /* NULL: it is not told */
    struct kept_findings findings;
};

enum { OPTION_POLICY = 0x6000, OPTION_UTC };

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Which exchanges, by their first entry:", 1},
    {NULL, 0, NULL, 0, "How:", 2},
    {"policy", OPTION_POLICY, "FILE", 0,
     "Also say what another registry would have decided: a registry document, or a signed registry", 2},
    {"output", 'o', "FORM", 0, "text (default) or jsonl", 2},
    {"utc", OPTION_UTC, NULL, 0, "Times in UTC instead of the local zone", 2},
    {NULL, 0, NULL, 0, "Where from, and whose keys:", 10},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct replay_options *replay = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &replay->filter;
        state->child_inputs[1] = &replay->pace;
        state->child_inputs[2] = &replay->source;
        return 0;
    case OPTION_POLICY:
        replay->policy = argument;
        return 0;
    case 'o':
        if (strcmp(argument, "jsonl") != 0 && strcmp(argument, "text") != 0)
            argp_error(state, "--output is text or jsonl");
        replay->jsonl = strcmp(argument, "jsonl") == 0;
        return 0;
    case OPTION_UTC:
        replay->utc = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "replay takes options only; to replay one exchange: --exchange %s", argument);
        return 0;
    case ARGP_KEY_END:
        if (replay->source.registry_file == NULL)
            argp_error(state, "whose registries are to be believed? Give --registry with --authority");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- what is said --- */

/* Findings about one entry come before what is told from it on. */
#define ORDER_OF_FINDING(index) (2 * (index))
#define ORDER_OF_STORY(index)   (2 * (index) + 1)

static uint64_t oldest_order(struct replay_run *run)
{
    const struct story *oldest = stories_oldest(run->stories);
    return oldest != NULL ? oldest->order : UINT64_MAX;
}

static int emit(struct replay_run *run, uint64_t order, struct error *e)
{
    uint64_t oldest = oldest_order(run);
    progress_clear(&run->progress);
    int result = spool_put(run->spool, order, buffer_bytes(&run->piece), oldest, e);
    if (result == 0)
        result = spool_release(run->spool, oldest, e);
    buffer_clear(&run->piece);
    return result;
}

/* What is wrong and belongs to no exchange that is told. */
static int say_general(struct replay_run *run, uint64_t index, struct kept_findings *findings,
                       struct error *e)
{
    if (findings->lines.len == 0)
        return 0;
    uint64_t before = run->general_findings;
    summary_findings(&run->general_findings, findings, run->options->jsonl, &run->piece);
    run->summary.findings += run->general_findings - before;
    buffer_clear(&findings->lines);
    return run->piece.len > 0 ? emit(run, ORDER_OF_FINDING(index), e) : 0;
}

static int close_story(struct replay_run *run, struct story *story, struct error *e)
{
    const char *outcome = run->options->filter.outcome;
    int result = 0;
    stories_remove(run->stories, story);
    story_close(story, run->last_time, run->policy);
    if (outcome == NULL || story_has_outcome(story, outcome)) {
        summary_add(&run->summary, story);
        if (run->options->jsonl)
            story_json(story, &run->telling, &run->piece);
        else
            story_text(story, &run->telling, &run->piece);
        result = emit(run, story->order, e);
    } else {
        result = spool_release(run->spool, oldest_order(run), e);
    }
    story_free(story);
    return result;
}

/* Those that no entry can belong to any more. The one that began first may keep those behind it for two
 * minutes of the ledger's time at most. */
static int close_due(struct replay_run *run, struct error *e)
{
    for (struct story *story; (story = stories_oldest(run->stories)) != NULL;) {
        if (story->expires + STORY_HOLD >= run->last_time)
            return 0;
        if (close_story(run, story, e) != 0)
            return -1;
    }
    return 0;
}

/* --- each entry, in four stages (walk.h) --- */

static bool passes(const struct replay_run *run, const struct record *record)
{
    struct row row;
    row_make(&row, record, run->no_exchanges);
    return filter_passes(&run->entries, &row);
}

static void open_entry(void *arg, struct walk_entry *entry)
{
    const struct replay_run *run = arg;
    const struct record *record = &entry->record;
    const struct filter *filter = &run->options->filter;
    struct replay_entry *state = entry->state;
    if (!step_is_of_exchange(record) || record->entry.time < filter->since)
        return;
    /* How an exchange ended does not say whose it was. */
    if (!record->has_header)
        state->wanted = !filter->has_exchange ||
                        memcmp(record->exchange_id, filter->exchange, sizeof filter->exchange) == 0;
    else
        state->wanted = passes(run, record);
}

static int order_entry(void *arg, struct walk_entry *entry, struct error *e)
{
    struct replay_run *run = arg;
    struct replay_entry *state = entry->state;
    certificates_note(run->certificates, &entry->record);
    if (review_note(run->review, &entry->record, &state->findings, e) != 0)
        return -1;
    if (!state->wanted)
        return 0;
    state->step = step_new(&entry->record);
    struct moment *moment = review_moment(run->review);
    int result = step_order(state->step, &entry->record, run->certificates, moment, e);
    moment_free(moment);
    return result;
}

static void check_entry(void *arg, struct walk_entry *entry)
{
    const struct replay_run *run = arg;
    struct replay_entry *state = entry->state;
    if (state->step != NULL)
        step_check(state->step, &entry->record, run->policy != NULL ? policy_registry(run->policy) : NULL);
}

static bool in_period(const struct replay_run *run, uint64_t time)
{
    return time >= run->options->filter.since && time < run->options->filter.until;
}

/* The story that an entry begins for which none is being told; NULL: it is not to be told. known: what had
 * been seen of its exchange before it. */
static struct story *begin(struct replay_run *run, const struct record *record, const struct exchange *known)
{
    bool asks =
        record->has_header && record->header.kind != MESSAGE_RESPONSE && record->entry.type != ENTRY_LATE;
    uint64_t first = known == NULL ? NO_ENTRY : known->request != NO_ENTRY ? known->request : known->terminal;
    bool told = known != NULL && first != NO_ENTRY && first >= run->first_index;
    if (!in_period(run, record->entry.time) || !passes(run, record))
        return NULL;
    /* The end of what began before the period; but what fits no request is told. */
    if (!asks && !told && run->said.lines.len == 0)
        return NULL;
    struct story *story = story_new(record, ORDER_OF_STORY(record->index));
    story->continues = told;
    stories_add(run->stories, story);
    return story;
}

static bool is_over(const struct story *story)
{
    return story->end != STORY_OPEN && story->end != STORY_ENDED;
}

static int take_step(struct replay_run *run, const struct walk_entry *entry, const struct exchange *known,
                     struct error *e)
{
    struct replay_entry *state = entry->state;
    struct story *story = stories_find(run->stories, entry->record.exchange_id);
    if (story == NULL)
        story = begin(run, &entry->record, known);
    if (story == NULL)
        return 0;
    story_add(story, state->step, &entry->record, &run->said);
    state->step = NULL;
    return is_over(story) ? close_story(run, story, e) : 0;
}

static int cover_step(struct replay_run *run, const struct walk_entry *entry, struct error *e)
{
    struct replay_entry *state = entry->state;
    char words[256];
    int covered = cover_entry(run->cover, entry->index, entry->leaf, words, e);
    if (covered < 0)
        return -1;
    if (state->step != NULL) {
        state->step->covered = covered == 1;
        state->step->cover_words = covered == 1 ? NULL : string_copy(words);
    } else if (covered == 0) {
        finding_keep(&state->findings, "entry %" PRIu64 ": %s", entry->index, words);
    }
    return 0;
}

static int finish_read(struct replay_run *run, const struct walk_entry *entry, struct error *e)
{
    const struct record *record = &entry->record;
    struct replay_entry *state = entry->state;
    uint64_t time = record->entry.time;
    run->last_time = time;
    if (run->first_index == NO_ENTRY && time >= run->options->filter.since)
        run->first_index = entry->index;
    if (close_due(run, e) != 0 || cover_step(run, entry, e) != 0 ||
        say_general(run, entry->index, &state->findings, e) != 0)
        return -1;
    if (time < run->rules_from)
        return 0;
    struct exchange known = {0};
    const struct exchange *before =
        record->has_exchange ? rules_exchange(run->rules, record->exchange_id) : NULL;
    if (before != NULL)
        known = *before;
    rules_entry(run->rules, record);
    if (state->step != NULL && take_step(run, entry, before != NULL ? &known : NULL, e) != 0)
        return -1;
    /* What the rules say of an entry of nobody's exchange. With a filter, that of others is not asked for. */
    if (!in_period(run, time) || (record->has_exchange && !passes(run, record)) ||
        (!record->has_exchange && run->options->filter.has_exchange))
        buffer_clear(&run->said.lines);
    return say_general(run, entry->index, &run->said, e);
}

static int finish_entry(void *arg, const struct walk_entry *entry, struct error *e)
{
    struct replay_run *run = arg;
    struct kept_findings findings = {0};
    if (entry->presence == WALK_READ) {
        if (finish_read(run, entry, e) != 0)
            return -1;
        uint64_t until = run->options->filter.until;
        return until < UINT64_MAX - EXCHANGE_SPAN && run->last_time > until + EXCHANGE_SPAN;
    }
    if (entry->presence == WALK_UNREADABLE)
        finding_keep(&findings, "entry %" PRIu64 ": it is not an entry of a version that this tool knows",
                     entry->index);
    int result = say_general(run, entry->index, &findings, e);
    kept_findings_free(&findings);
    return result;
}

static void release_entry(void *arg, void *state_)
{
    struct replay_entry *state = state_;
    (void)arg;
    step_free(state->step);
    kept_findings_free(&state->findings);
}

/* --- */

static int replay_all(struct replay_run *run, struct error *e)
{
    static const struct walk_calls calls = {.state_size = sizeof(struct replay_entry),
                                            .open = open_entry,
                                            .order = order_entry,
                                            .check = check_entry,
                                            .finish = finish_entry,
                                            .release = release_entry};
    uint64_t size = run->checkpoint.size;
    const struct pace *pace = &run->options->pace;
    struct walk walk = {.reader = run->reader,
                        .size = size,
                        .to = size,
                        .threads = pace->threads,
                        .progress = &run->progress};
    progress_start(&run->progress, pace->progress, size);
    int result = walk_run(&walk, &calls, run, e);
    for (struct story *story; result == 0 && (story = stories_oldest(run->stories)) != NULL;)
        result = close_story(run, story, e);
    progress_clear(&run->progress);
    if (result == 0)
        result = spool_release(run->spool, UINT64_MAX, e);
    return result;
}

static int begin_run(struct replay_run *run, struct error *e)
{
    const struct replay_options *replay = run->options;
    struct registry_authority authority = source_authority(&replay->source);
    const struct filter *filter = &replay->filter;
    run->entries = *filter;
    run->entries.outcome = NULL;
    run->entries.until = UINT64_MAX;
    run->rules_from = filter->since > EXCHANGE_SPAN ? filter->since - EXCHANGE_SPAN : 0;
    run->first_index = NO_ENTRY;
    run->certificates = certificates_new(run->reader);
    run->review = review_new(run->reader, &authority);
    run->no_exchanges = exchanges_new();
    run->rules_findings.kept = &run->said;
    run->rules = rules_new(&run->rules_findings);
    run->stories = stories_new();
    run->spool = spool_new(stdout);
    if (replay->policy != NULL && (run->policy = policy_open(replay->policy, &authority, e)) == NULL)
        return -1;
    run->telling = (struct telling){.utc = replay->utc,
                                    .size = run->checkpoint.size,
                                    .credentials = credentials_new(),
                                    .policy = run->policy};
    if (run->policy != NULL)
        run->summary.policy = policy_counts_new();
    run->cover = cover_new(run->reader, &run->checkpoint, e);
    return run->cover != NULL ? 0 : -1;
}

static void end_run(struct replay_run *run)
{
    stories_free(run->stories);
    spool_free(run->spool);
    cover_free(run->cover);
    rules_free(run->rules);
    exchanges_free(run->no_exchanges);
    review_free(run->review);
    certificates_free(run->certificates);
    credentials_free(run->telling.credentials);
    policy_counts_free(run->summary.policy);
    policy_free(run->policy);
    kept_findings_free(&run->said);
    buffer_free(&run->piece);
}

static int run_replay(struct replay_options *replay, struct error *e)
{
    struct replay_run run = {.options = replay};
    int result = -1;
    if (source_open(&replay->source, e) != 0)
        goto done;
    run.reader = replay->source.reader;
    int found = reader_checkpoint(run.reader, replay->source.keys, replay->source.key_count, NULL,
                                  &run.checkpoint, e);
    if (found < 0)
        goto done;
    if (found == 0) {
        fprintf(stderr,
                "wasl-audit: there is no checkpoint at %s: nothing has been written yet, or this is not a "
                "ledger\n",
                replay->source.where);
        result = EXIT_NONE;
        goto done;
    }
    if (begin_run(&run, e) != 0)
        goto done;
    if (!replay->jsonl)
        summary_heading(&run.checkpoint, run.policy);
    if (replay_all(&run, e) != 0)
        goto done;
    summary_print(&run.summary, &run.checkpoint, run.policy, replay->jsonl);
    result = run.summary.findings > 0 ? EXIT_INTEGRITY : run.summary.exchanges > 0 ? EXIT_GOOD : EXIT_NONE;
    if (fflush(stdout) != 0)
        result = error_set(e, ERROR_IO, "standard output: writing failed");
done:
    end_run(&run);
    source_close(&replay->source);
    return result;
}

int command_replay(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&filter_argp, 0, NULL, 0}, {&pace_argp, 0, NULL, 5}, {&source_argp, 0, NULL, 10}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .doc =
            "Tells exchanges as time lines in words: who asked whom for what, by which right; whether the "
            "signatures are good, and the certificates, revocation lists, registry and grant were, of the "
            "time when it happened and never of today; the receipt; and whether each request came to its "
            "end.\v"
            "All of the ledger up to the period is read, so that it is known what was in force, and every "
            "entry read is proven to be the one that was signed.\n\nExit status: 0 good, 1 there is no such "
            "exchange, 2 usage, 3 something is wrong or cannot be judged because it is missing, 6 I/O.",
    };
    struct replay_options replay = {.filter = FILTER_ALL};
    struct error e = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &replay);
    int result = run_replay(&replay, &e);
    fflush(stdout);
    return result < 0 ? exit_with(&e) : result;
}
