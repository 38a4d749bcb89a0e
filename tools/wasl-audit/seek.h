#ifndef WASL_AUDIT_SEEK_H
#define WASL_AUDIT_SEEK_H
/* Where in a ledger a time begins, found by halving: times rise. */
#include "reader.h"

/* The first entry of the last bundle that begins before `time`: every entry of that time or later is at or
 * behind it. 0, -1. */
int seek_time(struct reader *reader, uint64_t size, uint64_t time, uint64_t *from, struct error *e);

#endif
