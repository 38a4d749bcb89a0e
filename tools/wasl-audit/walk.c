#include "walk.h"

#include "base/error.h"
#include "crew.h"
#include "crypto/hash.h"
#include "tlog/tile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is read ahead at most. A bundle of ordinary entries takes about 3 MB, taken apart. */
#define HELD_BASE       ((size_t)32 << 20)
#define HELD_PER_THREAD ((size_t)8 << 20)
/* Of an entry besides its bytes: the record, the arena of its message. */
#define ENTRY_COST (sizeof(struct walk_entry) + 8192)

/* A bundle, or the part of it that is wanted. */
struct item {
    struct walk_entry entries[TREE_TILE];
    unsigned count;
    struct buffer bundle;
    uint8_t *states;
    char path[96];
    unsigned width;
    uint64_t first;      /* index of the bundle's first entry */
    unsigned skip;       /* entries of the bundle that are not wanted */
    bool exact;          /* the bundle is of its width, and no wider one in its place */
    unsigned ordered;    /* entries that may be checked and finished */
    struct buffer fault; /* of the bundle, in words; */
    unsigned fault_at;   /* said before this one of entries, or behind all */
};

struct run {
    const struct walk *walk;
    const struct walk_calls *calls;
    void *arg;
    uint64_t next;
};

enum { OPTION_THREADS = 0x4000, OPTION_PROGRESS };

static const struct argp_option options[] = {
    {"threads", OPTION_THREADS, "N", 0, "On so many cores (default: all). The result does not depend on it",
     5},
    {"progress", OPTION_PROGRESS, NULL, 0,
     "Say on standard error how far it is (default: if that is a terminal)", 5},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct pace *pace = state->input;
    uint64_t number;
    switch (key) {
    case OPTION_THREADS:
        if (!decimal_parse(bytes_of_string(argument), &number) || number == 0 || number > CREW_THREADS_MOST)
            argp_error(state, "--threads takes a number from 1 to %d", CREW_THREADS_MOST);
        pace->threads = (unsigned)number;
        return 0;
    case OPTION_PROGRESS:
        pace->progress = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp pace_argp = {.options = options, .parser = parse};

static void release(const struct run *run, struct item *item)
{
    for (unsigned i = 0; i < item->count; i++) {
        struct walk_entry *entry = &item->entries[i];
        if (entry->presence != WALK_READ)
            continue;
        if (run->calls->release != NULL)
            run->calls->release(run->arg, entry->state);
        record_close(&entry->record);
    }
    item->count = 0;
}

static void set_fault(struct item *item, unsigned at, const char *words)
{
    buffer_clear(&item->fault);
    buffer_append(&item->fault, words, strlen(words) + 1);
    item->fault_at = at;
}

static int read_item(void *arg, void *item_, struct error *e)
{
    struct run *run = arg;
    struct item *item = item_;
    const struct walk *walk = run->walk;
    uint64_t end = walk->to < walk->size ? walk->to : walk->size;
    if (run->next >= end)
        return 0;
    uint64_t number = run->next / TREE_TILE;
    item->first = number * TREE_TILE;
    item->skip = (unsigned)(run->next - item->first);
    item->width = tile_width(walk->size, 0, number);
    unsigned stop = end - item->first < item->width ? (unsigned)(end - item->first) : item->width;
    item->ordered = 0;
    buffer_clear(&item->fault);
    tile_path_format(&(struct tile_path){.kind = TILE_ENTRIES, .number = number, .width = item->width},
                     item->path);
    int found = reader_bundle(walk->reader, number, item->width, &item->bundle, e);
    item->exact = found == 1;
    if (found < 0) {
        if (e->kind != ERROR_INTEGRITY)
            return -1;
        set_fault(item, 0, e->text);
        *e = (struct error){0};
    }
    item->count = stop - item->skip;
    for (unsigned i = 0; i < item->count; i++) {
        item->entries[i].index = run->next + i;
        item->entries[i].presence = WALK_MISSING;
    }
    run->next += item->count;
    return 1;
}

static size_t cost(const void *item_)
{
    const struct item *item = item_;
    return 2 * item->bundle.len + item->count * ENTRY_COST;
}

/* Where each entry begins and whether the bundle holds them all. */
static void open_item(void *arg, void *item_)
{
    struct run *run = arg;
    struct item *item = item_;
    struct bytes rest = buffer_bytes(&item->bundle), raw;
    char words[96];
    if (item->fault.len > 0)
        return;
    for (unsigned i = 0; i < item->skip + item->count; i++) {
        if (!tile_next_entry(&rest, &raw)) {
            snprintf(words, sizeof words, "it cannot be taken apart: it ends before entry %" PRIu64,
                     item->first + i);
            set_fault(item, i > item->skip ? i - item->skip : 0, words);
            return;
        }
        if (i < item->skip)
            continue;
        struct walk_entry *entry = &item->entries[i - item->skip];
        merkle_leaf(raw, entry->leaf);
        bool known = record_open(&entry->record, entry->index, raw);
        entry->presence = known ? WALK_READ : WALK_UNREADABLE;
        entry->state = item->states + run->calls->state_size * (i - item->skip);
        memset(entry->state, 0, run->calls->state_size);
        if (known && run->calls->open != NULL)
            run->calls->open(run->arg, entry);
    }
    if (item->exact && item->skip + item->count == item->width && rest.len > 0)
        set_fault(item, item->count, "bytes are left over behind its last entry");
}

static int order_item(void *arg, void *item_, struct error *e)
{
    struct run *run = arg;
    struct item *item = item_;
    for (; item->ordered < item->count; item->ordered++) {
        struct walk_entry *entry = &item->entries[item->ordered];
        if (run->calls->order != NULL && entry->presence == WALK_READ &&
            run->calls->order(run->arg, entry, e) != 0)
            return -1;
    }
    return 0;
}

static void check_item(void *arg, void *item_)
{
    struct run *run = arg;
    struct item *item = item_;
    for (unsigned i = 0; i < item->ordered && run->calls->check != NULL; i++)
        if (item->entries[i].presence == WALK_READ)
            run->calls->check(run->arg, &item->entries[i]);
}

static int say_fault(struct run *run, const struct item *item, struct error *e)
{
    const char *words = (const char *)item->fault.data;
    if (run->calls->fault != NULL)
        return run->calls->fault(run->arg, item->path, words, e);
    return error_set(e, ERROR_INTEGRITY, "%s: %s", item->path, words);
}

static int finish_item(void *arg, void *item_, struct error *e)
{
    struct run *run = arg;
    struct item *item = item_;
    int result = 0;
    for (unsigned i = 0; i <= item->ordered && result == 0; i++) {
        if (item->fault.len > 0 && item->fault_at == i)
            result = say_fault(run, item, e);
        if (result == 0 && i < item->ordered)
            result = run->calls->finish(run->arg, &item->entries[i], e);
    }
    if (result == 0 && run->walk->progress != NULL)
        progress_at(run->walk->progress, item->entries[item->count - 1].index + 1 - run->walk->from);
    release(run, item);
    return result;
}

int walk_run(const struct walk *walk, const struct walk_calls *calls, void *arg, struct error *e)
{
    static const struct crew_stages stages = {.read = read_item,
                                              .open = open_item,
                                              .order = order_item,
                                              .check = check_item,
                                              .finish = finish_item,
                                              .cost = cost};
    struct run run = {.walk = walk, .calls = calls, .arg = arg, .next = walk->from};
    unsigned threads = walk->threads > 0 ? walk->threads : crew_cores();
    size_t count = CREW_ITEMS(threads);
    struct item **items = memory_zeroed(count, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        items[i] = memory_zeroed(1, sizeof **items);
        items[i]->states = memory_zeroed(TREE_TILE, calls->state_size > 0 ? calls->state_size : 1);
    }
    int result = crew_run(&stages, &run, (void *const *)items, count, HELD_BASE + HELD_PER_THREAD * threads,
                          threads, e);
    for (size_t i = 0; i < count; i++) {
        release(&run, items[i]);
        buffer_free(&items[i]->bundle);
        buffer_free(&items[i]->fault);
        free(items[i]->states);
        free(items[i]);
    }
    free(items);
    return result;
}
