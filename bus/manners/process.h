#ifndef WASL_MANNERS_PROCESS_H
#define WASL_MANNERS_PROCESS_H
/*
 * What a daemon may do and what it shows of itself: keys and bodies pass through its memory. All of it at the
 * start, before there is a second thread.
 */
#include <stdbool.h>

struct error;

/* No core file (RLIMIT_CORE 0, not dumpable: also no debugger and no /proc/PID/mem but root's), no new
 * privileges through what is executed, umask 077. 0, or -1 with e set. */
int process_harden(struct error *e);
/* Is there such a user, and not root? For checking a configuration. */
bool process_user_valid(const char *user, struct error *e);
/*
 * Gives up root for good: groups, group and user become those of `user`, and that it cannot be taken back is
 * tried. Without a user nothing happens but a warning where this is root. Not root and another user: an
 * error. Ends with process_harden's not dumpable, which a change of user may undo.
 */
int process_become(const char *user, struct error *e);
/* As root, makes a folder (0700) that is missing, and gives it to `user`. What is there already is left as it
 * is. */
int process_give_folder(const char *folder, const char *user, struct error *e);
/* Sets the metrics of memory and descriptors. Reads /proc: never waits for a disk. */
void process_measure(void);

#endif
