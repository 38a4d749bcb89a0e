#include "broker/watch.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "crypto/hash.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORTH_A_LOOK                                                                                         \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)

struct watch {
    int fd;
    const char **files, **folders;
    size_t file_count, folder_count;
    uint8_t known[HASH_SIZE]; /* what the last change came to */
    uint8_t seen[HASH_SIZE];  /* at the last look */
    uint64_t still_since, looked;
    bool moving;
};

/* --- what is there --- */

static void note_file(struct buffer *out, const char *path)
{
    struct stat st;
    buffer_append(out, path, strlen(path) + 1);
    if (stat(path, &st) != 0) {
        buffer_printf(out, "%d;", errno);
        return;
    }
    buffer_printf(out, "%llu %llu %lld %lld.%09ld %lld.%09ld;", (unsigned long long)st.st_dev,
                  (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                  st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void note_folder(struct buffer *out, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_visible, alphasort);
    if (count < 0) {
        buffer_printf(out, "%d;", errno);
        return;
    }
    for (int i = 0; i < count; i++) {
        struct buffer path = {0};
        buffer_printf(&path, "%s/%s", folder, entries[i]->d_name);
        buffer_append(&path, "", 1);
        note_file(out, (const char *)path.data);
        buffer_free(&path);
        free(entries[i]);
    }
    free(entries);
}

static void take_stock(const struct watch *w, uint8_t out[HASH_SIZE])
{
    struct buffer all = {0};
    for (size_t i = 0; i < w->file_count; i++)
        if (w->files[i] != NULL)
            note_file(&all, w->files[i]);
    for (size_t i = 0; i < w->folder_count; i++)
        if (w->folders[i] != NULL)
            note_folder(&all, w->folders[i]);
    sha256(buffer_bytes(&all), out);
    buffer_free(&all);
}

/* --- inotify --- */

static void add_folder(const struct watch *w, const char *folder)
{
    /* A folder that is not there, or too many watches: the look every WATCH_POLL remains. */
    if (inotify_add_watch(w->fd, folder, WORTH_A_LOOK) < 0)
        log_warn("folder_not_watched", "folder=%s reason=%s", folder, strerror(errno));
}

static void add_folders(const struct watch *w)
{
    for (size_t i = 0; i < w->file_count; i++) {
        if (w->files[i] == NULL)
            continue;
        char *copy = string_copy(w->files[i]); /* dirname writes into its argument */
        add_folder(w, dirname(copy));
        free(copy);
    }
    for (size_t i = 0; i < w->folder_count; i++)
        if (w->folders[i] != NULL)
            add_folder(w, w->folders[i]);
}

static void drain(const struct watch *w)
{
    char events[4096];
    while (w->fd >= 0 && read(w->fd, events, sizeof(events)) > 0)
        ;
}

static const char **copy_list(const char *const *list, size_t count)
{
    const char **copy = memory_zeroed(count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = list[i];
    return copy;
}

struct watch *watch_new(const char *const *files, size_t file_count, const char *const *folders,
                        size_t folder_count)
{
    struct watch *w = memory_zeroed(1, sizeof(*w));
    w->files = copy_list(files, file_count);
    w->file_count = file_count;
    w->folders = copy_list(folders, folder_count);
    w->folder_count = folder_count;
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd >= 0)
        add_folders(w);
    take_stock(w, w->known);
    return w;
}

void watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->fd >= 0)
        close(watch->fd);
    free(watch->files);
    free(watch->folders);
    free(watch);
}

int watch_fd(const struct watch *watch)
{
    return watch->fd;
}

bool watch_look(struct watch *watch, uint64_t now)
{
    uint8_t here[HASH_SIZE];
    drain(watch);
    take_stock(watch, here);
    watch->looked = now;
    if (memcmp(here, watch->known, HASH_SIZE) == 0) {
        watch->moving = false;
        return false;
    }
    if (!watch->moving || memcmp(here, watch->seen, HASH_SIZE) != 0) {
        watch->moving = true;
        watch->still_since = now;
        memcpy(watch->seen, here, HASH_SIZE);
        return false;
    }
    if (now < watch->still_since + WATCH_QUIET)
        return false;
    watch->moving = false;
    memcpy(watch->known, here, HASH_SIZE);
    return true;
}

uint64_t watch_due(const struct watch *watch)
{
    return watch->moving ? watch->still_since + WATCH_QUIET : watch->looked + WATCH_POLL;
}
