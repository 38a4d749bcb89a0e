#include "tlog/checkpoint.h"

#include <inttypes.h>
#include <string.h>

void checkpoint_format(const struct checkpoint *checkpoint, struct buffer *out)
{
    buffer_printf(out, "%s\n%" PRIu64 "\n", checkpoint->origin, checkpoint->size);
    base64_encode(bytes_make(checkpoint->root, HASH_SIZE), out);
    buffer_append_string(out, "\n");
}

/* Takes the next line (without its LF) off *rest. */
static bool next_line(struct bytes *rest, struct bytes *line)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);

    if (end == NULL)
        return false;
    *line = bytes_make(rest->data, (size_t)(end - rest->data));
    *rest = bytes_make(end + 1, rest->len - line->len - 1);
    return true;
}

bool checkpoint_parse(struct bytes text, struct checkpoint *out)
{
    struct checkpoint c = {0};
    struct bytes origin, size, root;
    struct buffer hash = {0};

    if (!next_line(&text, &origin) || !next_line(&text, &size) || !next_line(&text, &root) || text.len != 0)
        return false;
    if (origin.len == 0 || origin.len >= sizeof(c.origin) || memchr(origin.data, '\0', origin.len) != NULL)
        return false;
    memcpy(c.origin, origin.data, origin.len);
    if (!decimal_parse(size, &c.size))
        return false;
    bool good = base64_decode(root, &hash) && hash.len == HASH_SIZE;
    if (good) {
        memcpy(c.root, hash.data, HASH_SIZE);
        *out = c;
    }
    buffer_free(&hash);
    return good;
}

void checkpoint_sign(const struct checkpoint *checkpoint, const struct note_signer *signer,
                     struct buffer *note)
{
    struct buffer text = {0};

    checkpoint_format(checkpoint, &text);
    note_sign(signer, buffer_bytes(&text), 0, note);
    buffer_free(&text);
}

bool checkpoint_open(struct bytes note, const struct note_verifier *keys, size_t count,
                     struct checkpoint *out)
{
    struct note_checked checked;
    struct checkpoint c;

    if (!note_open(note, keys, count, &checked) || !checkpoint_parse(checked.text, &c))
        return false;
    /* A witness has cosigned what it was shown; only the log itself speaks for its origin. */
    for (size_t i = 0; i < count; i++)
        if ((checked.good >> i & 1) != 0 && keys[i].type == NOTE_ED25519 &&
            strcmp(keys[i].name, c.origin) == 0) {
            *out = c;
            return true;
        }
    return false;
}
