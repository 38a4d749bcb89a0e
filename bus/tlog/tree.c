#include "tlog/tree.h"

#include "base/error.h"
#include "crypto/hash.h"

#include <inttypes.h>
#include <string.h>

#define LEVELS 8  /* of tiles: 256^8 entries are more than a u64 counts */
#define CACHED 64 /* expanded older tiles kept: 1 MiB */

/* A tile and the nodes above its hashes: row h has width >> h of them, complete ones only. */
struct tile {
    unsigned level;
    unsigned width;
    uint64_t number;
    uint64_t used; /* when it last served, for the cache */
    bool dirty;
    struct tile *next; /* in the list of finished tiles */
    uint8_t nodes[511][HASH_SIZE];
};

struct tree {
    struct tree_reader reader;
    uint64_t size;
    struct tile *edge[LEVELS];              /* growing tiles; NULL where the level ends on a tile's border */
    struct tile *finished, **finished_tail; /* filled since the last tree_clean, in order of filling */
    struct tile *cache[CACHED];
    uint64_t clock;
};

/* Rows of 256, 128, ... 2 hashes lie one after the other. */
static uint8_t *node(struct tile *tile, unsigned h, unsigned i)
{
    return tile->nodes[512 - (512u >> h) + i];
}

static struct tile *tile_new(unsigned level, uint64_t number)
{
    struct tile *tile = memory_zeroed(1, sizeof(*tile));

    tile->level = level;
    tile->number = number;
    return tile;
}

/* One more hash at the bottom, and the inner nodes that it completes. */
static void tile_add(struct tile *tile, const uint8_t hash[HASH_SIZE])
{
    BUG_ON(tile->width >= TREE_TILE);
    memcpy(node(tile, 0, tile->width), hash, HASH_SIZE);
    tile->width++;
    for (unsigned h = 1; h < 8 && (tile->width & ((1u << h) - 1)) == 0; h++) {
        unsigned i = (tile->width >> h) - 1;

        merkle_node(node(tile, h - 1, 2 * i), node(tile, h - 1, 2 * i + 1), node(tile, h, i));
    }
}

struct tree *tree_new(const struct tree_reader *reader)
{
    struct tree *tree = memory_zeroed(1, sizeof(*tree));

    tree->reader = *reader;
    tree->finished_tail = &tree->finished;
    return tree;
}

static void forget(struct tree *tree)
{
    for (unsigned i = 0; i < LEVELS; i++) {
        free(tree->edge[i]);
        tree->edge[i] = NULL;
    }
    for (unsigned i = 0; i < CACHED; i++) {
        free(tree->cache[i]);
        tree->cache[i] = NULL;
    }
    while (tree->finished != NULL) {
        struct tile *next = tree->finished->next;

        free(tree->finished);
        tree->finished = next;
    }
    tree->finished_tail = &tree->finished;
    tree->size = 0;
}

void tree_free(struct tree *tree)
{
    if (tree == NULL)
        return;
    forget(tree);
    free(tree);
}

static struct tile *tile_read(struct tree *tree, unsigned level, uint64_t number, unsigned width,
                              struct error *e)
{
    uint8_t hashes[TREE_TILE * HASH_SIZE];

    if (tree->reader.read_tile(tree->reader.arg, level, number, width, hashes, e) != 0)
        return NULL;
    struct tile *tile = tile_new(level, number);
    for (unsigned i = 0; i < width; i++)
        tile_add(tile, hashes + (size_t)i * HASH_SIZE);
    return tile;
}

int tree_load(struct tree *tree, uint64_t size, struct error *e)
{
    forget(tree);
    for (unsigned level = 0; level < LEVELS; level++) {
        uint64_t hashes = size >> (8 * level);
        unsigned width = (unsigned)(hashes % TREE_TILE);

        if (width == 0)
            continue;
        tree->edge[level] = tile_read(tree, level, hashes / TREE_TILE, width, e);
        if (tree->edge[level] == NULL) {
            forget(tree);
            return -1;
        }
    }
    tree->size = size;
    return 0;
}

uint64_t tree_size(const struct tree *tree)
{
    return tree->size;
}

void tree_append(struct tree *tree, const uint8_t leaf[HASH_SIZE])
{
    uint8_t hash[HASH_SIZE];

    BUG_ON(tree->size == UINT64_MAX);
    memcpy(hash, leaf, HASH_SIZE);
    for (unsigned level = 0; level < LEVELS; level++) {
        struct tile *tile = tree->edge[level];

        if (tile == NULL)
            tile = tree->edge[level] =
                tile_new(level, level == LEVELS - 1 ? 0 : tree->size >> (8 * (level + 1)));
        tile->dirty = true;
        tile_add(tile, hash);
        if (tile->width < TREE_TILE)
            break;
        /* Only a full tile is hashed upwards. */
        merkle_node(node(tile, 7, 0), node(tile, 7, 1), hash);
        tree->edge[level] = NULL;
        *tree->finished_tail = tile;
        tree->finished_tail = &tile->next;
    }
    tree->size++;
}

/* The place of the tile that has served least recently. */
static struct tile **cache_place(struct tree *tree)
{
    struct tile **oldest = &tree->cache[0];

    for (unsigned i = 0; i < CACHED; i++) {
        if (tree->cache[i] == NULL)
            return &tree->cache[i];
        if (tree->cache[i]->used < (*oldest)->used)
            oldest = &tree->cache[i];
    }
    return oldest;
}

static void cache_add(struct tree *tree, struct tile *tile)
{
    struct tile **place = cache_place(tree);

    free(*place);
    tile->dirty = false;
    tile->next = NULL;
    tile->used = ++tree->clock;
    *place = tile;
}

static struct tile *tile_find(struct tree *tree, unsigned level, uint64_t number, struct error *e)
{
    struct tile *tile = tree->edge[level];

    if (tile != NULL && tile->number == number)
        return tile;
    for (unsigned i = 0; i < CACHED; i++) {
        tile = tree->cache[i];
        if (tile != NULL && tile->level == level && tile->number == number) {
            tile->used = ++tree->clock;
            return tile;
        }
    }
    for (tile = tree->finished; tile != NULL; tile = tile->next)
        if (tile->level == level && tile->number == number)
            return tile;
    /* Neither growing nor fresh: it is full and in the store. */
    tile = tile_read(tree, level, number, TREE_TILE, e);
    if (tile != NULL)
        cache_add(tree, tile);
    return tile;
}

/* Hash of the complete subtree of 2^height leaves that begins at index << height. */
static int subtree_hash(struct tree *tree, unsigned height, uint64_t index, uint8_t out[HASH_SIZE],
                        struct error *e)
{
    unsigned level = height / 8, h = height % 8;
    struct tile *tile = tile_find(tree, level, index >> (8 - h), e);

    if (tile == NULL)
        return -1;
    memcpy(out, node(tile, h, (unsigned)(index & ((1u << (8 - h)) - 1))), HASH_SIZE);
    return 0;
}

/* Largest power of two strictly smaller than n (n >= 2). */
static uint64_t split(uint64_t n)
{
    return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* RFC 6962's MTH over leaves [from, to), from being where such a subtree begins. */
static int range_hash(struct tree *tree, uint64_t from, uint64_t to, uint8_t out[HASH_SIZE], struct error *e)
{
    uint64_t n = to - from;
    uint8_t right[HASH_SIZE];

    if ((n & (n - 1)) == 0) {
        unsigned height = (unsigned)__builtin_ctzll(n);

        return subtree_hash(tree, height, from >> height, out, e);
    }
    uint64_t middle = from + split(n);
    if (range_hash(tree, from, middle, out, e) != 0 || range_hash(tree, middle, to, right, e) != 0)
        return -1;
    merkle_node(out, right, out);
    return 0;
}

int tree_root(struct tree *tree, uint64_t size, uint8_t out[HASH_SIZE], struct error *e)
{
    if (size > tree->size)
        return error_set(e, ERROR_USAGE, "the tree has %" PRIu64 " entries, not %" PRIu64, tree->size, size);
    if (size == 0) {
        sha256(bytes_make(NULL, 0), out);
        return 0;
    }
    return range_hash(tree, 0, size, out, e);
}

typedef int (*tile_writer)(void *arg, unsigned level, uint64_t number, unsigned width, const uint8_t *hashes,
                           struct error *e);

int tree_dirty(struct tree *tree, tile_writer write, void *arg, struct error *e)
{
    for (unsigned level = 0; level < LEVELS; level++) {
        for (struct tile *tile = tree->finished; tile != NULL; tile = tile->next)
            if (tile->level == level &&
                write(arg, level, tile->number, tile->width, node(tile, 0, 0), e) != 0)
                return -1;
        struct tile *tile = tree->edge[level];
        if (tile != NULL && tile->dirty &&
            write(arg, level, tile->number, tile->width, node(tile, 0, 0), e) != 0)
            return -1;
    }
    return 0;
}

void tree_clean(struct tree *tree)
{
    struct tile *tile = tree->finished;

    tree->finished = NULL;
    tree->finished_tail = &tree->finished;
    while (tile != NULL) {
        struct tile *next = tile->next;

        cache_add(tree, tile);
        tile = next;
    }
    for (unsigned level = 0; level < LEVELS; level++)
        if (tree->edge[level] != NULL)
            tree->edge[level]->dirty = false;
}

int tree_inclusion(struct tree *tree, uint64_t index, uint64_t size, uint8_t (*proof)[HASH_SIZE],
                   size_t *count, struct error *e)
{
    uint64_t from = 0, to = size;
    uint64_t siblings[64][2];
    size_t depth = 0;

    if (size > tree->size || index >= size)
        return error_set(e, ERROR_USAGE,
                         "no proof of entry %" PRIu64 " in %" PRIu64 " of %" PRIu64 " entries", index, size,
                         tree->size);
    /* Down from the root, then written from the leaf up. */
    while (to - from > 1) {
        uint64_t middle = from + split(to - from);
        bool left = index < middle;

        siblings[depth][0] = left ? middle : from;
        siblings[depth][1] = left ? to : middle;
        depth++;
        if (left)
            to = middle;
        else
            from = middle;
    }
    for (size_t i = 0; i < depth; i++)
        if (range_hash(tree, siblings[depth - 1 - i][0], siblings[depth - 1 - i][1], proof[i], e) != 0)
            return -1;
    *count = depth;
    return 0;
}

int tree_consistency(struct tree *tree, uint64_t old_size, uint64_t size, uint8_t (*proof)[HASH_SIZE],
                     size_t *count, struct error *e)
{
    uint64_t from = 0, to = size;
    uint64_t parts[65][2];
    size_t depth = 0, used = 0;

    if (size > tree->size || old_size > size)
        return error_set(e, ERROR_USAGE, "no proof from %" PRIu64 " to %" PRIu64 " of %" PRIu64 " entries",
                         old_size, size, tree->size);
    *count = 0;
    if (old_size == 0 || old_size == size)
        return 0;
    /* RFC 6962, 2.1.2: down to the subtree that ends where the old tree ended. */
    while (to != old_size) {
        uint64_t middle = from + split(to - from);
        bool left = old_size <= middle;

        parts[depth][0] = left ? middle : from;
        parts[depth][1] = left ? to : middle;
        depth++;
        if (left)
            to = middle;
        else
            from = middle;
    }
    /* The verifier has it already when it is the whole old tree. */
    if (from != 0 && range_hash(tree, from, to, proof[used++], e) != 0)
        return -1;
    while (depth > 0) {
        depth--;
        if (range_hash(tree, parts[depth][0], parts[depth][1], proof[used++], e) != 0)
            return -1;
    }
    *count = used;
    return 0;
}

bool tree_check_consistency(uint64_t old_size, const uint8_t old_root[HASH_SIZE], uint64_t size,
                            const uint8_t root[HASH_SIZE], const uint8_t (*proof)[HASH_SIZE], size_t count)
{
    uint8_t was[HASH_SIZE], is[HASH_SIZE];
    size_t at = 0;

    if (old_size > size)
        return false;
    if (old_size == 0)
        return count == 0;
    if (old_size == size)
        return count == 0 && memcmp(old_root, root, HASH_SIZE) == 0;

    /* RFC 9162, 2.1.4.2. */
    uint64_t fn = old_size - 1, sn = size - 1;
    while ((fn & 1) != 0) {
        fn >>= 1;
        sn >>= 1;
    }
    if (fn == 0) { /* the old size is a power of two: the old root itself is the first hash */
        memcpy(was, old_root, HASH_SIZE);
    } else {
        if (count == 0)
            return false;
        memcpy(was, proof[at++], HASH_SIZE);
    }
    memcpy(is, was, HASH_SIZE);
    for (; at < count; at++) {
        if (sn == 0)
            return false;
        if ((fn & 1) != 0 || fn == sn) {
            merkle_node(proof[at], was, was);
            merkle_node(proof[at], is, is);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            merkle_node(is, proof[at], is);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && memcmp(was, old_root, HASH_SIZE) == 0 && memcmp(is, root, HASH_SIZE) == 0;
}
