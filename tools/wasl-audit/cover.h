#ifndef WASL_AUDIT_COVER_H
#define WASL_AUDIT_COVER_H
/*
 * What the signed root covers: whether an entry is the one that was signed, for a way through many of them.
 * The tiles of the right edge are proven all together, by the root that they make; any other tile by its
 * place in the one above it, once. Then an entry costs its leaf hash and a comparison, and only as much of
 * the ledger is read as is asked about. It is the same proof as that of a receipt (receipt.h).
 */
#include "reader.h"

struct cover;
/* Reads and proves the right edge. NULL with e set: ERROR_INTEGRITY when it does not make the signed root. */
struct cover *cover_new(struct reader *reader, const struct checkpoint *checkpoint, struct error *e);
void cover_free(struct cover *cover); /* NULL is harmless */
/* Is that the leaf hash at index? 1; 0 no, with words; -1 reading failed. Cheap when indexes rise. */
int cover_entry(struct cover *cover, uint64_t index, const uint8_t leaf[HASH_SIZE], char words[256],
                struct error *e);

#endif
