#ifndef WASL_AUDIT_TALLY_H
#define WASL_AUDIT_TALLY_H
/*
 * Counts of exchanges, in groups. How many groups there are is in the hand of those whose names are counted,
 * so it has a bound: what would need one more is counted in the group of the others. A group takes about
 * 4 KB.
 */
#include "base/bytes.h"

#define TALLY_GROUPS_MOST 10000

/* Latencies, by size: a value is known to within a 64th (1.6 per cent) of itself, the greatest exactly. */
#define LATENCY_BUCKETS 864
struct latencies {
    uint64_t count, most;
    uint32_t *buckets; /* NULL while there is none */
};
void latencies_add(struct latencies *latencies, uint64_t microseconds);
/* The least of them that so many per cent do not exceed; only where there is one. */
uint64_t latencies_percentile(const struct latencies *latencies, unsigned percent);

struct counts {
    /* asked = answered + refused + timed_out + interrupted + open */
    uint64_t asked, answered, refused, timed_out, interrupted, open;
    uint64_t late;              /* answers that came after the end */
    uint64_t sealed;            /* bytes of sealed bodies that were let through, both ways */
    struct latencies latencies; /* from request to answer */
};

/* The key of a group holds a value for each column, in an encoding whose order of bytes is theirs. */
struct group {
    struct buffer key;
    struct counts counts;
};

struct tally;
struct tally *tally_new(void);
void tally_free(struct tally *tally); /* NULL is harmless */
/* The counts to add to: of the group of that key, or of the others. */
struct counts *tally_of(struct tally *tally, struct bytes key);
/* A group is there from now on, with nothing counted yet, if there is room. */
void tally_mention(struct tally *tally, struct bytes key);
size_t tally_count(const struct tally *tally); /* groups, without the others */
/* In the order of their keys. */
void tally_each(const struct tally *tally, void (*visit)(void *arg, const struct group *group), void *arg);
/* NULL: there are none. */
const struct counts *tally_others(const struct tally *tally);
/* Of all, counted by itself and not by adding up. */
struct counts *tally_total(struct tally *tally);

/* Appends one value to a key: a number (of a time), and a text without zero bytes; either may be nothing. */
void key_add(struct buffer *key, uint64_t number, struct bytes text);
/* Takes the first value of *key off it. False at the end. */
bool key_next(struct bytes *key, uint64_t *number, struct bytes *text);

#endif
