#include "core/returns.h"

#include "base/error.h"
#include "base/queue.h"

#include <pthread.h>
#include <stdlib.h>

struct returns {
    pthread_mutex_t lock;
    struct queue *queue;
    size_t most, out; /* out: lent and not yet taken back */
    bool closed;
};

struct returns *returns_new(size_t most)
{
    struct returns *r = memory_zeroed(1, sizeof(*r));
    pthread_mutex_init(&r->lock, NULL);
    r->queue = queue_new(most);
    r->most = most;
    return r;
}

struct queue *returns_queue(struct returns *r)
{
    return r->queue;
}

static void destroy(struct returns *r)
{
    queue_free(r->queue);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* On any thread. */
static void come_back(struct call *call)
{
    struct returns *r = call->arg;
    pthread_mutex_lock(&r->lock);
    bool closed = r->closed, last = false;
    if (closed)
        last = --r->out == 0;
    else
        BUG_ON(!queue_put(r->queue, call)); /* it holds as many as may be out */
    pthread_mutex_unlock(&r->lock);
    if (closed)
        call_free(call);
    if (last)
        destroy(r);
}

void returns_lend(struct returns *r, struct call *call)
{
    pthread_mutex_lock(&r->lock);
    BUG_ON(r->out >= r->most);
    r->out++;
    pthread_mutex_unlock(&r->lock);
    call->done = come_back;
    call->arg = r;
}

struct call *returns_take(struct returns *r)
{
    struct call *call = queue_take(r->queue);
    if (call != NULL) {
        pthread_mutex_lock(&r->lock);
        r->out--;
        pthread_mutex_unlock(&r->lock);
    }
    return call;
}

size_t returns_out(struct returns *r)
{
    pthread_mutex_lock(&r->lock);
    size_t out = r->out;
    pthread_mutex_unlock(&r->lock);
    return out;
}

void returns_close(struct returns *r)
{
    struct call *call;
    while ((call = returns_take(r)) != NULL)
        call_free(call);
    pthread_mutex_lock(&r->lock);
    r->closed = true;
    /* One may have come between. */
    while ((call = queue_take(r->queue)) != NULL) {
        r->out--;
        call_free(call);
    }
    bool last = r->out == 0;
    pthread_mutex_unlock(&r->lock);
    if (last)
        destroy(r);
}
