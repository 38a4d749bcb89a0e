#include "receipt.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "tlog/proof.h"
#include "tlog/tree.h"

#include <string.h>

int receipt_proof(struct reader *reader, const struct checkpoint *checkpoint, struct bytes note,
                  const struct record *record, struct buffer *out, struct error *e)
{
    struct tree_reader tiles = reader_for_tree(reader);
    struct tree *tree = tree_new(&tiles);
    uint8_t path[TREE_PROOF_MOST][HASH_SIZE];
    size_t count = 0;
    int result = tree_load(tree, checkpoint->size, e);
    if (result == 0)
        result = tree_inclusion(tree, record->index, checkpoint->size, path, &count, e);
    tree_free(tree);
    if (result != 0)
        return -1;
    tlog_proof_format(record->index, (const uint8_t(*)[HASH_SIZE])path, count, note, out);
    uint8_t leaf[HASH_SIZE], root[HASH_SIZE];
    merkle_leaf(record->raw, leaf);
    return count <= 64 &&
           merkle_root_from_path(leaf, record->index, checkpoint->size, (const uint8_t(*)[HASH_SIZE])path,
                                 count, root) &&
           memcmp(root, checkpoint->root, HASH_SIZE) == 0;
}

int receipt_write(const char *name, struct bytes entry, struct bytes proof, struct error *e)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s.entry", name);
    buffer_append(&path, "", 1);
    int result = file_write_atomically((const char *)path.data, entry, 0644, e);
    buffer_clear(&path);
    buffer_printf(&path, "%s.proof", name);
    buffer_append(&path, "", 1);
    if (result == 0)
        result = file_write_atomically((const char *)path.data, proof, 0644, e);
    /* A folder that is missing is a failure to write, not "nothing was found". */
    if (result != 0 && e->kind == ERROR_NOT_FOUND)
        e->kind = ERROR_IO;
    buffer_free(&path);
    return result;
}
