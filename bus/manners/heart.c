#include "manners/heart.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stdlib.h>

struct heart {
    const char *name;
    atomic_uint_fast64_t last; /* monotonic */
};
struct hearts {
    struct heart hearts[HEARTS_MOST];
    atomic_size_t count;
};

struct hearts *hearts_new(void)
{
    return memory_zeroed(1, sizeof(struct hearts));
}

void hearts_free(struct hearts *hearts)
{
    free(hearts);
}

struct heart *hearts_add(struct hearts *hearts, const char *name)
{
    size_t i = atomic_load(&hearts->count);
    BUG_ON(i == HEARTS_MOST);
    struct heart *heart = &hearts->hearts[i];
    heart->name = name;
    heart_beat(heart);
    atomic_store(&hearts->count, i + 1);
    return heart;
}

void heart_beat(struct heart *heart)
{
    if (heart != NULL)
        atomic_store_explicit(&heart->last, clock_monotonic(), memory_order_relaxed);
}

const char *hearts_missing(struct hearts *hearts, uint64_t patience)
{
    uint64_t now = clock_monotonic();
    size_t count = atomic_load(&hearts->count);
    for (size_t i = 0; i < count; i++) {
        uint64_t last = atomic_load_explicit(&hearts->hearts[i].last, memory_order_relaxed);
        if (now > last && now - last > patience)
            return hearts->hearts[i].name;
    }
    return NULL;
}
