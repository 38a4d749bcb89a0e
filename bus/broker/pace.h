#ifndef WASL_BROKER_PACE_H
#define WASL_BROKER_PACE_H
/*
 * How long the writer waits for company. A commit costs about as much with one message as with fifty: pages,
 * fdatasync, a signature over the checkpoint, and in each adapter the verification of that signature. So
 * where several more will come within the window they are worth waiting for; who is alone waits for nobody.
 * Pure.
 */
#include <stddef.h>
#include <stdint.h>

struct pace {
    uint64_t last;     /* when the batch before was taken, monotonic; 0: there was none */
    uint64_t interval; /* microseconds between messages, lately */
};

/* Microseconds to wait before the batch is closed; 0: not at all. open: exchanges under way. */
uint64_t pace_wait(const struct pace *pace, uint64_t window, uint64_t open);
/* A batch of so many (not 0) was taken. */
void pace_note(struct pace *pace, uint64_t now, size_t count, uint64_t window);

#endif
