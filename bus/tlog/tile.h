#ifndef WASL_TLOG_TILE_H
#define WASL_TLOG_TILE_H
/* C2SP tlog-tiles: paths, and entry bundles (repeated u16be length || entry). Pure. */
#include "base/bytes.h"

#define TILE_ENTRY_MOST 65535

enum tile_kind { TILE_HASHES, TILE_ENTRIES };

struct tile_path {
    enum tile_kind kind;
    unsigned level; /* 0 for entries */
    uint64_t number;
    unsigned width; /* 1 to 256; 256: full, no ".p/W" */
};
/* "tile/0/x001/x234/067", "tile/entries/000.p/17"; out has room for 96. */
void tile_path_format(const struct tile_path *path, char *out);
bool tile_path_parse(struct bytes text, struct tile_path *out); /* strict: exactly what format writes */
/* Width of tile (level, number) in a tree of that size: 0 when it does not exist. */
unsigned tile_width(uint64_t size, unsigned level, uint64_t number);
/* Next entry of a bundle: moves *rest on. False at the end or when it is cut (then rest->len > 0). */
bool tile_next_entry(struct bytes *rest, struct bytes *entry);

#endif
