#include "manners/clock_sync.h"

#include "base/alarm.h"
#include "base/log.h"
#include "base/metrics.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>

enum clock_sync clock_sync_check(uint64_t permitted)
{
    static bool said; /* by one thread */
    struct timex asked = {.modes = 0};
    char detail[96] = "nobody synchronises it";
    enum clock_sync state = CLOCK_SYNC_GOOD;
    int code = adjtimex(&asked);

    if (code < 0) {
        if (!said)
            log_warn("clock_not_judged", "reason=%s", strerror(errno));
        said = true;
        metric_forget(METRIC_CLOCK_ERROR);
        return CLOCK_SYNC_UNKNOWN;
    }
    if ((asked.status & STA_UNSYNC) != 0 || code == TIME_ERROR) {
        state = CLOCK_SYNC_NONE;
        metric_forget(METRIC_CLOCK_ERROR);
    } else {
        metric_set(METRIC_CLOCK_ERROR, asked.maxerror);
        if (asked.maxerror < 0 || (uint64_t)asked.maxerror > permitted) {
            state = CLOCK_SYNC_COARSE;
            snprintf(detail, sizeof(detail), "it may be off by %ld ms", asked.maxerror / 1000);
        }
    }
    alarm_set(ALARM_CLOCK_UNSYNCHRONISED, state != CLOCK_SYNC_GOOD, detail);
    return state;
}
