#ifndef WASL_BASE_ALARM_H
#define WASL_BASE_ALARM_H
/*
 * Alarms: what an operator must look at although the daemon goes on (promise: degrade, don't stop). One table
 * (alarm.def). An alarm is raised or not; a change is logged once, the state is the metric wasl_alarm and is
 * listed by `wasl status`. Any thread.
 */
#include "bytes.h"

enum alarm {
#define ALARM(NAME, words, remedy) ALARM_##NAME,
#include "alarm.def"
#undef ALARM
    ALARM_COUNT
};

/* Logs only when it was not so before. detail: which one, for the log ("crl=..."); NULL for none; no personal
 * data. */
void alarm_set(enum alarm alarm, bool raised, const char *detail);
bool alarm_raised(enum alarm alarm);
const char *alarm_name(unsigned alarm); /* "clock_unsynchronised"; NULL past the last */
const char *alarm_words(enum alarm alarm);
const char *alarm_remedy(enum alarm alarm);
/* Appends a JSON array of the names of those that are raised. */
void alarms_json(struct buffer *out);

#endif
