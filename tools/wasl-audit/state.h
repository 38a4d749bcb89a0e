#ifndef WASL_AUDIT_STATE_H
#define WASL_AUDIT_STATE_H
/* The checkpoint that an auditor saw last: what makes a roll-back or a second face of the ledger visible. */
#include "base/bytes.h"
#include "tlog/checkpoint.h"

struct error;

/* Where it is kept for a ledger of that origin: $XDG_STATE_HOME/wasl-audit/, or ~/.local/state/wasl-audit/.
 * Appends a terminated path. -1 when neither is known. */
int state_default_path(const char *origin, struct buffer *path, struct error *e);
/* Reads a checkpoint note, which one of the keys must have signed. 1; 0 there is no such file; -1. */
int state_load(const char *path, const struct note_verifier *keys, size_t count, struct checkpoint *out,
               struct error *e);
/* Replaces it as a whole; makes the folder where it is missing. */
int state_save(const char *path, struct bytes note, struct error *e);

#endif
