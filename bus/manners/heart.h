#ifndef WASL_MANNERS_HEART_H
#define WASL_MANNERS_HEART_H
/*
 * Whether every vital thread of a daemon goes on. Each has a heart and beats at every turn of its work, at
 * least once in HEART_EVERY when it has nothing to do. The loop feeds the service manager's watchdog only
 * while all of them beat: a writer that hangs in a dead disk lets it bark, and the manager starts the daemon
 * anew.
 */
#include <stdbool.h>
#include <stdint.h>

#define HEART_EVERY 1000000ULL /* microseconds */
#define HEARTS_MOST 80

struct heart;
struct hearts;

struct hearts *hearts_new(void);
void hearts_free(struct hearts *hearts); /* after its threads; NULL is harmless */
/* One more thread; name is a literal. It lives as long as hearts, and has just beaten. */
struct heart *hearts_add(struct hearts *hearts, const char *name);
void heart_beat(struct heart *heart); /* the thread itself; NULL is harmless */
/* The name of one whose last beat is more than `patience` microseconds ago; NULL: all of them live. Any
 * thread. */
const char *hearts_missing(struct hearts *hearts, uint64_t patience);

#endif
