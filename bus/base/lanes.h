#ifndef WASL_BASE_LANES_H
#define WASL_BASE_LANES_H
/*
 * Fair order: items of many owners, each owner's own in the order they came, the owners in turn and by cost
 * (deficit round robin, Shreedhar and Varghese 1996). Who brings much waits behind himself only. Not thread
 * safe.
 */
#include <stddef.h>
#include <stdint.h>

struct lanes;

#define LANES_TURN ((uint64_t)64 << 10) /* cost that an owner may take in one turn */

struct lanes *lanes_new(size_t most); /* most items at once: put aborts above it */
void lanes_free(struct lanes *lanes); /* must be empty; NULL is harmless */
/* The owner's name is copied. */
void lanes_put(struct lanes *lanes, const char *owner, uint64_t cost, void *item);
void *lanes_take(struct lanes *lanes); /* NULL: empty */

#endif
