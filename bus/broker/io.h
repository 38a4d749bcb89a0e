#ifndef WASL_BROKER_IO_H
#define WASL_BROKER_IO_H
/* What door (in) and dispatch (out) share: both run on the I/O thread, which owns the ROUTER. */
#include "broker/cache.h"
#include "broker/peers.h"
#include "broker/pipeline.h"

struct io {
    const char *instance;
    const struct config_limits *limits;
    struct pipeline *pipeline;
    struct peers *peers;
    struct exchanges *exchanges;
    struct cache *cache;
    struct snapshot *snapshot; /* in force; a reference */
    struct snapshot_box *box;  /* the same, for other threads; NULL in tests */
    struct status *status;
    uint64_t now, monotonic; /* of this turn */
    bool stopping;           /* nothing is let in any more */
    bool inconsistent;       /* the ledger was proven inconsistent: the process ends with exit code 3 */
    bool closed;             /* the last entry is written */
};

#endif
