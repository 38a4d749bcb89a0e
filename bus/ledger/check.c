#include "ledger/ledger_internal.h"

#include "base/error.h"
#include "crypto/hash.h"

#include <inttypes.h>
#include <string.h>

#define SLICE 10000 /* entries read in one transaction */

/* What the walk over the segment has found. */
struct walk {
    struct ledger *ledger;
    struct store_txn *txn;
    uint64_t next;        /* index of the next entry */
    uint64_t wrong_entry; /* the first that does not have its stored hash, or NOT_YET */
    bool wrong_tile;      /* a tile above the entries does not follow from those below */
    unsigned wrong_level;
    uint64_t wrong_number;
    struct bytes tile; /* stored hashes of the 256 entries being read; valid in txn */
};

/* The last checkpoint, and that it is the ledger's own. */
static int take_checkpoint(struct ledger *ledger, struct error *e)
{
    struct bytes key, note;
    struct store_txn *txn = store_read(ledger->store, e);
    int result = -1;

    if (txn == NULL)
        return -1;
    int found = store_last(txn, ledger->tables[TABLE_CHECKPOINTS], &key, &note, e);
    if (found == 0) {
        strcpy(ledger->checkpoint.origin, ledger->signer->verifier.name);
        sha256(bytes_make(NULL, 0), ledger->checkpoint.root);
        result = 0;
    } else if (found == 1) {
        if (!checkpoint_open(note, &ledger->signer->verifier, 1, &ledger->checkpoint) || key.len != 8 ||
            get_u64be(key.data) != ledger->checkpoint.size) {
            error_set(e, ERROR_INTEGRITY, "the last checkpoint in %s is not signed by the ledger key %s",
                      ledger->folder, ledger->signer->verifier.name);
        } else {
            buffer_append_bytes(&ledger->note, note);
            result = 0;
        }
    }
    store_abort(txn);
    return result;
}

static int compare_tile(void *arg, unsigned level, uint64_t number, unsigned width, const uint8_t *hashes,
                        struct error *e)
{
    struct walk *walk = arg;
    struct bytes stored;
    struct error why = {0};

    (void)e;
    if (level == 0 || walk->wrong_tile)
        return 0; /* those over entries are compared hash by hash */
    int found = segment_tile(walk->ledger, walk->txn, level, number, width, &stored, &why);
    if (found != 1 || memcmp(stored.data, hashes, stored.len) != 0) {
        walk->wrong_tile = true;
        walk->wrong_level = level;
        walk->wrong_number = number;
    }
    return 0;
}

static int walk_entry(struct walk *walk, struct bytes key, struct bytes entry, struct error *e)
{
    struct ledger *ledger = walk->ledger;
    const uint64_t index = walk->next;
    uint8_t hash[HASH_SIZE], tile_key[9];

    if (key.len != 8 || get_u64be(key.data) != index)
        return error_set(e, ERROR_INTEGRITY, "entry %" PRIu64 " of the ledger is missing", index);
    if (index >= ledger->checkpoint.size)
        return error_set(e, ERROR_INTEGRITY,
                         "entry %" PRIu64 " of the ledger lies beyond its signed checkpoint of %" PRIu64
                         " entries",
                         index, ledger->checkpoint.size);
    if (index % TREE_TILE == 0 || walk->tile.data == NULL) {
        segment_tile_key(0, index / TREE_TILE, tile_key);
        int found =
            store_get(walk->txn, ledger->tables[TABLE_TILES], bytes_make(tile_key, 9), &walk->tile, e);
        if (found < 0)
            return -1;
        if (found == 0)
            walk->tile = bytes_make("", 0);
    }
    const size_t at = (size_t)(index % TREE_TILE) * HASH_SIZE;
    merkle_leaf(entry, hash);
    if (walk->wrong_entry == NOT_YET &&
        (at + HASH_SIZE > walk->tile.len || memcmp(walk->tile.data + at, hash, HASH_SIZE) != 0))
        walk->wrong_entry = index;
    tree_append(ledger->tree, hash);
    walk->next++;
    return 0;
}

/* Entries from walk->next on, as many as one transaction may read. 1 there may be more, 0 the end, -1. */
static int walk_slice(struct walk *walk, struct error *e)
{
    struct ledger *ledger = walk->ledger;
    MDB_cursor *cursor = NULL;
    uint8_t from[8];
    int result = -1;

    walk->txn = store_read(ledger->store, e);
    if (walk->txn == NULL)
        return -1;
    int code = mdb_cursor_open(store_txn_raw(walk->txn), ledger->tables[TABLE_ENTRIES], &cursor);
    put_u64be(from, walk->next);
    MDB_val key = {8, from}, value;
    if (code == 0)
        code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    walk->tile = (struct bytes){0};
    for (int i = 0; code == 0 && i < SLICE; i++) {
        if (walk_entry(walk, bytes_make(key.mv_data, key.mv_size), bytes_make(value.mv_data, value.mv_size),
                       e) != 0)
            goto out;
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    if (code != 0 && code != MDB_NOTFOUND) {
        store_error(e, code, "reading the ledger");
        goto out;
    }
    if (tree_dirty(ledger->tree, compare_tile, walk, e) != 0)
        goto out;
    tree_clean(ledger->tree);
    result = code == 0;
out:
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    store_abort(walk->txn);
    walk->txn = NULL;
    return result;
}

static int judge(const struct walk *walk, struct error *e)
{
    const struct checkpoint *signed_head = &walk->ledger->checkpoint;
    uint8_t root[HASH_SIZE];

    if (walk->next < signed_head->size)
        return error_set(e, ERROR_INTEGRITY, "entry %" PRIu64 " of the ledger is missing", walk->next);
    if (tree_root(walk->ledger->tree, signed_head->size, root, e) != 0)
        return -1;
    const bool as_signed = memcmp(root, signed_head->root, HASH_SIZE) == 0;
    if (!as_signed && walk->wrong_entry == NOT_YET)
        return error_set(
            e, ERROR_INTEGRITY,
            "the entries of the ledger do not lead to the root of its signed checkpoint of %" PRIu64
            " entries, and their stored hashes were changed with them",
            signed_head->size);
    if (!as_signed)
        return error_set(e, ERROR_INTEGRITY, "entry %" PRIu64 " of the ledger is not what was signed",
                         walk->wrong_entry);
    if (walk->wrong_entry != NOT_YET)
        return error_set(e, ERROR_INTEGRITY, "the stored hash of entry %" PRIu64 " of the ledger is wrong",
                         walk->wrong_entry);
    if (walk->wrong_tile)
        return error_set(e, ERROR_INTEGRITY, "tile %u/%" PRIu64 " of the ledger is wrong", walk->wrong_level,
                         walk->wrong_number);
    return 0;
}

static int take_time(struct ledger *ledger, struct error *e)
{
    struct bytes data;
    struct entry entry;
    struct entry_hold hold;
    int result = -1;

    if (ledger->checkpoint.size == 0)
        return 0;
    struct store_txn *txn = store_read(ledger->store, e);
    if (txn == NULL)
        return -1;
    int found = segment_entry(ledger, txn, ledger->checkpoint.size - 1, &data, e);
    if (found == 1 && entry_decode(data, &entry, &hold)) {
        ledger->time = ledger->committed_time = entry.time;
        entry_release(&hold);
        result = 0;
    } else if (found >= 0) {
        error_set(e, ERROR_INTEGRITY, "the last entry of the ledger cannot be read by this version");
    }
    store_abort(txn);
    return result;
}

int ledger_check(struct ledger *ledger, struct error *e)
{
    struct walk walk = {.ledger = ledger, .next = ledger->first, .wrong_entry = NOT_YET};
    int more;

    if (take_checkpoint(ledger, e) != 0 || tree_load(ledger->tree, ledger->first, e) != 0)
        return -1;
    do {
        more = walk_slice(&walk, e);
        if (more < 0)
            return -1;
    } while (more == 1);
    if (judge(&walk, e) != 0)
        return -1;
    return take_time(ledger, e);
}
