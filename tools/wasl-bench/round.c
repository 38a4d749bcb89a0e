#include "wasl-bench/round.h"

#include "wasl-bench/commands.h"

#include <string.h>

void round_watch(struct round *r, const char *name, pid_t pid)
{
    BUG_ON(r->watched_count == ROUND_WATCHED_MOST);
    r->watched[r->watched_count++] = (struct round_watched){.name = name, .pid = pid};
}

static int open_window(struct round *r, uint64_t now, struct error *e)
{
    for (size_t i = 0; i < r->watched_count; i++)
        if (cpu_read(r->watched[i].pid, &r->watched[i].at_open, e) != 0)
            return -1;
    r->open = true;
    r->from = now;
    return 0;
}

static int close_window(struct round *r, uint64_t now, struct error *e)
{
    r->open = false;
    r->closed = true;
    r->to = now;
    for (size_t i = 0; i < r->watched_count; i++)
        if (cpu_read(r->watched[i].pid, &r->watched[i].at_close, e) != 0)
            return -1;
    return 0;
}

int round_turn(struct round *r, uint64_t now, struct error *e)
{
    if (r->start == 0)
        r->start = r->last = now;
    if (r->closed)
        return 0;
    if (!r->open)
        return r->exchanges != 0 || now - r->start >= r->warm_up ? open_window(r, now, e) : 0;
    bool enough = r->exchanges != 0 ? r->ended >= r->exchanges : now - r->from >= r->window;
    return enough ? close_window(r, now, e) : 0;
}

bool round_wants_more(const struct round *r)
{
    return !r->closed && (r->exchanges == 0 || r->begun < r->exchanges);
}

void round_begun(struct round *r)
{
    r->begun++;
}

void round_ended(struct round *r, uint64_t since, uint64_t now, bool good)
{
    r->ended++;
    r->last = now;
    if (!good)
        r->wrong++;
    if (!r->open || !good)
        return;
    r->counted++;
    samples_add(&r->latencies, now - since);
}

bool round_over(const struct round *r)
{
    return r->closed && r->ended == r->begun;
}

bool round_lost(const struct round *r, uint64_t now)
{
    return r->ended < r->begun && now - r->last > ROUND_SILENCE;
}

static json_t *latency(struct round *r)
{
    samples_sort(&r->latencies);
    return json_pack("{s:I, s:I, s:I, s:I}", "p50", (json_int_t)samples_percentile(&r->latencies, 50), "p90",
                     (json_int_t)samples_percentile(&r->latencies, 90), "p99",
                     (json_int_t)samples_percentile(&r->latencies, 99), "max",
                     (json_int_t)samples_percentile(&r->latencies, 100));
}

static json_t *cpu(const struct round *r)
{
    json_t *all = json_object();
    for (size_t i = 0; i < r->watched_count; i++) {
        const struct round_watched *w = &r->watched[i];
        json_t *used = cpu_between(&w->at_open, &w->at_close);
        json_t *same = json_object_get(all, w->name);
        if (same != NULL) {
            double total = json_number_value(json_object_get(same, "total")) +
                           json_number_value(json_object_get(used, "total"));
            json_decref(used);
            used = json_pack("{s:f}", "total", total);
        }
        json_object_set_new(all, w->name, used);
    }
    return all;
}

json_t *round_result(struct round *r, const char *command, unsigned in_flight)
{
    double seconds = (double)(r->to - r->from) / 1e6;
    return json_pack("{s:s, s:i, s:I, s:I, s:f, s:f, s:o, s:o}", "command", command, "in_flight",
                     (int)in_flight, "exchanges", (json_int_t)r->counted, "wrong", (json_int_t)r->wrong,
                     "seconds", seconds, "rate", seconds > 0 ? (double)r->counted / seconds : 0.0,
                     "latency_us", latency(r), "cpu_us", cpu(r));
}

int round_print(const struct round *r, json_t *result)
{
    BUG_ON(result == NULL);
    json_dumpf(result, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(result);
    if (r->wrong == 0 && r->counted > 0)
        return BENCH_GOOD;
    fprintf(stderr, "wasl-bench: no result: %llu of %llu answers were wrong\n", (unsigned long long)r->wrong,
            (unsigned long long)r->ended);
    return BENCH_NO_RESULT;
}

void round_free(struct round *r)
{
    samples_free(&r->latencies);
    for (size_t i = 0; i < r->watched_count; i++) {
        cpu_free(&r->watched[i].at_open);
        cpu_free(&r->watched[i].at_close);
    }
}
