/* wasl-audit tiles: the whole ledger as a folder, which anybody can serve, keep and verify. */
#include "commands.h"

#include "base/error.h"
#include "exits.h"
#include "record.h"
#include "source.h"
#include "tlog/tile.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct tiles_options {
    struct source source;
    const char *folder;
};

struct tiles_run {
    struct reader *reader;
    const char *folder;
    struct checkpoint checkpoint;
    uint64_t files, kept;
    uint8_t registry[HASH_SIZE]; /* written last: most entries name the same */
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct tiles_options *tiles = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &tiles->source;
        return 0;
    case ARGP_KEY_ARG:
        if (tiles->folder != NULL)
            argp_error(state, "one folder to write to, please");
        tiles->folder = argument;
        return 0;
    case ARGP_KEY_END:
        if (tiles->folder == NULL)
            argp_error(state, "which folder is to be written?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int path_of(const struct tiles_run *run, const char *name, struct buffer *path, struct error *e)
{
    buffer_printf(path, "%s/%s", run->folder, name);
    buffer_append(path, "", 1);
    char *text = (char *)path->data;
    for (char *p = strchr(text + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        int made = mkdir(text, 0755);
        int reason = errno;
        *p = '/';
        if (made != 0 && reason != EEXIST)
            return error_set(e, ERROR_IO, "%s: cannot make its folder: %s", text, strerror(reason));
    }
    return 0;
}

static int write_file(struct tiles_run *run, const char *name, struct bytes data, struct error *e)
{
    struct buffer path = {0};
    int result = path_of(run, name, &path, e);
    if (result == 0)
        result = file_write_atomically((const char *)path.data, data, 0644, e);
    buffer_free(&path);
    run->files++;
    return result;
}

/* What has the name of a full tile or of an object never changes: a copy made before is added to, not made
 * anew. */
static bool have(struct tiles_run *run, const char *name, off_t size)
{
    struct buffer path = {0};
    struct stat st;
    buffer_printf(&path, "%s/%s", run->folder, name);
    buffer_append(&path, "", 1);
    bool there =
        stat((const char *)path.data, &st) == 0 && S_ISREG(st.st_mode) && (size < 0 || st.st_size == size);
    buffer_free(&path);
    run->kept += there;
    return there;
}

static int write_object(struct tiles_run *run, const uint8_t hash[HASH_SIZE], uint64_t index, struct error *e)
{
    char name[6 + 2 * HASH_SIZE + 1] = "trust/";
    hex_encode(hash, HASH_SIZE, name + 6);
    if (have(run, name, -1))
        return 0;
    struct buffer object = {0};
    int result = -1;
    int found = reader_object(run->reader, hash, &object, e);
    if (found == 0)
        error_set(e, ERROR_INTEGRITY, "entry %" PRIu64 " names %s, which is not in the trust store", index,
                  name);
    else if (found == 1)
        result = write_file(run, name, buffer_bytes(&object), e);
    buffer_free(&object);
    return result;
}

static int write_objects(struct tiles_run *run, uint64_t index, struct bytes raw, struct error *e)
{
    static const uint8_t none[HASH_SIZE];
    struct record record;
    int result = 0;
    if (!record_open(&record, index, raw))
        return 0; /* kept as it is; `verify` names it */
    const uint8_t *registry = record.entry.registry_hash;
    if (memcmp(registry, none, HASH_SIZE) != 0 && memcmp(registry, run->registry, HASH_SIZE) != 0) {
        result = write_object(run, registry, index, e);
        memcpy(run->registry, registry, HASH_SIZE);
    }
    if (result == 0 && record.entry.has_object)
        result = write_object(run, record.entry.object, index, e);
    record_close(&record);
    return result;
}

/* A bundle that was longer at the source is cut to what the checkpoint covers. */
static int write_bundle(struct tiles_run *run, uint64_t number, struct error *e)
{
    unsigned width = tile_width(run->checkpoint.size, 0, number);
    struct buffer bundle = {0};
    int result = -1;
    if (reader_bundle(run->reader, number, width, &bundle, e) < 0)
        goto done;
    char name[96];
    tile_path_format(&(struct tile_path){.kind = TILE_ENTRIES, .number = number, .width = width}, name);
    struct bytes rest = buffer_bytes(&bundle), raw;
    for (unsigned i = 0; i < width; i++) {
        if (!tile_next_entry(&rest, &raw)) {
            error_set(e, ERROR_INTEGRITY, "%s ends before entry %" PRIu64, name, number * TREE_TILE + i);
            goto done;
        }
        if (write_objects(run, number * TREE_TILE + i, raw, e) != 0)
            goto done;
    }
    struct bytes data = bytes_make(bundle.data, bundle.len - rest.len);
    if (width == TREE_TILE && have(run, name, (off_t)data.len))
        result = 0;
    else
        result = write_file(run, name, data, e);
done:
    buffer_free(&bundle);
    return result;
}

static int write_level(struct tiles_run *run, unsigned level, struct error *e)
{
    uint8_t hashes[TREE_TILE * HASH_SIZE];
    unsigned width;
    for (uint64_t number = 0; (width = tile_width(run->checkpoint.size, level, number)) > 0; number++) {
        char name[96];
        struct tile_path path = {.kind = TILE_HASHES, .level = level, .number = number, .width = width};
        tile_path_format(&path, name);
        if (width == TREE_TILE && have(run, name, (off_t)sizeof hashes))
            continue;
        if (reader_tile(run->reader, level, number, width, hashes, e) != 0 ||
            write_file(run, name, bytes_make(hashes, (size_t)width * HASH_SIZE), e) != 0)
            return -1;
    }
    return 0;
}

static int run_tiles(struct tiles_options *tiles, struct error *e)
{
    struct tiles_run run = {.folder = tiles->folder};
    struct buffer note = {0};
    int result = -1;
    if (source_open(&tiles->source, e) != 0)
        goto done;
    run.reader = tiles->source.reader;
    int found =
        reader_checkpoint(run.reader, tiles->source.keys, tiles->source.key_count, &note, &run.checkpoint, e);
    if (found <= 0) {
        if (found == 0)
            fprintf(stderr, "wasl-audit: the ledger is empty: there is nothing to copy\n");
        result = found == 0 ? EXIT_NONE : -1;
        goto done;
    }
    for (uint64_t number = 0; number * TREE_TILE < run.checkpoint.size; number++)
        if (write_bundle(&run, number, e) != 0)
            goto done;
    for (unsigned level = 0; tile_width(run.checkpoint.size, level, 0) > 0; level++)
        if (write_level(&run, level, e) != 0)
            goto done;
    /* Last: whoever finds a checkpoint finds everything that it covers. */
    if (write_file(&run, "checkpoint", buffer_bytes(&note), e) != 0)
        goto done;
    printf("%s: %" PRIu64 " entries of %s; %" PRIu64 " files written, %" PRIu64 " were there\n", run.folder,
           run.checkpoint.size, run.checkpoint.origin, run.files, run.kept);
    printf("verify it with: wasl-audit verify --dir %s --key VKEY\n", run.folder);
    result = EXIT_GOOD;
done:
    buffer_free(&note);
    source_close(&tiles->source);
    return result;
}

int command_tiles(int argc, char **argv)
{
    static const struct argp_child children[] = {{&source_argp, 0, NULL, 10}, {0}};
    static const struct argp argp = {
        .parser = parse,
        .children = children,
        .args_doc = "FOLDER",
        .doc = "Writes the whole ledger into FOLDER: checkpoint, tiles, entry bundles, and the registries, "
               "certificates and "
               "revocation lists that entries name, by the paths of C2SP tlog-tiles. Run again, it adds what "
               "is new.\v"
               "Exit status: 0 written, 1 the ledger is empty, 2 usage, 3 integrity, 6 I/O.",
    };
    struct tiles_options tiles = {0};
    struct error e = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &tiles);
    int result = run_tiles(&tiles, &e);
    return result < 0 ? exit_with(&e) : result;
}
