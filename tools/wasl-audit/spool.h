#ifndef WASL_AUDIT_SPOOL_H
#define WASL_AUDIT_SPOOL_H
/* Pieces of output that are ready in another order than they are to be read in. What waits is in a temporary
 * file, so that memory holds 24 bytes for each. */
#include "base/bytes.h"

#include <stdio.h>

struct error;
struct spool;
/* out: what the pieces are written to, rising by their order. */
struct spool *spool_new(FILE *out);
void spool_free(struct spool *spool); /* NULL is harmless; what waits is lost */
/* Takes a piece; an order comes once. oldest: no piece of a lower order comes any more, so this one is
 * written at once if it is below it and nothing waits. 0, -1 with e set. */
int spool_put(struct spool *spool, uint64_t order, struct bytes piece, uint64_t oldest, struct error *e);
/* Writes those that wait below `oldest`. 0, -1. */
int spool_release(struct spool *spool, uint64_t oldest, struct error *e);

#endif
