#include "tlog/proof.h"

#include "crypto/hash.h"

#include <inttypes.h>
#include <string.h>

#define MAGIC       "c2sp.org/tlog-proof@v1"
#define EXTRA       "extra "
#define INDEX       "index "
#define HASH_BASE64 44
#define PATH_MOST   64

void tlog_proof_format(uint64_t index, const uint8_t (*path)[HASH_SIZE], size_t path_len,
                       struct bytes checkpoint_note, struct buffer *out)
{
    buffer_printf(out, MAGIC "\n" INDEX "%" PRIu64 "\n", index);
    for (size_t i = 0; i < path_len; i++) {
        base64_encode(bytes_make(path[i], HASH_SIZE), out);
        buffer_append_string(out, "\n");
    }
    buffer_append_string(out, "\n");
    buffer_append_bytes(out, checkpoint_note);
}

static bool next_line(struct bytes *rest, struct bytes *line)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);

    if (end == NULL)
        return false;
    *line = bytes_make(rest->data, (size_t)(end - rest->data));
    *rest = bytes_make(end + 1, rest->len - line->len - 1);
    return true;
}

static bool after_word(struct bytes line, const char *word, struct bytes *rest)
{
    size_t len = strlen(word);

    if (line.len < len || memcmp(line.data, word, len) != 0)
        return false;
    *rest = bytes_make(line.data + len, line.len - len);
    return true;
}

bool tlog_proof_parse(struct bytes text, struct tlog_proof *out)
{
    struct tlog_proof proof = {0};
    struct bytes line, rest;
    struct buffer decoded = {0};
    bool good = false;

    if (text.len > 2 * NOTE_MOST || !next_line(&text, &line) || !bytes_equal_string(line, MAGIC) ||
        !next_line(&text, &line))
        return false;
    if (after_word(line, EXTRA, &rest)) {
        if (!base64_decode(rest, &decoded) || !next_line(&text, &line))
            goto out;
        proof.extra = rest;
    }
    if (!after_word(line, INDEX, &rest) || !decimal_parse(rest, &proof.index))
        goto out;
    for (;;) {
        if (!next_line(&text, &line))
            goto out;
        if (line.len == 0)
            break;
        buffer_clear(&decoded);
        if (proof.path_len == PATH_MOST || line.len != HASH_BASE64 || !base64_decode(line, &decoded) ||
            decoded.len != HASH_SIZE)
            goto out;
        memcpy(proof.path[proof.path_len++], decoded.data, HASH_SIZE);
    }
    if (text.len == 0 || text.len > NOTE_MOST)
        goto out;
    proof.checkpoint = text;
    *out = proof;
    good = true;
out:
    buffer_free(&decoded);
    return good;
}

bool tlog_proof_check(const struct tlog_proof *proof, struct bytes entry, const struct note_verifier *keys,
                      size_t key_count, struct checkpoint *checkpoint)
{
    return tlog_proof_check_with(NULL, proof, entry, keys, key_count, checkpoint);
}

bool tlog_proof_check_with(struct checkpoint_cache *cache, const struct tlog_proof *proof, struct bytes entry,
                           const struct note_verifier *keys, size_t key_count, struct checkpoint *checkpoint)
{
    struct checkpoint signed_head;
    uint8_t leaf[HASH_SIZE], root[HASH_SIZE];

    if (!checkpoint_cache_open(cache, proof->checkpoint, keys, key_count, &signed_head))
        return false;
    merkle_leaf(entry, leaf);
    if (!merkle_root_from_path(leaf, proof->index, signed_head.size, proof->path, proof->path_len, root) ||
        memcmp(root, signed_head.root, HASH_SIZE) != 0)
        return false;
    *checkpoint = signed_head;
    return true;
}
