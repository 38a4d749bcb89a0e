#ifndef WASL_AUDIT_PERIOD_H
#define WASL_AUDIT_PERIOD_H
/* Hours and days as people count them: of the local zone, where a day has 23 to 25 hours, or of UTC. */
#include "base/bytes.h"

enum period_unit { PERIOD_HOUR, PERIOD_DAY };

/* When the hour or day began in which `time` lies. */
uint64_t period_start(uint64_t time, enum period_unit unit, bool utc);
/* When the one after it begins. */
uint64_t period_next(uint64_t start, enum period_unit unit, bool utc);
/* "2026-11-22T08:00:00+01:00", "2026-11-22". */
void period_put(uint64_t start, enum period_unit unit, bool utc, struct buffer *out);

#endif
