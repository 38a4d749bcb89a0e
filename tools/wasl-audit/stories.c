#include "stories.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS ((size_t)1 << 14)

struct stories {
    struct story *buckets[BUCKETS]; /* by id */
    uint64_t salt;                  /* ids come from strangers: they must not choose their buckets */
    struct story *first, *last;     /* by age */
    size_t count;
};

static struct story **bucket(struct stories *stories, const uint8_t id[16])
{
    uint64_t h = (get_u64be(id) ^ stories->salt) * 0x9e3779b97f4a7c15ULL;
    h = ((h ^ (h >> 31)) ^ get_u64be(id + 8)) * 0xbf58476d1ce4e5b9ULL;
    return &stories->buckets[h >> 50];
}

struct stories *stories_new(void)
{
    struct stories *stories = memory_zeroed(1, sizeof *stories);
    bytes_random(&stories->salt, sizeof stories->salt);
    return stories;
}

void stories_free(struct stories *stories)
{
    if (stories == NULL)
        return;
    for (struct story *story; (story = stories->first) != NULL;) {
        stories_remove(stories, story);
        story_free(story);
    }
    free(stories);
}

struct story *stories_find(struct stories *stories, const uint8_t id[16])
{
    struct story *story = *bucket(stories, id);
    while (story != NULL && memcmp(story->id, id, sizeof story->id) != 0)
        story = story->next;
    return story;
}

void stories_add(struct stories *stories, struct story *story)
{
    struct story **place = bucket(stories, story->id);
    story->next = *place;
    *place = story;
    story->before = stories->last;
    story->after = NULL;
    if (stories->last != NULL)
        stories->last->after = story;
    else
        stories->first = story;
    stories->last = story;
    stories->count++;
}

void stories_remove(struct stories *stories, struct story *story)
{
    struct story **place = bucket(stories, story->id);
    while (*place != story)
        place = &(*place)->next;
    *place = story->next;
    if (story->before != NULL)
        story->before->after = story->after;
    else
        stories->first = story->after;
    if (story->after != NULL)
        story->after->before = story->before;
    else
        stories->last = story->before;
    stories->count--;
}

struct story *stories_oldest(struct stories *stories)
{
    return stories->first;
}

size_t stories_count(const struct stories *stories)
{
    return stories->count;
}
