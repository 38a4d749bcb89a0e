#ifndef WASL_AUDIT_PENDING_H
#define WASL_AUDIT_PENDING_H
/* Questions that have not ended yet, on the way through a ledger: found by their exchange, and the oldest
 * first. */
#include "base/bytes.h"

/* Past this many the oldest is given up: a ledger of a bus has far fewer open at any time. */
#define PENDING_MOST ((size_t)1 << 18)

struct question {
    uint8_t id[16];
    uint64_t time;     /* of its entry */
    uint64_t sealed;   /* bytes */
    struct buffer key; /* of its group, without an outcome: */
    size_t outcome_at; /* where that belongs */
    struct question *older, *newer;
};

struct pending;
struct pending *pending_new(void);
void pending_free(struct pending *pending); /* with those that are left; NULL is harmless */
/* There must be none with that id. It belongs to pending until it is taken out. */
struct question *pending_add(struct pending *pending, const uint8_t id[16]);
struct question *pending_find(struct pending *pending, const uint8_t id[16]); /* NULL */
struct question *pending_oldest(struct pending *pending);                     /* NULL */
size_t pending_count(const struct pending *pending);
/* Takes it out and frees it. */
void pending_remove(struct pending *pending, struct question *question);

#endif
