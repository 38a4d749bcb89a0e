#include "broker/map.h"

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/keys.h"

#include <stdlib.h>
#include <string.h>

/* Open addressing with linear probing; a removal moves followers back, so there are no tombstones. */
struct slot {
    void *value;
    uint8_t key[];
};

struct map {
    size_t key_len, stride, count, mask;
    uint64_t seed[2];
    uint8_t *slots;
};

#define SLOTS_FIRST 64

static struct slot *slot_at(const struct map *map, size_t i)
{
    return (struct slot *)(void *)(map->slots + i * map->stride);
}

static size_t home(const struct map *map, const uint8_t *key)
{
    uint64_t h = map->seed[0];
    for (size_t i = 0; i < map->key_len; i += 8) {
        uint64_t word;
        memcpy(&word, key + i, 8);
        h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
        h ^= (h >> 29) ^ map->seed[1];
    }
    h *= 0xbf58476d1ce4e5b9ULL;
    return (size_t)(h >> 20) & map->mask;
}

struct map *map_new(size_t key_len)
{
    BUG_ON(key_len < 8 || key_len > 64 || key_len % 8 != 0);
    struct map *map = memory_zeroed(1, sizeof(*map));
    map->key_len = key_len;
    map->stride = sizeof(struct slot) + key_len;
    map->mask = SLOTS_FIRST - 1;
    random_bytes(map->seed, sizeof(map->seed));
    map->slots = memory_zeroed(SLOTS_FIRST, map->stride);
    return map;
}

void map_free(struct map *map)
{
    if (map == NULL)
        return;
    free(map->slots);
    free(map);
}

/* The key's slot, or the free one where it would stand. */
static struct slot *find(const struct map *map, const uint8_t *key)
{
    for (size_t i = home(map, key);; i = (i + 1) & map->mask) {
        struct slot *slot = slot_at(map, i);
        if (slot->value == NULL || memcmp(slot->key, key, map->key_len) == 0)
            return slot;
    }
}

void *map_get(const struct map *map, const uint8_t *key)
{
    return find(map, key)->value;
}

static void grow(struct map *map)
{
    uint8_t *old = map->slots;
    size_t old_size = map->mask + 1;
    map->mask = old_size * 2 - 1;
    map->slots = memory_zeroed(old_size * 2, map->stride);
    for (size_t i = 0; i < old_size; i++) {
        struct slot *from = (struct slot *)(void *)(old + i * map->stride);
        if (from->value != NULL)
            memcpy(find(map, from->key), from, map->stride);
    }
    free(old);
}

void *map_put(struct map *map, const uint8_t *key, void *value)
{
    BUG_ON(value == NULL);
    if (map->count * 4 >= (map->mask + 1) * 3)
        grow(map);
    struct slot *slot = find(map, key);
    void *before = slot->value;
    if (before == NULL) {
        memcpy(slot->key, key, map->key_len);
        map->count++;
    }
    slot->value = value;
    return before;
}

void *map_remove(struct map *map, const uint8_t *key)
{
    struct slot *slot = find(map, key);
    void *before = slot->value;
    if (before == NULL)
        return NULL;
    map->count--;
    size_t hole = (size_t)((uint8_t *)slot - map->slots) / map->stride;
    for (size_t i = (hole + 1) & map->mask; slot_at(map, i)->value != NULL; i = (i + 1) & map->mask) {
        /* A follower may fill the hole unless its home lies behind it. */
        size_t h = home(map, slot_at(map, i)->key);
        if (((i - h) & map->mask) >= ((i - hole) & map->mask)) {
            memcpy(slot_at(map, hole), slot_at(map, i), map->stride);
            hole = i;
        }
    }
    slot_at(map, hole)->value = NULL;
    return before;
}

void map_each(const struct map *map, void (*visit)(void *arg, void *value), void *arg)
{
    for (size_t i = 0; i <= map->mask; i++)
        if (slot_at(map, i)->value != NULL)
            visit(arg, slot_at(map, i)->value);
}

size_t map_count(const struct map *map)
{
    return map->count;
}
