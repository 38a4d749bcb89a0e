#ifndef WASL_BASE_CLOCK_H
#define WASL_BASE_CLOCK_H
/* Times are microseconds since 1970-01-01T00:00:00Z, in UTC. A loop reads the clock once a turn and passes
 * `now` on; functions that judge by time take it as an argument, so tests can give any. */
#include <stdbool.h>
#include <stdint.h>

#define MICROSECONDS     1000000ULL
#define DAY_MICROSECONDS (86400ULL * MICROSECONDS)

uint64_t clock_wall(void);      /* CLOCK_REALTIME */
uint64_t clock_monotonic(void); /* for timers and deadlines inside a process */

/* "2026-11-22T05:55:56.123456Z"; out has room for 28. */
void clock_format(uint64_t microseconds, char *out);
/* RFC 3339 with "Z" or an offset, seconds optional fraction; or a bare date (midnight UTC). */
bool clock_parse(const char *text, uint64_t *microseconds);
/* The UTC day as yyyymmdd, e.g. 20261122. */
uint32_t clock_day(uint64_t microseconds);

#endif
