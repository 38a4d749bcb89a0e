#ifndef WASL_BASE_METRICS_H
#define WASL_BASE_METRICS_H
/*
 * What the daemons count and measure, for Prometheus and `wasl status`. One table (metrics.def) is the source
 * of names, kinds and help. The values belong to the process: atomics without order, so any thread may count
 * anywhere, at the price of one relaxed addition. Labels come from fixed sets only (refusals, status classes,
 * ...): the number of lines is bounded, and no value can name a citizen.
 */
#include "bytes.h"

enum metric {
#define METRIC(side, NAME, kind, labels, scale, name, help) METRIC_##NAME,
#include "metrics.def"
#undef METRIC
    METRIC_COUNT
};
enum metric_side { METRIC_SIDE_BUS = 1, METRIC_SIDE_ADAPTER = 2, METRIC_SIDE_BOTH = 3 };

/* Label values of the sets OUTCOME and STAGE; REFUSAL takes an enum refusal, STATUS an HTTP status (its class
 * is shown), ALARM an enum alarm. */
enum metric_outcome { METRIC_GOOD, METRIC_FAILED };
enum metric_stage { METRIC_ADMIT, METRIC_WRITER, METRIC_RESULTS };

/* COUNTER. The _for functions: with that value of its label; a value outside the set is counted under
 * "other". */
void metric_add(enum metric metric, uint64_t count);
void metric_add_for(enum metric metric, unsigned label, uint64_t count);
void metric_raise_to(enum metric metric, uint64_t total); /* a COUNTER that somebody else keeps */
void metric_change(enum metric metric, int64_t by);       /* LEVEL */
void metric_set(enum metric metric, int64_t value);       /* GAUGE */
void metric_set_for(enum metric metric, unsigned label, int64_t value);
void metric_forget(enum metric metric);                         /* GAUGE: its value is not known any more */
void metric_observe(enum metric metric, uint64_t microseconds); /* TIMES */

/* For status and tests. False: a GAUGE that was not set. Of TIMES: how many were observed. With labels: of
 * that label. */
bool metric_get(enum metric metric, unsigned label, int64_t *value);
uint64_t metric_sum(enum metric metric); /* of a COUNTER over all its labels */

/* Appends everything that this side shows, in Prometheus's text format 0.0.4. */
void metrics_write(enum metric_side side, struct buffer *out);

#endif
