#include "spool.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct piece {
    uint64_t order;
    off_t offset;
    size_t len;
};

struct spool {
    FILE *out;
    int file; /* has no name any more; -1: none yet */
    off_t end;
    struct piece *pieces; /* a heap: the lowest order first */
    size_t count, capacity;
    struct buffer piece;
};

struct spool *spool_new(FILE *out)
{
    struct spool *spool = memory_zeroed(1, sizeof *spool);
    spool->out = out;
    spool->file = -1;
    return spool;
}

void spool_free(struct spool *spool)
{
    if (spool == NULL)
        return;
    if (spool->file >= 0)
        close(spool->file);
    free(spool->pieces);
    buffer_free(&spool->piece);
    free(spool);
}

static int fail(struct error *e, const char *what)
{
    return error_set(e, ERROR_IO, "the temporary file for what waits for its turn: %s: %s (is %s full?)",
                     what, strerror(errno), getenv("TMPDIR") != NULL ? "$TMPDIR" : "/tmp");
}

static int open_file(struct spool *spool, struct error *e)
{
    const char *folder = getenv("TMPDIR");
    struct buffer path = {0};
    buffer_printf(&path, "%s/wasl-audit-XXXXXX", folder != NULL && *folder != '\0' ? folder : "/tmp");
    buffer_append(&path, "", 1);
    spool->file = mkstemp((char *)path.data);
    int result = spool->file >= 0 && unlink((char *)path.data) == 0 ? 0 : fail(e, "cannot be made");
    buffer_free(&path);
    return result;
}

static int write_whole(int file, struct bytes data, off_t offset)
{
    while (data.len > 0) {
        ssize_t n = pwrite(file, data.data, data.len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        data = bytes_make(data.data + n, data.len - (size_t)n);
        offset += n;
    }
    return 0;
}

static int read_whole(int file, uint8_t *to, size_t len, off_t offset)
{
    while (len > 0) {
        ssize_t n = pread(file, to, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        to += n;
        len -= (size_t)n;
        offset += n;
    }
    return 0;
}

static void swap(struct spool *spool, size_t a, size_t b)
{
    struct piece piece = spool->pieces[a];
    spool->pieces[a] = spool->pieces[b];
    spool->pieces[b] = piece;
}

static void push(struct spool *spool, struct piece piece)
{
    if (spool->count == spool->capacity) {
        spool->capacity = spool->capacity > 0 ? 2 * spool->capacity : 64;
        spool->pieces = realloc(spool->pieces, spool->capacity * sizeof piece);
        BUG_ON(spool->pieces == NULL);
    }
    size_t at = spool->count++;
    spool->pieces[at] = piece;
    for (; at > 0 && spool->pieces[at].order < spool->pieces[(at - 1) / 2].order; at = (at - 1) / 2)
        swap(spool, at, (at - 1) / 2);
}

static struct piece pop(struct spool *spool)
{
    struct piece piece = spool->pieces[0];
    spool->pieces[0] = spool->pieces[--spool->count];
    for (size_t at = 0;;) {
        size_t lowest = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < spool->count; child++)
            if (spool->pieces[child].order < spool->pieces[lowest].order)
                lowest = child;
        if (lowest == at)
            return piece;
        swap(spool, at, lowest);
        at = lowest;
    }
}

static int write_out(struct spool *spool, struct bytes piece, struct error *e)
{
    if (fwrite(piece.data, 1, piece.len, spool->out) != piece.len)
        return error_set(e, ERROR_IO, "standard output: writing failed");
    return 0;
}

int spool_put(struct spool *spool, uint64_t order, struct bytes piece, uint64_t oldest, struct error *e)
{
    if (spool->count == 0 && order < oldest)
        return write_out(spool, piece, e);
    if (spool->file < 0 && open_file(spool, e) != 0)
        return -1;
    if (write_whole(spool->file, piece, spool->end) != 0)
        return fail(e, "writing failed");
    push(spool, (struct piece){order, spool->end, piece.len});
    spool->end += (off_t)piece.len;
    return 0;
}

int spool_release(struct spool *spool, uint64_t oldest, struct error *e)
{
    while (spool->count > 0 && spool->pieces[0].order < oldest) {
        struct piece piece = pop(spool);
        buffer_clear(&spool->piece);
        uint8_t *to = buffer_extend(&spool->piece, piece.len);
        if (read_whole(spool->file, to, piece.len, piece.offset) != 0)
            return fail(e, "reading failed");
        if (write_out(spool, buffer_bytes(&spool->piece), e) != 0)
            return -1;
    }
    if (spool->count == 0 && spool->end > 0) {
        if (ftruncate(spool->file, 0) != 0)
            return fail(e, "it cannot be emptied");
        spool->end = 0;
    }
    return 0;
}
