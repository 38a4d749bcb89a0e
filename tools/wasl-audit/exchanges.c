#include "exchanges.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* An open-addressing table: a ledger has millions of exchanges, and each must be remembered to see that it
 * ends once. */
struct exchanges {
    struct exchange *slots;
    bool *used;
    size_t capacity; /* a power of two */
    size_t count;
    uint64_t salt; /* ids come from strangers: they must not choose their slots */
};

static size_t slot_of(const struct exchanges *exchanges, const uint8_t id[16])
{
    uint64_t h = get_u64be(id) ^ exchanges->salt;
    h = (h ^ (h >> 31)) * 0x9e3779b97f4a7c15ULL;
    h ^= get_u64be(id + 8);
    h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9ULL;
    size_t slot = (size_t)(h ^ (h >> 32)) & (exchanges->capacity - 1);
    while (exchanges->used[slot] && memcmp(exchanges->slots[slot].id, id, 16) != 0)
        slot = (slot + 1) & (exchanges->capacity - 1);
    return slot;
}

static void allocate(struct exchanges *exchanges, size_t capacity)
{
    exchanges->capacity = capacity;
    exchanges->slots = memory_zeroed(capacity, sizeof *exchanges->slots);
    exchanges->used = memory_zeroed(capacity, sizeof *exchanges->used);
}

struct exchanges *exchanges_new(void)
{
    struct exchanges *exchanges = memory_zeroed(1, sizeof *exchanges);
    bytes_random(&exchanges->salt, sizeof exchanges->salt);
    allocate(exchanges, 1024);
    return exchanges;
}

void exchanges_free(struct exchanges *exchanges)
{
    if (exchanges == NULL)
        return;
    for (size_t i = 0; i < exchanges->capacity; i++)
        free(exchanges->slots[i].header);
    free(exchanges->slots);
    free(exchanges->used);
    free(exchanges);
}

struct exchange *exchanges_find(struct exchanges *exchanges, const uint8_t id[16])
{
    size_t slot = slot_of(exchanges, id);
    return exchanges->used[slot] ? &exchanges->slots[slot] : NULL;
}

static void rebuild(struct exchanges *exchanges, size_t new_capacity, bool keep_ended)
{
    struct exchange *slots = exchanges->slots;
    bool *used = exchanges->used;
    size_t capacity = exchanges->capacity;
    allocate(exchanges, new_capacity);
    exchanges->count = 0;
    for (size_t i = 0; i < capacity; i++) {
        if (!used[i] || (slots[i].terminal != NO_ENTRY && !keep_ended))
            continue;
        exchanges->count++;
        size_t slot = slot_of(exchanges, slots[i].id);
        exchanges->slots[slot] = slots[i];
        exchanges->used[slot] = true;
    }
    free(slots);
    free(used);
}

size_t exchanges_count(const struct exchanges *exchanges)
{
    return exchanges->count;
}

void exchanges_forget_ended(struct exchanges *exchanges)
{
    rebuild(exchanges, exchanges->capacity, false);
}

struct exchange *exchanges_add(struct exchanges *exchanges, const uint8_t id[16])
{
    if (2 * (exchanges->count + 1) > exchanges->capacity)
        rebuild(exchanges, 2 * exchanges->capacity, true);
    size_t slot = slot_of(exchanges, id);
    BUG_ON(exchanges->used[slot]);
    exchanges->used[slot] = true;
    exchanges->count++;
    struct exchange *exchange = &exchanges->slots[slot];
    *exchange = (struct exchange){.request = NO_ENTRY, .terminal = NO_ENTRY};
    memcpy(exchange->id, id, 16);
    return exchange;
}

void exchange_end(struct exchange *exchange, uint64_t terminal)
{
    exchange->terminal = terminal;
    free(exchange->header);
    exchange->header = NULL;
}

void exchanges_each(struct exchanges *exchanges, bool (*visit)(void *arg, const struct exchange *exchange),
                    void *arg)
{
    for (size_t i = 0; i < exchanges->capacity; i++)
        if (exchanges->used[i] && !visit(arg, &exchanges->slots[i]))
            return;
}
