#include "broker/exchanges.h"

#include "base/error.h"
#include "broker/map.h"
#include "broker/peers.h"

#include <stdlib.h>

struct exchanges {
    struct map *by_id;
    struct exchange **heap; /* by deadline, earliest first; place 0 is not used */
    size_t heaped, capacity;
};

struct exchanges *exchanges_new(void)
{
    struct exchanges *exchanges = memory_zeroed(1, sizeof(*exchanges));
    exchanges->by_id = map_new(16);
    return exchanges;
}

static void exchange_free(struct exchange *x)
{
    free(x->provider_id);
    buffer_free(&x->entry);
    delivery_free(x->delivery);
    free(x);
}

struct exchange *exchanges_find(const struct exchanges *exchanges, const uint8_t id[16])
{
    return map_get(exchanges->by_id, id);
}

/* --- heap --- */

static void settle(struct exchanges *x, struct exchange *item, size_t place)
{
    x->heap[place] = item;
    item->place = place;
}

static void rise(struct exchanges *x, struct exchange *item, size_t place)
{
    for (; place > 1 && x->heap[place / 2]->deadline > item->deadline; place /= 2)
        settle(x, x->heap[place / 2], place);
    settle(x, item, place);
}

static void sink(struct exchanges *x, struct exchange *item, size_t place)
{
    for (size_t child; (child = place * 2) <= x->heaped; place = child) {
        if (child < x->heaped && x->heap[child + 1]->deadline < x->heap[child]->deadline)
            child++;
        if (x->heap[child]->deadline >= item->deadline)
            break;
        settle(x, x->heap[child], place);
    }
    settle(x, item, place);
}

static void heap_add(struct exchanges *x, struct exchange *item)
{
    if (x->heaped + 2 > x->capacity) {
        x->capacity = x->capacity == 0 ? 256 : x->capacity * 2;
        x->heap = realloc(x->heap, x->capacity * sizeof(struct exchange *));
        BUG_ON(x->heap == NULL);
    }
    rise(x, item, ++x->heaped);
}

static void heap_remove(struct exchanges *x, struct exchange *item)
{
    size_t place = item->place;
    if (place == 0)
        return;
    item->place = 0;
    struct exchange *last = x->heap[x->heaped--];
    if (last == item)
        return;
    if (place > 1 && x->heap[place / 2]->deadline > last->deadline)
        rise(x, last, place);
    else
        sink(x, last, place);
}

/* --- lists of providers --- */

static void list_add(struct exchange *x, struct peer *provider)
{
    x->provider = provider;
    x->before = NULL;
    x->after = provider->answers;
    if (x->after != NULL)
        x->after->before = x;
    provider->answers = x;
}

static void list_remove(struct exchange *x)
{
    if (x->before != NULL)
        x->before->after = x->after;
    else
        x->provider->answers = x->after;
    if (x->after != NULL)
        x->after->before = x->before;
    x->before = x->after = NULL;
}

void exchanges_add(struct exchanges *exchanges, struct exchange *exchange)
{
    void *before = map_put(exchanges->by_id, exchange->id, exchange);
    BUG_ON(before != NULL);
    heap_add(exchanges, exchange);
    list_add(exchange, exchange->provider);
}

void exchanges_remove(struct exchanges *exchanges, struct exchange *exchange)
{
    BUG_ON(exchange->posting != NULL);
    map_remove(exchanges->by_id, exchange->id);
    heap_remove(exchanges, exchange);
    list_remove(exchange);
    exchange_free(exchange);
}

void exchanges_move(struct exchanges *exchanges, struct exchange *exchange, struct peer *provider)
{
    (void)exchanges;
    list_remove(exchange);
    list_add(exchange, provider);
}

size_t exchanges_count(const struct exchanges *exchanges)
{
    return map_count(exchanges->by_id);
}

struct exchange *exchanges_first(const struct exchanges *exchanges)
{
    return exchanges->heaped > 0 ? exchanges->heap[1] : NULL;
}

void exchanges_mark_ending(struct exchanges *exchanges, struct exchange *exchange)
{
    exchange->ending = true;
    heap_remove(exchanges, exchange);
}

static void free_one(void *arg, void *value)
{
    (void)arg;
    exchange_free(value);
}

void exchanges_free(struct exchanges *exchanges)
{
    if (exchanges == NULL)
        return;
    map_each(exchanges->by_id, free_one, NULL);
    map_free(exchanges->by_id);
    free(exchanges->heap);
    free(exchanges);
}
