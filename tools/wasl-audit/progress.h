#ifndef WASL_AUDIT_PROGRESS_H
#define WASL_AUDIT_PROGRESS_H
/*
 * How far a long run is, on standard error and never on standard output, at most twice a second:
 *     1,203,456 of 8,000,000 entries, 15,100 a second, 7 min 30 s left
 * On a terminal it is one line that is written over and cleared in the end; elsewhere a line each time.
 */
#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown, terminal;
    bool on_line; /* the terminal's line holds one */
    uint64_t total;
    uint64_t start, last; /* clock_monotonic */
};

/* wanted: also where standard error is no terminal. */
void progress_start(struct progress *progress, bool wanted, uint64_t total);
void progress_at(struct progress *progress, uint64_t done);
/* Before something else is written to the terminal. NULL is harmless. */
void progress_clear(struct progress *progress);

/* The line for `done` of `total` after so many microseconds; out has room for 160. */
void progress_words(uint64_t done, uint64_t total, uint64_t elapsed, char out[160]);

#endif
