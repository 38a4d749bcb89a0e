#ifndef WASL_AUDIT_RECOMPUTE_H
#define WASL_AUDIT_RECOMPUTE_H
/*
 * The tree once more, from the entries up, compared with every tile on the way. It shares no code with the
 * tree that the bus keeps. Two trees are grown side by side, one over the entries' own leaf hashes and one
 * over the hashes of the lowest tiles: the signed root tells which of the two is right, and so whether an
 * entry or a tile has been changed.
 */
#include "findings.h"
#include "reader.h"

struct recompute;
#define RECOMPUTE_KEPT 2
/* keep: smaller sizes whose roots are wanted too; 0: none. */
struct recompute *recompute_new(struct reader *reader, uint64_t size, const uint64_t keep[RECOMPUTE_KEPT]);
void recompute_free(struct recompute *recompute); /* NULL is harmless */
/* The next entry's leaf hash; NULL: the entry itself cannot be read (which the caller reports). 0; -1 reading
 * failed. */
int recompute_add(struct recompute *recompute, const uint8_t leaf[HASH_SIZE], struct error *e);
/* After the last: reads what is left of the tiles, judges against the signed root, and writes findings. 0,
 * -1. */
int recompute_end(struct recompute *recompute, const uint8_t signed_root[HASH_SIZE],
                  struct findings *findings, struct error *e);
/* Root at keep[i], over the entries; only after recompute_end. */
const uint8_t *recompute_kept(const struct recompute *recompute, unsigned i);

#endif
