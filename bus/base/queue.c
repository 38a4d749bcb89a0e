#include "queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "error.h"
#include "lanes.h"

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void **items; /* ring; or NULL, and then: */
    struct lanes *lanes;
    const char *(*owner)(const void *item);
    uint64_t (*cost)(const void *item);
    size_t most, first, length;
    bool closed;
    int event; /* when watched it holds 1 exactly while the queue is not empty; changed under the lock only */
    bool watched; /* a loop has asked for it: for the others it would be two system calls an item */
};

static struct queue *new_queue(size_t most)
{
    struct queue *q = memory_zeroed(1, sizeof *q);
    pthread_condattr_t monotonic;
    BUG_ON(most == 0);
    q->most = most;
    q->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    BUG_ON(q->event < 0); /* descriptors are bounded by the daemon's own limits */
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&q->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return q;
}

struct queue *queue_new(size_t most)
{
    struct queue *q = new_queue(most);
    q->items = memory_zeroed(most, sizeof *q->items);
    return q;
}

struct queue *queue_new_fair(size_t most, const char *(*owner)(const void *item),
                             uint64_t (*cost)(const void *item))
{
    struct queue *q = new_queue(most);
    q->lanes = lanes_new(most);
    q->owner = owner;
    q->cost = cost;
    return q;
}

void queue_free(struct queue *q)
{
    if (q == NULL)
        return;
    BUG_ON(q->length != 0);
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
    close(q->event);
    free(q->items);
    lanes_free(q->lanes);
    free(q);
}

bool queue_put(struct queue *q, void *item)
{
    return queue_put_all(q, &item, 1);
}

/* Under the lock, when there is room. */
static void append(struct queue *q, void *item)
{
    BUG_ON(item == NULL);
    if (q->lanes != NULL)
        lanes_put(q->lanes, q->owner(item), q->cost(item), item);
    else
        q->items[(q->first + q->length) % q->most] = item;
    q->length++;
}

bool queue_put_all(struct queue *q, void *const *items, size_t count)
{
    bool taken = false;
    pthread_mutex_lock(&q->lock);
    if (!q->closed && count <= q->most - q->length) {
        if (q->watched && q->length == 0 && count > 0)
            BUG_ON(eventfd_write(q->event, 1) != 0);
        for (size_t i = 0; i < count; i++)
            append(q, items[i]);
        taken = true;
    }
    pthread_mutex_unlock(&q->lock);
    /* Behind the lock: whoever is woken wants it at once, and would sleep again until we let go of it. */
    if (taken && count == 1)
        pthread_cond_signal(&q->changed);
    else if (taken)
        pthread_cond_broadcast(&q->changed);
    return taken;
}

/* Under the lock. */
static void *take(struct queue *q)
{
    eventfd_t value;
    if (q->length == 0)
        return NULL;
    void *item = q->lanes != NULL ? lanes_take(q->lanes) : q->items[q->first];
    q->first = (q->first + 1) % q->most;
    if (--q->length == 0 && q->watched)
        BUG_ON(eventfd_read(q->event, &value) != 0);
    return item;
}

void *queue_take(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    void *item = take(q);
    pthread_mutex_unlock(&q->lock);
    return item;
}

void *queue_wait(struct queue *q, uint64_t microseconds)
{
    /* A wait of more than a year is a wait for ever; the sum cannot overflow then. */
    bool for_ever = microseconds > 366 * DAY_MICROSECONDS;
    struct timespec until = {0};
    if (!for_ever) {
        uint64_t deadline = clock_monotonic() + microseconds;
        until.tv_sec = (time_t)(deadline / MICROSECONDS);
        until.tv_nsec = (long)(deadline % MICROSECONDS) * 1000;
    }
    pthread_mutex_lock(&q->lock);
    while (q->length == 0 && !q->closed) {
        if (for_ever)
            pthread_cond_wait(&q->changed, &q->lock);
        else if (pthread_cond_timedwait(&q->changed, &q->lock, &until) == ETIMEDOUT)
            break;
    }
    void *item = take(q);
    pthread_mutex_unlock(&q->lock);
    return item;
}

size_t queue_length(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t length = q->length;
    pthread_mutex_unlock(&q->lock);
    return length;
}

int queue_event_fd(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    if (!q->watched && q->length > 0)
        BUG_ON(eventfd_write(q->event, 1) != 0);
    q->watched = true;
    pthread_mutex_unlock(&q->lock);
    return q->event;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}
