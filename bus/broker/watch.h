#ifndef WASL_BROKER_WATCH_H
#define WASL_BROKER_WATCH_H
/*
 * Have the files that the bus lives by changed: registry, CRLs, descriptions? inotify wakes us, and the
 * looking is by what stat says of each (device, inode, size, times), so that renames, links, replaced folders
 * and file systems without inotify, where only the look every WATCH_POLL helps, are all one case. A change
 * counts when nothing has moved for WATCH_QUIET: a file that is being written is left alone meanwhile. One
 * thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCH_QUIET (50 * 1000ULL) /* microseconds */
#define WATCH_POLL  (1000 * 1000ULL)

struct watch;

/* files, and the direct children of folders, as they are now (NULL among them: not there). The strings must
 * outlive it. */
struct watch *watch_new(const char *const *files, size_t file_count, const char *const *folders,
                        size_t folder_count);
void watch_free(struct watch *watch); /* NULL is harmless */
/* Readable when it is worth looking; -1 when the system gives no inotify. */
int watch_fd(const struct watch *watch);
/* True once for each change that has come to rest. now: monotonic. */
bool watch_look(struct watch *watch, uint64_t now);
/* When to look again at the latest; monotonic. */
uint64_t watch_due(const struct watch *watch);

#endif
