#include "broker/vitals.h"

#include "base/alarm.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "manners/clock_sync.h"
#include "manners/notify.h"
#include "manners/process.h"
#include "broker/growth.h"
#include "broker/judge.h"
#include "ledger/ledger.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define EVERY     (10 * MICROSECONDS)
#define DAYS_FEW  30.0
#define DAYS_MOST 36500.0 /* beyond a century it is not a number any more */

struct vitals {
    struct vitals_options options;
    struct growth growth;
    char *growth_path;
    struct queue *wishes;
    pthread_t thread;
    bool running;
};
static const char wish_end[] = "end", wish_reload[] = "reload";

/* What the ledger may still grow by: to the share of its map at which nothing new is accepted, and not beyond
 * what the file system has. */
static uint64_t room_left(const struct vitals *v, uint64_t used)
{
    uint64_t most = (uint64_t)((double)v->options.config->limits.ledger_bytes * STATUS_DISK_ADMITS);
    uint64_t room = most > used ? most - used : 0;
    struct statvfs fs;
    if (statvfs(v->options.config->state, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < room)
        room = (uint64_t)fs.f_bavail * fs.f_frsize;
    return room;
}

static void look_at_disk(struct vitals *v)
{
    double share = (double)atomic_load(&v->options.status->disk_used) / 1e6, days;
    uint64_t used = (uint64_t)(share * (double)v->options.config->limits.ledger_bytes);
    uint64_t now = clock_wall() / MICROSECONDS;
    struct error e;
    if (growth_note(&v->growth, now, used) && growth_save(&v->growth, v->growth_path, &e) != 0)
        log_warn("growth_not_stored", "reason=%s", e.text);
    bool known = growth_days_left(&v->growth, now, used, room_left(v, used), &days);
    if (known && days > DAYS_MOST)
        days = DAYS_MOST;
    if (known)
        metric_set(METRIC_DISK_DAYS, (int64_t)(days * 1000));
    else
        metric_forget(METRIC_DISK_DAYS);
    atomic_store(&v->options.status->disk_days, known ? (int_fast64_t)(days * 1000) : -1);
    alarm_set(ALARM_DISK_DAYS, known && days < DAYS_FEW, NULL);
}

/* The one that is longest past its time stands for all. */
static void look_at_crls(const struct snapshot *snapshot)
{
    struct trust_crl_info info, old = {.next_update = UINT64_MAX};
    char when[28] = "", detail[sizeof(info.name) + sizeof(info.number) + 64];
    size_t count = snapshot_crl_count(snapshot);
    for (size_t i = 0; i < count; i++) {
        trust_crl_info(snapshot_trust(snapshot), i, &info);
        if (info.current && info.next_update < old.next_update)
            old = info;
    }
    if (count > 0)
        clock_format(old.next_update, when);
    snprintf(detail, sizeof(detail), "%s, number %s, next update %s", old.name, old.number, when);
    alarm_set(ALARM_CRL_OLD, count > 0 && clock_wall() > old.next_update, detail);
    alarm_set(ALARM_NO_CRL, count == 0, NULL);
}

static void look_at_registry(struct vitals *v)
{
    struct snapshot *snapshot = snapshot_box_get(v->options.box);
    const struct registry *registry = snapshot_registry(snapshot);
    metric_set(METRIC_REGISTRY_VERSION, (int64_t)registry_version(registry));
    metric_set(METRIC_REGISTRY_VALID_UNTIL, (int64_t)registry_valid_until(registry));
    alarm_set(ALARM_REGISTRY_OLD, clock_wall() > registry_valid_until(registry), NULL);
    look_at_crls(snapshot);
    snapshot_free(snapshot);
}

/* For `systemctl status`: what an operator asks first. */
static void tell_manager(struct vitals *v)
{
    const struct status *s = v->options.status;
    const char *trouble = atomic_load(&s->trouble);
    notify_status("%s; %" PRIu64 " members connected, %" PRIu64 " exchanges open, registry %" PRIu64
                  ", disk %.1f %% used",
                  trouble != NULL ? trouble : "admitting", (uint64_t)atomic_load(&s->members_connected),
                  (uint64_t)atomic_load(&s->exchanges_open), (uint64_t)atomic_load(&s->registry_version),
                  (double)atomic_load(&s->disk_used) / 1e4);
}

static void look(struct vitals *v)
{
    process_measure();
    clock_sync_check(CLOCK_SKEW);
    look_at_registry(v);
    look_at_disk(v);
    tell_manager(v);
}

/* --- the configuration, read anew --- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_texts(char *const *a, unsigned a_count, char *const *b, unsigned b_count)
{
    bool same = a_count == b_count;
    for (unsigned i = 0; same && i < a_count; i++)
        same = same_text(a[i], b[i]);
    return same;
}

/* Keys and files keep their names: what is in the registry and CRL files is read anew by the keeper. */
static void name_what_waits(const struct config *was, const struct config *is)
{
    const struct {
        const char *key;
        bool same;
    } judged[] = {
        {"instance", same_text(was->instance, is->instance)},
        {"listen", same_text(was->listen, is->listen)},
        {"state", same_text(was->state, is->state)},
        {"link_key", same_text(was->link_key, is->link_key)},
        {"ledger_key", same_text(was->ledger_key, is->ledger_key)},
        {"registry", same_text(was->registry, is->registry)},
        {"crls", same_text(was->crls, is->crls)},
        {"crl_files", same_texts(was->crl_files, was->crl_files_count, is->crl_files, is->crl_files_count)},
        {"descriptions", same_text(was->descriptions, is->descriptions)},
        {"audit_socket", same_text(was->audit_socket, is->audit_socket)},
        {"metrics", same_text(was->metrics, is->metrics)},
        {"user", same_text(was->user, is->user)},
        {"authority", was->authority.threshold == is->authority.threshold &&
                          same_texts(was->authority.keys, was->authority.keys_count, is->authority.keys,
                                     is->authority.keys_count)},
        {"limits", memcmp(&was->limits, &is->limits, sizeof(was->limits)) == 0},
    };
    for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++)
        if (!judged[i].same)
            log_warn("restart_needed", "key=%s what=%s", judged[i].key,
                     "this has changed in the configuration and takes effect at the next start");
}

static void reload(struct vitals *v)
{
    struct faults faults = {0};
    struct error e = {0};
    struct config_file *file = config_load(v->options.config->path, &faults, &e);
    const char *text = (const char *)faults.text.data;
    for (size_t at = 0; at < faults.text.len;) {
        const char *end = memchr(text + at, '\n', faults.text.len - at);
        size_t len = end != NULL ? (size_t)(end - text) - at : faults.text.len - at;
        log_error("configuration_fault", "fault=%.*s", (int)len, text + at);
        at += len + 1;
    }
    faults_free(&faults);
    if (file == NULL)
        log_error("configuration_kept", "reason=%s", e.text);
    else {
        enum log_level level = LOG_INFO_;
        if (config_get(file)->log_level != NULL)
            log_level_parse(config_get(file)->log_level, &level);
        log_set_level(level);
        name_what_waits(v->options.config, config_get(file));
        log_info("configuration_read", "file=%s", v->options.config->path);
    }
    alarm_set(ALARM_RELOAD_FAILED, file == NULL, NULL);
    metric_add_for(METRIC_RELOADS, file != NULL ? METRIC_GOOD : METRIC_FAILED, 1);
    config_free(file);
    notify_ready();
}

static void *vitals_thread(void *arg)
{
    struct vitals *v = arg;
    pthread_setname_np(pthread_self(), "vitals");
    for (;;) {
        const void *wish = queue_wait(v->wishes, EVERY);
        if (wish == wish_end)
            return NULL;
        if (wish == wish_reload)
            reload(v);
        look(v);
    }
}

struct vitals *vitals_start(const struct vitals_options *options, struct error *e)
{
    struct vitals *v = memory_zeroed(1, sizeof(*v));
    v->options = *options;
    v->wishes = queue_new(2);
    struct buffer path = {0};
    buffer_printf(&path, "%s/growth", options->config->state);
    buffer_append(&path, "", 1);
    v->growth_path = (char *)path.data;
    growth_load(&v->growth, v->growth_path);
    metric_set(METRIC_START_TIME, (int64_t)options->status->started);
    look(v);
    int code = pthread_create(&v->thread, NULL, vitals_thread, v);
    if (code != 0) {
        error_set(e, ERROR_MEMORY, "the vitals thread cannot be started: %s", strerror(code));
        vitals_stop(v);
        return NULL;
    }
    v->running = true;
    return v;
}

void vitals_reload(struct vitals *vitals)
{
    if (queue_length(vitals->wishes) == 0)
        queue_put(vitals->wishes, (void *)(uintptr_t)wish_reload);
}

void vitals_stop(struct vitals *vitals)
{
    if (vitals == NULL)
        return;
    if (vitals->running) {
        bool put = queue_put(vitals->wishes,
                             (void *)(uintptr_t)wish_end); /* one wish waits at most: room for this */
        BUG_ON(!put);
        pthread_join(vitals->thread, NULL);
    }
    while (queue_take(vitals->wishes) != NULL)
        ;
    queue_free(vitals->wishes);
    free(vitals->growth_path);
    free(vitals);
}

void vitals_refresh(void *arg)
{
    struct vitals *v = arg;
    const struct status *s = v->options.status;
    struct pipeline *p = v->options.pipeline;
    metric_set(METRIC_SESSIONS, (int64_t)atomic_load(&s->members_connected));
    metric_set(METRIC_EXCHANGES_OPEN, (int64_t)atomic_load(&s->exchanges_open));
    metric_set(METRIC_PIPELINE_MESSAGES, (int64_t)atomic_load(&s->pipeline_messages));
    metric_set(METRIC_PIPELINE_BYTES, (int64_t)atomic_load(&s->pipeline_bytes));
    metric_set_for(METRIC_QUEUE, METRIC_ADMIT, (int64_t)queue_length(pipeline_admit(p)));
    metric_set_for(METRIC_QUEUE, METRIC_WRITER, (int64_t)queue_length(pipeline_writer(p)));
    metric_set_for(METRIC_QUEUE, METRIC_RESULTS, (int64_t)queue_length(pipeline_results(p)));
    metric_set(METRIC_LEDGER_ENTRIES, (int64_t)ledger_size(v->options.ledger));
    metric_set(METRIC_DISK_USED, (int64_t)atomic_load(&s->disk_used));
    metric_raise_to(METRIC_ADMITTED, atomic_load(&s->admitted));
    metric_raise_to(METRIC_TIMED_OUT, atomic_load(&s->timed_out));
    metric_raise_to(METRIC_INTERRUPTED, atomic_load(&s->interrupted));
    metric_raise_to(METRIC_LATE, atomic_load(&s->late));
    metric_raise_to(METRIC_UNATTRIBUTED, atomic_load(&s->unattributed));
}
