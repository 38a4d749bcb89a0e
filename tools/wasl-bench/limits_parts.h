#ifndef WASL_BENCH_LIMITS_PARTS_H
#define WASL_BENCH_LIMITS_PARTS_H
/* The machine's limits, one function each: measures for options->microseconds and prints one JSON object a
 * line for each figure (limits_print). 0, or -1 with e set and nothing printed. */
#include <stdint.h>

struct error;

struct limits_options {
    uint64_t microseconds;
    const char *folder; /* on the disk that is measured */
};

/* 4 KiB appended to a file and fdatasync, one after the other: rate, and the median of one in µs. */
int limits_fdatasync(const struct limits_options *options, struct error *e);
/* P-256 with SHA-256 over 1 KiB, one thread, EVP's one-shot calls with a context for each message. */
int limits_sign(const struct limits_options *options, struct error *e);
int limits_verify(const struct limits_options *options, struct error *e);
/* SHA-256, fetched once: messages a second of 512 B and of 64 KiB, one thread. */
int limits_hash(const struct limits_options *options, struct error *e);
/* 1 KiB there and back through a ROUTER between two DEALERs, CURVE on both connections, TCP over loopback,
 * 256 in flight: three contexts in one process, each with an I/O thread. Every answer is compared with its
 * question. */
int limits_zmq_curve(const struct limits_options *options, struct error *e);

/* {"name":"limit.NAME","value":...,"unit":...,"at":{AT},"n":...}; at: inside of a JSON object, or NULL. n:
 * how many were done. */
void limits_print(const char *name, double value, const char *unit, const char *at, uint64_t n);

#endif
