#ifndef WASL_BENCH_CPUTIME_H
#define WASL_BENCH_CPUTIME_H
/*
 * What processes have used of the processor, by thread, and of memory: exactly, but for another process's
 * threads where the kernel keeps no account of its scheduler (schedstat): there in clock ticks (10 ms).
 */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

struct cpu_thread {
    pid_t id;
    char name[16]; /* /proc/PID/task/ID/comm; the first thread is called "main", for its name is the process's
                    */
    uint64_t microseconds;
};
struct cpu_reading {
    struct cpu_thread *threads;
    size_t count;
    uint64_t total; /* of the whole process, ended threads too; microseconds */
};

/* 0, or -1 with e set (ERROR_IO: no such process). Free with cpu_free. */
int cpu_read(pid_t pid, struct cpu_reading *out, struct error *e);
void cpu_free(struct cpu_reading *reading);
/* Microseconds between two readings: {"total": ..., "threads": {NAME: ...}}, threads of one name added up.
 * A new reference. */
json_t *cpu_between(const struct cpu_reading *before, const struct cpu_reading *after);
/* RssAnon of a process in bytes: what is its own, neither files nor a database's map. 0, or -1 with e set. */
int memory_anonymous(pid_t pid, uint64_t *bytes, struct error *e);

#endif
