#include "wasl-bench/cputime.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t microseconds_of(const struct timespec *t)
{
    return (uint64_t)t->tv_sec * MICROSECONDS + (uint64_t)t->tv_nsec / 1000;
}

/* How Linux numbers the CPU clock of a thread (include/linux/posix-timers.h: CPUCLOCK_PERTHREAD, _SCHED);
 * pthread_getcpuclockid gives the same for a pthread_t, which nobody has of libzmq's threads. */
static clockid_t clock_of_thread(pid_t id)
{
    return (clockid_t)((~(unsigned)id << 3) | 6);
}

static int read_total(pid_t pid, uint64_t *out, struct error *e)
{
    struct timespec t;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return error_set(e, ERROR_IO, "process %d is not there: has it ended?", (int)pid);
    *out = microseconds_of(&t);
    return 0;
}

static FILE *open_of(pid_t pid, const char *thread, const char *name)
{
    char path[96];

    if (thread == NULL)
        snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    else
        snprintf(path, sizeof path, "/proc/%d/task/%s/%s", (int)pid, thread, name);
    return fopen(path, "re");
}

/* The scheduler's own account of a thread, in nanoseconds: the first number of schedstat
 * (Documentation/scheduler/ sched-stats.rst). False: the thread has ended meanwhile, or this kernel keeps
 * none. */
static bool read_account(pid_t pid, const char *id, uint64_t *out)
{
    FILE *f = open_of(pid, id, "schedstat");
    uint64_t nanoseconds;

    if (f == NULL)
        return false;
    bool good = fscanf(f, "%" SCNu64, &nanoseconds) == 1;
    fclose(f);
    if (good)
        *out = nanoseconds / 1000;
    return good;
}

/* In steps of a clock tick. False: the thread has ended meanwhile. */
static bool read_ticks(pid_t pid, const char *id, uint64_t *out)
{
    char text[1024] = "";
    FILE *f = open_of(pid, id, "stat");
    unsigned long user, system;

    if (f == NULL)
        return false;
    size_t length = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[length] = '\0';
    /* A name may hold anything, also ')': the fields begin behind the last one. */
    const char *fields = strrchr(text, ')');
    if (fields == NULL ||
        sscanf(fields + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &system) != 2)
        return false;
    *out = (uint64_t)(user + system) * MICROSECONDS / (uint64_t)sysconf(_SC_CLK_TCK);
    return true;
}

static bool read_name(pid_t pid, const char *id, char name[16])
{
    FILE *f = open_of(pid, id, "comm");

    if (f == NULL)
        return false;
    bool good = fgets(name, 16, f) != NULL;
    fclose(f);
    name[strcspn(name, "\n")] = '\0';
    return good;
}

static bool read_thread(pid_t pid, const char *id, struct cpu_thread *t)
{
    struct timespec time;

    memset(t, 0, sizeof *t);
    t->id = (pid_t)strtol(id, NULL, 10);
    if (!read_name(pid, id, t->name))
        return false;
    if (t->id == pid)
        snprintf(t->name, sizeof t->name, "main");
    if (pid != getpid())
        return read_account(pid, id, &t->microseconds) || read_ticks(pid, id, &t->microseconds);
    if (clock_gettime(clock_of_thread(t->id), &time) != 0)
        return false;
    t->microseconds = microseconds_of(&time);
    return true;
}

int cpu_read(pid_t pid, struct cpu_reading *out, struct error *e)
{
    char path[64];
    const struct dirent *entry;

    memset(out, 0, sizeof *out);
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    if (read_total(pid, &out->total, e) != 0)
        return -1;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return error_set(e, ERROR_IO, "%s: %s", path, strerror(errno));
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        out->threads = reallocarray(out->threads, out->count + 1, sizeof *out->threads);
        BUG_ON(out->threads == NULL);
        if (read_thread(pid, entry->d_name, &out->threads[out->count]))
            out->count++;
    }
    closedir(folder);
    return 0;
}

void cpu_free(struct cpu_reading *reading)
{
    free(reading->threads);
    memset(reading, 0, sizeof *reading);
}

static uint64_t before_of(const struct cpu_reading *reading, const struct cpu_thread *thread)
{
    for (size_t i = 0; i < reading->count; i++)
        if (reading->threads[i].id == thread->id)
            return reading->threads[i].microseconds;
    return 0;
}

json_t *cpu_between(const struct cpu_reading *before, const struct cpu_reading *after)
{
    json_t *threads = json_object();

    for (size_t i = 0; i < after->count; i++) {
        const struct cpu_thread *t = &after->threads[i];
        json_int_t known = json_integer_value(json_object_get(threads, t->name));
        json_int_t used = (json_int_t)(t->microseconds - before_of(before, t));
        json_object_set_new(threads, t->name, json_integer(known + used));
    }
    return json_pack("{s:I, s:o}", "total", (json_int_t)(after->total - before->total), "threads", threads);
}

int memory_anonymous(pid_t pid, uint64_t *bytes, struct error *e)
{
    char line[256];
    FILE *f = open_of(pid, NULL, "status");
    uint64_t kibibytes = 0;
    bool found = false;

    if (f == NULL)
        return error_set(e, ERROR_IO, "process %d is not there: has it ended?", (int)pid);
    while (!found && fgets(line, sizeof line, f) != NULL)
        found = sscanf(line, "RssAnon: %" SCNu64 " kB", &kibibytes) == 1;
    fclose(f);
    if (!found)
        return error_set(e, ERROR_IO, "/proc/%d/status does not say RssAnon", (int)pid);
    *bytes = kibibytes * 1024;
    return 0;
}
