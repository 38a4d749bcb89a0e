#ifndef WASL_MANNERS_CLOCK_SYNC_H
#define WASL_MANNERS_CLOCK_SYNC_H
/*
 * Whether the machine's clock is synchronised, as far as the kernel knows (adjtimex(2)): messages of a wrong
 * clock are refused as created_ahead or expired, and nobody would look for the reason here. An alarm, never a
 * stop.
 */
#include <stdint.h>

enum clock_sync {
    CLOCK_SYNC_GOOD,
    CLOCK_SYNC_NONE,   /* nobody synchronises it (STA_UNSYNC) */
    CLOCK_SYNC_COARSE, /* synchronised, but it may be off by more than is permitted */
    CLOCK_SYNC_UNKNOWN /* the kernel does not say (a sandbox forbids the question) */
};
/* Asks the kernel. permitted: the largest error that serves, microseconds. Raises or ends the alarm
 * clock_unsynchronised and sets the metric. Never waits. */
enum clock_sync clock_sync_check(uint64_t permitted);

#endif
