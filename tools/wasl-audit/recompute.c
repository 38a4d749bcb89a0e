#include "recompute.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "tlog/tile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS       8 /* 256^8 entries */
#define DIFFERS_MOST 1000

/* A hash of a stored tile that is not the computed one. */
struct differs {
    unsigned level;
    uint64_t number;
    unsigned position;
};

/* One growing tree. */
struct climb {
    struct {
        uint8_t hashes[TREE_TILE][HASH_SIZE];
        unsigned count;
        uint64_t number;
    } level[LEVELS];
    uint8_t peaks[64][HASH_SIZE]; /* roots of the full subtrees from left to right, */
    unsigned heights[64];         /* of so many levels */
    unsigned peak_count;
    struct differs differs[DIFFERS_MOST]; /* from the tiles above the lowest */
    size_t differ_count;
};

struct recompute {
    struct reader *reader;
    uint64_t size, next;
    uint64_t keep[RECOMPUTE_KEPT];
    uint8_t tile[TREE_TILE][HASH_SIZE]; /* the lowest tile that is being gone through */
    struct climb entries;               /* over the entries' hashes */
    struct climb tiles;                 /* over those of the lowest tiles, */
    bool apart;                         /* from the first difference on: until then they are one */
    bool entries_whole;                 /* no entry was unreadable */
    uint64_t *wrong;                    /* entries whose hash is not that of their tile */
    size_t wrong_count;
    uint64_t wrong_more;
    uint8_t kept[RECOMPUTE_KEPT][HASH_SIZE];
};

struct recompute *recompute_new(struct reader *reader, uint64_t size, const uint64_t keep[RECOMPUTE_KEPT])
{
    struct recompute *recompute = memory_zeroed(1, sizeof *recompute);
    recompute->reader = reader;
    recompute->size = size;
    memcpy(recompute->keep, keep, sizeof recompute->keep);
    recompute->entries_whole = true;
    recompute->wrong = memory_zeroed(DIFFERS_MOST, sizeof *recompute->wrong);
    return recompute;
}

void recompute_free(struct recompute *recompute)
{
    if (recompute == NULL)
        return;
    free(recompute->wrong);
    free(recompute);
}

static void climb_peak(struct climb *climb, const uint8_t leaf[HASH_SIZE])
{
    memcpy(climb->peaks[climb->peak_count], leaf, HASH_SIZE);
    climb->heights[climb->peak_count++] = 0;
    while (climb->peak_count > 1 &&
           climb->heights[climb->peak_count - 1] == climb->heights[climb->peak_count - 2]) {
        climb->peak_count--;
        merkle_node(climb->peaks[climb->peak_count - 1], climb->peaks[climb->peak_count],
                    climb->peaks[climb->peak_count - 1]);
        climb->heights[climb->peak_count - 1]++;
    }
}

static void climb_root(const struct climb *climb, uint8_t out[HASH_SIZE])
{
    if (climb->peak_count == 0) {
        merkle_root(NULL, 0, out);
        return;
    }
    memcpy(out, climb->peaks[climb->peak_count - 1], HASH_SIZE);
    for (unsigned i = climb->peak_count - 1; i > 0; i--)
        merkle_node(climb->peaks[i - 1], out, out);
}

/* Compares what has been gathered of a tile above the lowest with the stored one. A tile that is missing or
 * misshapen is a difference as a whole. */
static int compare_tile(struct recompute *recompute, struct climb *climb, unsigned level, struct error *e)
{
    uint8_t stored[TREE_TILE][HASH_SIZE];
    unsigned width = climb->level[level].count;
    uint64_t number = climb->level[level].number;
    bool there = reader_tile(recompute->reader, level, number, width, stored[0], e) == 0;
    if (!there && e->kind != ERROR_INTEGRITY)
        return -1;
    for (unsigned i = 0; i < width; i++) {
        if (there && memcmp(stored[i], climb->level[level].hashes[i], HASH_SIZE) == 0)
            continue;
        if (climb->differ_count < DIFFERS_MOST)
            climb->differs[climb->differ_count++] = (struct differs){level, number, there ? i : TREE_TILE};
        if (!there)
            break;
    }
    return 0;
}

static int climb_add(struct recompute *recompute, struct climb *climb, const uint8_t leaf[HASH_SIZE],
                     struct error *e)
{
    uint8_t hash[HASH_SIZE];
    memcpy(hash, leaf, HASH_SIZE);
    climb_peak(climb, leaf);
    for (unsigned level = 0; level < LEVELS; level++) {
        memcpy(climb->level[level].hashes[climb->level[level].count++], hash, HASH_SIZE);
        if (climb->level[level].count < TREE_TILE)
            return 0;
        if (level > 0 && compare_tile(recompute, climb, level, e) != 0)
            return -1;
        merkle_root((const uint8_t(*)[HASH_SIZE])climb->level[level].hashes, TREE_TILE, hash);
        climb->level[level].count = 0;
        climb->level[level].number++;
    }
    return 0;
}

int recompute_add(struct recompute *recompute, const uint8_t leaf[HASH_SIZE], struct error *e)
{
    unsigned position = (unsigned)(recompute->next % TREE_TILE);
    if (position == 0) {
        uint64_t number = recompute->next / TREE_TILE;
        if (reader_tile(recompute->reader, 0, number, tile_width(recompute->size, 0, number),
                        recompute->tile[0], e) != 0)
            return -1;
    }
    const uint8_t *stored = recompute->tile[position];
    if (leaf == NULL) {
        recompute->entries_whole = false;
        leaf = stored;
    } else if (memcmp(leaf, stored, HASH_SIZE) != 0) {
        if (!recompute->apart)
            recompute->tiles = recompute->entries;
        recompute->apart = true;
        if (recompute->wrong_count < DIFFERS_MOST)
            recompute->wrong[recompute->wrong_count++] = recompute->next;
        else
            recompute->wrong_more++;
    }
    if (climb_add(recompute, &recompute->entries, leaf, e) != 0 ||
        (recompute->apart && climb_add(recompute, &recompute->tiles, stored, e) != 0))
        return -1;
    recompute->next++;
    for (unsigned i = 0; i < RECOMPUTE_KEPT; i++)
        if (recompute->next == recompute->keep[i])
            climb_root(&recompute->entries, recompute->kept[i]);
    return 0;
}

static void report_tile(struct findings *findings, const struct recompute *recompute,
                        const struct differs *differs)
{
    struct tile_path path = {.kind = TILE_HASHES,
                             .level = differs->level,
                             .number = differs->number,
                             .width = tile_width(recompute->size, differs->level, differs->number)};
    char text[96];
    tile_path_format(&path, text);
    if (differs->position == TREE_TILE)
        finding(findings, "%s: it is missing or has not the right length", text);
    else
        finding(findings, "%s: hash %u is not the root of what is below it", text, differs->position);
}

static void report_lowest(struct findings *findings, const struct recompute *recompute, bool entry_right,
                          bool tile_right)
{
    for (size_t i = 0; i < recompute->wrong_count; i++) {
        uint64_t index = recompute->wrong[i];
        struct tile_path path = {.kind = TILE_HASHES,
                                 .number = index / TREE_TILE,
                                 .width = tile_width(recompute->size, 0, index / TREE_TILE)};
        char text[96];
        tile_path_format(&path, text);
        if (tile_right)
            finding(findings,
                    "entry %" PRIu64 ": it is not the entry that was signed: its bytes have been changed",
                    index);
        else if (entry_right)
            finding(findings,
                    "%s: hash %u is wrong: entry %" PRIu64
                    " is the one that was signed, the tile has been changed",
                    text, (unsigned)(index % TREE_TILE), index);
        else
            finding(findings,
                    "entry %" PRIu64
                    ": its hash is not the one in %s (hash %u): one of them has been changed",
                    index, text, (unsigned)(index % TREE_TILE));
    }
    if (recompute->wrong_more > 0)
        finding(findings, "%" PRIu64 " more entries differ from their tiles", recompute->wrong_more);
}

int recompute_end(struct recompute *recompute, const uint8_t signed_root[HASH_SIZE],
                  struct findings *findings, struct error *e)
{
    BUG_ON(recompute->next != recompute->size);
    struct climb *climbs[2] = {&recompute->entries,
                               recompute->apart ? &recompute->tiles : &recompute->entries};
    uint8_t roots[2][HASH_SIZE];
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned level = 1; level < LEVELS && (i == 0 || recompute->apart); level++)
            if (climbs[i]->level[level].count > 0 && compare_tile(recompute, climbs[i], level, e) != 0)
                return -1;
        climb_root(climbs[i], roots[i]);
    }
    bool entries_right = recompute->entries_whole && memcmp(roots[0], signed_root, HASH_SIZE) == 0;
    bool tiles_right = memcmp(roots[1], signed_root, HASH_SIZE) == 0;
    report_lowest(findings, recompute, entries_right, tiles_right);
    /* The tiles above are judged by the tree that is right; where neither is, by the one over the entries. */
    const struct climb *right = tiles_right ? climbs[1] : climbs[0];
    for (size_t i = 0; i < right->differ_count; i++)
        report_tile(findings, recompute, &right->differs[i]);
    if (!entries_right && !tiles_right)
        finding(findings, "checkpoint: its root is neither that of the entries nor that of the tiles");
    return 0;
}

const uint8_t *recompute_kept(const struct recompute *recompute, unsigned i)
{
    return recompute->kept[i];
}
