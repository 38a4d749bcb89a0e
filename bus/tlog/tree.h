#ifndef WASL_TLOG_TREE_H
#define WASL_TLOG_TREE_H
/*
 * The growing Merkle tree (RFC 6962) over tiles of height 8. Pure: what is not in memory is asked from a
 * reader. In memory are the tiles of the right edge with all their inner nodes (about 17 KiB a level), and a
 * small cache of expanded older tiles, so that a proof for a fresh entry costs no reading and only a handful
 * of hashes.
 */
#include "base/bytes.h"

#define TREE_TILE       256 /* hashes in a full tile */
#define TREE_PROOF_MOST 128 /* hashes in any proof */

struct error;
struct tree;

/* Reads tile (level, number) with `width` hashes (1 to 256) into out (width * 32 bytes). The store may hold a
 * wider one: a prefix serves. 0, -1 with e set. */
struct tree_reader {
    int (*read_tile)(void *arg, unsigned level, uint64_t number, unsigned width, uint8_t *out,
                     struct error *e);
    void *arg;
};

struct tree *tree_new(const struct tree_reader *reader);
void tree_free(struct tree *tree);
/* Takes up a tree of that size: reads the right edge. 0, -1. */
int tree_load(struct tree *tree, uint64_t size, struct error *e);
uint64_t tree_size(const struct tree *tree);
/* Appends one leaf hash. */
void tree_append(struct tree *tree, const uint8_t leaf[HASH_SIZE]);
int tree_root(struct tree *tree, uint64_t size, uint8_t out[HASH_SIZE],
              struct error *e); /* of any size <= tree_size */

/* Tiles touched since the last tree_clean, level by level, for the store to write: calls `write` for each
 * with its full current width. A partial tile is never hashed upwards. */
int tree_dirty(struct tree *tree,
               int (*write)(void *arg, unsigned level, uint64_t number, unsigned width, const uint8_t *hashes,
                            struct error *e),
               void *arg, struct error *e);
void tree_clean(struct tree *tree);

/* Inclusion of entry `index` in the tree of `size`; consistency of `old_size` with `size`. proof has room for
 * TREE_PROOF_MOST; *count is set. -1 with e set when sizes are wrong or a tile cannot be read. */
int tree_inclusion(struct tree *tree, uint64_t index, uint64_t size, uint8_t (*proof)[HASH_SIZE],
                   size_t *count, struct error *e);
int tree_consistency(struct tree *tree, uint64_t old_size, uint64_t size, uint8_t (*proof)[HASH_SIZE],
                     size_t *count, struct error *e);

/* Checking, without a tree. (Inclusion: merkle_root_from_path in crypto/hash.h.) old_size 0 is consistent
 * with anything and has an empty proof. */
bool tree_check_consistency(uint64_t old_size, const uint8_t old_root[HASH_SIZE], uint64_t size,
                            const uint8_t root[HASH_SIZE], const uint8_t (*proof)[HASH_SIZE], size_t count);

#endif
