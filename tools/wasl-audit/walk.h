#ifndef WASL_AUDIT_WALK_H
#define WASL_AUDIT_WALK_H
/*
 * A way through the entries of a ledger, in order, on all cores (crew.h): bundles are read and outcomes taken
 * by the caller's thread, entries are taken apart and checked by all. What is seen does not depend on the
 * number of threads.
 *
 * For each entry: `open` (anywhere), `order` (in order), `check` (anywhere), `finish` (in order). A
 * certificate or registry of then is looked up in `order`, because an entry before it made it known, and kept
 * in the entry's state with a reference; the signature under it is verified in `check`; what is to be said is
 * said in `finish`.
 */
#include "progress.h"
#include "reader.h"
#include "record.h"

#include <argp.h>

enum walk_presence {
    WALK_READ,
    WALK_UNREADABLE, /* its bytes are not an entry of a version that we know */
    WALK_MISSING,    /* there are no bytes: its bundle is missing, or damaged before it */
};

struct walk_entry {
    uint64_t index;
    enum walk_presence presence;
    uint8_t leaf[HASH_SIZE]; /* of its bytes; not set where they are missing */
    struct record record;    /* only of one that is WALK_READ */
    void *state;             /* the caller's */
};

struct walk_calls {
    size_t state_size; /* of each entry; zeroes before `open` */
    /* All but finish may be NULL; these three are called for entries that are WALK_READ. */
    void (*open)(void *arg, struct walk_entry *entry);
    int (*order)(void *arg, struct walk_entry *entry, struct error *e); /* 0, -1 */
    void (*check)(void *arg, struct walk_entry *entry);
    int (*finish)(void *arg, const struct walk_entry *entry, struct error *e); /* 0; 1 that is enough; -1 */
    /* A bundle is not as it must be, said between the `finish` of the entries before the place and behind it.
     * 0, -1. NULL: it ends the walk with ERROR_INTEGRITY. */
    int (*fault)(void *arg, const char *path, const char *words, struct error *e);
    /* Frees what the state owns: of every entry that was opened, also when the walk ends early; in no order,
     * by the caller's thread. */
    void (*release)(void *arg, void *state);
};

/* How it goes on: options that commands share. */
struct pace {
    unsigned threads; /* 0: as many as there are cores */
    bool progress;    /* on standard error, also where that is no terminal */
};
extern const struct argp pace_argp; /* a child parser; its input is a struct pace */

struct walk {
    struct reader *reader;
    uint64_t size;     /* of the tree */
    uint64_t from, to; /* entries [from, to) */
    unsigned threads;  /* 0: as many as there are cores */
    /* Told of what is finished; NULL. */
    struct progress *progress;
};
/* 0; -1 with e set, after everything before that place has been finished. */
int walk_run(const struct walk *walk, const struct walk_calls *calls, void *arg, struct error *e);

#endif
