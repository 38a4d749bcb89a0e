#ifndef WASL_BROKER_ASSEMBLY_H
#define WASL_BROKER_ASSEMBLY_H
/* Messages of one session whose chunks are still coming: at most ASSEMBLIES_MOST at a time, each for
 * ASSEMBLY_TIME. */
#include "broker/job.h"

#define ASSEMBLIES_MOST 16
#define ASSEMBLY_TIME   (30 * 1000000ULL)

struct assembly {
    struct job *job;
    size_t expected;  /* chunks */
    uint64_t started; /* monotonic */
};
struct assemblies {
    struct assembly items[ASSEMBLIES_MOST];
    size_t count;
};

/* Number of chunks that a sealed length comes to; at least 1. */
uint64_t assembly_chunks(uint64_t sealed_length);
/* Chunk 0 is there, more must come. Takes the job; false (the caller keeps it) when too many are under way.
 */
bool assemblies_begin(struct assemblies *assemblies, struct job *job, uint64_t now);

enum assembly_step {
    ASSEMBLY_UNKNOWN, /* no message of that leaf is under way */
    ASSEMBLY_MORE,
    ASSEMBLY_WHOLE,  /* *done is the job, the caller's again */
    ASSEMBLY_BROKEN, /* out of order: *done too, not whole */
};
/* A chunk has come; credit bytes that it used are noted in the message. */
enum assembly_step assemblies_chunk(struct assemblies *assemblies, const uint8_t leaf[HASH_SIZE],
                                    uint32_t index, struct bytes payload, uint64_t credit, struct job **done);
/* One whose time is over, not whole; NULL when there is none. The caller's again. */
struct job *assemblies_expired(struct assemblies *assemblies, uint64_t now);
void assemblies_clear(struct assemblies *assemblies);
/* The job of this leaf, withdrawn; NULL. */
struct job *assemblies_withdraw(struct assemblies *assemblies, const uint8_t leaf[HASH_SIZE]);

#endif
