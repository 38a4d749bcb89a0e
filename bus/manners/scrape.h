#ifndef WASL_MANNERS_SCRAPE_H
#define WASL_MANNERS_SCRAPE_H
/*
 * GET /metrics over HTTP, for a Prometheus on the same machine: a loopback address, or a unix socket (mode
 * 0660) behind which somebody else decides who may read. One thread of its own, few connections, nothing to
 * write, no parameters: anything else is 404, another method 405.
 */
#include "base/metrics.h"

struct error;
struct scrape;

struct scrape_options {
    const char *address; /* "127.0.0.1:9464", "[::1]:0", "unix:/run/wasl/metrics.sock" */
    enum metric_side side;
    void (*refresh)(void *arg); /* sets the gauges that nobody keeps up by himself; on the server's thread,
                                   must not wait. NULL: none */
    void *arg;
};
#define SCRAPE_ADDRESS_MOST 128 /* with its zero */

bool scrape_address_valid(const char *address);
/* A stale unix socket is replaced. NULL with e set. */
struct scrape *scrape_start(const struct scrape_options *options, struct error *e);
const char *scrape_address(const struct scrape *scrape); /* with the port that was picked for 0 */
void scrape_stop(struct scrape *scrape);                 /* NULL is harmless */

#endif
