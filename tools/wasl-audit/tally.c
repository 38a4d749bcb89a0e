#include "tally.h"

#include "base/error.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct tally {
    void *tree; /* of struct group, by key: balanced, so that nobody's choice of names makes it slow */
    size_t count;
    struct counts others, total;
    bool has_others;
};

/* 0 to 63 as they are; from there on, each doubling in 32 steps. */
static unsigned bucket_of(uint64_t value)
{
    if (value >= (uint64_t)1 << 31)
        value = ((uint64_t)1 << 31) - 1;
    if (value < 64)
        return (unsigned)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - 5;
    return shift * 32 + (unsigned)(value >> shift);
}

/* The middle of what falls into it. */
static uint64_t bucket_value(unsigned bucket)
{
    if (bucket < 64)
        return bucket;
    unsigned shift = bucket / 32 - 1;
    return ((uint64_t)(bucket % 32 + 32) << shift) + ((uint64_t)1 << shift) / 2;
}

void latencies_add(struct latencies *latencies, uint64_t microseconds)
{
    if (latencies->buckets == NULL)
        latencies->buckets = memory_zeroed(LATENCY_BUCKETS, sizeof *latencies->buckets);
    uint32_t *bucket = &latencies->buckets[bucket_of(microseconds)];
    if (*bucket < UINT32_MAX) {
        (*bucket)++;
        latencies->count++;
    }
    if (microseconds > latencies->most)
        latencies->most = microseconds;
}

uint64_t latencies_percentile(const struct latencies *latencies, unsigned percent)
{
    BUG_ON(latencies->count == 0 || percent > 100);
    uint64_t rank = (latencies->count * percent + 99) / 100, seen = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latencies->buckets[i];
        if (seen >= rank && seen > 0)
            return bucket_value(i) < latencies->most ? bucket_value(i) : latencies->most;
    }
    return latencies->most;
}

struct tally *tally_new(void)
{
    return memory_zeroed(1, sizeof(struct tally));
}

static void free_group(void *group_)
{
    struct group *group = group_;
    free(group->counts.latencies.buckets);
    buffer_free(&group->key);
    free(group);
}

void tally_free(struct tally *tally)
{
    if (tally == NULL)
        return;
    tdestroy(tally->tree, free_group);
    free(tally->others.latencies.buckets);
    free(tally->total.latencies.buckets);
    free(tally);
}

static int by_key(const void *a_, const void *b_)
{
    const struct group *a = a_, *b = b_;
    size_t len = a->key.len < b->key.len ? a->key.len : b->key.len;
    int order = len > 0 ? memcmp(a->key.data, b->key.data, len) : 0;
    return order != 0 ? order : (a->key.len > b->key.len) - (a->key.len < b->key.len);
}

static struct group *find(struct tally *tally, struct bytes key)
{
    struct group wanted = {.key = {.data = (uint8_t *)(uintptr_t)key.data, .len = key.len}};
    struct group **found = tfind(&wanted, &tally->tree, by_key);
    if (found != NULL)
        return *found;
    if (tally->count == TALLY_GROUPS_MOST)
        return NULL;
    struct group *group = memory_zeroed(1, sizeof *group);
    buffer_append_bytes(&group->key, key);
    BUG_ON(tsearch(group, &tally->tree, by_key) == NULL);
    tally->count++;
    return group;
}

struct counts *tally_of(struct tally *tally, struct bytes key)
{
    struct group *group = find(tally, key);
    if (group != NULL)
        return &group->counts;
    tally->has_others = true;
    return &tally->others;
}

void tally_mention(struct tally *tally, struct bytes key)
{
    find(tally, key);
}

size_t tally_count(const struct tally *tally)
{
    return tally->count;
}

struct each {
    void (*visit)(void *arg, const struct group *group);
    void *arg;
};

static void visit_node(const void *node, VISIT which, void *each_)
{
    const struct each *each = each_;
    if (which == postorder || which == leaf)
        each->visit(each->arg, *(const struct group *const *)node);
}

void tally_each(const struct tally *tally, void (*visit)(void *arg, const struct group *group), void *arg)
{
    struct each each = {visit, arg};
    twalk_r(tally->tree, visit_node, &each);
}

const struct counts *tally_others(const struct tally *tally)
{
    return tally->has_others ? &tally->others : NULL;
}

struct counts *tally_total(struct tally *tally)
{
    return &tally->total;
}

/* The number, the text, a zero: so the order of bytes is that of the values. */
void key_add(struct buffer *key, uint64_t number, struct bytes text)
{
    BUG_ON(text.len > 0 && memchr(text.data, 0, text.len) != NULL);
    buffer_put_u64be(key, number);
    buffer_append_bytes(key, text);
    buffer_append(key, "", 1);
}

bool key_next(struct bytes *key, uint64_t *number, struct bytes *text)
{
    if (key->len == 0)
        return false;
    const uint8_t *begin = key->data + 8, *end = memchr(begin, 0, key->len - 8);
    BUG_ON(end == NULL);
    *number = get_u64be(key->data);
    *text = bytes_make(begin, (size_t)(end - begin));
    *key = bytes_make(end + 1, key->len - 8 - text->len - 1);
    return true;
}
