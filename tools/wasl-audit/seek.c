#include "seek.h"

#include "base/error.h"
#include "record.h"

/* Time of an entry; 0 when it cannot be read. */
static int entry_time(struct reader *reader, uint64_t size, uint64_t index, uint64_t *time, struct error *e)
{
    struct cursor cursor;
    struct bytes raw;
    uint64_t at;
    *time = 0;
    cursor_start(&cursor, reader, size, index, index + 1);
    int found = cursor_next(&cursor, &at, &raw, e);
    if (found == 1) {
        struct record record;
        if (record_open(&record, at, raw)) {
            *time = record.entry.time;
            record_close(&record);
        }
    }
    cursor_end(&cursor);
    return found == 1 ? 0 : -1;
}

int seek_time(struct reader *reader, uint64_t size, uint64_t time, uint64_t *from, struct error *e)
{
    uint64_t low = 0, high = size / TREE_TILE; /* the wanted bundle is among [low, high] */
    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        uint64_t begins;
        if (middle * TREE_TILE >= size) {
            high = middle - 1;
            continue;
        }
        if (entry_time(reader, size, middle * TREE_TILE, &begins, e) != 0)
            return -1;
        if (begins < time)
            low = middle;
        else
            high = middle - 1;
    }
    *from = low * TREE_TILE;
    return 0;
}
