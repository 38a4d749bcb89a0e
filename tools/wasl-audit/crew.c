#include "crew.h"

#include "base/bytes.h"
#include "base/error.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

enum stage { STAGE_FREE, STAGE_READ, STAGE_OPENED, STAGE_ORDERED, STAGE_CHECKED, STAGE_WORKED_ON };

struct slot {
    void *item;
    enum stage stage;
    size_t cost;
    struct error failure; /* of read or order: kept until the item's turn comes */
};

struct crew {
    const struct crew_stages *stages;
    void *arg;
    struct slot *slots; /* a ring: [first, first + used), of which the first `ordered` have been put in order
                         */
    size_t count, first, used, ordered;
    size_t held, most; /* bytes */
    bool closed;       /* nothing more is read or put in order: the end, or a failure that waits its turn */
    bool stop;
    pthread_mutex_t lock;
    pthread_cond_t work;    /* for the others: there is some */
    pthread_cond_t arrival; /* for the caller's thread: an item has been opened or checked */
};

unsigned crew_cores(void)
{
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0)
        return 1;
    int count = CPU_COUNT(&cores);
    if (count < 1)
        return 1;
    return count < CREW_THREADS_MOST ? (unsigned)count : CREW_THREADS_MOST;
}

static struct slot *slot_at(struct crew *crew, size_t i)
{
    return &crew->slots[(crew->first + i) % crew->count];
}

/* The oldest item on which anybody may work; NULL. To open comes first: it takes little, and what has been
 * opened can be put in order, so that nobody runs out of checks while the caller's thread is at one itself.
 * Called with the lock. */
static struct slot *find_work(struct crew *crew)
{
    struct slot *check = NULL;
    for (size_t i = 0; i < crew->used; i++) {
        struct slot *slot = slot_at(crew, i);
        if (slot->stage == STAGE_READ)
            return slot;
        if (slot->stage == STAGE_ORDERED && check == NULL)
            check = slot;
    }
    return check;
}

/* Called with the lock, which is open while the work is being done. */
static void work_on(struct crew *crew, struct slot *slot)
{
    bool open = slot->stage == STAGE_READ;
    slot->stage = STAGE_WORKED_ON;
    pthread_mutex_unlock(&crew->lock);
    if (open)
        crew->stages->open(crew->arg, slot->item);
    else
        crew->stages->check(crew->arg, slot->item);
    pthread_mutex_lock(&crew->lock);
    slot->stage = open ? STAGE_OPENED : STAGE_CHECKED;
    pthread_cond_signal(&crew->arrival);
}

static void *member_main(void *arg)
{
    struct crew *crew = arg;
    pthread_mutex_lock(&crew->lock);
    while (!crew->stop) {
        struct slot *slot = find_work(crew);
        if (slot != NULL)
            work_on(crew, slot);
        else
            pthread_cond_wait(&crew->work, &crew->lock);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

static void offer(struct crew *crew, struct slot *slot, enum stage stage)
{
    slot->stage = stage;
    pthread_cond_signal(&crew->work);
}

/* The next three are called with the lock and open it while they are at it: slots that the others may take
 * up are never the one in hand. */

static void read_one(struct crew *crew)
{
    struct slot *slot = slot_at(crew, crew->used);
    struct error failure = {0};
    pthread_mutex_unlock(&crew->lock);
    int more = crew->stages->read(crew->arg, slot->item, &failure);
    size_t cost = more == 1 ? crew->stages->cost(slot->item) : 0;
    pthread_mutex_lock(&crew->lock);
    crew->closed = more != 1;
    if (more == 0)
        return;
    slot->cost = cost;
    slot->failure = failure;
    crew->held += cost;
    crew->used++;
    if (more == 1)
        offer(crew, slot, STAGE_READ);
    else
        slot->stage = STAGE_FREE; /* a place in the row for its failure */
}

static void order_one(struct crew *crew)
{
    struct slot *slot = slot_at(crew, crew->ordered);
    struct error failure = {0};
    pthread_mutex_unlock(&crew->lock);
    bool good = crew->stages->order(crew->arg, slot->item, &failure) == 0;
    pthread_mutex_lock(&crew->lock);
    if (!good) {
        slot->failure = failure;
        crew->closed = true;
        for (size_t i = crew->ordered + 1; i < crew->used; i++)
            if (slot_at(crew, i)->stage == STAGE_READ)
                slot_at(crew, i)->stage = STAGE_OPENED; /* nobody needs to open it any longer */
    }
    crew->ordered++;
    offer(crew, slot, STAGE_ORDERED);
}

/* 0, 1 enough, -1. */
static int finish_one(struct crew *crew, struct error *e)
{
    struct slot *slot = slot_at(crew, 0);
    bool unread = slot->stage == STAGE_FREE;
    int result = 0;
    pthread_mutex_unlock(&crew->lock);
    if (!unread)
        result = crew->stages->finish(crew->arg, slot->item, e);
    pthread_mutex_lock(&crew->lock);
    if (result == 0 && slot->failure.kind != ERROR_NONE) {
        *e = slot->failure;
        result = -1;
    }
    crew->held -= slot->cost;
    slot->stage = STAGE_FREE;
    crew->first = (crew->first + 1) % crew->count;
    crew->used--;
    if (!unread)
        crew->ordered--;
    return result;
}

static bool failed(struct crew *crew, size_t i)
{
    return slot_at(crew, i)->failure.kind != ERROR_NONE;
}

/* What comes first has the right of way: to finish, to put in order, to read ahead, to help, to wait. Called
 * with the lock. */
static int lead(struct crew *crew, struct error *e)
{
    int result = 0;
    while (result == 0) {
        struct slot *help;
        if (crew->used > 0 && (slot_at(crew, 0)->stage == STAGE_CHECKED ||
                               (slot_at(crew, 0)->stage == STAGE_FREE && failed(crew, 0))))
            result = finish_one(crew, e);
        else if (crew->ordered < crew->used && slot_at(crew, crew->ordered)->stage == STAGE_OPENED &&
                 (crew->ordered == 0 || !failed(crew, crew->ordered - 1)))
            order_one(crew);
        else if (!crew->closed && crew->used < crew->count && (crew->used == 0 || crew->held < crew->most))
            read_one(crew);
        else if ((help = find_work(crew)) != NULL)
            work_on(crew, help);
        else if (crew->used > 0)
            pthread_cond_wait(&crew->arrival, &crew->lock);
        else
            break;
    }
    crew->stop = true;
    return result < 0 ? -1 : 0;
}

/* Signals are the caller's thread's. Starts up to `wanted`; returns how many. */
static unsigned start(struct crew *crew, pthread_t *members, unsigned wanted, int *fault)
{
    sigset_t all, before;
    unsigned count = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    *fault = 0;
    while (count < wanted && (*fault = pthread_create(&members[count], NULL, member_main, crew)) == 0)
        count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return count;
}

int crew_run(const struct crew_stages *stages, void *arg, void *const *items, size_t count, size_t bytes,
             unsigned threads, struct error *e)
{
    BUG_ON(count == 0 || threads == 0 || threads > CREW_THREADS_MOST);
    struct crew crew = {.stages = stages, .arg = arg, .count = count, .most = bytes};
    pthread_t members[CREW_THREADS_MOST];
    int fault, result;
    crew.slots = memory_zeroed(count, sizeof *crew.slots);
    for (size_t i = 0; i < count; i++)
        crew.slots[i].item = items[i];
    BUG_ON(pthread_mutex_init(&crew.lock, NULL) != 0 || pthread_cond_init(&crew.work, NULL) != 0 ||
           pthread_cond_init(&crew.arrival, NULL) != 0);
    unsigned started = start(&crew, members, threads - 1, &fault);
    pthread_mutex_lock(&crew.lock);
    if (fault != 0) {
        crew.stop = true;
        result = error_set(e, ERROR_IO, "only %u of %u threads can be started (%s): ask for fewer, --threads",
                           started + 1, threads, strerror(fault));
    } else {
        result = lead(&crew, e);
    }
    pthread_cond_broadcast(&crew.work);
    pthread_mutex_unlock(&crew.lock);
    for (unsigned i = 0; i < started; i++)
        BUG_ON(pthread_join(members[i], NULL) != 0);
    pthread_cond_destroy(&crew.arrival);
    pthread_cond_destroy(&crew.work);
    pthread_mutex_destroy(&crew.lock);
    free(crew.slots);
    return result;
}
