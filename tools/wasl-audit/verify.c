/* wasl-audit verify: is the ledger whole, unchanged, true to its rules, and the one seen before? */
#include "commands.h"

#include "base/error.h"
#include "certificates.h"
#include "crypto/hash.h"
#include "exits.h"
#include "findings.h"
#include "review.h"
#include "recompute.h"
#include "rules.h"
#include "source.h"
#include "state.h"
#include "walk.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct verify_options {
    struct source source;
    struct pace pace;
    const char *from, *state;
    bool no_state;
};

/* An earlier checkpoint that this ledger must extend. */
struct earlier {
    const char *path;
    const char *what; /* "given", "remembered" */
    struct checkpoint checkpoint;
    bool known;
};

struct verify_run {
    const struct verify_options *options;
    struct reader *reader;
    struct checkpoint checkpoint;
    struct buffer note;
    struct findings findings;
    struct progress progress;
    struct earlier earlier[RECOMPUTE_KEPT];
    struct recompute *recompute;
    struct rules *rules;
    struct certificates *certificates;
    struct review *review; /* NULL without a registry */
    uint64_t signatures;
    uint8_t registry[HASH_SIZE]; /* the one looked for last */
};

/* What is found out about one entry on its way. */
struct verify_entry {
    bool signature_needed;
    bool block_readable;
    struct signature_block block;
    struct certificate *certificate; /* NULL: none that can be used */
    struct moment *moment;           /* what to judge by; NULL: nothing */
    bool signed_well;
    char *words; /* what is wrong with its signature, or that it was admitted; NULL */
    struct kept_findings findings;
};

enum { OPTION_FROM = 0x3000, OPTION_STATE, OPTION_NO_STATE };

static const struct argp_option options[] = {
    {"from", OPTION_FROM, "FILE", 0, "Also prove that the ledger extends the checkpoint in this file", 1},
    {"state", OPTION_STATE, "FILE", 0,
     "Where the checkpoint seen last is remembered (default: $XDG_STATE_HOME/wasl-audit/ORIGIN.checkpoint)",
     1},
    {"no-state", OPTION_NO_STATE, NULL, 0, "Neither ask nor remember what was seen last", 1},
    {NULL, 0, NULL, 0, "Where from, and whose keys:", 10},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct verify_options *verify = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &verify->pace;
        state->child_inputs[1] = &verify->source;
        return 0;
    case OPTION_FROM:
        verify->from = argument;
        return 0;
    case OPTION_STATE:
        verify->state = argument;
        return 0;
    case OPTION_NO_STATE:
        verify->no_state = true;
        return 0;
    case ARGP_KEY_END:
        if (verify->source.key_count == 0 && verify->source.registry_file == NULL)
            argp_error(state,
                       "whose signature is to be believed? Give --key, or --registry with --authority");
        if (verify->no_state && verify->state != NULL)
            argp_error(state, "either --state or --no-state");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Each registry that an entry names must be in the trust store. */
static int check_registry(struct verify_run *run, const struct record *record, struct kept_findings *findings,
                          struct error *e)
{
    static const uint8_t none[HASH_SIZE];
    const uint8_t *hash = record->entry.registry_hash;
    if (memcmp(hash, run->registry, HASH_SIZE) == 0 || memcmp(hash, none, HASH_SIZE) == 0)
        return 0;
    memcpy(run->registry, hash, HASH_SIZE);
    struct buffer object = {0};
    int found = reader_object(run->reader, hash, &object, e);
    buffer_free(&object);
    if (found == 1)
        return 0;
    if (found == 0)
        error_set(e, ERROR_INTEGRITY, "the registry by which it was judged is not in the trust store");
    else if (e->kind != ERROR_INTEGRITY)
        return -1;
    finding_keep(findings, "entry %" PRIu64 ": %s", record->index, e->text);
    return 0;
}

/* Each object that takes effect, too. */
static int check_object(struct verify_run *run, const struct record *record, struct kept_findings *findings,
                        struct error *e)
{
    if (record->entry.type != ENTRY_REGISTRY)
        return 0;
    if (!record->entry.has_object) {
        finding_keep(findings, "entry %" PRIu64 ": it says that an object takes effect, and not which",
                     record->index);
        return 0;
    }
    struct buffer object = {0};
    int found = reader_object(run->reader, record->entry.object, &object, e);
    buffer_free(&object);
    if (found == 1)
        return 0;
    if (found == 0)
        error_set(e, ERROR_INTEGRITY, "the object that takes effect by it is not in the trust store");
    else if (e->kind != ERROR_INTEGRITY)
        return -1;
    finding_keep(findings, "entry %" PRIu64 ": %s", record->index, e->text);
    return 0;
}

static void open_entry(void *arg, struct walk_entry *entry)
{
    struct verify_entry *state = entry->state;
    (void)arg;
    state->signature_needed = rules_signature_needed(&entry->record);
    if (state->signature_needed)
        state->block_readable =
            signature_block_decode(entry->record.entry.signature, &state->block) == REFUSAL_NONE;
}

/* What was known and in force when it was written. */
static int order_entry(void *arg, struct walk_entry *entry, struct error *e)
{
    struct verify_run *run = arg;
    struct verify_entry *state = entry->state;
    const struct record *record = &entry->record;
    certificates_note(run->certificates, record);
    if (check_registry(run, record, &state->findings, e) != 0 ||
        check_object(run, record, &state->findings, e) != 0)
        return -1;
    if (run->review != NULL && review_note(run->review, record, &state->findings, e) != 0)
        return -1;
    if (!state->signature_needed || !state->block_readable)
        return 0;
    char words[256];
    struct certificate *certificate;
    int found = certificates_for(run->certificates, &state->block, words, &certificate, e);
    if (found < 0)
        return -1;
    if (found == 0) {
        state->words = string_copy(words);
        return 0;
    }
    state->certificate = certificate_ref(certificate);
    if (run->review != NULL && record->entry.type != ENTRY_REFUSED)
        state->moment = review_moment(run->review);
    return 0;
}

static void check_entry(void *arg, struct walk_entry *entry)
{
    struct verify_entry *state = entry->state;
    const struct record *record = &entry->record;
    char words[256];
    (void)arg;
    if (!state->signature_needed || state->words != NULL)
        return;
    if (!state->block_readable)
        state->words = string_copy(SIGNATURE_UNREADABLE);
    else if (!certificate_signed(state->certificate, record, &state->block))
        state->words = string_copy(SIGNATURE_WRONG);
    else
        state->signed_well = true;
    if (state->signed_well && state->moment != NULL &&
        !moment_allows(state->moment, record, state->certificate, words))
        state->words = string_copy(words);
}

static int finish_entry(void *arg, const struct walk_entry *entry, struct error *e)
{
    struct verify_run *run = arg;
    struct verify_entry *state = entry->state;
    if (recompute_add(run->recompute, entry->presence != WALK_MISSING ? entry->leaf : NULL, e) != 0)
        return -1;
    if (entry->presence == WALK_UNREADABLE)
        finding(&run->findings, "entry %" PRIu64 ": it is not an entry of a version that this tool knows",
                entry->index);
    if (entry->presence != WALK_READ)
        return 0;
    rules_entry(run->rules, &entry->record);
    findings_take(&run->findings, &state->findings);
    if (state->words != NULL)
        finding(&run->findings, "entry %" PRIu64 ": %s", entry->index, state->words);
    run->signatures += state->signed_well ? 1 : 0;
    return 0;
}

static int say_fault(void *arg, const char *path, const char *words, struct error *e)
{
    struct verify_run *run = arg;
    (void)e;
    finding(&run->findings, "%s: %s", path, words);
    return 0;
}

static void release_entry(void *arg, void *state_)
{
    struct verify_entry *state = state_;
    (void)arg;
    certificate_free(state->certificate);
    moment_free(state->moment);
    free(state->words);
    kept_findings_free(&state->findings);
}

static int check_entries(struct verify_run *run, struct error *e)
{
    static const struct walk_calls calls = {.state_size = sizeof(struct verify_entry),
                                            .open = open_entry,
                                            .order = order_entry,
                                            .check = check_entry,
                                            .finish = finish_entry,
                                            .fault = say_fault,
                                            .release = release_entry};
    uint64_t size = run->checkpoint.size;
    struct walk walk = {.reader = run->reader,
                        .size = size,
                        .to = size,
                        .threads = run->options->pace.threads,
                        .progress = &run->progress};
    progress_start(&run->progress, run->options->pace.progress, size);
    run->findings.progress = &run->progress;
    int result = walk_run(&walk, &calls, run, e);
    progress_clear(&run->progress);
    return result;
}

static int prove_by_tiles(struct verify_run *run, const struct checkpoint *old, bool *good, struct error *e)
{
    struct tree_reader tiles = reader_for_tree(run->reader);
    struct tree *tree = tree_new(&tiles);
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE];
    size_t count = 0;
    int result = tree_load(tree, run->checkpoint.size, e);
    if (result == 0)
        result = tree_consistency(tree, old->size, run->checkpoint.size, proof, &count, e);
    *good = result == 0 &&
            tree_check_consistency(old->size, old->root, run->checkpoint.size, run->checkpoint.root,
                                   (const uint8_t(*)[HASH_SIZE])proof, count);
    tree_free(tree);
    return result == 0 || e->kind == ERROR_INTEGRITY ? 0 : -1;
}

static int check_earlier(struct verify_run *run, unsigned i, struct error *e)
{
    const struct earlier *earlier = &run->earlier[i];
    const struct checkpoint *old = &earlier->checkpoint;
    if (!earlier->known)
        return 0;
    if (strcmp(old->origin, run->checkpoint.origin) != 0) {
        finding(&run->findings, "the checkpoint %s (%s) is of another ledger, %s", earlier->what,
                earlier->path, old->origin);
        return 0;
    }
    if (old->size > run->checkpoint.size) {
        finding(&run->findings,
                "the ledger has shrunk: the checkpoint %s (%s) has %" PRIu64
                " entries, now there are %" PRIu64,
                earlier->what, earlier->path, old->size, run->checkpoint.size);
        return 0;
    }
    bool by_tiles = true, by_entries = true;
    if (old->size > 0) {
        if (prove_by_tiles(run, old, &by_tiles, e) != 0)
            return -1;
        by_entries = memcmp(recompute_kept(run->recompute, i), old->root, HASH_SIZE) == 0;
    }
    /* A copy with one damaged tile or entry fails one of the two, and the damage has been named; another past
     * fails both. */
    if (!by_tiles && !by_entries)
        finding(&run->findings,
                "the ledger is not consistent with the checkpoint %s (%s): of the first %" PRIu64
                " entries something has been changed since, or somebody is shown another ledger",
                earlier->what, earlier->path, old->size);
    else if (!by_tiles || !by_entries)
        finding(&run->findings, "the checkpoint %s (%s) fits the %s and not the %s", earlier->what,
                earlier->path, by_tiles ? "tiles" : "entries", by_tiles ? "entries" : "tiles");
    else
        printf("earlier     extends the checkpoint %s, of %" PRIu64 " entries (%s)\n", earlier->what,
               old->size, earlier->path);
    return 0;
}

static int load_earlier(struct verify_run *run, const char *state_path, struct error *e)
{
    const struct source *source = &run->options->source;
    if (run->options->from != NULL) {
        struct earlier *given = &run->earlier[0];
        *given = (struct earlier){.path = run->options->from, .what = "given"};
        int found = state_load(given->path, source->keys, source->key_count, &given->checkpoint, e);
        if (found == 0)
            e->kind = ERROR_IO;
        if (found != 1)
            return -1;
        given->known = true;
    }
    if (state_path != NULL) {
        struct earlier *remembered = &run->earlier[1];
        *remembered = (struct earlier){.path = state_path, .what = "remembered"};
        int found = state_load(state_path, source->keys, source->key_count, &remembered->checkpoint, e);
        if (found < 0)
            return -1;
        remembered->known = found == 1;
    }
    return 0;
}

static void print_checkpoint(const struct verify_run *run)
{
    struct buffer root = {0};
    base64_encode(bytes_make(run->checkpoint.root, HASH_SIZE), &root);
    printf("ledger      %s\ncheckpoint  %" PRIu64 " entries, root %.*s, its signature is good\n",
           run->checkpoint.origin, run->checkpoint.size, (int)root.len, (const char *)root.data);
    buffer_free(&root);
}

static int check_all(struct verify_run *run, struct error *e)
{
    uint64_t keep[RECOMPUTE_KEPT];
    for (unsigned i = 0; i < RECOMPUTE_KEPT; i++)
        keep[i] = run->earlier[i].known ? run->earlier[i].checkpoint.size : 0;
    run->recompute = recompute_new(run->reader, run->checkpoint.size, keep);
    run->rules = rules_new(&run->findings);
    run->certificates = certificates_new(run->reader);
    const struct source *source = &run->options->source;
    if (source->registry != NULL) {
        struct registry_authority authority = source_authority(source);
        run->review = review_new(run->reader, &authority);
    }
    if (check_entries(run, e) != 0)
        return -1;
    if (recompute_end(run->recompute, run->checkpoint.root, &run->findings, e) != 0)
        return -1;
    struct rules_counts counts;
    rules_end(run->rules, &counts);
    for (unsigned i = 0; i < RECOMPUTE_KEPT; i++)
        if (check_earlier(run, i, e) != 0)
            return -1;
    if (run->findings.count > 0)
        return 0;
    printf("entries     each is the one that was signed; times rise\n");
    printf("exchanges   %" PRIu64 ": %" PRIu64 " answered, %" PRIu64 " timed out or interrupted, %" PRIu64
           " still within their time; %" PRIu64 " refusals recorded\n",
           counts.exchanges, counts.answered, counts.ended, counts.open, counts.refused);
    printf("signatures  %" PRIu64 " good, each under its member's certificate%s\n", run->signatures,
           run->review != NULL ? ", judged by the registry and revocation lists of then"
                               : " (whether that certificate was trusted: give --registry)");
    return 0;
}

/* What comes after a ledger has been found good, or not. */
static int conclude(struct verify_run *run, const char *state_path, struct error *e)
{
    if (run->findings.count > 0) {
        if (run->findings.count > FINDINGS_SHOWN)
            printf("... and %" PRIu64 " more\n", run->findings.count - FINDINGS_SHOWN);
        printf("NOT GOOD: %" PRIu64
               " thing%s wrong. Keep a copy of what was read (wasl-audit tiles) and tell the "
               "authority.\n",
               run->findings.count, run->findings.count == 1 ? " is" : "s are");
        return EXIT_INTEGRITY;
    }
    if (!run->earlier[0].known && !run->earlier[1].known)
        puts("earlier     no earlier checkpoint is known: that nothing was changed before today is not "
             "proven");
    if (state_path != NULL) {
        if (run->checkpoint.size > 0 && state_save(state_path, buffer_bytes(&run->note), e) != 0)
            return -1;
        if (run->checkpoint.size > 0)
            printf("remembered  %s\n", state_path);
    }
    printf("GOOD\n");
    return EXIT_GOOD;
}

static int run_verify(struct verify_options *verify, struct error *e)
{
    struct verify_run run = {.options = verify};
    struct buffer default_path = {0};
    const char *state_path = verify->state;
    int result = -1;
    if (source_open(&verify->source, e) != 0)
        goto done;
    run.reader = verify->source.reader;
    int found = reader_checkpoint(run.reader, verify->source.keys, verify->source.key_count, &run.note,
                                  &run.checkpoint, e);
    if (found < 0)
        goto done;
    /* An empty ledger has no checkpoint that could name its origin: the key does. */
    const char *origin = found == 1 ? run.checkpoint.origin : verify->source.keys[0].name;
    if (found == 0)
        snprintf(run.checkpoint.origin, sizeof run.checkpoint.origin, "%s", origin);
    if (state_path == NULL && !verify->no_state) {
        if (state_default_path(origin, &default_path, e) != 0)
            goto done;
        state_path = (const char *)default_path.data;
    }
    if (load_earlier(&run, state_path, e) != 0)
        goto done;
    /* Nothing signed, nothing good: else an emptied folder, or a wrong one, would pass. Where an earlier
     * checkpoint is known, the ledger has shrunk, which is found below. */
    if (found == 0 && !run.earlier[0].known && !run.earlier[1].known) {
        fprintf(
            stderr,
            "wasl-audit: there is no checkpoint at %s: either nothing has been written yet, or this is not "
            "a ledger\n",
            verify->source.where);
        result = EXIT_NONE;
        goto done;
    }
    if (found == 0) {
        printf("ledger      %s\ncheckpoint  none: the ledger is empty\n", origin);
        merkle_root(NULL, 0, run.checkpoint.root);
    } else {
        print_checkpoint(&run);
    }
    if (check_all(&run, e) != 0)
        goto done;
    result = conclude(&run, state_path, e);
done:
    review_free(run.review);
    certificates_free(run.certificates);
    rules_free(run.rules);
    recompute_free(run.recompute);
    buffer_free(&run.note);
    source_close(&verify->source);
    buffer_free(&default_path);
    return result;
}

int command_verify(int argc, char **argv)
{
    static const struct argp_child children[] = {{&pace_argp, 0, NULL, 5}, {&source_argp, 0, NULL, 10}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .doc =
            "Recomputes the whole ledger, from every entry up to the signed root, and compares every tile "
            "on the way; "
            "checks the checkpoint's signature, every member's signature, that times rise and that each "
            "exchange ends "
            "exactly once; proves that the ledger extends the checkpoint seen last, and remembers the new "
            "one.\v"
            "What is wrong is named, entry by entry and tile by tile.\n\nExit status: 0 good, 1 there is no "
            "checkpoint, 2 usage, 3 "
            "something is not "
            "what was signed, 6 I/O.",
    };
    struct verify_options verify = {0};
    struct error e = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &verify);
    int result = run_verify(&verify, &e);
    fflush(stdout);
    return result < 0 ? exit_with(&e) : result;
}
