#include "core/waiting.h"

#include <stdlib.h>
#include <string.h>

#define TIMES_MOST 4 /* how often one delivery may wait */

struct waiting {
    struct delivery *first, **last;
};

struct waiting *waiting_new(void)
{
    struct waiting *w = memory_zeroed(1, sizeof(*w));
    w->last = &w->first;
    return w;
}

void waiting_free(struct waiting *w)
{
    if (w == NULL)
        return;
    while (w->first != NULL) {
        struct delivery *d = w->first;
        w->first = d->next;
        delivery_free(d);
    }
    free(w);
}

bool waiting_add(struct waiting *w, struct delivery *d, enum wait_for what, const uint8_t hash[HASH_SIZE])
{
    if (d->waited >= TIMES_MOST)
        return false;
    d->waited++;
    d->waits_for = what;
    memcpy(d->awaited, hash, HASH_SIZE);
    d->next = NULL;
    *w->last = d;
    w->last = &d->next;
    return true;
}

struct wish {
    enum wait_for what;
    const uint8_t *hash;
    uint64_t now;
};

static bool is_it(const struct delivery *d, const struct wish *wish)
{
    return d->waits_for == wish->what &&
           (wish->what == WAIT_FOR_REGISTRY || memcmp(d->awaited, wish->hash, HASH_SIZE) == 0);
}

static bool is_expired(const struct delivery *d, const struct wish *wish)
{
    return d->header.expires < wish->now;
}

static struct delivery *take(struct waiting *w, bool (*fits)(const struct delivery *, const struct wish *),
                             const struct wish *wish)
{
    struct delivery *taken = NULL, **end = &taken;
    for (struct delivery **at = &w->first; *at != NULL;) {
        struct delivery *d = *at;
        if (!fits(d, wish)) {
            at = &d->next;
            continue;
        }
        *at = d->next;
        if (d->next == NULL)
            w->last = at;
        d->next = NULL;
        *end = d;
        end = &d->next;
    }
    return taken;
}

struct delivery *waiting_take(struct waiting *w, enum wait_for what, const uint8_t hash[HASH_SIZE])
{
    return take(w, is_it, &(struct wish){.what = what, .hash = hash});
}

struct delivery *waiting_take_expired(struct waiting *w, uint64_t now)
{
    return take(w, is_expired, &(struct wish){.now = now});
}

void waiting_each(const struct waiting *w,
                  bool (*visit)(void *arg, enum wait_for what, const struct delivery *d), void *arg)
{
    for (const struct delivery *d = w->first; d != NULL; d = d->next)
        if (!visit(arg, (enum wait_for)d->waits_for, d))
            return;
}
