#include "cover.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "tlog/tile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS     7 /* 2^48 entries (reader_checkpoint) */
#define PEAKS_MOST ((size_t)LEVELS * 8)

/* A tile, and whether it is the one that was signed. */
struct level {
    uint8_t edge[TREE_TILE][HASH_SIZE]; /* the unfinished tile at the right */
    uint8_t tile[TREE_TILE][HASH_SIZE]; /* the full one that was read last: */
    uint64_t number;
    bool read, proven;
    char words[256]; /* why it is not */
};

struct cover {
    struct reader *reader;
    uint64_t size;
    struct level levels[LEVELS];
};

/* Hashes that a level has. */
static uint64_t hashes_at(const struct cover *cover, unsigned level)
{
    return cover->size >> (8 * level);
}

/* The perfect subtrees of the right edge, largest first; folded from the right they make the root. */
static void root_of_edge(const struct cover *cover, uint8_t root[HASH_SIZE])
{
    uint8_t peaks[PEAKS_MOST][HASH_SIZE];
    size_t count = 0;
    for (unsigned level = LEVELS; level-- > 0;) {
        unsigned width = hashes_at(cover, level) % TREE_TILE, done = 0;
        for (unsigned part = TREE_TILE / 2; part > 0; part /= 2) {
            if ((width & part) == 0)
                continue;
            merkle_root((const uint8_t(*)[HASH_SIZE])cover->levels[level].edge + done, part, peaks[count++]);
            done += part;
        }
    }
    BUG_ON(count == 0);
    memcpy(root, peaks[--count], HASH_SIZE);
    while (count-- > 0)
        merkle_node(peaks[count], root, root);
}

struct cover *cover_new(struct reader *reader, const struct checkpoint *checkpoint, struct error *e)
{
    struct cover *cover = memory_zeroed(1, sizeof *cover);
    uint8_t root[HASH_SIZE];
    cover->reader = reader;
    cover->size = checkpoint->size;
    BUG_ON(cover->size == 0 || cover->size >> (8 * LEVELS) != 0);
    for (unsigned level = 0; level < LEVELS; level++) {
        uint64_t hashes = hashes_at(cover, level);
        unsigned width = hashes % TREE_TILE;
        if (width > 0 && reader_tile(reader, level, hashes / TREE_TILE, width,
                                     (uint8_t *)cover->levels[level].edge, e) != 0)
            goto fail;
    }
    root_of_edge(cover, root);
    if (memcmp(root, checkpoint->root, HASH_SIZE) != 0) {
        error_set(e, ERROR_INTEGRITY,
                  "the last tiles do not lead to the root that was signed: nothing can be proven by them "
                  "(wasl-audit verify finds out which tile or entry is another)");
        goto fail;
    }
    return cover;
fail:
    cover_free(cover);
    return NULL;
}

void cover_free(struct cover *cover)
{
    free(cover);
}

/* Reads the full tile `number` of a level, if it is not the one at hand. 0, -1. */
static int read_tile(struct cover *cover, unsigned level, uint64_t number, struct error *e)
{
    struct level *at = &cover->levels[level];
    if (at->read && at->number == number)
        return 0;
    *at->words = '\0';
    at->number = number;
    at->proven = false;
    at->read = reader_tile(cover->reader, level, number, TREE_TILE, (uint8_t *)at->tile, e) == 0;
    if (at->read)
        return 0;
    if (e->kind != ERROR_INTEGRITY)
        return -1;
    at->read = true;
    snprintf(at->words, sizeof at->words, "%.250s", e->text);
    *e = (struct error){0};
    return 0;
}

/* Is the full tile the one that was signed? 1, 0 with its words set, -1. The way up is as long as there are
 * levels that are not proven yet. */
static int prove_tile(struct cover *cover, unsigned level, uint64_t number, struct error *e)
{
    struct level *at = &cover->levels[level], *above = at + 1;
    BUG_ON(level + 1 >= LEVELS);
    if (read_tile(cover, level, number, e) != 0)
        return -1;
    if (at->proven || *at->words != '\0')
        return at->proven;
    bool edge = number / TREE_TILE == hashes_at(cover, level + 1) / TREE_TILE;
    int good = edge ? 1 : prove_tile(cover, level + 1, number / TREE_TILE, e);
    if (good < 0) {
        at->read = false;
        return -1;
    }
    if (good == 0) {
        memcpy(at->words, above->words, sizeof at->words);
        return 0;
    }
    uint8_t root[HASH_SIZE];
    const uint8_t *due = edge ? above->edge[number % TREE_TILE] : above->tile[number % TREE_TILE];
    merkle_root((const uint8_t(*)[HASH_SIZE])at->tile, TREE_TILE, root);
    at->proven = memcmp(root, due, HASH_SIZE) == 0;
    if (!at->proven) {
        char path[96];
        tile_path_format(
            &(struct tile_path){.kind = TILE_HASHES, .level = level, .number = number, .width = TREE_TILE},
            path);
        snprintf(at->words, sizeof at->words,
                 "%s does not lead to the signed root: what it covers is not proven", path);
    }
    return at->proven;
}

int cover_entry(struct cover *cover, uint64_t index, const uint8_t leaf[HASH_SIZE], char words[256],
                struct error *e)
{
    struct level *lowest = &cover->levels[0];
    uint64_t number = index / TREE_TILE;
    BUG_ON(index >= cover->size);
    bool edge = number == cover->size / TREE_TILE;
    int good = edge ? 1 : prove_tile(cover, 0, number, e);
    if (good < 0)
        return -1;
    if (good == 0) {
        snprintf(words, 256, "%s", lowest->words);
        return 0;
    }
    const uint8_t *due = edge ? lowest->edge[index % TREE_TILE] : lowest->tile[index % TREE_TILE];
    if (memcmp(leaf, due, HASH_SIZE) == 0)
        return 1;
    snprintf(words, 256, "it is not the entry that was signed: the ledger has another one at its place");
    return 0;
}
