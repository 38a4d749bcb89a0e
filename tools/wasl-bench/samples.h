#ifndef WASL_BENCH_SAMPLES_H
#define WASL_BENCH_SAMPLES_H
/* Every measured time, kept, so that percentiles are exact and not those of a histogram's buckets. */
#include <stddef.h>
#include <stdint.h>

struct samples {
    uint32_t *values;
    size_t count, capacity;
};

/* Values above 2^32 - 1 (an hour, in microseconds) are kept as that. */
void samples_add(struct samples *samples, uint64_t value);
void samples_clear(struct samples *samples); /* keeps the memory */
/* Sorts them: before the first samples_percentile. */
void samples_sort(struct samples *samples);
/* The smallest value that `percent` per cent of the sorted samples do not exceed (nearest rank); 0 of none.
 * percent: more than 0, at most 100. */
uint32_t samples_percentile(const struct samples *samples, double percent);
void samples_free(struct samples *samples);

#endif
