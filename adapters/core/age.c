#include "core/age.h"

#include "base/alarm.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOUCH_EVERY (60 * MICROSECONDS)

struct age {
    char *path;
    uint64_t most, contact, touched; /* wall clock */
};

static uint64_t time_of_file(const char *path, uint64_t otherwise)
{
    struct stat st;
    if (stat(path, &st) != 0 || st.st_mtim.tv_sec < 0)
        return otherwise;
    return (uint64_t)st.st_mtim.tv_sec * MICROSECONDS;
}

struct age *age_open(const char *state, uint64_t most, uint64_t now)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/contact", state);
    buffer_append(&path, "", 1);
    struct age *age = memory_zeroed(1, sizeof(*age));
    age->path = (char *)path.data;
    age->most = most;
    /* An adapter that starts for the first time has the whole time before it. */
    age->contact = time_of_file(age->path, now);
    return age;
}

void age_free(struct age *age)
{
    if (age == NULL)
        return;
    free(age->path);
    free(age);
}

/* Its time is all that counts, and a minute more or less does not: nothing is synced. */
static void touch(struct age *age)
{
    int fd = open(age->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || futimens(fd, NULL) != 0)
        log_warn("contact_not_noted", "file=%s why=%s", age->path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

void age_tick(struct age *age, bool linked, uint64_t now)
{
    char when[28];
    if (age->contact > now) /* the clock was set back */
        age->contact = now;
    if (age->touched > now)
        age->touched = 0;
    if (linked) {
        age->contact = now;
        if (now - age->touched >= TOUCH_EVERY) {
            age->touched = now;
            touch(age);
        }
    }
    clock_format(age->contact, when);
    alarm_set(ALARM_BUS_SILENT, now - age->contact > age->most, when);
}

void age_of_crls(const struct knowledge *knowledge, uint64_t now)
{
    const struct trust *trust = knowledge_trust(knowledge);
    struct trust_crl_info info, old = {.next_update = UINT64_MAX};
    char when[28], detail[sizeof(info.name) + sizeof(info.number) + 64] = "";
    size_t count = trust == NULL ? 0 : trust_crl_hashes(trust, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        trust_crl_info(trust, i, &info);
        if (info.current && info.next_update < old.next_update)
            old = info;
    }
    bool stale = count > 0 && now > old.next_update;
    if (stale) {
        clock_format(old.next_update, when);
        snprintf(detail, sizeof(detail), "%s, number %s, next update %s", old.name, old.number, when);
    }
    alarm_set(ALARM_CRL_OLD, stale, detail);
}
