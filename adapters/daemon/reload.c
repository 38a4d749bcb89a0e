#include "daemon/reload.h"
#include "base/alarm.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Generations that are being retired at once: each waits at most for its calls' deadlines, and an operator
 * reloads by hand. */
#define WISHES_MOST 1024

enum wish_kind { WISH_LOAD, WISH_RETIRE, WISH_CLOSE, WISH_END };
struct wish {
    enum wish_kind kind;
    struct generation
        *generation; /* of RETIRE and CLOSE; as an answer to LOAD: NULL when there were faults */
};

struct reload {
    struct loop *loop;
    struct loop_source *source;
    char *path;
    struct reload_events events;
    struct queue *wishes, *answers;
    pthread_t thread;
    bool running, asked; /* of the loop's thread */
};

static struct wish *wish_new(enum wish_kind kind, struct generation *generation)
{
    struct wish *wish = memory_zeroed(1, sizeof *wish);

    wish->kind = kind;
    wish->generation = generation;
    return wish;
}

static void put(struct queue *queue, struct wish *wish)
{
    bool done = queue_put(queue, wish);
    BUG_ON(!done);
}

/* --- the helper thread --- */

static void log_faults(const struct faults *faults)
{
    const char *text = (const char *)faults->text.data;

    for (size_t at = 0; at < faults->text.len;) {
        const char *end = memchr(text + at, '\n', faults->text.len - at);
        size_t len = end != NULL ? (size_t)(end - text) - at : faults->text.len - at;
        log_error("configuration_fault", "fault=%.*s", (int)len, text + at);
        at += len + 1;
    }
}

static struct generation *load(const char *path)
{
    struct faults faults = {0};
    struct error e = {0};
    struct generation *generation = generation_load(path, &faults);

    log_faults(&faults);
    faults_free(&faults);
    if (generation != NULL && generation_open(generation, &e) != 0) {
        log_error("configuration_fault", "fault=%s", e.text);
        generation_free(generation);
        generation = NULL;
    }
    return generation;
}

static void *helper(void *arg)
{
    struct reload *r = arg;

    pthread_setname_np(pthread_self(), "reload");
    for (;;) {
        struct wish *wish = queue_wait(r->wishes, UINT64_MAX);
        if (wish == NULL)
            return NULL;
        if (wish->kind == WISH_RETIRE)
            generation_free(wish->generation);
        if (wish->kind == WISH_CLOSE)
            generation_close(wish->generation);
        if (wish->kind == WISH_LOAD) {
            wish->generation = load(r->path);
            put(r->answers, wish);
        } else {
            free(wish);
        }
    }
}

/* --- the loop's thread --- */

static void answered(void *arg)
{
    struct reload *r = arg;
    struct wish *wish = queue_take(r->answers);

    if (wish == NULL)
        return;
    struct generation *generation = wish->generation;
    free(wish);
    r->asked = false;
    if (generation != NULL) {
        r->events.ready(r->events.arg, generation);
    } else {
        reload_came_to(r, false);
        r->events.failed(r->events.arg);
    }
}

void reload_came_to(struct reload *r, bool good)
{
    alarm_set(ALARM_RELOAD_FAILED, !good, r->path);
    metric_add_for(METRIC_RELOADS, good ? METRIC_GOOD : METRIC_FAILED, 1);
}

struct reload *reload_new(struct loop *loop, const char *path, const struct reload_events *events,
                          struct error *e)
{
    struct reload *r = memory_zeroed(1, sizeof *r);

    r->loop = loop;
    r->path = string_copy(path);
    r->events = *events;
    r->wishes = queue_new(WISHES_MOST);
    r->answers = queue_new(2);
    r->source = loop_add_fd(loop, queue_event_fd(r->answers), answered, r);
    int code = pthread_create(&r->thread, NULL, helper, r);
    if (code != 0) {
        error_set(e, ERROR_MEMORY, "the helper thread cannot be started: %s", strerror(code));
        reload_free(r);
        return NULL;
    }
    r->running = true;
    return r;
}

void reload_ask(struct reload *r)
{
    if (r->asked)
        return;
    r->asked = true;
    put(r->wishes, wish_new(WISH_LOAD, NULL));
}

void reload_retire(struct reload *r, struct generation *generation, bool keep)
{
    put(r->wishes, wish_new(keep ? WISH_CLOSE : WISH_RETIRE, generation));
}

void reload_free(struct reload *r)
{
    struct wish *wish;

    if (r == NULL)
        return;
    queue_close(r->wishes); /* what is in it is still done */
    if (r->running)
        pthread_join(r->thread, NULL);
    while ((wish = queue_take(r->answers)) != NULL) {
        generation_free(wish->generation);
        free(wish);
    }
    loop_remove(r->loop, r->source);
    queue_free(r->wishes);
    queue_free(r->answers);
    free(r->path);
    free(r);
}

/* --- what cannot change while it runs --- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_authority(const struct registry_authority *a, const struct registry_authority *b)
{
    bool same = a->threshold == b->threshold && a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++)
        same = same_text(a->keys[i], b->keys[i]);
    return same;
}

static bool same_bus(const struct config *a, const struct config *b)
{
    return same_text(a->bus_endpoint, b->bus_endpoint) &&
           memcmp(a->bus_public_key, b->bus_public_key, sizeof a->bus_public_key) == 0;
}

bool reload_same_member(const struct config *was, const struct config *is)
{
    return same_text(was->instance, is->instance) && same_text(was->member, is->member);
}

void reload_name_what_waits(const struct config *was, const struct config *is)
{
    const struct {
        const char *key;
        bool same;
    } judged[] = {
        {"state", same_text(was->state, is->state)},
        {"bus", same_bus(was, is)},
        {"keys.link", same_text(was->link_key, is->link_key)},
        {"keys.subject", same_text(was->subject_keys, is->subject_keys)},
        {"authority", same_authority(&was->authority, &is->authority)},
        {"registry", same_text(was->registry, is->registry)},
        {"metrics", same_text(was->metrics, is->metrics)},
        {"user", same_text(was->user, is->user)},
        {"limits.most_asks", was->most_asks == is->most_asks},
        {"limits.most_ask_bytes", was->most_ask_bytes == is->most_ask_bytes},
        {"limits.unproven_ms", was->unproven_most == is->unproven_most},
        {"limits.crl_grace_hours", was->crl_grace == is->crl_grace},
        {"limits.registry_alarm_hours", was->registry_alarm == is->registry_alarm},
    };

    for (size_t i = 0; i < sizeof judged / sizeof judged[0]; i++)
        if (!judged[i].same)
            log_warn("restart_needed", "key=%s what=%s", judged[i].key,
                     "this has changed in the configuration and takes effect at the next start");
}
