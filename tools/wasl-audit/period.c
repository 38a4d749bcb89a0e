#include "period.h"

#include "base/clock.h"
#include "text.h"

#include <time.h>

#define HOUR_SECONDS 3600
#define DAY_SECONDS  86400

uint64_t period_start(uint64_t time, enum period_unit unit, bool utc)
{
    time_t seconds = (time_t)(time / MICROSECONDS);
    struct tm tm;
    if (utc || localtime_r(&seconds, &tm) == NULL)
        return time - time % ((unit == PERIOD_HOUR ? HOUR_SECONDS : DAY_SECONDS) * MICROSECONDS);
    if (unit == PERIOD_HOUR)
        return (uint64_t)(seconds - tm.tm_min * 60 - tm.tm_sec) * MICROSECONDS;
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_isdst = -1; /* where midnight does not exist, the first hour after it */
    time_t start = mktime(&tm);
    return start < 0 ? 0 : (uint64_t)start * MICROSECONDS;
}

uint64_t period_next(uint64_t start, enum period_unit unit, bool utc)
{
    /* Half a unit into the next one, however long this one is. */
    uint64_t most = (unit == PERIOD_HOUR ? HOUR_SECONDS : DAY_SECONDS) * MICROSECONDS;
    return period_start(start + most + most / 2, unit, utc);
}

void period_put(uint64_t start, enum period_unit unit, bool utc, struct buffer *out)
{
    struct buffer time = {0};
    text_time(start, utc, &time);
    /* 2026-11-22T08:00:00.000000+01:00 */
    if (unit == PERIOD_DAY) {
        buffer_append(out, time.data, 10);
    } else {
        buffer_append(out, time.data, 19);
        buffer_append(out, time.data + 26, time.len - 26);
    }
    buffer_free(&time);
}
