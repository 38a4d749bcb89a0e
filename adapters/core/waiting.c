#include "core/waiting.h"

#include "base/log.h"
#include "core/catchup.h"
#include "core/common.h"

#include <stdlib.h>
#include <string.h>

#define TIMES_MOST 4 /* how often one delivery may wait */

struct waiting {
    struct common *common;
    struct catchup *catchup;
    struct delivery *first, **last;
};

struct waiting *waiting_new(struct common *common, struct catchup *catchup)
{
    struct waiting *w = memory_zeroed(1, sizeof(*w));
    w->common = common;
    w->catchup = catchup;
    w->last = &w->first;
    return w;
}

void waiting_lost(struct waiting *w)
{
    while (w->first != NULL) {
        struct delivery *d = w->first;
        w->first = d->next;
        delivery_free(d);
    }
    w->last = &w->first;
}

void waiting_free(struct waiting *w)
{
    if (w == NULL)
        return;
    waiting_lost(w);
    free(w);
}

/* --- coming --- */

/* Oldest first, until no more can be fetched now. What is on its way already is not asked for again. */
static void fetch(struct waiting *w)
{
    for (const struct delivery *d = w->first; d != NULL; d = d->next)
        if (d->waits_for == WAIT_FOR_REGISTRY)
            catchup_want_registry(w->catchup, d->entry.registry_version, d->entry.registry_hash);
        else if (!session_fetch(w->common->session, OBJECT_CHAIN_OF, d->awaited))
            return;
}

static bool add(struct waiting *w, struct delivery *d, enum wait_for what, const uint8_t hash[HASH_SIZE])
{
    if (d->waited >= TIMES_MOST)
        return false;
    d->waited++;
    d->waits_for = what;
    memcpy(d->awaited, hash, HASH_SIZE);
    d->next = NULL;
    *w->last = d;
    w->last = &d->next;
    fetch(w);
    return true;
}

bool waiting_for_chain(struct waiting *w, struct delivery *d, const uint8_t certificate[HASH_SIZE])
{
    return add(w, d, WAIT_FOR_CHAIN, certificate);
}

bool waiting_for_registry(struct waiting *w, struct delivery *d)
{
    return add(w, d, WAIT_FOR_REGISTRY, d->entry.registry_hash);
}

/* --- going --- */

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

struct delivery *waiting_take(struct waiting *w, enum wait_for what, const uint8_t *hash)
{
    return take(w, is_it, &(struct wish){.what = what, .hash = hash});
}

void waiting_tick(struct waiting *w)
{
    struct delivery *list = take(w, is_expired, &(struct wish){.now = common_now(w->common)});
    while (list != NULL) {
        struct delivery *d = list;
        list = d->next;
        log_warn("delivery_waited_too_long", "kind=%s", message_kind_name(d->header.kind));
        common_done_with(w->common, d);
    }
    fetch(w);
}
