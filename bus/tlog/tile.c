#include "tlog/tile.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PATH_ROOM  96
#define LEVEL_MOST 63
#define FULL       256

void tile_path_format(const struct tile_path *path, char *out)
{
    char level[16];
    unsigned groups[7];
    size_t count = 0;
    uint64_t n = path->number;

    BUG_ON(path->width == 0 || path->width > FULL || path->level > LEVEL_MOST);
    if (path->kind == TILE_ENTRIES)
        strcpy(level, "entries");
    else
        snprintf(level, sizeof(level), "%u", path->level);
    do {
        groups[count++] = (unsigned)(n % 1000);
        n /= 1000;
    } while (n > 0);

    int len = snprintf(out, PATH_ROOM, "tile/%s", level);
    while (count > 0) {
        count--;
        len += snprintf(out + len, PATH_ROOM - (size_t)len, count > 0 ? "/x%03u" : "/%03u", groups[count]);
    }
    if (path->width < FULL)
        snprintf(out + len, PATH_ROOM - (size_t)len, ".p/%u", path->width);
}

static bool take(struct bytes *rest, const char *word)
{
    size_t len = strlen(word);

    if (rest->len < len || memcmp(rest->data, word, len) != 0)
        return false;
    *rest = bytes_make(rest->data + len, rest->len - len);
    return true;
}

static bool take_digits(struct bytes *rest, size_t least, size_t most, uint64_t *out)
{
    size_t n = 0;
    uint64_t v = 0;

    while (n < rest->len && n < most && rest->data[n] >= '0' && rest->data[n] <= '9')
        v = v * 10 + (uint64_t)(rest->data[n++] - '0');
    if (n < least)
        return false;
    *rest = bytes_make(rest->data + n, rest->len - n);
    *out = v;
    return true;
}

bool tile_path_parse(struct bytes text, struct tile_path *out)
{
    struct tile_path path = {.kind = TILE_HASHES, .width = FULL};
    struct bytes rest = text;
    uint64_t v;
    bool last = false;
    char again[PATH_ROOM];

    if (text.len >= PATH_ROOM || !take(&rest, "tile/"))
        return false;
    if (take(&rest, "entries")) {
        path.kind = TILE_ENTRIES;
    } else {
        if (!take_digits(&rest, 1, 2, &v) || v > LEVEL_MOST)
            return false;
        path.level = (unsigned)v;
    }
    while (!last) {
        if (!take(&rest, "/"))
            return false;
        last = !take(&rest, "x");
        if (!take_digits(&rest, 3, 3, &v) || path.number > (UINT64_MAX - v) / 1000)
            return false;
        path.number = path.number * 1000 + v;
    }
    if (rest.len > 0) {
        if (!take(&rest, ".p/") || !take_digits(&rest, 1, 3, &v) || rest.len > 0 || v == 0 || v >= FULL)
            return false;
        path.width = (unsigned)v;
    }
    /* Leading zeros and needless groups are found by writing it again. */
    tile_path_format(&path, again);
    if (!bytes_equal_string(text, again))
        return false;
    *out = path;
    return true;
}

unsigned tile_width(uint64_t size, unsigned level, uint64_t number)
{
    uint64_t hashes = level >= 8 ? 0 : size >> (8 * level); /* complete subtrees of 256^level leaves */
    uint64_t full = hashes / FULL;

    if (number < full)
        return FULL;
    return number == full ? (unsigned)(hashes % FULL) : 0;
}

bool tile_next_entry(struct bytes *rest, struct bytes *entry)
{
    if (rest->len < 2)
        return false;
    size_t len = get_u16be(rest->data);
    if (rest->len - 2 < len)
        return false;
    *entry = bytes_make(rest->data + 2, len);
    *rest = bytes_make(rest->data + 2 + len, rest->len - 2 - len);
    return true;
}
