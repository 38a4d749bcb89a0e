#include "broker/keeper.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "wire/zap.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBES_MOST 3

/* What the thread can be told: only which of the two it is matters. */
static const char wish_reload[] = "reload", wish_end[] = "end";

struct keeper {
    struct keeper_options options;
    struct snapshot *snapshot; /* the last one passed on: the next must follow on it */
    struct queue *wishes;
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

static void reload(struct keeper *k)
{
    struct error e = {0};
    struct snapshot *next = snapshot_load(k->options.config, k->snapshot, k->options.truststore, &e);
    if (next == NULL || snapshot_accept(k->options.config, next, &e) < 0) {
        log_error("reload_failed", "reason=%s", e.text);
        snapshot_free(next);
        return;
    }
    snapshot_free(k->snapshot);
    k->snapshot = next;
    pipeline_pass(pipeline_writer(k->options.pipeline), job_new(JOB_CHANGE, next, clock_wall()));
}

/* A registry that nobody renews must be noticed before its hard limit stops the country. */
static void check_age(const struct keeper *k)
{
    const struct registry *r = snapshot_registry(k->snapshot);
    char until[28];
    clock_format(registry_valid_until(r), until);
    if (clock_wall() > registry_valid_until(r))
        log_warn("registry_stale", "version=%" PRIu64 " valid_until=%s", registry_version(r), until);
}

static void *keeper_thread(void *arg)
{
    struct keeper *k = arg;
    uint64_t period = k->options.config->limits.probe_s * MICROSECONDS;
    uint64_t next_probe = clock_monotonic() + period;
    for (;;) {
        uint64_t now = clock_monotonic();
        const void *wish = queue_wait(k->wishes, next_probe > now ? next_probe - now : 0);
        if (wish == wish_end)
            return NULL;
        if (wish == wish_reload)
            reload(k);
        if (clock_monotonic() < next_probe)
            continue;
        struct error e = {0};
        int refused = keeper_probe(&k->options, &e);
        if (refused < 0 && e.kind == ERROR_INTEGRITY) {
            log_error("zap_open", "reason=%s", e.text);
            _exit(4);
        }
        /* No answer proves nothing, and anybody who fills the socket's queue can bring it about. A handler
         * that has ended aborts the process by itself, and what comes without a link key is dropped. */
        if (refused < 0)
            log_error("zap_not_probed", "reason=%s", e.text);
        check_age(k);
        next_probe = clock_monotonic() + period;
    }
}

struct keeper *keeper_start(const struct keeper_options *options, struct error *e)
{
    struct keeper *k = memory_zeroed(1, sizeof(*k));
    k->options = *options;
    k->snapshot = snapshot_ref(options->snapshot);
    k->wishes = queue_new(2);
    int code = pthread_create(&k->thread, NULL, keeper_thread, k);
    if (code != 0) {
        error_set(e, ERROR_MEMORY, "the helper thread cannot be started: %s", strerror(code));
        queue_free(k->wishes);
        snapshot_free(k->snapshot);
        free(k);
        return NULL;
    }
    check_age(k);
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
    snapshot_free(keeper->snapshot);
    free(keeper);
}
