#ifndef WASL_TLOG_PROOF_H
#define WASL_TLOG_PROOF_H
/* C2SP tlog-proof v1: what makes a receipt. Pure. */
#include "tlog/checkpoint_cache.h"
#include "tlog/tree.h"

struct tlog_proof {
    uint64_t index;
    uint8_t path[64][HASH_SIZE];
    size_t path_len;
    struct bytes checkpoint; /* the note; a view into the text parsed */
    struct bytes extra;      /* decoded is not kept: view of the base64, empty when there is none */
};
void tlog_proof_format(uint64_t index, const uint8_t (*path)[HASH_SIZE], size_t path_len,
                       struct bytes checkpoint_note, struct buffer *out);
bool tlog_proof_parse(struct bytes text, struct tlog_proof *out);
/* True when `entry` is entry proof->index of the tree whose checkpoint one of the keys has signed;
 * *checkpoint is set. */
bool tlog_proof_check(const struct tlog_proof *proof, struct bytes entry, const struct note_verifier *keys,
                      size_t key_count, struct checkpoint *checkpoint);
/* The same, asking a memory of checkpoints whose signature was good (NULL: none). */
bool tlog_proof_check_with(struct checkpoint_cache *cache, const struct tlog_proof *proof, struct bytes entry,
                           const struct note_verifier *keys, size_t key_count, struct checkpoint *checkpoint);

#endif
