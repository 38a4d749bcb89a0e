#include "broker/limiter.h"

#include "base/clock.h"
#include "crypto/hash.h"
#include "registry/identifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Members are those of the registry, so their number is bounded; one without a rest makes room when its
 * second is over. */
struct counter {
    char member[IDENTIFIER_MOST + 1];
    uint64_t second; /* its number since 1970 */
    uint64_t written, rest;
    enum refusal reason;
    struct sha256_stream *leaves;
};

struct limiter {
    unsigned most;
    struct counter *counters;
    size_t count, capacity;
};

struct limiter *limiter_new(unsigned most_per_second)
{
    struct limiter *limiter = memory_zeroed(1, sizeof(*limiter));
    limiter->most = most_per_second;
    return limiter;
}

void limiter_free(struct limiter *limiter)
{
    if (limiter == NULL)
        return;
    for (size_t i = 0; i < limiter->count; i++) {
        uint8_t unused[HASH_SIZE];
        if (limiter->counters[i].leaves != NULL)
            sha256_stream_end(limiter->counters[i].leaves, unused);
    }
    free(limiter->counters);
    free(limiter);
}

static void forget_quiet(struct limiter *limiter, uint64_t second)
{
    for (size_t i = 0; i < limiter->count;) {
        struct counter *c = &limiter->counters[i];
        if (c->rest == 0 && c->second != second)
            *c = limiter->counters[--limiter->count];
        else
            i++;
    }
}

static struct counter *counter_of(struct limiter *limiter, const char *member, uint64_t now)
{
    uint64_t second = now / MICROSECONDS;
    for (size_t i = 0; i < limiter->count; i++) {
        struct counter *c = &limiter->counters[i];
        if (strcmp(c->member, member) != 0)
            continue;
        /* With a rest unwritten the new second begins when it has been taken. */
        if (c->second != second && c->rest == 0) {
            c->second = second;
            c->written = 0;
        }
        return c;
    }
    if (limiter->count == limiter->capacity)
        forget_quiet(limiter, second);
    if (limiter->count == limiter->capacity) {
        size_t capacity = limiter->capacity == 0 ? 16 : limiter->capacity * 2;
        struct counter *more = memory_zeroed(capacity, sizeof(*more));
        if (limiter->count > 0)
            memcpy(more, limiter->counters, limiter->count * sizeof(*more));
        free(limiter->counters);
        limiter->counters = more;
        limiter->capacity = capacity;
    }
    struct counter *c = &limiter->counters[limiter->count++];
    *c = (struct counter){.second = second};
    snprintf(c->member, sizeof(c->member), "%s", member);
    return c;
}

static bool has_room(const struct limiter *limiter, const struct counter *c)
{
    return c->rest == 0 && c->written < limiter->most;
}

bool limiter_room(struct limiter *limiter, const char *member, uint64_t now)
{
    return has_room(limiter, counter_of(limiter, member, now));
}

bool limiter_allow(struct limiter *limiter, const char *member, enum refusal reason,
                   const uint8_t leaf[HASH_SIZE], uint64_t now)
{
    struct counter *c = counter_of(limiter, member, now);
    if (has_room(limiter, c)) {
        c->written++;
        return true;
    }
    if (c->rest == 0) {
        c->reason = reason;
        c->leaves = sha256_stream_new();
    }
    c->rest++;
    sha256_stream_add(c->leaves, bytes_make(leaf, HASH_SIZE));
    return false;
}

void limiter_note(struct limiter *limiter, const char *member, uint64_t now)
{
    counter_of(limiter, member, now)->written++;
}

bool limiter_next(struct limiter *limiter, uint64_t now, bool all, struct limiter_rest *out)
{
    for (size_t i = 0; i < limiter->count; i++) {
        struct counter *c = &limiter->counters[i];
        if (c->rest == 0 || (!all && c->second == now / MICROSECONDS))
            continue;
        out->member = c->member;
        out->reason = c->reason;
        out->count = c->rest;
        sha256_stream_end(c->leaves, out->hash);
        c->leaves = NULL;
        c->rest = 0;
        /* The entry that stands for many is the first of the member's new second. */
        c->second = now / MICROSECONDS;
        c->written = 1;
        return true;
    }
    return false;
}

uint64_t limiter_due(const struct limiter *limiter)
{
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < limiter->count; i++) {
        const struct counter *c = &limiter->counters[i];
        uint64_t end = (c->second + 1) * MICROSECONDS;
        if (c->rest > 0 && end < due)
            due = end;
    }
    return due;
}
