#ifndef WASL_BROKER_GROWTH_H
#define WASL_BROKER_GROWTH_H
/*
 * How many days the ledger's disk lasts. One sample an hour of what the ledger holds, a week of them, kept in
 * a small text file ("<seconds since 1970> <bytes>", a line each) so that a restart does not forget the pace.
 * Days left = room divided by the growth since the oldest sample that still counts; unknown while that is
 * less than an hour away, or while nothing grows. One thread.
 */
#include "base/bytes.h"

#define GROWTH_SAMPLES 168
#define GROWTH_EVERY   3600 /* seconds */

struct growth {
    struct growth_sample {
        uint64_t time, bytes; /* seconds */
    } samples[GROWTH_SAMPLES];
    size_t count; /* oldest first */
};

/* A file that is missing or makes no sense begins anew: it is an estimate's memory, nothing else. */
void growth_load(struct growth *growth, const char *path);
int growth_save(const struct growth *growth, const char *path, struct error *e);
/* True when a sample was taken: save it. Samples from after `now`, or larger than now (a segment was
 * dropped), are forgotten. */
bool growth_note(struct growth *growth, uint64_t now, uint64_t bytes);
/* False: not known. */
bool growth_days_left(const struct growth *growth, uint64_t now, uint64_t bytes, uint64_t room, double *days);

#endif
