#include "broker/writer.h"

#include "base/alarm.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "manners/heart.h"
#include "broker/evidence.h"
#include "broker/limiter.h"
#include "broker/receipts.h"
#include "ledger.pb-c.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_CAPACITY 4096
/* One by one, each would wake the I/O thread for itself; all at once, the first would wait for the last one's
 * receipt. */
#define RESULTS_AT_ONCE 16
/* For the operator: in the log and in the file STOPPED. */
#define INCONSISTENT_WORDS                                                                                   \
    "an adapter holds a checkpoint, signed by this ledger's key, that this ledger does not extend: it was "  \
    "rolled back (restored from a backup), or it shows different members different logs; "                   \
    "see bus/broker/README.md"

struct writer {
    struct writer_options options;
    struct limiter *limiter;
    struct snapshot
        *snapshot; /* the one whose entries were written last: from here on nothing is judged by another */
    pthread_t thread;
    struct job *batch[BATCH_CAPACITY];
    struct ledger_result results[BATCH_CAPACITY];
    size_t count;
    uint64_t now;
    bool again[BATCH_CAPACITY]; /* judged by another snapshot: back to admit */
    bool full;                  /* above STATUS_DISK_ADMITS at the last commit */
    atomic_bool closing;
    bool stopped; /* a split view or roll-back was proven: nothing more is written */
    bool closed;  /* "bus stopped" is the last entry */
};

_Noreturn static void fatal(const char *what, const struct error *e)
{
    log_error(what, "reason=%s", e->text);
    _exit(1);
}

/* --- start --- */

static void set_registry(struct writer *w, const struct snapshot *snapshot)
{
    const struct registry *r = snapshot_registry(snapshot);
    ledger_set_registry(w->options.ledger, registry_version(r), registry_hash(r));
}

static int put_snapshot(struct writer *w, const struct snapshot *snapshot, struct error *e)
{
    struct ledger_result result;
    set_registry(w, snapshot);
    if (ledger_put_object(w->options.ledger, WASL__V1__OBJECT_KIND__REGISTRY_FILE,
                          registry_hash(snapshot_registry(snapshot)), NULL, &result, e) < 0)
        return -1;
    for (size_t i = 0; i < snapshot_crl_count(snapshot); i++)
        if (ledger_put_object(w->options.ledger, WASL__V1__OBJECT_KIND__CRL, snapshot_crl(snapshot, i), NULL,
                              &result, e) < 0)
            return -1;
    return 0;
}

static void note_registry(struct writer *w, const struct snapshot *snapshot)
{
    const struct registry *r = snapshot_registry(snapshot);
    atomic_store(&w->options.status->registry_version, registry_version(r));
    atomic_store(&w->options.status->registry_valid_until, registry_valid_until(r));
}

static void note_disk(struct writer *w)
{
    double used = ledger_used(w->options.ledger);
    atomic_store(&w->options.status->disk_used, (uint_fast32_t)(used * 1e6));
    bool full = used > STATUS_DISK_ADMITS;
    if (full == w->full || w->stopped)
        return;
    w->full = full;
    atomic_store(&w->options.status->trouble, full ? "the ledger's disk is nearly full" : NULL);
    alarm_set(ALARM_DISK_FULL, full, NULL);
    if (full)
        log_error("disk_full", "used=%.3f", used);
    else
        log_info("disk_has_room", "used=%.3f", used);
}

static int first_batch(struct writer *w, const struct snapshot *snapshot, struct error *e)
{
    struct ledger *ledger = w->options.ledger;
    struct ledger_result result;
    set_registry(w, snapshot);
    if (ledger_begin(ledger, clock_wall(), e) < 0)
        return -1;
    int64_t interrupted = ledger_put_interrupted(ledger, e);
    if (interrupted < 0 || ledger_put_administration(ledger, "bus started", &result, e) < 0 ||
        put_snapshot(w, snapshot, e) < 0 || ledger_commit(ledger, e) < 0)
        return -1;
    if (evidence_collect(w->options.vault, ledger, e) < 0)
        return -1;
    atomic_fetch_add(&w->options.status->interrupted, (uint64_t)interrupted);
    note_registry(w, snapshot);
    note_disk(w);
    log_info("ledger_opened", "size=%" PRIu64 " interrupted=%" PRId64, ledger_size(ledger), interrupted);
    return 0;
}

/* --- before the commit --- */

static void put_message(struct writer *w, struct job *job, struct ledger_result *result)
{
    struct message *m = &job->message;
    result->index = UINT64_MAX;
    if (w->stopped) {
        m->answer = REFUSAL_STOPPED;
        return;
    }
    const struct ledger_message record = {
        .context = buffer_bytes(&m->context),
        .body = buffer_bytes(&m->body),
        .signature = buffer_bytes(&m->signature),
        .header = m->form == REFUSAL_NONE ? &m->header : NULL,
        .leaf = m->leaf,
        .reason = m->verdict,
        .keep_header = m->keep_header,
        .member = bytes_of_string(job->member),
        .deadline = m->deadline,
        .quota_key = m->has_quota ? m->quota_key : NULL,
        .quota_per_day = m->per_day,
        .no_refusals = !limiter_room(w->limiter, job->member, w->now),
        .only_ends = w->full,
    };
    struct error e = {0};
    set_registry(w, job->snapshot);
    if (ledger_put_message(w->options.ledger, &record, result, &e) < 0)
        fatal("ledger_put_failed", &e);
    if (result->type == ENTRY_REFUSED || result->type == ENTRY_LATE) {
        limiter_note(w->limiter, job->member, w->now);
    } else if (!result->old && result->index == UINT64_MAX) {
        m->answer = w->full ? REFUSAL_DISK_FULL : result->reason;
        if (!w->full)
            limiter_allow(w->limiter, job->member, result->reason, m->leaf, w->now); /* counted */
    }
}

/* Is the adapter's checkpoint an earlier state of this ledger? If not, this one was rolled back or split: it
 * stops here. */
static void check_seen(struct writer *w, struct job *job)
{
    struct hello *h = &job->hello;
    struct error e = {0};
    int extends = h->has_seen ? ledger_extends(w->options.ledger, &h->seen, &e) : 1;
    if (extends < 0)
        fatal("ledger_read_failed", &e);
    if (extends == 1)
        return;
    h->verdict = REFUSAL_INCONSISTENT;
    h->inconsistent = true;
    if (w->stopped)
        return;
    w->stopped = true;
    atomic_store(&w->options.status->trouble,
                 "the ledger is not consistent with a checkpoint that it signed");
    log_error("ledger_inconsistent", "member=%s seen=%" PRIu64 " size=%" PRIu64 " reason=%s", job->member,
              h->seen.size, ledger_size(w->options.ledger), INCONSISTENT_WORDS);
    if (ledger_stop(w->options.ledger, INCONSISTENT_WORDS, buffer_bytes(&h->checkpoint), &e) < 0)
        fatal("ledger_stop_failed", &e);
}

static void put_hello(struct writer *w, struct job *job, struct ledger_result *result)
{
    struct hello *h = &job->hello;
    struct error e = {0};
    if (h->verdict != REFUSAL_NONE)
        return;
    set_registry(w, job->snapshot);
    if (ledger_put_object(w->options.ledger, WASL__V1__OBJECT_KIND__CERTIFICATE_CHAIN, h->object,
                          h->certificate, result, &e) < 0)
        fatal("ledger_put_failed", &e);
}

static void put_end(struct writer *w, struct job *job, struct ledger_result *result)
{
    struct error e = {0};
    set_registry(w, w->snapshot);
    if (ledger_put_end(w->options.ledger, job->end.exchange_id, job->end.type, job->end.reason, result, &e) <
        0)
        fatal("ledger_put_failed", &e);
}

/* When a second of counted refusals is over; while the disk is nearly full they go on being counted. */
static uint64_t rest_due(const struct writer *w)
{
    return w->full || w->stopped ? UINT64_MAX : limiter_due(w->limiter);
}

static void put_rest_of_refusals(struct writer *w, bool all)
{
    struct limiter_rest rest;
    struct ledger_result result;
    struct error e = {0};
    while (!w->stopped && (all || !w->full) && limiter_next(w->limiter, w->now, all, &rest)) {
        if (ledger_put_refused_many(w->options.ledger, bytes_of_string(rest.member), rest.reason, rest.count,
                                    rest.hash, &result, &e) < 0)
            fatal("ledger_put_failed", &e);
        atomic_fetch_add(&w->options.status->refused, rest.count);
        metric_add_for(METRIC_REFUSED, rest.reason, rest.count);
        log_warn("refusals_counted", "member=%s count=%" PRIu64, rest.member, rest.count);
    }
}

static void take_snapshot(struct writer *w, struct snapshot *snapshot)
{
    snapshot_free(w->snapshot);
    w->snapshot = snapshot_ref(snapshot);
}

/* A registry or CRL has taken effect since this was judged. */
static bool is_outdated(const struct writer *w, const struct job *job)
{
    return !w->stopped && (job->kind == JOB_MESSAGE || job->kind == JOB_HELLO) &&
           job->snapshot != w->snapshot;
}

static void put_job(struct writer *w, struct job *job, struct ledger_result *result)
{
    struct error e = {0};
    if ((w->stopped || w->closed) && job->kind != JOB_MESSAGE) {
        result->old = true; /* nothing was written */
        return;
    }
    switch (job->kind) {
    case JOB_MESSAGE:
        put_message(w, job, result);
        break;
    case JOB_HELLO:
        put_hello(w, job, result);
        break;
    case JOB_END:
        put_end(w, job, result);
        break;
    case JOB_CHANGE:
        if (put_snapshot(w, job->snapshot, &e) < 0)
            fatal("ledger_put_failed", &e);
        take_snapshot(w, job->snapshot);
        break;
    case JOB_CLOSE:
        put_rest_of_refusals(w, true);
        if (ledger_put_administration(w->options.ledger, "bus stopped", result, &e) < 0)
            fatal("ledger_put_failed", &e);
        w->closed = true;
        break;
    case JOB_PROVE:
    case JOB_FETCH:
        break;
    }
}

/* --- the thread --- */

/* Everything that waits, up to the bounds. */
static void gather(struct writer *w, struct job *first)
{
    struct queue *queue = pipeline_writer(w->options.pipeline);
    uint64_t until = clock_monotonic() + w->options.batch_time;
    w->count = 0;
    for (struct job *job = first; job != NULL; job = queue_take(queue)) {
        w->batch[w->count++] = job;
        if (w->count == w->options.batch_messages || clock_monotonic() >= until)
            break;
    }
}

static bool writes(const struct job *job)
{
    return job->kind != JOB_PROVE && job->kind != JOB_FETCH;
}

/* Day keys, sealed to the oversight key, are durable before the entry that promises them. */
static void keep_evidence(struct writer *w)
{
    struct error e = {0};
    if (!w->full && evidence_mark(w->options.ledger, w->snapshot, w->batch, w->count, &e) < 0)
        fatal("ledger_read_failed", &e);
    if (evidence_keep(w->options.vault, w->batch, w->count, &e) < 0)
        fatal("vault_failed", &e);
}

/* It is still counted in the pipeline, so there is room for it; only at the very end admit takes nothing
 * more. */
static void judge_again(struct writer *w, struct job *job)
{
    snapshot_free(job->snapshot);
    job->snapshot = snapshot_ref(w->snapshot);
    if (!queue_put(pipeline_admit(w->options.pipeline), job))
        job_free(job);
}

static void write_batch(struct writer *w)
{
    struct error e = {0};
    bool writing = rest_due(w) <= w->now;
    memset(w->results, 0, sizeof(w->results[0]) * w->count);
    for (size_t i = 0; i < w->count; i++) {
        writing = writing || writes(w->batch[i]);
        if (w->batch[i]->kind == JOB_HELLO && w->batch[i]->hello.verdict == REFUSAL_NONE)
            check_seen(w, w->batch[i]);
    }
    if (writing && !w->stopped) {
        if (ledger_begin(w->options.ledger, w->now, &e) < 0)
            fatal("ledger_begin_failed", &e);
        keep_evidence(w);
        put_rest_of_refusals(w, false);
    }
    for (size_t i = 0; i < w->count; i++) {
        w->again[i] = is_outdated(w, w->batch[i]);
        if (!w->again[i])
            put_job(w, w->batch[i], &w->results[i]);
    }
    if (writing && !w->stopped) {
        uint64_t before = clock_monotonic();
        if (ledger_commit(w->options.ledger, &e) < 0)
            fatal("ledger_commit_failed", &e);
        metric_observe(METRIC_LEDGER_COMMIT, clock_monotonic() - before);
        metric_add(METRIC_LEDGER_BATCH, w->count);
    }
    note_disk(w);
    const struct receipts_source after = {w->options.ledger, w->options.status, w->stopped};
    struct queue *results = pipeline_results(w->options.pipeline);
    size_t done = 0, passed = 0; /* they move to the front */
    for (size_t i = 0; i < w->count; i++) {
        if (w->again[i]) {
            judge_again(w, w->batch[i]);
            continue;
        }
        if (receipts_give(&after, w->batch[i], &w->results[i], &e) < 0)
            fatal("ledger_read_failed", &e);
        w->batch[done++] = w->batch[i];
        if (done - passed == RESULTS_AT_ONCE) {
            pipeline_pass_all(results, w->batch + passed, RESULTS_AT_ONCE);
            passed = done;
        }
    }
    pipeline_pass_all(results, w->batch + passed, done - passed);
}

static uint64_t patience(const struct writer *w)
{
    uint64_t due = rest_due(w), now = clock_wall();
    if (due > now && due - now > HEART_EVERY)
        return HEART_EVERY;
    return due > now ? due - now : 1;
}

static void *writer_thread(void *arg)
{
    struct writer *w = arg;
    struct queue *queue = pipeline_writer(w->options.pipeline);
    pthread_setname_np(pthread_self(), "writer");
    for (;;) {
        /* NULL: closed and empty, time to beat, or the second of counted refusals is over. */
        heart_beat(w->options.heart);
        struct job *first = queue_wait(queue, patience(w));
        if (first == NULL && atomic_load(&w->closing))
            return NULL;
        w->now = clock_wall();
        if (first == NULL && rest_due(w) > w->now)
            continue;
        gather(w, first);
        write_batch(w);
    }
}

struct writer *writer_start(const struct writer_options *options, struct snapshot *snapshot, struct error *e)
{
    struct writer *w = memory_zeroed(1, sizeof(*w));
    w->options = *options;
    if (w->options.batch_messages > BATCH_CAPACITY)
        w->options.batch_messages = BATCH_CAPACITY;
    w->limiter = limiter_new(options->refusals_per_second);
    take_snapshot(w, snapshot);
    if (first_batch(w, snapshot, e) < 0)
        goto failed;
    int code = pthread_create(&w->thread, NULL, writer_thread, w);
    if (code != 0) {
        error_set(e, ERROR_MEMORY, "the writer's thread cannot be started: %s", strerror(code));
        goto failed;
    }
    return w;
failed:
    limiter_free(w->limiter);
    snapshot_free(w->snapshot);
    free(w);
    return NULL;
}

void writer_stop(struct writer *writer)
{
    if (writer == NULL)
        return;
    atomic_store(&writer->closing, true);
    queue_close(pipeline_writer(writer->options.pipeline));
    pthread_join(writer->thread, NULL);
    limiter_free(writer->limiter);
    snapshot_free(writer->snapshot);
    free(writer);
}
