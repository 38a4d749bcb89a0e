#include "progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INTERVAL (MICROSECONDS / 2)

void progress_start(struct progress *progress, bool wanted, uint64_t total)
{
    *progress = (struct progress){.terminal = isatty(STDERR_FILENO) == 1, .total = total};
    progress->shown = wanted || progress->terminal;
    progress->start = progress->last = clock_monotonic();
}

/* 1,203,456. */
static void put_count(uint64_t count, char out[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

static void put_left(double left, char out[48])
{
    if (left >= 365.0 * 86400) {
        snprintf(out, 48, "years left");
        return;
    }
    unsigned seconds = (unsigned)left;
    if (seconds < 60)
        snprintf(out, 48, "%u s left", seconds);
    else if (seconds < 3600)
        snprintf(out, 48, "%u min %u s left", seconds / 60, seconds % 60);
    else
        snprintf(out, 48, "%u h %u min left", seconds / 3600, seconds % 3600 / 60);
}

void progress_words(uint64_t done, uint64_t total, uint64_t elapsed, char out[160])
{
    char of[32], all[32], rate[32], left[48];
    double seconds = (double)elapsed / (double)MICROSECONDS;
    double speed = seconds > 0 ? (double)done / seconds : 0;
    put_count(done, of);
    put_count(total, all);
    put_count((uint64_t)speed, rate);
    if (speed > 0)
        put_left((double)(total - done) / speed, left);
    else
        strcpy(left, "how long it takes is not known yet");
    snprintf(out, 160, "%s of %s entries, %s a second, %s", of, all, rate, left);
}

void progress_at(struct progress *progress, uint64_t done)
{
    if (!progress->shown)
        return;
    uint64_t now = clock_monotonic();
    if (now - progress->last < INTERVAL)
        return;
    progress->last = now;
    char words[160];
    progress_words(done, progress->total, now - progress->start, words);
    fprintf(stderr, progress->terminal ? "\r%s\033[K" : "%s\n", words);
    progress->on_line = progress->terminal;
}

void progress_clear(struct progress *progress)
{
    if (progress == NULL || !progress->on_line)
        return;
    fputs("\r\033[K", stderr);
    progress->on_line = false;
}
