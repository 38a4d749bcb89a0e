#include "lanes.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "error.h"

struct node {
    void *item;
    uint64_t cost;
    struct node *next;
};
/* One owner that has items. A lane that runs empty is freed, and what it had saved with it. */
struct lane {
    char *owner;
    struct node *first, *last;
    uint64_t left; /* of its turn */
    struct lane *next;
};
struct lanes {
    struct node *nodes, *spare; /* all there will ever be: no allocation for an item */
    struct lane *first, *last;  /* the first one's turn it is */
};

struct lanes *lanes_new(size_t most)
{
    struct lanes *lanes = memory_zeroed(1, sizeof *lanes);
    lanes->nodes = memory_zeroed(most, sizeof *lanes->nodes);
    for (size_t i = 0; i < most; i++) {
        lanes->nodes[i].next = lanes->spare;
        lanes->spare = &lanes->nodes[i];
    }
    return lanes;
}

void lanes_free(struct lanes *lanes)
{
    if (lanes == NULL)
        return;
    BUG_ON(lanes->first != NULL);
    free(lanes->nodes);
    free(lanes);
}

static void append(struct lanes *lanes, struct lane *lane)
{
    lane->next = NULL;
    if (lanes->last != NULL)
        lanes->last->next = lane;
    else
        lanes->first = lane;
    lanes->last = lane;
}

static struct lane *take_first(struct lanes *lanes)
{
    struct lane *lane = lanes->first;
    lanes->first = lane->next;
    if (lanes->first == NULL)
        lanes->last = NULL;
    return lane;
}

static struct lane *lane_of(struct lanes *lanes, const char *owner)
{
    struct lane *lane = lanes->first;
    while (lane != NULL && strcmp(lane->owner, owner) != 0)
        lane = lane->next;
    if (lane == NULL) {
        lane = memory_zeroed(1, sizeof *lane);
        lane->owner = string_copy(owner);
        lane->left = LANES_TURN;
        append(lanes, lane);
    }
    return lane;
}

void lanes_put(struct lanes *lanes, const char *owner, uint64_t cost, void *item)
{
    struct node *node = lanes->spare;
    BUG_ON(node == NULL);
    lanes->spare = node->next;
    *node = (struct node){item, cost, NULL};
    struct lane *lane = lane_of(lanes, owner);
    if (lane->last != NULL)
        lane->last->next = node;
    else
        lane->first = node;
    lane->last = node;
}

void *lanes_take(struct lanes *lanes)
{
    if (lanes->first == NULL)
        return NULL;
    while (lanes->first->first->cost > lanes->first->left) {
        struct lane *waits = take_first(lanes);
        waits->left += LANES_TURN;
        append(lanes, waits);
    }
    struct lane *lane = lanes->first;
    struct node *node = lane->first;
    void *item = node->item;
    lane->left -= node->cost;
    lane->first = node->next;
    node->next = lanes->spare;
    lanes->spare = node;
    if (lane->first == NULL) {
        take_first(lanes);
        free(lane->owner);
        free(lane);
    }
    return item;
}
