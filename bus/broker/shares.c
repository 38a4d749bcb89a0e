#include "broker/shares.h"

#include "base/bytes.h"
#include "base/error.h"
#include "broker/exchanges.h"
#include "registry/identifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct share {
    char member[IDENTIFIER_MOST + 1];
    struct room room;
    uint64_t under_way, most;      /* most: as of the last request */
    struct exchange *first, *last; /* that wait, oldest first */
};

static bool fits(const struct room *room, uint64_t bytes, uint64_t messages_most, uint64_t bytes_most)
{
    return room->messages < messages_most && bytes <= bytes_most && room->bytes <= bytes_most - bytes;
}

static void add(struct room *room, uint64_t bytes)
{
    room->messages++;
    room->bytes += bytes;
}

bool room_take(struct room *room, uint64_t bytes, const struct config_limits *limits)
{
    if (!fits(room, bytes, limits->mailbox_messages, limits->mailbox_bytes))
        return false;
    add(room, bytes);
    return true;
}

void room_give(struct room *room, uint64_t bytes)
{
    BUG_ON(room->messages == 0 || room->bytes < bytes);
    room->messages--;
    room->bytes -= bytes;
}

static struct share *find(const struct shares *shares, const char *member)
{
    for (size_t i = 0; i < shares->count; i++)
        if (strcmp(shares->items[i].member, member) == 0)
            return &shares->items[i];
    return NULL;
}

static struct share *add_share(struct shares *shares, const char *member)
{
    if (shares->count == shares->capacity) {
        shares->capacity = shares->capacity == 0 ? 8 : shares->capacity * 2;
        shares->items = realloc(shares->items, shares->capacity * sizeof(*shares->items));
        BUG_ON(shares->items == NULL);
    }
    struct share *share = &shares->items[shares->count++];
    memset(share, 0, sizeof(*share));
    snprintf(share->member, sizeof(share->member), "%s", member);
    return share;
}

bool shares_take(struct shares *shares, const char *member, uint64_t bytes,
                 const struct config_limits *limits)
{
    static const struct room none = {0, 0};
    struct share *share = find(shares, member);
    if (!fits(&shares->all, bytes, limits->mailbox_messages, limits->mailbox_bytes))
        return false;
    if (!fits(share == NULL ? &none : &share->room, bytes, limits->mailbox_messages - shares->all.messages,
              limits->mailbox_bytes - shares->all.bytes))
        return false;
    if (share == NULL)
        share = add_share(shares, member);
    add(&share->room, bytes);
    add(&shares->all, bytes);
    return true;
}

void shares_give(struct shares *shares, const char *member, uint64_t bytes)
{
    struct share *share = find(shares, member);
    BUG_ON(share == NULL);
    room_give(&share->room, bytes);
    room_give(&shares->all, bytes);
    if (share->room.messages > 0)
        return;
    BUG_ON(share->under_way > 0 || share->first != NULL);
    *share = shares->items[--shares->count];
}

/* What stands before a member's request at the provider is what others have there: little, while there are
 * others. */
static uint64_t most_under_way(struct shares *shares, const char *member, uint64_t most, uint64_t now)
{
    struct asker *latest = &shares->askers[0];
    if (strcmp(latest->member, member) != 0) {
        shares->askers[1] = *latest;
        snprintf(latest->member, sizeof(latest->member), "%s", member);
    }
    latest->at = now;
    bool alone = shares->askers[1].at == 0 || now >= shares->askers[1].at + SHARES_MEMORY;
    return alone || most == 0 ? most : (most + 7) / 8;
}

bool shares_send(struct shares *shares, const char *member, struct exchange *exchange, uint64_t most,
                 uint64_t now)
{
    struct share *share = find(shares, member);
    most = most_under_way(shares, member, most, now);
    BUG_ON(share == NULL || exchange->waits || exchange->under_way);
    share->most = most;
    if (share->first == NULL && (most == 0 || share->under_way < most)) {
        share->under_way++;
        exchange->under_way = true;
        return true;
    }
    exchange->waits = true;
    exchange->behind = NULL;
    if (share->last != NULL)
        share->last->behind = exchange;
    else
        share->first = exchange;
    share->last = exchange;
    return false;
}

static void stop_waiting(struct share *share, struct exchange *exchange)
{
    struct exchange *before = NULL;
    for (struct exchange *x = share->first; x != exchange; x = x->behind) {
        BUG_ON(x == NULL);
        before = x;
    }
    if (before != NULL)
        before->behind = exchange->behind;
    else
        share->first = exchange->behind;
    if (share->last == exchange)
        share->last = before;
    exchange->behind = NULL;
    exchange->waits = false;
}

struct exchange *shares_done(struct shares *shares, const char *member, struct exchange *exchange)
{
    struct share *share = find(shares, member);
    BUG_ON(share == NULL);
    if (exchange->waits)
        stop_waiting(share, exchange);
    if (!exchange->under_way)
        return NULL;
    exchange->under_way = false;
    share->under_way--;
    struct exchange *next = share->first;
    if (next == NULL || (share->most > 0 && share->under_way >= share->most))
        return NULL;
    stop_waiting(share, next);
    next->under_way = true;
    share->under_way++;
    return next;
}

void shares_free(struct shares *shares)
{
    free(shares->items);
    *shares = (struct shares){0};
}
