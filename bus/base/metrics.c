#include "metrics.h"

#include "alarm.h"
#include "error.h"
#include "refusal.h"

#include <inttypes.h>
#include <stdatomic.h>

#define CELLS 160u        /* values of the largest set of labels: a refusal's cell is its number */
#define OTHER (CELLS - 1) /* whatever is outside of its set */
#define UNSET INT64_MIN   /* of a gauge */

enum kind { COUNTER, LEVEL, GAUGE, TIMES, STATE }; /* STATE: of the alarms, which are kept in alarm.c */
enum labels { LABELS_NONE, LABELS_REFUSAL, LABELS_STATUS, LABELS_ALARM, LABELS_OUTCOME, LABELS_STAGE };

static const struct {
    enum metric_side side;
    enum kind kind;
    enum labels labels;
    unsigned scale;
    const char *name, *help;
} rows[] = {
#define METRIC(side, NAME, kind, labels, scale, name, help)                                                  \
    {METRIC_SIDE_##side, kind, LABELS_##labels, scale, name, help},
#include "metrics.def"
#undef METRIC
};

/* Upper bounds of a histogram's buckets, in microseconds: from a disk with a battery to one that hangs. */
static const uint64_t bounds[] = {250,    500,    1000,   2500,    5000,    10000,   25000,   50000,
                                  100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};
enum { BOUNDS = sizeof bounds / sizeof bounds[0], CELL_MORE = BOUNDS, CELL_SUM, CELL_COUNT };

/* Each cell holds the difference from its first value, so that nothing has to be filled in at the start. */
static atomic_int_fast64_t cells[METRIC_COUNT][CELLS];

static uint64_t first_value(enum metric metric)
{
    return rows[metric].kind == GAUGE ? (uint64_t)UNSET : 0; /* a gauge that nobody has set is not 0 */
}

static int64_t read_cell(enum metric metric, size_t i)
{
    return (int64_t)((uint64_t)atomic_load_explicit(&cells[metric][i], memory_order_relaxed) +
                     first_value(metric));
}

static void set_cell(enum metric metric, size_t i, int64_t value)
{
    BUG_ON(rows[metric].kind != GAUGE);
    atomic_store_explicit(&cells[metric][i], (int64_t)((uint64_t)value - first_value(metric)),
                          memory_order_relaxed);
}

static void add_cell(enum metric metric, size_t i, int64_t by)
{
    atomic_fetch_add_explicit(&cells[metric][i], by, memory_order_relaxed);
}

/* --- labels --- */

static const char *const label_names[] = {NULL, "reason", "class", "alarm", "outcome", "stage"};

/* The value that stands for a cell; NULL: no such value in the set. */
static const char *label_value(enum labels labels, unsigned i)
{
    static const char *const classes[] = {NULL, "1xx", "2xx", "3xx", "4xx", "5xx"};
    static const char *const outcomes[] = {"good", "failed"};
    static const char *const stages[] = {"admit", "writer", "results"};

    if (i == OTHER)
        return "other";
    switch (labels) {
    case LABELS_REFUSAL:
        return i != REFUSAL_NONE && refusal_by_name(refusal_name(i)) == i ? refusal_name(i) : NULL;
    case LABELS_STATUS:
        return i < sizeof classes / sizeof classes[0] ? classes[i] : NULL;
    case LABELS_ALARM:
        return alarm_name(i);
    case LABELS_OUTCOME:
        return i < sizeof outcomes / sizeof outcomes[0] ? outcomes[i] : NULL;
    case LABELS_STAGE:
        return i < sizeof stages / sizeof stages[0] ? stages[i] : NULL;
    default:
        return NULL;
    }
}

static unsigned cell_of(enum metric metric, unsigned label)
{
    BUG_ON(rows[metric].labels == LABELS_NONE);
    unsigned i = rows[metric].labels == LABELS_STATUS ? label / 100 : label;
    return i < OTHER && label_value(rows[metric].labels, i) != NULL ? i : OTHER;
}

/* --- counting --- */

void metric_add(enum metric metric, uint64_t count)
{
    BUG_ON(rows[metric].kind != COUNTER || rows[metric].labels != LABELS_NONE);
    add_cell(metric, 0, (int64_t)count);
}

void metric_add_for(enum metric metric, unsigned label, uint64_t count)
{
    BUG_ON(rows[metric].kind != COUNTER);
    add_cell(metric, cell_of(metric, label), (int64_t)count);
}

void metric_raise_to(enum metric metric, uint64_t total)
{
    BUG_ON(rows[metric].kind != COUNTER || rows[metric].labels != LABELS_NONE);
    int_fast64_t seen = atomic_load_explicit(&cells[metric][0], memory_order_relaxed);
    while ((uint64_t)seen < total &&
           !atomic_compare_exchange_weak_explicit(&cells[metric][0], &seen, (int_fast64_t)total,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void metric_change(enum metric metric, int64_t by)
{
    BUG_ON(rows[metric].kind != LEVEL);
    add_cell(metric, 0, by);
}

void metric_set(enum metric metric, int64_t value)
{
    BUG_ON(rows[metric].labels != LABELS_NONE);
    set_cell(metric, 0, value);
}

void metric_set_for(enum metric metric, unsigned label, int64_t value)
{
    set_cell(metric, cell_of(metric, label), value);
}

void metric_forget(enum metric metric)
{
    set_cell(metric, 0, UNSET);
}

void metric_observe(enum metric metric, uint64_t microseconds)
{
    size_t i = 0;
    BUG_ON(rows[metric].kind != TIMES);
    while (i < BOUNDS && microseconds > bounds[i])
        i++;
    add_cell(metric, i, 1);
    add_cell(metric, CELL_SUM, (int64_t)microseconds);
    add_cell(metric, CELL_COUNT, 1);
}

bool metric_get(enum metric metric, unsigned label, int64_t *value)
{
    size_t i = rows[metric].kind == TIMES           ? CELL_COUNT
               : rows[metric].labels == LABELS_NONE ? 0
                                                    : cell_of(metric, label);
    *value = read_cell(metric, i);
    return rows[metric].kind != GAUGE || *value != UNSET;
}

uint64_t metric_sum(enum metric metric)
{
    uint64_t sum = 0;
    BUG_ON(rows[metric].kind != COUNTER);
    for (size_t i = 0; i < CELLS; i++)
        sum += (uint64_t)read_cell(metric, i);
    return sum;
}

/* --- showing --- */

/* Without floating point, so that a time of the day keeps its microseconds. */
static void write_number(int64_t value, unsigned scale, struct buffer *out)
{
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (value < 0)
        buffer_append_string(out, "-");
    buffer_printf(out, "%" PRIu64, size / scale);
    int digits = 0;
    for (unsigned s = scale; s > 1; s /= 10)
        digits++;
    if (digits > 0)
        buffer_printf(out, ".%0*" PRIu64, digits, size % scale);
}

static void write_line(enum metric metric, const char *label, int64_t value, struct buffer *out)
{
    buffer_append_string(out, rows[metric].name);
    if (label != NULL)
        buffer_printf(out, "{%s=\"%s\"}", label_names[rows[metric].labels], label);
    buffer_append_string(out, " ");
    write_number(value, rows[metric].scale, out);
    buffer_append_string(out, "\n");
}

static void write_times(enum metric metric, struct buffer *out)
{
    const char *name = rows[metric].name;
    int64_t below = 0;
    for (size_t i = 0; i < BOUNDS; i++) {
        below += read_cell(metric, i);
        buffer_printf(out, "%s_bucket{le=\"", name);
        write_number((int64_t)bounds[i], rows[metric].scale, out);
        buffer_printf(out, "\"} %" PRId64 "\n", below);
    }
    below += read_cell(metric, CELL_MORE);
    /* Counted here and not read: other threads go on, and the last bucket has to be the count. */
    buffer_printf(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n%s_sum ", name, below, name);
    write_number(read_cell(metric, CELL_SUM), rows[metric].scale, out);
    buffer_printf(out, "\n%s_count %" PRId64 "\n", name, below);
}

/* Of a set of labels the values that have occurred, so that "none" and "never counted" are one. */
static void write_values(enum metric metric, struct buffer *out)
{
    if (rows[metric].kind == TIMES) {
        write_times(metric, out);
        return;
    }
    if (rows[metric].labels == LABELS_NONE) {
        int64_t value;
        if (metric_get(metric, 0, &value))
            write_line(metric, NULL, value, out);
        return;
    }
    if (rows[metric].kind == STATE) { /* those that are not raised are seen too */
        for (unsigned i = 0; i < ALARM_COUNT; i++)
            write_line(metric, alarm_name(i), alarm_raised((enum alarm)i), out);
        return;
    }
    for (unsigned i = 0; i < CELLS; i++) {
        int64_t value = read_cell(metric, i);
        const char *label = label_value(rows[metric].labels, i);
        if (label != NULL && (rows[metric].kind == GAUGE ? value != UNSET : value != 0))
            write_line(metric, label, value, out);
    }
}

void metrics_write(enum metric_side side, struct buffer *out)
{
    static const char *const kinds[] = {"counter", "gauge", "gauge", "histogram", "gauge"};
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        if ((rows[m].side & side) == 0)
            continue;
        buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[m].name, rows[m].help, rows[m].name,
                      kinds[rows[m].kind]);
        write_values(m, out);
    }
}
