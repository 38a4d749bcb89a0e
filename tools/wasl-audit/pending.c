#include "pending.h"

#include "base/error.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct pending {
    void *tree; /* by id: balanced, since ids come from strangers */
    struct question *oldest, *newest;
    size_t count;
};

struct pending *pending_new(void)
{
    return memory_zeroed(1, sizeof(struct pending));
}

void pending_free(struct pending *pending)
{
    if (pending == NULL)
        return;
    while (pending->oldest != NULL)
        pending_remove(pending, pending->oldest);
    free(pending);
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct question *)a)->id, ((const struct question *)b)->id, 16);
}

struct question *pending_add(struct pending *pending, const uint8_t id[16])
{
    struct question *question = memory_zeroed(1, sizeof *question);
    memcpy(question->id, id, 16);
    struct question **place = tsearch(question, &pending->tree, by_id);
    BUG_ON(place == NULL || *place != question);
    question->older = pending->newest;
    *(pending->newest != NULL ? &pending->newest->newer : &pending->oldest) = question;
    pending->newest = question;
    pending->count++;
    return question;
}

struct question *pending_find(struct pending *pending, const uint8_t id[16])
{
    struct question wanted = {0};
    memcpy(wanted.id, id, 16);
    struct question **found = tfind(&wanted, &pending->tree, by_id);
    return found != NULL ? *found : NULL;
}

struct question *pending_oldest(struct pending *pending)
{
    return pending->oldest;
}

size_t pending_count(const struct pending *pending)
{
    return pending->count;
}

void pending_remove(struct pending *pending, struct question *question)
{
    BUG_ON(tdelete(question, &pending->tree, by_id) == NULL);
    *(question->older != NULL ? &question->older->newer : &pending->oldest) = question->newer;
    *(question->newer != NULL ? &question->newer->older : &pending->newest) = question->older;
    pending->count--;
    buffer_free(&question->key);
    free(question);
}
