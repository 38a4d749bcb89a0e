#ifndef WASL_ADAPTERS_CORE_AGE_H
#define WASL_ADAPTERS_CORE_AGE_H
/*
 * How old what this adapter judges by has become: the last good registry and CRLs serve on when the bus is
 * away, and somebody must know. Alarms: BUS_SILENT when there has been no link for longer than `most`, also
 * across restarts (the time of the file STATE/contact, touched every minute while there is one); CRL_OLD. The
 * core's thread.
 */
#include "core/knowledge.h"

struct age;

struct age *age_open(const char *state, uint64_t most, uint64_t now); /* microseconds; now: wall clock */
void age_free(struct age *age);                                       /* NULL is harmless */
/* Every turn. */
void age_tick(struct age *age, bool linked, uint64_t now);
/* Every minute. */
void age_of_crls(const struct knowledge *knowledge, uint64_t now);

#endif
