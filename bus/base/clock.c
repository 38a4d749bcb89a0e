#include "clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "error.h"

/* 9999-12-31T23:59:59.999999Z: the last time that the text form can say. */
#define LAST_TIME (253402300800ULL * MICROSECONDS - 1)

static uint64_t read_clock(clockid_t id)
{
    struct timespec t;
    BUG_ON(clock_gettime(id, &t) != 0);
    /* A clock set before 1970 reads as 0, which every time window refuses. */
    return t.tv_sec < 0 ? 0 : (uint64_t)t.tv_sec * MICROSECONDS + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static void split(uint64_t microseconds, struct tm *tm)
{
    time_t seconds = (time_t)(microseconds / MICROSECONDS);
    BUG_ON(gmtime_r(&seconds, tm) == NULL);
}

void clock_format(uint64_t microseconds, char *out)
{
    struct tm tm;
    if (microseconds > LAST_TIME)
        microseconds = LAST_TIME;
    split(microseconds, &tm);
    size_t n = strftime(out, 28, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 28 - n, ".%06uZ", (unsigned)(microseconds % MICROSECONDS));
}

uint32_t clock_day(uint64_t microseconds)
{
    struct tm tm;
    if (microseconds > LAST_TIME)
        microseconds = LAST_TIME;
    split(microseconds, &tm);
    return (uint32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
}

/* Exactly `digits` decimal digits and then, unless it is 0, the character `after`. Moves *p on. */
static bool number(const char **p, int digits, char after, int *out)
{
    int v = 0;
    for (int i = 0; i < digits; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        v = v * 10 + (**p - '0');
    }
    if (after != '\0' && *(*p)++ != after)
        return false;
    *out = v;
    return true;
}

/* What stands after the seconds: an optional fraction, in microseconds. Digits beyond six are cut off. */
static bool fraction(const char **p, uint64_t *microseconds)
{
    *microseconds = 0;
    if (**p != '.')
        return true;
    (*p)++;
    int digits = 0;
    uint64_t unit = MICROSECONDS / 10;
    for (; **p >= '0' && **p <= '9'; (*p)++, digits++, unit /= 10)
        *microseconds += (uint64_t)(**p - '0') * unit;
    return digits >= 1 && digits <= 9;
}

/* "Z", "+01:00", "-00:30". Seconds to take off. */
static bool offset(const char **p, int64_t *seconds)
{
    char sign = *(*p)++;
    if (sign == 'Z') {
        *seconds = 0;
        return true;
    }
    int hours, minutes;
    if ((sign != '+' && sign != '-') || !number(p, 2, ':', &hours) || !number(p, 2, '\0', &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *seconds = (int64_t)(hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
    return true;
}

bool clock_parse(const char *text, uint64_t *microseconds)
{
    const char *p = text;
    int year, month, day, hour = 0, minute = 0, second = 0;
    uint64_t micro = 0;
    int64_t zone = 0;
    if (!number(&p, 4, '-', &year) || !number(&p, 2, '-', &month) || !number(&p, 2, '\0', &day))
        return false;
    if (*p != '\0') {
        if (*p++ != 'T' || !number(&p, 2, ':', &hour) || !number(&p, 2, ':', &minute) ||
            !number(&p, 2, '\0', &second) || !fraction(&p, &micro) || !offset(&p, &zone) || *p != '\0')
            return false;
    }
    if (year < 1970 || hour > 23 || minute > 59 || second > 59)
        return false;
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    /* timegm turns the 31st of February into March: a date that comes back changed is none. */
    struct tm again = tm;
    int64_t seconds = timegm(&again);
    if (again.tm_mon != tm.tm_mon || again.tm_mday != tm.tm_mday || again.tm_year != tm.tm_year)
        return false;
    seconds -= zone;
    if (seconds < 0)
        return false;
    *microseconds = (uint64_t)seconds * MICROSECONDS + micro;
    return true;
}
