#ifndef WASL_BENCH_ROUND_OPTIONS_H
#define WASL_BENCH_ROUND_OPTIONS_H
/* The words on the command line that every closed loop has: how many in flight, for how long, whose CPU is
 * read. */
#include "wasl-bench/round.h"

#include <argp.h>

#define IN_FLIGHT_MOST 1024

struct round_options {
    unsigned in_flight;
    uint64_t warm_up, window, exchanges; /* as in struct round */
    struct {
        char *name; /* cut out of argv */
        pid_t pid;
    } watched[ROUND_WATCHED_MOST];
    size_t watched_count;
};

/* A child parser; its input is a struct round_options, which it fills with what is meant when nothing is
 * said. */
extern const struct argp round_argp;
/* A whole number from least to most, or argp_error. */
uint64_t round_number(struct argp_state *state, const char *text, uint64_t least, uint64_t most);
void round_set(struct round *round, const struct round_options *options);

#endif
