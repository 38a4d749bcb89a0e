#ifndef WASL_BROKER_CREDIT_H
#define WASL_BROKER_CREDIT_H
/* Credit of a session (proto/README.md, section 7): how many messages and bytes one side may still send.
 * Pure. */
#include <stdbool.h>
#include <stdint.h>

struct credit {
    uint64_t messages, bytes;
};
/* False, and nothing taken, when there is not enough of both. */
bool credit_take(struct credit *credit, uint64_t messages, uint64_t bytes);
/* Stops at the largest number: a peer that gives without end gains nothing. */
void credit_add(struct credit *credit, uint64_t messages, uint64_t bytes);

/* What we let a peer send. What it has sent and we are done with is owed to it until CREDIT says so. */
struct window {
    struct credit size, left, owed;
};
void window_open(struct window *window, struct credit size);
bool window_take(struct window *window, uint64_t messages, uint64_t bytes);
void window_done(struct window *window, uint64_t messages, uint64_t bytes);
/* True when CREDIT should be sent, with how much in *give: a quarter of the window is owed, or, with `all`,
 * anything. */
bool window_due(struct window *window, bool all, struct credit *give);

#endif
