#ifndef WASL_BROKER_AUDIT_H
#define WASL_BROKER_AUDIT_H
/*
 * What auditors and operators may read of the running bus: HTTP GET on a unix socket (mode 0660), nothing
 * else. Runs on a thread of its own, reads the ledger in short transactions, writes nothing.
 *
 *   /checkpoint                       the latest signed checkpoint (404 while the ledger is empty)
 *   /tile/<L>/<N>[.p/<W>]             hashes, C2SP tlog-tiles
 *   /tile/entries/<N>[.p/<W>]         entry bundles
 *   /trust/<64 hex digits>            an object of the trust store: registry, certificate chain, CRL
 *   /status                           JSON for operators, no personal data
 *   /metrics                          for Prometheus (base/metrics.h)
 *
 * Anything else is 404, any method but GET and HEAD 405. Connections (32), request sizes, waiting and the
 * bytes of answers under way are bounded, and a slow reader costs only itself (manners/readers.h).
 */
#include "base/bytes.h"

struct error;
struct ledger;
struct truststore;
struct audit;

/* What the bus says of itself. Counts are since the start. */
struct audit_status {
    uint64_t started; /* microseconds since 1970 */
    uint64_t members_connected;
    uint64_t exchanges_open;
    uint64_t admitted; /* messages admitted, of any kind */
    uint64_t refused;  /* refused and recorded */
    uint64_t timed_out;
    uint64_t interrupted;
    uint64_t late;
    uint64_t unattributed; /* frames and connections of nobody we know: counted, not recorded */
    uint64_t registry_version;
    uint64_t registry_valid_until; /* microseconds; 0: no registry */
    double disk_used;              /* share of the ledger's map, 0.0 to 1.0 */
    double disk_days_left;         /* until nothing new is accepted; negative: not known */
    const char *trouble;           /* static words while nothing is admitted; NULL when all is well */
    struct buffer sessions;        /* member identifiers, a line for each session; the reader frees it */
};
/* Called on the audit thread: must be safe there and must not wait. The struct is zeroed before. */
struct audit_status_source {
    void (*fill)(void *arg, struct audit_status *out);
    void *arg;
    void (*refresh)(void *arg); /* before the metrics are shown; NULL: nothing to do */
    void *refresh_arg;
};

/* Starts serving. A stale socket at the path is replaced, a live one or another kind of file is an error. The
 * ledger, the trust store and what source->arg points to must outlive it; *source is copied. NULL with e set.
 */
struct audit *audit_start(const char *socket_path, struct ledger *ledger, struct truststore *trust,
                          const struct audit_status_source *source, struct error *e);
/* Ends the thread and its connections and removes the socket. NULL is harmless. */
void audit_stop(struct audit *audit);

#endif
