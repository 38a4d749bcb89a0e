#ifndef WASL_FRONT_TALLY_H
#define WASL_FRONT_TALLY_H
/*
 * How many of something are under way for each of those who cause them: connections of a client, requests of
 * a client or of a subsystem. Holds only keys whose count is not zero, so it is bounded by what it counts.
 * Any thread.
 */
#include <stdbool.h>

struct tally;

struct tally *tally_new(void);
void tally_free(struct tally *tally); /* NULL is harmless */
/* One more for key, unless that would be more than `most` (0: no bound): then false, and nothing changed. */
bool tally_take(struct tally *tally, const char *key, unsigned most);
/* One less. The key must have been taken. */
void tally_give(struct tally *tally, const char *key);
unsigned tally_count(struct tally *tally, const char *key);

#endif
