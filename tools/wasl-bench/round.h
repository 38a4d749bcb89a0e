#ifndef WASL_BENCH_ROUND_H
#define WASL_BENCH_ROUND_H
/* One round of a closed loop: so many exchanges in flight, a warm-up that does not count, then a window in
 * which every exchange that ends is counted with its latency, and the CPU that processes used between the
 * window's two ends. */
#include "wasl-bench/cputime.h"
#include "wasl-bench/samples.h"

#include <stdbool.h>

struct error;

#define ROUND_WATCHED_MOST 64
/* Nothing ends for so long while something is under way: it is lost. */
#define ROUND_SILENCE (15 * 1000000ULL)

struct round {
    /* What is asked for. Times in microseconds. */
    uint64_t warm_up, window;
    uint64_t exchanges; /* not 0: exactly so many, all counted, warm_up and window are not looked at */

    /* What has happened; the caller reads. */
    uint64_t begun, ended; /* all, warm-up included */
    uint64_t counted, wrong;
    struct samples latencies; /* of those counted, in microseconds */

    uint64_t start, from, to, last; /* monotonic; from and to are the window's ends as they were met */
    bool open, closed;              /* the window */
    struct round_watched {
        const char *name; /* not ours */
        pid_t pid;
        struct cpu_reading at_open, at_close;
    } watched[ROUND_WATCHED_MOST];
    size_t watched_count;
};

/* The CPU that a process uses between the window's ends. */
void round_watch(struct round *r, const char *name, pid_t pid);
/* Each turn of the caller's loop, the first one with the round's beginning: opens and closes the window. 0,
 * or -1 with e set when a watched process is gone. */
int round_turn(struct round *r, uint64_t now, struct error *e);
/* May another exchange begin? Who begins one says so with round_begun. */
bool round_wants_more(const struct round *r);
void round_begun(struct round *r);
/* good: it was answered, and the answer was the right one. since: when it began. */
void round_ended(struct round *r, uint64_t since, uint64_t now, bool good);
/* Nothing more begins and nothing is under way. */
bool round_over(const struct round *r);
/* Something is under way and nothing has ended for ROUND_SILENCE. */
bool round_lost(const struct round *r, uint64_t now);
/* {"command", "in_flight", "exchanges", "wrong", "seconds", "rate", "latency_us": {"p50" ...}, "cpu_us":
 * {NAME: {"total", "threads"}}}, as wasl-bench load says them: of the window alone. Of processes of one name
 * there is the sum of their totals. A new reference. */
json_t *round_result(struct round *r, const char *command, unsigned in_flight);
/* Prints the result on one line and frees it; the exit code: BENCH_NO_RESULT, said on standard error, when
 * one was wrong. */
int round_print(const struct round *r, json_t *result);
void round_free(struct round *r);

#endif
