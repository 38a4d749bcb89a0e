#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

#include "bytes.h"
#include "clock.h"
#include "error.h"

struct loop_source {
    void *socket; /* NULL: fd */
    int fd;
    loop_callback readable, writable;
    void *arg;
    bool reading, dead;
    struct loop *loop;
    struct loop_source *next;
};

struct loop_timer {
    struct loop *loop;
    loop_callback fire;
    void *arg;
    uint64_t at, order; /* order: the earlier armed of two at the same time goes first */
    size_t index;       /* place in the heap, from 1; 0: not armed */
};

struct loop {
    struct loop_source *sources;
    /* What is polled, made anew when `changed`: a paused or dead source is not in it. */
    zmq_pollitem_t *items;
    struct loop_source **polled;
    int item_count;
    bool changed, stopping, dispatching;
    /* A binary heap, earliest at 1; place 0 stays empty. */
    struct loop_timer **heap;
    size_t timer_count, heap_capacity;
    uint64_t order;
    bool firing;
    uint64_t now, now_monotonic;
    int signal_fd;
    loop_callback hangup;
    void *hangup_arg;
};

static void read_clocks(struct loop *loop)
{
    loop->now = clock_wall();
    loop->now_monotonic = clock_monotonic();
}

struct loop *loop_new(void)
{
    struct loop *loop = memory_zeroed(1, sizeof *loop);
    loop->signal_fd = -1;
    loop->changed = true;
    read_clocks(loop);
    return loop;
}

/* Frees the sources that were removed; not while a callback of one may still be running. */
static void sweep(struct loop *loop)
{
    for (struct loop_source **s = &loop->sources; *s != NULL;) {
        struct loop_source *source = *s;
        if (source->dead) {
            *s = source->next;
            free(source);
        } else {
            s = &source->next;
        }
    }
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    BUG_ON(loop->timer_count != 0); /* a timer that outlives its loop would write into freed memory */
    for (struct loop_source *s = loop->sources; s != NULL; s = s->next)
        s->dead = true;
    sweep(loop);
    if (loop->signal_fd >= 0)
        close(loop->signal_fd);
    free(loop->items);
    free(loop->polled);
    free(loop->heap);
    free(loop);
}

static struct loop_source *add(struct loop *loop, void *socket, int fd, loop_callback readable, void *arg)
{
    struct loop_source *source = memory_zeroed(1, sizeof *source);
    source->loop = loop;
    source->socket = socket;
    source->fd = fd;
    source->readable = readable;
    source->arg = arg;
    source->reading = readable != NULL;
    source->next = loop->sources;
    loop->sources = source;
    loop->changed = true;
    return source;
}

struct loop_source *loop_add_socket(struct loop *loop, void *socket, loop_callback readable, void *arg)
{
    return add(loop, socket, -1, readable, arg);
}

struct loop_source *loop_add_fd(struct loop *loop, int fd, loop_callback readable, void *arg)
{
    return add(loop, NULL, fd, readable, arg);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
    if (source == NULL)
        return;
    source->dead = true;
    loop->changed = true;
    if (!loop->dispatching)
        sweep(loop);
}

void loop_set_reading(struct loop_source *source, bool reading)
{
    if (source->reading != reading)
        source->loop->changed = true;
    source->reading = reading;
}

void loop_set_writable(struct loop_source *source, loop_callback writable)
{
    if ((source->writable != NULL) != (writable != NULL))
        source->loop->changed = true;
    source->writable = writable;
}

/* Timers */

static bool before(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void place(struct loop *loop, size_t index, struct loop_timer *timer)
{
    loop->heap[index] = timer;
    timer->index = index;
}

static void sift_up(struct loop *loop, struct loop_timer *timer, size_t index)
{
    for (; index > 1 && before(timer, loop->heap[index / 2]); index /= 2)
        place(loop, index, loop->heap[index / 2]);
    place(loop, index, timer);
}

static void sift_down(struct loop *loop, struct loop_timer *timer, size_t index)
{
    for (;;) {
        size_t child = index * 2;
        if (child > loop->timer_count)
            break;
        if (child < loop->timer_count && before(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!before(loop->heap[child], timer))
            break;
        place(loop, index, loop->heap[child]);
        index = child;
    }
    place(loop, index, timer);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_callback fire, void *arg)
{
    struct loop_timer *timer = memory_zeroed(1, sizeof *timer);
    timer->loop = loop;
    timer->fire = fire;
    timer->arg = arg;
    return timer;
}

void loop_timer_stop(struct loop_timer *timer)
{
    if (timer->index == 0)
        return;
    struct loop *loop = timer->loop;
    size_t index = timer->index;
    struct loop_timer *last = loop->heap[loop->timer_count--];
    timer->index = 0;
    if (last == timer)
        return;
    if (index > 1 && before(last, loop->heap[index / 2]))
        sift_up(loop, last, index);
    else
        sift_down(loop, last, index);
}

void loop_timer_set(struct loop_timer *timer, uint64_t monotonic)
{
    struct loop *loop = timer->loop;
    loop_timer_stop(timer);
    /* A timer that re-arms itself for now fires in the next turn: sockets get their share in between. */
    if (loop->firing && monotonic <= loop->now_monotonic)
        monotonic = loop->now_monotonic + 1;
    if (loop->timer_count + 2 > loop->heap_capacity) {
        size_t capacity = loop->heap_capacity == 0 ? 64 : loop->heap_capacity * 2;
        struct loop_timer **heap = realloc(loop->heap, capacity * sizeof(struct loop_timer *));
        BUG_ON(heap == NULL);
        loop->heap = heap;
        loop->heap_capacity = capacity;
    }
    timer->at = monotonic;
    timer->order = loop->order++;
    sift_up(loop, timer, ++loop->timer_count);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer == NULL)
        return;
    loop_timer_stop(timer);
    free(timer);
}

static void fire_timers(struct loop *loop)
{
    loop->firing = true;
    while (!loop->stopping && loop->timer_count > 0 && loop->heap[1]->at <= loop->now_monotonic) {
        struct loop_timer *timer = loop->heap[1];
        loop_timer_stop(timer);
        timer->fire(timer->arg); /* may free the timer */
    }
    loop->firing = false;
}

/* Milliseconds until the nearest deadline, rounded up; -1: none. */
static long time_out(struct loop *loop)
{
    if (loop->timer_count == 0)
        return -1;
    uint64_t at = loop->heap[1]->at, now = clock_monotonic();
    if (at <= now)
        return 0;
    uint64_t milliseconds = (at - now + 999) / 1000;
    return milliseconds > 3600000 ? 3600000 : (long)milliseconds;
}

/* Turns */

uint64_t loop_now(const struct loop *loop)
{
    return loop->now;
}

uint64_t loop_now_monotonic(const struct loop *loop)
{
    return loop->now_monotonic;
}

static short events_of(const struct loop_source *source)
{
    return (short)((source->reading ? ZMQ_POLLIN : 0) | (source->writable != NULL ? ZMQ_POLLOUT : 0));
}

static void gather(struct loop *loop)
{
    size_t count = 0;
    for (struct loop_source *s = loop->sources; s != NULL; s = s->next)
        count++;
    free(loop->items);
    free(loop->polled);
    loop->items = memory_zeroed(count, sizeof *loop->items);
    loop->polled = memory_zeroed(count, sizeof(struct loop_source *));
    loop->item_count = 0;
    for (struct loop_source *s = loop->sources; s != NULL; s = s->next) {
        if (s->dead || events_of(s) == 0)
            continue;
        loop->items[loop->item_count] = (zmq_pollitem_t){s->socket, s->fd, events_of(s), 0};
        loop->polled[loop->item_count++] = s;
    }
    loop->changed = false;
}

static void dispatch(struct loop *loop)
{
    loop->dispatching = true;
    for (int i = 0; i < loop->item_count && !loop->stopping; i++) {
        struct loop_source *source = loop->polled[i];
        short events = loop->items[i].revents;
        /* A broken descriptor counts as readable: reading it tells its owner what is wrong. An earlier
         * callback of this turn may have removed or paused the source. */
        if ((events & (ZMQ_POLLIN | ZMQ_POLLERR)) != 0 && !source->dead && source->reading)
            source->readable(source->arg);
        if ((events & (ZMQ_POLLOUT | ZMQ_POLLERR)) != 0 && !source->dead && source->writable != NULL)
            source->writable(source->arg);
    }
    loop->dispatching = false;
}

static int wait_for_events(struct loop *loop, struct error *e)
{
    long milliseconds = time_out(loop);
    int ready;
    if (loop->item_count > 0)
        ready = zmq_poll(loop->items, loop->item_count, milliseconds);
    else if (milliseconds >= 0)
        ready = poll(NULL, 0, (int)milliseconds);
    else
        return error_set(e, ERROR_USAGE, "the loop has nothing left to wait for");
    if (ready < 0 && errno != EINTR)
        return error_set(e, ERROR_IO, "polling failed: %s", zmq_strerror(errno));
    return ready > 0 ? 1 : 0;
}

int loop_run(struct loop *loop, struct error *e)
{
    int result = 0;
    loop->stopping = false;
    read_clocks(loop);
    while (!loop->stopping) {
        if (loop->changed)
            gather(loop);
        int ready = wait_for_events(loop, e);
        if (ready < 0) {
            result = -1;
            break;
        }
        read_clocks(loop);
        if (ready > 0)
            dispatch(loop);
        fire_timers(loop);
        if (loop->changed)
            sweep(loop);
    }
    return result;
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

/* Signals */

static void signal_arrived(void *arg)
{
    struct loop *loop = arg;
    struct signalfd_siginfo info;
    if (read(loop->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo != SIGHUP)
        loop_stop(loop);
    else if (loop->hangup != NULL)
        loop->hangup(loop->hangup_arg);
}

int loop_handle_signals(struct loop *loop, loop_callback hangup, void *arg, struct error *e)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    BUG_ON(loop->signal_fd >= 0);
    int code = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (code != 0)
        return error_set(e, ERROR_IO, "cannot block signals: %s", strerror(code));
    signal(SIGPIPE, SIG_IGN); /* a peer that hangs up is an error return, not our end */
    loop->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (loop->signal_fd < 0)
        return error_set(e, ERROR_IO, "cannot wait for signals: %s", strerror(errno));
    loop->hangup = hangup;
    loop->hangup_arg = arg;
    loop_add_fd(loop, loop->signal_fd, signal_arrived, loop);
    return 0;
}
