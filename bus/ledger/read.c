/* What the ledger gives out: entries, tiles and proofs. Never beyond the checkpoint that is on disk. */
#include "ledger/ledger_internal.h"

#include "base/error.h"
#include "tlog/proof.h"
#include "tlog/tile.h"

#include <inttypes.h>
#include <string.h>

int ledger_read_entry(struct ledger *ledger, uint64_t index, struct buffer *out, struct error *e)
{
    struct bytes entry;

    if (index >= ledger_size(ledger) || index < ledger->first)
        return 0;
    struct store_txn *txn = store_read(ledger->store, e);
    if (txn == NULL)
        return -1;
    int found = segment_entry(ledger, txn, index, &entry, e);
    if (found == 1)
        buffer_append_bytes(out, entry);
    else if (found == 0)
        found = error_set(e, ERROR_INTEGRITY, "entry %" PRIu64 " of the ledger is missing", index);
    store_abort(txn);
    return found;
}

int ledger_read_bundle(struct ledger *ledger, uint64_t number, unsigned width, struct buffer *out,
                       struct error *e)
{
    const size_t before = out->len;
    struct bytes entry;
    int result = 1;

    if (width == 0 || width > tile_width(ledger_size(ledger), 0, number) ||
        number * TREE_TILE < ledger->first)
        return 0;
    struct store_txn *txn = store_read(ledger->store, e);
    if (txn == NULL)
        return -1;
    for (unsigned i = 0; i < width && result == 1; i++) {
        const uint64_t index = number * TREE_TILE + i;

        result = segment_entry(ledger, txn, index, &entry, e);
        if (result == 1) {
            buffer_put_u16be(out, (uint16_t)entry.len);
            buffer_append_bytes(out, entry);
        } else if (result == 0) {
            result = error_set(e, ERROR_INTEGRITY, "entry %" PRIu64 " of the ledger is missing", index);
        }
    }
    store_abort(txn);
    if (result != 1)
        out->len = before;
    return result;
}

int ledger_read_tile(struct ledger *ledger, unsigned level, uint64_t number, unsigned width,
                     struct buffer *out, struct error *e)
{
    struct bytes hashes;

    if (width == 0 || width > tile_width(ledger_size(ledger), level, number))
        return 0;
    struct store_txn *txn = store_read(ledger->store, e);
    if (txn == NULL)
        return -1;
    int found = segment_tile(ledger, txn, level, number, width, &hashes, e);
    if (found == 1)
        buffer_append_bytes(out, hashes);
    else if (found == 0)
        found = error_set(e, ERROR_INTEGRITY, "tile %u/%" PRIu64 " of the ledger is missing", level, number);
    store_abort(txn);
    return found;
}

int ledger_proof(struct ledger *ledger, uint64_t index, struct buffer *proof, struct error *e)
{
    uint8_t path[TREE_PROOF_MOST][HASH_SIZE];
    size_t count;

    /* The checkpoint changes only in this thread. */
    if (index >= ledger->checkpoint.size)
        return error_set(e, ERROR_USAGE, "entry %" PRIu64 " is not on disk: it has no receipt yet", index);
    if (tree_inclusion(ledger->tree, index, ledger->checkpoint.size, path, &count, e) != 0)
        return -1;
    tlog_proof_format(index, (const uint8_t(*)[HASH_SIZE])path, count, buffer_bytes(&ledger->note), proof);
    return 0;
}

int ledger_receipt(struct ledger *ledger, uint64_t index, struct buffer *entry, struct buffer *proof,
                   struct error *e)
{
    if (ledger_proof(ledger, index, proof, e) != 0)
        return -1;
    int found = ledger_read_entry(ledger, index, entry, e);
    if (found != 1)
        return found < 0 ? -1
                         : error_set(e, ERROR_NOT_FOUND, "entry %" PRIu64 " is in a closed segment", index);
    return 0;
}

int ledger_consistency(struct ledger *ledger, uint64_t old_size, uint64_t new_size,
                       uint8_t (*proof)[HASH_SIZE], size_t *count, struct checkpoint *to, struct buffer *note,
                       struct error *e)
{
    const uint64_t latest = ledger->checkpoint.size;
    const uint64_t size = new_size == 0 ? latest : new_size;

    if (size > latest || old_size > size)
        return error_set(e, ERROR_USAGE,
                         "no proof from %" PRIu64 " to %" PRIu64 " entries: the ledger has %" PRIu64,
                         old_size, size, latest);
    memset(to, 0, sizeof(*to));
    strcpy(to->origin, ledger->signer->verifier.name);
    to->size = size;
    if (tree_root(ledger->tree, size, to->root, e) != 0 ||
        tree_consistency(ledger->tree, old_size, size, proof, count, e) != 0)
        return -1;
    struct store_txn *txn = store_read(ledger->store, e);
    if (txn == NULL)
        return -1;
    int found = segment_checkpoint(ledger, txn, size, note, e);
    store_abort(txn);
    return found < 0 ? -1 : 0;
}

int ledger_extends(struct ledger *ledger, const struct checkpoint *seen, struct error *e)
{
    uint8_t root[HASH_SIZE];

    if (strcmp(seen->origin, ledger->signer->verifier.name) != 0)
        return error_set(e, ERROR_USAGE, "the checkpoint is of another ledger than %s",
                         ledger->signer->verifier.name);
    if (seen->size > ledger->checkpoint.size)
        return 0;
    if (tree_root(ledger->tree, seen->size, root, e) != 0)
        return -1;
    return memcmp(root, seen->root, HASH_SIZE) == 0;
}

int ledger_has_subject_key(struct ledger *ledger, struct bytes member, uint32_t day, struct error *e)
{
    if (ledger->txn != NULL)
        return subject_key_find(ledger, ledger->txn, member, day, e);
    struct store_txn *txn = store_read(ledger->store, e);
    if (txn == NULL)
        return -1;
    int found = subject_key_find(ledger, txn, member, day, e);
    store_abort(txn);
    return found;
}

int ledger_keeps(struct ledger *ledger, const uint8_t leaf[HASH_SIZE], struct error *e)
{
    struct bytes index;
    struct store_txn *txn = store_read(ledger->store, e);

    if (txn == NULL)
        return -1;
    int found = store_get(txn, ledger->tables[TABLE_KEPT], bytes_make(leaf, HASH_SIZE), &index, e);
    store_abort(txn);
    return found;
}
