#include "wasl-bench/samples.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>

void samples_add(struct samples *s, uint64_t value)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity == 0 ? 4096 : 2 * s->capacity;
        s->values = reallocarray(s->values, s->capacity, sizeof *s->values);
        BUG_ON(s->values == NULL);
    }
    s->values[s->count++] = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

void samples_clear(struct samples *s)
{
    s->count = 0;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void samples_sort(struct samples *s)
{
    if (s->count > 0)
        qsort(s->values, s->count, sizeof *s->values, ascending);
}

uint32_t samples_percentile(const struct samples *s, double percent)
{
    BUG_ON(!(percent > 0 && percent <= 100));
    if (s->count == 0)
        return 0;
    /* A hair less, so that 99 per cent of 100 is the 99th whatever binary fractions make of it. */
    double rank = ceil(percent / 100 * (double)s->count - 1e-9);
    size_t at = rank < 1 ? 1 : (size_t)rank;
    return s->values[(at > s->count ? s->count : at) - 1];
}

void samples_free(struct samples *s)
{
    free(s->values);
    *s = (struct samples){0};
}
