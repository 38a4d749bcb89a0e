#ifndef WASL_BROKER_MAP_H
#define WASL_BROKER_MAP_H
/* A hash map from keys of one fixed length (exchange ids, link keys) to pointers. Peers choose the keys, so
 * the hash is seeded afresh in each process. Not thread safe. */
#include <stddef.h>
#include <stdint.h>

struct map;

struct map *map_new(size_t key_len); /* 8 to 64, a multiple of 8 */
void map_free(struct map *map);      /* not what it points to; NULL is harmless */
void *map_get(const struct map *map, const uint8_t *key);
/* Replaces; returns what stood there before, or NULL. value is not NULL. */
void *map_put(struct map *map, const uint8_t *key, void *value);
void *map_remove(struct map *map, const uint8_t *key); /* what stood there, or NULL */
/* Calls visit for every value, in no order; the map must not change meanwhile. */
void map_each(const struct map *map, void (*visit)(void *arg, void *value), void *arg);
size_t map_count(const struct map *map);

#endif
