#include "reader.h"

#include "base/error.h"
#include "common/http.h"
#include "crypto/hash.h"
#include "tlog/tile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUNDLE_MOST ((size_t)TREE_TILE * (2 + TILE_ENTRY_MOST))
#define OBJECT_MOST ((size_t)16 << 20)

struct reader {
    char *where;
    struct http_client *http; /* a socket */
    int folder;               /* or a folder */
    struct http_response response;
};

struct reader *reader_open(const char *where, struct error *e)
{
    const char *path = strncmp(where, "unix:", 5) == 0 ? where + 5 : where;
    struct stat st;
    if (stat(path, &st) != 0) {
        error_set(e, ERROR_IO, "%s: %s", path, strerror(errno));
        return NULL;
    }
    struct reader *reader = memory_zeroed(1, sizeof *reader);
    reader->where = string_copy(path);
    reader->folder = -1;
    if (S_ISSOCK(st.st_mode)) {
        struct buffer target = {0};
        buffer_printf(&target, "unix:%s", path);
        buffer_append(&target, "", 1);
        reader->http = http_client_new((const char *)target.data, e);
        buffer_free(&target);
    } else if (S_ISDIR(st.st_mode)) {
        reader->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (reader->folder < 0)
            error_set(e, ERROR_IO, "%s: %s", path, strerror(errno));
    } else {
        error_set(e, ERROR_USAGE, "%s is neither a socket nor a folder", path);
    }
    if (reader->http == NULL && reader->folder < 0) {
        reader_close(reader);
        return NULL;
    }
    return reader;
}

void reader_close(struct reader *reader)
{
    if (reader == NULL)
        return;
    http_client_free(reader->http);
    http_response_free(&reader->response);
    if (reader->folder >= 0)
        close(reader->folder);
    free(reader->where);
    free(reader);
}

static int read_file(struct reader *reader, const char *path, size_t limit, struct buffer *out,
                     struct error *e)
{
    /* Not to be held up by what only looks like a file: a pipe or a device is refused. */
    int fd = openat(reader->folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return 0;
        return error_set(e, ERROR_IO, "%s/%s: %s", reader->where, path, strerror(errno));
    }
    int result = -1;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        error_set(e, ERROR_IO, "%s/%s: %s", reader->where, path, strerror(errno));
        goto done;
    }
    if (!S_ISREG(st.st_mode)) {
        error_set(e, ERROR_INTEGRITY, "%s/%s is not a plain file", reader->where, path);
        goto done;
    }
    if (st.st_size < 0 || (uint64_t)st.st_size > limit) {
        error_set(e, ERROR_INTEGRITY, "%s/%s is larger than such a file may be (%zu bytes)", reader->where,
                  path, limit);
        goto done;
    }
    size_t left = (size_t)st.st_size;
    while (left > 0) {
        uint8_t *to = buffer_extend(out, left);
        ssize_t n = read(fd, to, left);
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n <= 0) {
            error_set(e, ERROR_IO, "%s/%s: %s", reader->where, path,
                      n < 0 ? strerror(errno) : "it is cut short");
            goto done;
        }
        out->len -= left - (size_t)n;
        left -= (size_t)n;
    }
    result = 1;
done:
    close(fd);
    return result;
}

static int read_socket(struct reader *reader, const char *path, size_t limit, struct buffer *out,
                       struct error *e)
{
    struct buffer target = {0};
    buffer_printf(&target, "/%s", path);
    buffer_append(&target, "", 1);
    struct http_request request = {.method = "GET", .target = (const char *)target.data, .limit = limit};
    int result = -1;
    /* "Too much is being read": the only answer after which asking again helps. */
    for (int attempt = 0; attempt < 20; attempt++) {
        if (http_client_ask(reader->http, &request, &reader->response, e) != 0) {
            if (e->kind == ERROR_FULL)
                e->kind = ERROR_INTEGRITY;
            break;
        }
        if (reader->response.status == 200) {
            buffer_append_bytes(out, buffer_bytes(&reader->response.body));
            result = 1;
            break;
        }
        if (reader->response.status == 404) {
            result = 0;
            break;
        }
        error_set(e, ERROR_IO, "%s answered %u for /%s", reader->where, reader->response.status, path);
        if (reader->response.status != 503)
            break;
        usleep(200 * 1000);
    }
    buffer_free(&target);
    return result;
}

/* out is replaced. 1, 0 there is none, -1. */
static int read_path(struct reader *reader, const char *path, size_t limit, struct buffer *out,
                     struct error *e)
{
    buffer_clear(out);
    return reader->http != NULL ? read_socket(reader, path, limit, out, e)
                                : read_file(reader, path, limit, out, e);
}

static int missing(struct reader *reader, const char *path, struct error *e)
{
    return error_set(e, ERROR_INTEGRITY, "%s has no %s, which the checkpoint says must be there",
                     reader->where, path);
}

/* What a checkpoint says, whoever signed it. */
static bool checkpoint_text(struct bytes note, struct checkpoint *out)
{
    for (size_t i = note.len; i >= 2; i--)
        if (note.data[i - 2] == '\n' && note.data[i - 1] == '\n')
            return checkpoint_parse(bytes_make(note.data, i - 1), out);
    return false;
}

int reader_checkpoint(struct reader *reader, const struct note_verifier *keys, size_t count,
                      struct buffer *note, struct checkpoint *out, struct error *e)
{
    struct buffer own = {0};
    int found = read_path(reader, "checkpoint", NOTE_MOST, &own, e);
    if (found == 1) {
        bool good = count > 0 ? checkpoint_open(buffer_bytes(&own), keys, count, out)
                              : checkpoint_text(buffer_bytes(&own), out);
        if (!good)
            found = error_set(
                e, ERROR_INTEGRITY, "%s/checkpoint: %s", reader->where,
                count > 0 ? "it bears no good signature of the ledger key given, or is not a checkpoint"
                          : "it is not a checkpoint");
        else if (out->size > (uint64_t)1 << 48)
            found = error_set(e, ERROR_INTEGRITY, "%s/checkpoint: no ledger has %" PRIu64 " entries",
                              reader->where, out->size);
        else if (out->size == 0)
            found = 0;
    }
    if (found == 1 && note != NULL) {
        buffer_clear(note);
        buffer_append_bytes(note, buffer_bytes(&own));
    }
    buffer_free(&own);
    return found;
}

/* A part of a tile may have grown into a wider one since: then the full one is there. */
static int read_tile_file(struct reader *reader, struct tile_path *path, size_t limit, struct buffer *out,
                          struct error *e)
{
    char text[96];
    tile_path_format(path, text);
    int found = read_path(reader, text, limit, out, e);
    if (found == 0 && path->width < TREE_TILE) {
        char full[96];
        path->width = TREE_TILE;
        tile_path_format(path, full);
        found = read_path(reader, full, limit, out, e);
    }
    return found == 0 ? missing(reader, text, e) : found;
}

int reader_tile(struct reader *reader, unsigned level, uint64_t number, unsigned width, uint8_t *out,
                struct error *e)
{
    struct tile_path path = {.kind = TILE_HASHES, .level = level, .number = number, .width = width};
    struct buffer bytes = {0};
    int result = read_tile_file(reader, &path, (size_t)TREE_TILE * HASH_SIZE, &bytes, e);
    if (result == 1) {
        result = 0;
        if (bytes.len != (size_t)width * HASH_SIZE && bytes.len != (size_t)TREE_TILE * HASH_SIZE) {
            char text[96];
            tile_path_format(&path, text);
            result = error_set(e, ERROR_INTEGRITY, "%s/%s has %zu bytes and not %u", reader->where, text,
                               bytes.len, width * HASH_SIZE);
        } else {
            memcpy(out, bytes.data, (size_t)width * HASH_SIZE);
        }
    }
    buffer_free(&bytes);
    return result;
}

int reader_bundle(struct reader *reader, uint64_t number, unsigned width, struct buffer *out, struct error *e)
{
    struct tile_path path = {.kind = TILE_ENTRIES, .number = number, .width = width};
    if (read_tile_file(reader, &path, BUNDLE_MOST, out, e) != 1)
        return -1;
    return path.width == width ? 1 : 0;
}

int reader_object(struct reader *reader, const uint8_t hash[HASH_SIZE], struct buffer *out, struct error *e)
{
    char path[6 + 2 * HASH_SIZE + 1] = "trust/";
    hex_encode(hash, HASH_SIZE, path + 6);
    int found = read_path(reader, path, OBJECT_MOST, out, e);
    if (found != 1)
        return found;
    uint8_t own[HASH_SIZE];
    sha256(buffer_bytes(out), own);
    if (memcmp(own, hash, HASH_SIZE) != 0)
        return error_set(e, ERROR_INTEGRITY, "%s/%s is not the object of that name: its hash is another",
                         reader->where, path);
    return 1;
}

static int tile_for_tree(void *arg, unsigned level, uint64_t number, unsigned width, uint8_t *out,
                         struct error *e)
{
    return reader_tile(arg, level, number, width, out, e);
}

struct tree_reader reader_for_tree(struct reader *reader)
{
    return (struct tree_reader){.read_tile = tile_for_tree, .arg = reader};
}

void cursor_start(struct cursor *cursor, struct reader *reader, uint64_t size, uint64_t from, uint64_t to)
{
    *cursor = (struct cursor){.reader = reader, .next = from, .end = to < size ? to : size, .size = size};
}

static int next_bundle(struct cursor *cursor, struct error *e)
{
    uint64_t number = cursor->next / TREE_TILE;
    unsigned width = tile_width(cursor->size, 0, number);
    if (reader_bundle(cursor->reader, number, width, &cursor->bundle, e) < 0)
        return -1;
    cursor->rest = buffer_bytes(&cursor->bundle);
    struct bytes skipped;
    for (uint64_t i = number * TREE_TILE; i < cursor->next; i++)
        if (!tile_next_entry(&cursor->rest, &skipped))
            break; /* the caller finds the end of the bundle */
    return 0;
}

int cursor_next(struct cursor *cursor, uint64_t *index, struct bytes *entry, struct error *e)
{
    if (cursor->next >= cursor->end)
        return 0;
    if ((cursor->bundle.len == 0 || cursor->next % TREE_TILE == 0) && next_bundle(cursor, e) != 0)
        return -1;
    if (!tile_next_entry(&cursor->rest, entry))
        return error_set(e, ERROR_INTEGRITY, "entry %" PRIu64 ": its bundle is cut short before it",
                         cursor->next);
    *index = cursor->next++;
    return 1;
}

void cursor_end(struct cursor *cursor)
{
    buffer_free(&cursor->bundle);
}
