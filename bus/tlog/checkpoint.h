#ifndef WASL_TLOG_CHECKPOINT_H
#define WASL_TLOG_CHECKPOINT_H
/* C2SP tlog-checkpoint: origin, size, root; three lines, no extension lines. Pure. */
#include "tlog/note.h"

struct checkpoint {
    char origin[128];
    uint64_t size;
    uint8_t root[HASH_SIZE];
};
void checkpoint_format(const struct checkpoint *checkpoint, struct buffer *out); /* the note's text */
bool checkpoint_parse(struct bytes text, struct checkpoint *out);
void checkpoint_sign(const struct checkpoint *checkpoint, const struct note_signer *signer,
                     struct buffer *note);
/* Opens a note that any of these log keys has signed, whose origin is that key's name. */
bool checkpoint_open(struct bytes note, const struct note_verifier *keys, size_t count,
                     struct checkpoint *out);

#endif
