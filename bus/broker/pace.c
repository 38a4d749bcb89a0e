#include "broker/pace.h"

#define COMPANY 8 /* so many more must be expected */
#define CROWD   8 /* exchanges under way: fewer mean that somebody waits for each answer */

uint64_t pace_wait(const struct pace *pace, uint64_t window, uint64_t open)
{
    return pace->last != 0 && open >= CROWD && pace->interval <= window / COMPANY ? window : 0;
}

void pace_note(struct pace *pace, uint64_t now, size_t count, uint64_t window)
{
    uint64_t interval = pace->last == 0 ? window : (now - pace->last) / count;
    /* After a pause what was before says nothing. */
    pace->interval = interval >= window || pace->last == 0 ? window : (3 * pace->interval + interval) / 4;
    pace->last = now;
}
