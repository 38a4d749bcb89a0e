#ifndef WASL_BASE_QUEUE_H
#define WASL_BASE_QUEUE_H
/*
 * A bounded queue of pointers between threads, first in first out or fair between owners. Who takes an item
 * owns it. Both a blocking consumer (a worker or writer thread) and a loop (through the event descriptor) can
 * read it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

struct queue *queue_new(size_t most); /* most items at once */
/* The same with a fair order (lanes.h) instead: owner and cost are asked when an item is put. */
struct queue *queue_new_fair(size_t most, const char *(*owner)(const void *item),
                             uint64_t (*cost)(const void *item));
/* Must be empty, and nobody may be in a call any more: threads that put are joined first. NULL is harmless.
 */
void queue_free(struct queue *queue);
/* False when full or closed: the caller keeps the item. Never waits. */
bool queue_put(struct queue *queue, void *item);
/* All of them, in order, or none: whoever waits is woken once for all, not once for each. */
bool queue_put_all(struct queue *queue, void *const *items, size_t count);
void *queue_take(struct queue *queue); /* NULL when empty; never waits */
/* Waits until there is an item, at most `microseconds` (UINT64_MAX: for ever). NULL: closed and empty, or
 * time out. */
void *queue_wait(struct queue *queue, uint64_t microseconds);
size_t queue_length(struct queue *queue);
/* Readable while the queue is not empty; for loop_add_fd. Call queue_take until NULL, or again next turn.
 * Only a queue that was asked for it keeps it, so that workers who wait do not pay for it. */
int queue_event_fd(struct queue *queue);
void queue_close(struct queue *queue); /* wakes everybody; takes go on until empty */

#endif
