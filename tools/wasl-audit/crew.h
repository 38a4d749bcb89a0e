#ifndef WASL_AUDIT_CREW_H
#define WASL_AUDIT_CREW_H
/*
 * A sequence of items worked on by all cores, with the same outcome as by one. Each item passes five stages:
 *
 *     read    in order    fetch it
 *     open    anywhere    whatever depends on this item alone
 *     order   in order    whatever depends on what came before, in as little time as possible
 *     check   anywhere    whatever needs what `order` has found out
 *     finish  in order    the outcome
 *
 * "In order" is the thread of the caller, one item after the other; "anywhere" is any thread, items at the
 * same time, so these two may touch nothing but the item and what never changes. The caller's thread takes
 * part in the work while it has nothing to do in order; with one thread it does all of it, by the same code.
 *
 * A failure of read or order belongs to its place: what came before is finished first, nothing behind it is.
 * So neither the outcome nor what was finished before a failure depends on the number of threads.
 */
#include <stddef.h>

struct error;

struct crew_stages {
    int (*read)(void *arg, void *item, struct error *e); /* 1; 0 there is no more; -1 */
    void (*open)(void *arg, void *item);
    /* 0; -1: the item is still checked and finished (as far as it was put in order), then the run fails. */
    int (*order)(void *arg, void *item, struct error *e);
    void (*check)(void *arg, void *item);
    int (*finish)(void *arg, void *item, struct error *e); /* 0; 1 that is enough, the run ends well; -1 */
    size_t (*cost)(const void *item);                      /* bytes that it holds, once it has been read */
};

/* How many threads this process may run at once. */
unsigned crew_cores(void);
#define CREW_THREADS_MOST 64
/* How many items keep so many threads busy. */
#define CREW_ITEMS(threads) (2 * (size_t)(threads) + 2)

/* Runs the sequence through `count` items of the caller's, which are used again and again; reads ahead only
 * while all of them together hold less than `bytes` (one always may be read). Items that were read and not
 * finished when a run ends early are the caller's to clean up, no thread touches them any longer. 0; -1 with
 * e set. */
int crew_run(const struct crew_stages *stages, void *arg, void *const *items, size_t count, size_t bytes,
             unsigned threads, struct error *e);

#endif
