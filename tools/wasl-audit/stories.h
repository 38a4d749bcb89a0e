#ifndef WASL_AUDIT_STORIES_H
#define WASL_AUDIT_STORIES_H
/* The exchanges that are being told: those that an entry may still come for. */
#include "story.h"

/* An id is remembered for so long after its exchange has expired (proto/README.md, section 6): no answer is
 * recorded as late any more. And a moment for the bus to write it. */
#define STORY_HOLD ((5 * 60 + 30) * MICROSECONDS)

struct stories;
struct stories *stories_new(void);
void stories_free(struct stories *stories); /* with those in it; NULL is harmless */
struct story *stories_find(struct stories *stories, const uint8_t id[16]); /* NULL when unknown */
/* Takes it over. They come by rising order, each id once. */
void stories_add(struct stories *stories, struct story *story);
/* Gives it back to the caller. */
void stories_remove(struct stories *stories, struct story *story);
struct story *stories_oldest(struct stories *stories); /* NULL: there is none */
size_t stories_count(const struct stories *stories);

#endif
