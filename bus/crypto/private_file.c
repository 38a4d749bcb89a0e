#include "crypto/keys.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ACL_ATTRIBUTE    "system.posix_acl_access"
#define ACL_ENTRIES_MOST 16

/* One entry of the kernel's form of a POSIX ACL (linux/posix_acl_xattr.h), little-endian, behind a u32
 * version. */
enum acl_tag {
    ACL_OWNER = 0x01,
    ACL_USER = 0x02,
    ACL_GROUP_OF_FILE = 0x04,
    ACL_GROUP = 0x08,
    ACL_OTHERS = 0x20
};

static uint32_t get_little(const uint8_t *p, size_t len)
{
    uint32_t v = 0;

    for (size_t i = len; i-- > 0;)
        v = (v << 8) | p[i];
    return v;
}

/*
 * A credential that systemd hands to a service is readable by that service's user through an ACL, whose mask
 * shows in the group bits of the mode though no group may read. True when the ACL lets in nobody but the
 * owner and ourselves.
 */
static bool acl_is_private(int fd)
{
    uint8_t acl[4 + 8 * ACL_ENTRIES_MOST];
    ssize_t len = fgetxattr(fd, ACL_ATTRIBUTE, acl, sizeof(acl));

    if (len < 4 || (len - 4) % 8 != 0 || get_little(acl, 4) != 2)
        return false;
    for (const uint8_t *entry = acl + 4; entry < acl + len; entry += 8) {
        uint32_t tag = get_little(entry, 2);
        uint32_t permissions = get_little(entry + 2, 2);
        uint32_t id = get_little(entry + 4, 4);

        if ((tag == ACL_GROUP_OF_FILE || tag == ACL_GROUP || tag == ACL_OTHERS) && permissions != 0)
            return false;
        if (tag == ACL_USER && permissions != 0 && id != geteuid())
            return false;
    }
    return true;
}

int private_file_read(const char *path, size_t limit, struct buffer *out, struct error *e)
{
    struct stat status;
    size_t before = out->len;
    size_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return error_set(e, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "cannot open %s: %s", path,
                         strerror(errno));
    if (fstat(fd, &status) != 0) {
        error_set(e, ERROR_IO, "cannot look at %s: %s", path, strerror(errno));
        goto fail;
    }
    if (!S_ISREG(status.st_mode)) {
        error_set(e, ERROR_CONFIG, "%s is not a regular file", path);
        goto fail;
    }
    if ((status.st_mode & 0077) != 0 && ((status.st_mode & 0007) != 0 || !acl_is_private(fd))) {
        error_set(e, ERROR_CRYPTO,
                  "%s holds a secret, and others than its owner may read or write it: chmod 600 %s", path,
                  path);
        goto fail;
    }
    if (status.st_size < 0 || (uint64_t)status.st_size > limit) {
        error_set(e, ERROR_CONFIG, "%s is larger than %zu bytes", path, limit);
        goto fail;
    }
    /* The size may change while we read: what is beyond the size seen is not taken. */
    buffer_extend(out, (size_t)status.st_size);
    while (got < (size_t)status.st_size) {
        ssize_t n = read(fd, out->data + before + got, (size_t)status.st_size - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            error_set(e, ERROR_IO, "cannot read %s: %s", path, strerror(errno));
            goto fail;
        }
        if (n == 0)
            break;
        got += (size_t)n;
    }
    out->len = before + got;
    close(fd);
    return 0;
fail:
    out->len = before;
    close(fd);
    return -1;
}

/* Makes the name durable: without this a crash may leave no file though its bytes were synced. */
static int sync_folder_of(const char *path, struct error *e)
{
    char *folder = string_copy(path);
    char *slash = strrchr(folder, '/');
    int result = 0;
    int fd;

    if (slash != NULL)
        slash[slash == folder ? 1 : 0] = 0;
    fd = open(slash == NULL ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        result = error_set(e, ERROR_IO, "cannot sync the folder of %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(folder);
    return result;
}

int private_file_create(const char *path, struct bytes data, struct error *e)
{
    size_t done = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 && errno == EEXIST)
        return error_set(e, ERROR_USAGE,
                         "%s exists already, and keys are never overwritten: move it away first", path);
    if (fd < 0)
        return error_set(e, ERROR_IO, "cannot create %s: %s", path, strerror(errno));
    while (done < data.len) {
        ssize_t n = write(fd, data.data + done, data.len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            goto fail;
        done += (size_t)n;
    }
    if (fsync(fd) != 0)
        goto fail;
    close(fd);
    return sync_folder_of(path, e);
fail:
    error_set(e, errno == ENOSPC ? ERROR_FULL : ERROR_IO, "cannot write %s: %s", path, strerror(errno));
    close(fd);
    unlink(path);
    return -1;
}
