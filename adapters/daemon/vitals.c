#include "daemon/vitals.h"
#include "base/alarm.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "manners/clock_sync.h"
#include "manners/notify.h"
#include "manners/process.h"
#include <inttypes.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <time.h>

#define EVERY       (10 * MICROSECONDS)
#define AFTER_LINK  (1 * MICROSECONDS) /* the first looks come faster: the registry comes with the link */
#define FIRST_LOOKS 10
#define ENDS_SOON   (30 * DAY_MICROSECONDS)
#define SKEW        (60 * MICROSECONDS) /* what a bus permits (bus/broker/judge.h) */

struct vitals {
    struct loop *loop;
    struct core *core;
    const struct generation *generation;
    struct loop_timer *timer, *watchdog;
    uint64_t judged_version; /* of the registry by which the services were judged; 0: not yet */
    unsigned looks;
};

/* --- looks --- */

/* Microseconds since 1970; 0 when it cannot be read. */
static uint64_t certificate_end(const struct chain *chain)
{
    struct tm end;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(chain_leaf(chain)), &end) != 1)
        return 0;
    time_t seconds = timegm(&end);
    return seconds > 0 ? (uint64_t)seconds * MICROSECONDS : 0;
}

static void look_at_certificate(const struct vitals *v, uint64_t now)
{
    uint64_t end = certificate_end(v->generation->identity->chain);
    char text[28], detail[48];

    clock_format(end, text);
    snprintf(detail, sizeof detail, "until=%s", text);
    metric_set(METRIC_CERTIFICATE_END, (int64_t)end);
    alarm_set(ALARM_CERTIFICATE_ENDS, end < now + ENDS_SOON, detail);
}

/* A service that the registry does not know is asked by nobody, and nobody would ever say so. */
static void judge_services(const struct vitals *v, const struct registry *registry)
{
    const struct config *c = v->generation->config;
    const char *first = NULL;

    for (size_t i = 0; i < c->service_count; i++) {
        if (registry_service(registry, bytes_of_string(c->services[i].service)) != NULL)
            continue;
        log_error("service_unregistered", "service=%s registry=%" PRIu64, c->services[i].service,
                  registry_version(registry));
        if (first == NULL)
            first = c->services[i].service;
    }
    alarm_set(ALARM_SERVICE_UNREGISTERED, first != NULL, first);
}

static void look_at_registry(struct vitals *v, uint64_t now)
{
    struct registry *registry = core_registry(v->core);

    if (registry == NULL)
        return;
    metric_set(METRIC_REGISTRY_VERSION, (int64_t)registry_version(registry));
    metric_set(METRIC_REGISTRY_VALID_UNTIL, (int64_t)registry_valid_until(registry));
    alarm_set(ALARM_REGISTRY_OLD, now > registry_valid_until(registry), NULL);
    if (v->judged_version != registry_version(registry))
        judge_services(v, registry);
    v->judged_version = registry_version(registry);
    registry_free(registry);
}

/* For `systemctl status`: what an operator asks first. */
static void tell_manager(struct vitals *v)
{
    struct core_status status = {0};

    core_status(v->core, &status);
    notify_status("%s; %" PRIu64 " questions and %" PRIu64 " calls open, registry %" PRIu64,
                  status.trouble != NULL ? status.trouble
                  : status.linked        ? "linked"
                                         : "catching up with the bus",
                  status.asks_open, status.calls_open, status.registry_version);
}

static void look(void *arg)
{
    struct vitals *v = arg;
    uint64_t now = clock_wall();

    process_measure();
    clock_sync_check(v->generation->config->clock_skew != 0 ? v->generation->config->clock_skew : SKEW);
    look_at_certificate(v, now);
    look_at_registry(v, now);
    tell_manager(v);
    if (v->looks < FIRST_LOOKS)
        v->looks++;
    loop_timer_set(v->timer, clock_monotonic() + (v->looks < FIRST_LOOKS ? AFTER_LINK : EVERY));
}

static void feed(void *arg)
{
    struct vitals *v = arg;

    notify_alive();
    loop_timer_set(v->watchdog, clock_monotonic() + notify_watchdog_period() / 4);
}

/* --- life --- */

struct vitals *vitals_new(struct loop *loop, struct core *core, const struct generation *generation)
{
    struct vitals *v = memory_zeroed(1, sizeof *v);

    v->loop = loop;
    v->core = core;
    v->generation = generation;
    v->timer = loop_timer_new(loop, look, v);
    v->watchdog = loop_timer_new(loop, feed, v);
    metric_set(METRIC_START_TIME, (int64_t)clock_wall());
    look(v);
    if (notify_watchdog_period() > 0)
        feed(v);
    return v;
}

void vitals_free(struct vitals *v)
{
    if (v == NULL)
        return;
    loop_timer_free(v->timer);
    loop_timer_free(v->watchdog);
    free(v);
}

void vitals_change(struct vitals *v, const struct generation *generation)
{
    v->generation = generation;
    v->judged_version = 0;
    look(v);
}

void vitals_refresh(void *core)
{
    struct core_status status = {0};

    core_status(core, &status);
    metric_set(METRIC_LINKED, status.linked);
    metric_set(METRIC_ASKS_OPEN, (int64_t)status.asks_open);
    metric_set(METRIC_CALLS_OPEN, (int64_t)status.calls_open);
    metric_set(METRIC_CHECKPOINT_SIZE, (int64_t)status.checkpoint_size);
}
