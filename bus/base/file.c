#include "bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

/* The kind of a failed system call: what the person can do about it differs. */
static enum error_kind kind_of(int code)
{
    switch (code) {
    case ENOENT:
        return ERROR_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERROR_FULL;
    default:
        return ERROR_IO;
    }
}

/* Reads to the end and closes. */
static int read_all(int fd, const char *path, size_t limit, struct buffer *out, struct error *e)
{
    for (;;) {
        /* One byte beyond the limit is asked for, so that a file of exactly the limit still reads to its end.
         */
        size_t room = limit - out->len < 65536 ? limit - out->len + 1 : 65536;
        size_t before = out->len;
        ssize_t n = read(fd, buffer_extend(out, room), room);
        out->len = before + (n > 0 ? (size_t)n : 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            error_set(e, ERROR_IO, "cannot read %s: %s", path, strerror(errno));
            goto failed;
        }
        if (n == 0)
            break;
        if (out->len > limit) {
            error_set(e, ERROR_FULL, "%s is larger than the %zu bytes that are accepted", path, limit);
            goto failed;
        }
    }
    close(fd);
    return 0;
failed:
    buffer_clear(out);
    close(fd);
    return -1;
}

int file_read(const char *path, size_t limit, struct buffer *out, struct error *e)
{
    buffer_clear(out);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(e, kind_of(errno), "cannot open %s: %s", path, strerror(errno));
    return read_all(fd, path, limit, out, e);
}

int file_read_regular(const char *path, size_t limit, struct buffer *out, struct error *e)
{
    struct stat st;
    buffer_clear(out);
    /* A pipe without a writer would otherwise keep us waiting in open. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set(e, kind_of(errno), "cannot open %s: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return error_set(e, ERROR_CONFIG, "%s is not a file", path);
    }
    return read_all(fd, path, limit, out, e);
}

int folder_sync(const char *folder, struct error *e)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(e, kind_of(errno), "cannot open the folder %s: %s", folder, strerror(errno));
    int result = fsync(fd);
    if (result != 0)
        error_set(e, ERROR_IO, "cannot sync the folder %s: %s", folder, strerror(errno));
    close(fd);
    return result;
}

int file_sync_name(const char *path, struct error *e)
{
    char *copy = string_copy(path); /* dirname writes into its argument */
    int result = folder_sync(dirname(copy), e);
    free(copy);
    return result;
}

static int write_all(int fd, struct bytes data)
{
    while (data.len > 0) {
        ssize_t n = write(fd, data.data, data.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data.data += n;
        data.len -= (size_t)n;
    }
    return 0;
}

int file_write_atomically(const char *path, struct bytes data, mode_t mode, struct error *e)
{
    struct buffer temporary = {0};
    buffer_printf(&temporary, "%s.tmp", path);
    buffer_append(&temporary, "", 1);
    const char *tmp = (const char *)temporary.data;
    unlink(tmp); /* left over by a crash */
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) {
        error_set(e, kind_of(errno), "cannot create %s: %s", tmp, strerror(errno));
        goto failed;
    }
    if (write_all(fd, data) != 0 || fsync(fd) != 0) {
        error_set(e, kind_of(errno), "cannot write %s: %s", tmp, strerror(errno));
        close(fd);
        goto failed_unlink;
    }
    if (close(fd) != 0 || rename(tmp, path) != 0) {
        error_set(e, kind_of(errno), "cannot put %s in place: %s", path, strerror(errno));
        goto failed_unlink;
    }
    if (file_sync_name(path, e) != 0)
        goto failed;
    buffer_free(&temporary);
    return 0;
failed_unlink:
    unlink(tmp);
failed:
    buffer_free(&temporary);
    return -1;
}

char *file_path_in(const char *folder, const char *name)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/%s", folder, name);
    buffer_append(&path, "", 1);
    return (char *)path.data;
}
