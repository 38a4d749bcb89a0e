#include "manners/process.h"

#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int forbid_dumps(struct error *e)
{
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return error_set(e, ERROR_IO, "core files cannot be switched off: %s", strerror(errno));
    return 0;
}

int process_harden(struct error *e)
{
    umask(077);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set(e, ERROR_IO, "new privileges cannot be switched off: %s", strerror(errno));
    return forbid_dumps(e);
}

static const struct passwd *find_user(const char *user, struct error *e)
{
    errno = 0;
    const struct passwd *entry = getpwnam(user);
    if (entry == NULL) {
        error_set(e, ERROR_CONFIG,
                  "there is no user %s on this machine: make it (systemd-sysusers), or name another", user);
        return NULL;
    }
    if (entry->pw_uid == 0) {
        error_set(e, ERROR_CONFIG, "the user %s is root: name one that may do nothing else", user);
        return NULL;
    }
    return entry;
}

bool process_user_valid(const char *user, struct error *e)
{
    return find_user(user, e) != NULL;
}

/* That the ids are what they should be is not enough: a saved id would be a way back. */
static int check_dropped(uid_t uid, gid_t gid, struct error *e)
{
    uid_t u[3];
    gid_t g[3];
    if (getresuid(&u[0], &u[1], &u[2]) != 0 || getresgid(&g[0], &g[1], &g[2]) != 0)
        return error_set(e, ERROR_IO, "cannot ask for my own ids: %s", strerror(errno));
    for (int i = 0; i < 3; i++)
        if (u[i] != uid || g[i] != gid)
            return error_set(e, ERROR_IO, "root was not given up wholly");
    if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setresgid((gid_t)-1, 0, (gid_t)-1) == 0)
        return error_set(e, ERROR_IO, "root was given up and could be taken back");
    return 0;
}

int process_become(const char *user, struct error *e)
{
    if (user == NULL) {
        if (geteuid() == 0)
            log_warn(
                "runs_as_root", "what=%s",
                "this daemon needs no privilege: name a user in its configuration, or start it by its unit");
        return 0;
    }
    const struct passwd *entry = find_user(user, e);
    if (entry == NULL)
        return -1;
    uid_t uid = entry->pw_uid;
    gid_t gid = entry->pw_gid;
    if (geteuid() == uid && getuid() == uid)
        return 0;
    if (geteuid() != 0)
        return error_set(e, ERROR_CONFIG, "only root can become the user %s: start this as root, or as %s",
                         user, user);
    if (initgroups(user, gid) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return error_set(e, ERROR_IO, "cannot become the user %s: %s", user, strerror(errno));
    if (check_dropped(uid, gid, e) != 0)
        return -1;
    return forbid_dumps(e);
}

int process_give_folder(const char *folder, const char *user, struct error *e)
{
    if (user == NULL || geteuid() != 0)
        return 0;
    const struct passwd *entry = find_user(user, e);
    if (entry == NULL)
        return -1;
    if (mkdir(folder, 0700) != 0)
        return errno == EEXIST ? 0 : error_set(e, ERROR_IO, "%s cannot be made: %s", folder, strerror(errno));
    /* By its own name and not through a link that somebody put there since. */
    if (lchown(folder, entry->pw_uid, entry->pw_gid) != 0)
        return error_set(e, ERROR_IO, "%s cannot be given to %s: %s", folder, user, strerror(errno));
    return 0;
}

/* --- what it uses --- */

static void measure_memory(void)
{
    char line[256];
    long kib;
    FILE *file = fopen("/proc/self/status", "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "RssAnon: %ld kB", &kib) == 1)
            metric_set(METRIC_MEMORY, (int64_t)kib * 1024);
    fclose(file);
}

static void measure_descriptors(void)
{
    int64_t count = -3; /* ".", ".." and the one that reads */
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    metric_set(METRIC_DESCRIPTORS, count);
}

void process_measure(void)
{
    measure_memory();
    measure_descriptors();
}
