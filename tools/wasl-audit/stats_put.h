#ifndef WASL_AUDIT_STATS_PUT_H
#define WASL_AUDIT_STATS_PUT_H
/* Counts in groups, as a table for people, as JSON a line, as CSV. */
#include "tally.h"

enum stats_form { STATS_TEXT, STATS_JSONL, STATS_CSV };

enum stats_column { /* what exchanges are grouped by */
                    STATS_PURPOSE,
                    STATS_SERVICE,
                    STATS_CONSUMER,
                    STATS_PROVIDER,
                    STATS_OUTCOME,
                    STATS_HOUR,
                    STATS_DAY,
                    STATS_COLUMNS,
};

struct stats_table {
    enum stats_form form;
    bool utc;
    enum stats_column columns[STATS_COLUMNS];
    size_t column_count;
};

/* Appends all of it: the groups in the order of their keys, the others where there are any, the total. */
void stats_put(const struct stats_table *table, struct tally *tally, struct buffer *out);

#endif
