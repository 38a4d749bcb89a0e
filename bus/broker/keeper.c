#include "broker/keeper.h"

#include "base/alarm.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "broker/change.h"
#include "broker/crls.h"
#include "broker/watch.h"
#include "wire/zap.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBES_MOST 3
#define PATIENCE    (1 * MICROSECONDS) /* how long a file may be bad before it is said */
#define AGAIN       (5 * MICROSECONDS) /* after a disk, say, that took nothing */

/* What the thread can be told: only which of the two it is matters. */
static const char wish_reload[] = "reload", wish_end[] = "end";

struct keeper {
    struct keeper_options options;
    struct snapshot *snapshot; /* the last one passed on: the next must follow on it */
    struct queue *wishes;
    struct watch *watch;
    bool wanted;            /* a reload, as soon as the last change is in force */
    bool unproven;          /* some CRLs are not remembered yet */
    struct buffer problems; /* of the last reading, a line for each */
    uint64_t say_at;        /* monotonic */
    uint64_t again_at;      /* monotonic: the last change was not taken up, and not by a file's fault */
    pthread_t thread;
};

int keeper_probe(const struct keeper_options *options, struct error *e)
{
    for (int i = 0;; i++) {
        if (zap_probe(options->zmq_context, options->endpoint, options->server_public, e) == 0)
            return 0;
        log_error("zap_probe_failed", "reason=%s attempt=%d", e->text, i + 1);
        if (e->kind == ERROR_INTEGRITY || i + 1 == PROBES_MOST)
            return -1;
    }
}

/* --- what is wrong --- */

static void log_problems(const char *event, struct bytes text)
{
    while (text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.data);
        log_error(event, "reason=%.*s", (int)len, (const char *)text.data);
        len += end == NULL ? 0 : 1;
        text = bytes_make(text.data + len, text.len - len);
    }
}

/* What was read is bad now. A file may be on its way: what is bad is said when it has stayed so for a while,
 * once, and again only when something else is wrong. */
static void note_problems(struct keeper *k, struct buffer *problems)
{
    bool same = bytes_equal(buffer_bytes(&k->problems), buffer_bytes(problems));
    buffer_free(&k->problems);
    k->problems = *problems;
    *problems = (struct buffer){0};
    if (k->problems.len == 0) {
        alarm_set(ALARM_TRUST_FILE_UNUSABLE, false, NULL);
        k->say_at = UINT64_MAX;
    } else if (!same) {
        k->say_at = clock_monotonic() + PATIENCE;
    }
}

static void say_problems(struct keeper *k)
{
    k->say_at = UINT64_MAX;
    log_problems("trust_file_unusable", buffer_bytes(&k->problems));
    alarm_set(ALARM_TRUST_FILE_UNUSABLE, true, NULL);
}

/* --- taking up --- */

static bool is_in_force(const struct keeper *k)
{
    if (k->options.box == NULL)
        return true;
    struct snapshot *current = snapshot_box_get(k->options.box);
    bool same = current == k->snapshot;
    snapshot_free(current);
    return same;
}

static void accept_rest(struct keeper *k)
{
    struct error e = {0};
    int accepted = crls_accept(k->options.config, snapshot_trust(k->snapshot), k->options.chains, &e);
    if (accepted < 0)
        log_error("crls_not_remembered", "reason=%s", e.text);
    k->unproven = accepted != 0;
}

/* Takes the reference. -1 with e set: it would not be remembered that it was in force. */
static int pass_on(struct keeper *k, struct snapshot *next, struct error *e)
{
    int accepted = snapshot_accept(k->options.config, next, k->options.chains, e);
    if (accepted < 0) {
        snapshot_free(next);
        return -1;
    }
    k->unproven = accepted != 0;
    snapshot_free(k->snapshot);
    k->snapshot = next;
    struct chains *chains = k->options.chains;
    struct job *change =
        chains != NULL ? change_new(next, chains, clock_wall()) : job_new(JOB_CHANGE, next, clock_wall());
    pipeline_pass(pipeline_writer(k->options.pipeline), change);
    return 0;
}

/* What the files say is in force afterwards, or is said, or is tried again: a revocation must not wait until
 * somebody touches its file. */
static void reload(struct keeper *k)
{
    struct error e = {0};
    struct buffer problems = {0};
    struct snapshot *next =
        snapshot_load(k->options.config, k->snapshot, k->options.truststore, &problems, &e);
    bool taken = next != NULL;
    if (taken && snapshot_same(next, k->snapshot))
        snapshot_free(next);
    else if (taken)
        taken = pass_on(k, next, &e) == 0;
    if (!taken)
        buffer_printf(&problems, "%s\n", e.text);
    k->again_at = taken ? UINT64_MAX : clock_monotonic() + AGAIN;
    note_problems(k, &problems);
}

/* --- the thread --- */

/* Until there is a wish, a file has moved, or it is time. */
static void wait_until(const struct keeper *k, uint64_t until)
{
    struct pollfd fds[] = {{queue_event_fd(k->wishes), POLLIN, 0}, {watch_fd(k->watch), POLLIN, 0}};
    uint64_t now = clock_monotonic();
    /* A descriptor of -1 is passed over. */
    poll(fds, 2, now >= until ? 0 : (int)((until - now) / 1000 + 1));
}

static void probe(struct keeper *k)
{
    struct error e = {0};
    int refused = keeper_probe(&k->options, &e);
    if (refused < 0 && e.kind == ERROR_INTEGRITY) {
        log_error("zap_open", "reason=%s", e.text);
        _exit(4);
    }
    /* No answer proves nothing, and anybody who fills the socket's queue can bring it about. A handler that
     * has ended aborts the process by itself, and what comes without a link key is dropped. */
    if (refused < 0)
        log_error("zap_not_probed", "reason=%s", e.text);
    alarm_set(ALARM_DOOR_NOT_PROBED, refused < 0, NULL);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void *keeper_thread(void *arg)
{
    struct keeper *k = arg;
    uint64_t period = k->options.config->limits.probe_s * MICROSECONDS;
    uint64_t next_probe = clock_monotonic() + period;
    pthread_setname_np(pthread_self(), "keeper");
    for (;;) {
        uint64_t look = k->wanted ? clock_monotonic() + WATCH_QUIET : watch_due(k->watch);
        wait_until(k, earliest(earliest(next_probe, k->say_at), earliest(look, k->again_at)));
        const void *wish = queue_take(k->wishes);
        if (wish == wish_end)
            return NULL;
        bool asked = wish == wish_reload;
        k->wanted =
            watch_look(k->watch, clock_monotonic()) || asked || k->wanted || clock_monotonic() >= k->again_at;
        /* One at a time: the writer, on a slow disk, may still have the one before. */
        if (k->wanted && is_in_force(k)) {
            k->wanted = false;
            reload(k);
        }
        if (k->unproven)
            accept_rest(k);
        if (clock_monotonic() >= k->say_at || (asked && k->problems.len > 0))
            say_problems(k);
        if (clock_monotonic() < next_probe)
            continue;
        probe(k);
        next_probe = clock_monotonic() + period;
    }
}

static struct watch *watch_files(const struct config *config)
{
    const char **files = memory_zeroed(config->crl_files_count + 1, sizeof(*files));
    files[0] = config->registry;
    for (unsigned i = 0; i < config->crl_files_count; i++)
        files[i + 1] = config->crl_files[i];
    const char *folders[] = {config->crls, config->descriptions};
    struct watch *watch = watch_new(files, config->crl_files_count + 1, folders, 2);
    free(files);
    return watch;
}

struct keeper *keeper_start(const struct keeper_options *options, struct error *e)
{
    struct keeper *k = memory_zeroed(1, sizeof(*k));
    k->options = *options;
    k->snapshot = snapshot_ref(options->snapshot);
    k->wishes = queue_new(2);
    k->say_at = k->again_at = UINT64_MAX;
    k->unproven = true;
    k->watch = watch_files(options->config);
    /* Once more than what the start has read: nothing that came between is missed, and what is bad is said.
     */
    k->wanted = options->config->registry != NULL;
    int code = pthread_create(&k->thread, NULL, keeper_thread, k);
    if (code != 0) {
        error_set(e, ERROR_MEMORY, "the helper thread cannot be started: %s", strerror(code));
        queue_free(k->wishes);
        watch_free(k->watch);
        snapshot_free(k->snapshot);
        free(k);
        return NULL;
    }
    return k;
}

void keeper_reload(struct keeper *keeper)
{
    /* One wish that waits serves for all that come meanwhile. */
    if (queue_length(keeper->wishes) == 0)
        queue_put(keeper->wishes, (void *)(uintptr_t)wish_reload);
}

void keeper_stop(struct keeper *keeper)
{
    if (keeper == NULL)
        return;
    bool put =
        queue_put(keeper->wishes, (void *)(uintptr_t)wish_end); /* at most one wish waits, so there is room */
    BUG_ON(!put);
    pthread_join(keeper->thread, NULL);
    while (queue_take(keeper->wishes) != NULL)
        ;
    queue_free(keeper->wishes);
    watch_free(keeper->watch);
    buffer_free(&keeper->problems);
    snapshot_free(keeper->snapshot);
    free(keeper);
}
