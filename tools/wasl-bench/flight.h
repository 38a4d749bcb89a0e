#ifndef WASL_BENCH_FLIGHT_H
#define WASL_BENCH_FLIGHT_H
/*
 * N exchanges in flight, closed loop: each that ends is checked and followed by the next. The thread that
 * runs this is the load generator; the core's thread only copies the answer over.
 */
#include "base/bytes.h"
#include "base/refusal.h"
#include "wasl-bench/samples.h"

struct core;
struct error;

struct flight_options {
    const char *consumer, *service, *purpose; /* as in struct ask */
    const char *method, *path;
    size_t bytes;       /* of body, both ways: the provider echoes. At least 8 */
    unsigned in_flight; /* at most FLIGHT_MOST */
    /* Not counted: answers of the first `warm_up` microseconds. Then it ends after `duration` microseconds or
     * `exchanges` answers, whichever comes first (0: without that end), and waits for what is open. */
    uint64_t warm_up, duration, exchanges;
    /* Called on this thread when the counted part begins and when it has ended. */
    void (*begun)(void *arg);
    void (*ended)(void *arg);
    void *arg;
};
#define FLIGHT_MOST 1024 /* what a core lets be open at once */

#define FLIGHT_REFUSALS 256 /* codes are below it */
struct flight_result {
    uint64_t exchanges;   /* counted answers */
    uint64_t duration;    /* microseconds of the counted part */
    struct samples times; /* microseconds from core_ask to done, of each counted answer */
    uint64_t asked;       /* in all: warm-up, counted, those that were open at the end */
    uint64_t answered;    /* of those, rightly */
    uint64_t refused;     /* of those, and by code: */
    uint64_t wrong;       /* answers whose status is not 200 or whose bytes are not those that were asked */
    uint64_t by_refusal[FLIGHT_REFUSALS];
};

struct flight;
/* What options points to must outlive it. */
struct flight *flight_new(const struct flight_options *options);
/* Once. 0 when it came to its end, whatever was refused; -1 with e set when the core takes nothing or nothing
 * comes back. */
int flight_run(struct flight *flight, struct core *core, struct error *e);
/* The flight's own, its times sorted; whole after flight_run. */
const struct flight_result *flight_result(const struct flight *flight);
/* After the core has been freed: after a failure it may still have open what comes back here. NULL is
 * harmless. */
void flight_free(struct flight *flight);

#endif
