#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

#define HEADER_SIZE 64
/* 64 divides a disk's sector and the header is as long as a slot, so no slot crosses a sector: it is written
 * whole or not at all. */
#define SLOT_SIZE     64
#define GROW_SLOTS    64
#define SLOTS_AT_ONCE 1024

enum state { FREE = 0, USED = 1, DESTROYED = 2 };

static const char magic[HEADER_SIZE] = "wasl-keyfile/1\n";

struct keyfile {
    int fd;
    char *path;
    uint64_t slots;
    /* Slots below are used or destroyed. A destroyed slot is never used again: a destruction that is carried
     * out once more after a restart must not hit a younger key. */
    uint64_t next;
    bool broken; /* after a failed sync no new key is given out; destroying, which writes anew, goes on */
    pthread_mutex_t lock;
};

static off_t place(uint64_t slot)
{
    return (off_t)(HEADER_SIZE + slot * SLOT_SIZE);
}

static int fail(const struct keyfile *file, const char *what, struct error *e)
{
    return error_set(e, errno == ENOSPC || errno == EDQUOT ? ERROR_FULL : ERROR_IO,
                     "cannot %s the key file %s: %s", what, file->path, strerror(errno));
}

static int read_at(const struct keyfile *file, void *out, size_t len, off_t at, struct error *e)
{
    uint8_t *p = out;
    while (len > 0) {
        ssize_t n = pread(file->fd, p, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(file, "read", e);
        if (n == 0)
            return error_set(e, ERROR_INTEGRITY, "the key file %s is cut off", file->path);
        p += n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_at(struct keyfile *file, const void *data, size_t len, off_t at, struct error *e)
{
    const uint8_t *p = data;
    while (len > 0) {
        ssize_t n = pwrite(file->fd, p, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(file, "write", e);
        p += n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int sync_file(struct keyfile *file, struct error *e)
{
    if (fdatasync(file->fd) == 0)
        return 0;
    file->broken = true;
    return fail(file, "sync", e);
}

/* Free slots up to `slots`, durable. Zeroes are written rather than a hole left, so that a full disk shows
 * now. */
static int grow(struct keyfile *file, uint64_t slots, struct error *e)
{
    uint8_t zero[GROW_SLOTS * SLOT_SIZE] = {0};
    uint64_t target = (slots + GROW_SLOTS - 1) / GROW_SLOTS * GROW_SLOTS;
    for (uint64_t at = file->slots; at < target;) {
        uint64_t n = GROW_SLOTS - at % GROW_SLOTS;
        if (write_at(file, zero, (size_t)n * SLOT_SIZE, place(at), e) != 0)
            return -1;
        at += n;
    }
    if (sync_file(file, e) != 0)
        return -1;
    file->slots = target;
    return 0;
}

/* A slot as it lies in the file. */
struct slot {
    uint8_t state, zero[7], tag[KEYFILE_TAG], key[KEYFILE_KEY];
};
_Static_assert(sizeof(struct slot) == SLOT_SIZE, "a slot has no padding");

static bool well_formed(const struct slot *slot)
{
    static const struct slot empty;
    if (slot->state > DESTROYED || memcmp(slot->zero, empty.zero, sizeof empty.zero) != 0)
        return false;
    return slot->state != FREE || memcmp(slot, &empty, sizeof empty) == 0;
}

/* Checks every slot and finds the first behind all used ones. */
static int scan(struct keyfile *file, struct error *e)
{
    struct slot *some = memory_zeroed(SLOTS_AT_ONCE, sizeof *some);
    int result = 0;
    file->next = 0;
    for (uint64_t at = 0; at < file->slots && result == 0;) {
        uint64_t n = file->slots - at < SLOTS_AT_ONCE ? file->slots - at : SLOTS_AT_ONCE;
        result = read_at(file, some, (size_t)n * SLOT_SIZE, place(at), e);
        for (uint64_t i = 0; i < n && result == 0; i++) {
            if (!well_formed(&some[i]))
                result = error_set(e, ERROR_INTEGRITY, "slot %llu of the key file %s is damaged",
                                   (unsigned long long)(at + i), file->path);
            if (some[i].state != FREE)
                file->next = at + i + 1;
        }
        at += n;
    }
    explicit_bzero(some, SLOTS_AT_ONCE * sizeof *some);
    free(some);
    return result;
}

/* Appears whole, header and first free slots, or not at all. */
static int make(const char *path, struct error *e)
{
    struct buffer fresh = {0};
    buffer_append(&fresh, magic, HEADER_SIZE);
    memset(buffer_extend(&fresh, GROW_SLOTS * SLOT_SIZE), 0, GROW_SLOTS * SLOT_SIZE);
    int result = file_write_atomically(path, buffer_bytes(&fresh), 0600, e);
    buffer_free(&fresh);
    return result;
}

/* Judges the open file: ours alone, of the right form. */
static int check_file(struct keyfile *file, struct error *e)
{
    struct stat st, named;
    char header[HEADER_SIZE];
    if (fstat(file->fd, &st) != 0)
        return fail(file, "look at", e);
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
        return error_set(e, ERROR_CONFIG, "the key file %s must be a regular file of mode 0600", file->path);
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0)
        return error_set(e, ERROR_CONFIG, "the key file %s is in use by another process or twice in this one",
                         file->path);
    /* Two that made the file at once hold locks on different files, of which one has lost its name. */
    if (stat(file->path, &named) != 0 || named.st_ino != st.st_ino || named.st_dev != st.st_dev)
        return error_set(e, ERROR_CONFIG, "the key file %s was replaced while it was opened", file->path);
    if (st.st_size < HEADER_SIZE)
        return error_set(e, ERROR_INTEGRITY, "the key file %s is cut off", file->path);
    if (read_at(file, header, HEADER_SIZE, 0, e) != 0)
        return -1;
    if (memcmp(header, magic, HEADER_SIZE) != 0)
        return error_set(e, ERROR_INTEGRITY, "%s is not a key file of version 1", file->path);
    /* A crash while the file grew may leave part of a block, all of it free: the next growth overwrites it.
     */
    file->slots = (uint64_t)(st.st_size - HEADER_SIZE) / SLOT_SIZE;
    return scan(file, e);
}

struct keyfile *keyfile_open(const char *path, bool create, struct error *e)
{
    struct keyfile *file = memory_zeroed(1, sizeof *file);
    file->path = string_copy(path);
    file->fd = -1;
    pthread_mutex_init(&file->lock, NULL);
    if (create && access(path, F_OK) != 0 && errno == ENOENT && make(path, e) != 0)
        goto failed;
    file->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file->fd < 0) {
        error_set(e, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "cannot open the key file %s: %s", path,
                  strerror(errno));
        goto failed;
    }
    if (check_file(file, e) != 0)
        goto failed;
    return file;
failed:
    keyfile_close(file);
    return NULL;
}

void keyfile_close(struct keyfile *file)
{
    if (file == NULL)
        return;
    if (file->fd >= 0)
        close(file->fd);
    pthread_mutex_destroy(&file->lock);
    free(file->path);
    free(file);
}

static int create_many(struct keyfile *file, size_t count, const uint8_t (*tags)[KEYFILE_TAG],
                       uint64_t *slots, uint8_t (*keys)[KEYFILE_KEY], struct error *e)
{
    if (file->broken)
        return error_set(e, ERROR_IO, "the key file %s failed before: restart after mending the disk",
                         file->path);
    if (file->next + count > file->slots && grow(file, file->next + count, e) != 0)
        return -1;
    struct slot *fresh = memory_zeroed(count, sizeof *fresh);
    for (size_t i = 0; i < count; i++) {
        fresh[i].state = USED;
        memcpy(fresh[i].tag, tags[i], KEYFILE_TAG);
        bytes_random(fresh[i].key, KEYFILE_KEY);
    }
    int result = write_at(file, fresh, count * SLOT_SIZE, place(file->next), e);
    if (result == 0)
        result = sync_file(file, e);
    if (result == 0) {
        for (size_t i = 0; i < count; i++) {
            slots[i] = file->next + i;
            memcpy(keys[i], fresh[i].key, KEYFILE_KEY);
        }
        file->next += count;
    }
    explicit_bzero(fresh, count * SLOT_SIZE);
    free(fresh);
    return result;
}

int keyfile_create_many(struct keyfile *file, size_t count, const uint8_t (*tags)[KEYFILE_TAG],
                        uint64_t *slots, uint8_t (*keys)[KEYFILE_KEY], struct error *e)
{
    pthread_mutex_lock(&file->lock);
    int result = create_many(file, count, tags, slots, keys, e);
    pthread_mutex_unlock(&file->lock);
    return result;
}

int keyfile_create(struct keyfile *file, const uint8_t tag[KEYFILE_TAG], uint64_t *slot,
                   uint8_t key[KEYFILE_KEY], struct error *e)
{
    return keyfile_create_many(file, 1, (const uint8_t(*)[KEYFILE_TAG])tag, slot,
                               (uint8_t(*)[KEYFILE_KEY])key, e);
}

int keyfile_get(struct keyfile *file, uint64_t slot, uint8_t tag[KEYFILE_TAG], uint8_t key[KEYFILE_KEY],
                struct error *e)
{
    struct slot s = {0};
    int result = 0;
    pthread_mutex_lock(&file->lock);
    if (slot < file->slots)
        result = read_at(file, &s, sizeof s, place(slot), e);
    pthread_mutex_unlock(&file->lock);
    if (result == 0 && !well_formed(&s))
        result = error_set(e, ERROR_INTEGRITY, "slot %llu of the key file %s is damaged",
                           (unsigned long long)slot, file->path);
    if (result == 0 && s.state == USED) {
        memcpy(tag, s.tag, KEYFILE_TAG);
        memcpy(key, s.key, KEYFILE_KEY);
        result = 1;
    }
    explicit_bzero(&s, sizeof s);
    return result;
}

uint64_t keyfile_slots(struct keyfile *file)
{
    pthread_mutex_lock(&file->lock);
    uint64_t slots = file->slots;
    pthread_mutex_unlock(&file->lock);
    return slots;
}

static int destroy(struct keyfile *file, uint64_t slot, struct error *e)
{
    uint8_t state;
    if (slot >= file->next)
        return error_set(e, ERROR_NOT_FOUND, "the key file %s has no key in slot %llu", file->path,
                         (unsigned long long)slot);
    if (read_at(file, &state, 1, place(slot), e) != 0)
        return -1;
    if (state == FREE)
        return error_set(e, ERROR_NOT_FOUND, "the key file %s has no key in slot %llu", file->path,
                         (unsigned long long)slot);
    /* State and key go in one write within one sector. It is repeated for a destroyed slot too: a start after
     * a crash must not have to trust that the write before it reached the disk. The tag stays and tells what
     * was destroyed. */
    struct slot gone = {.state = DESTROYED};
    if (read_at(file, gone.tag, KEYFILE_TAG, place(slot) + (off_t)offsetof(struct slot, tag), e) != 0 ||
        write_at(file, &gone, sizeof gone, place(slot), e) != 0)
        return -1;
    return sync_file(file, e);
}

int keyfile_destroy(struct keyfile *file, uint64_t slot, struct error *e)
{
    pthread_mutex_lock(&file->lock);
    int result = destroy(file, slot, e);
    pthread_mutex_unlock(&file->lock);
    return result;
}
