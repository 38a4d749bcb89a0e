#include "core/answering.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "core/answer_seal.h"
#include "core/common.h"
#include "core/permitted.h"
#include "core/request_check.h"
#include "core/returns.h"
#include "core/waiting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS      1024
#define CALLS_MOST   1024 /* with connectors at once */
#define ANSWERS_MOST 4096 /* in any state */

enum state {
    STATE_CALLING, /* the connector has the call */
    STATE_KEY,     /* the answer waits for the day key */
    STATE_SENT,    /* SUBMITted, no receipt yet */
};

/* A request that is being answered. */
struct job {
    enum state state;
    struct answer_about about; /* its registry keeps grant, service and the call's operation alive */
    const struct registry_grant *grant;
    bool safe;
    uint64_t deadline; /* wall: when the connector has had its time */
    struct call
        *call; /* STATE_CALLING: lent, only to recognise it when it comes back; STATE_KEY: the reply */
    enum refusal refusal; /* STATE_KEY */
    struct parcel *parcel;
    struct job *next;
};

struct answering {
    struct common *common;
    struct waiting *waiting;
    struct returns *returns;
    struct loop_source *source;
    struct job *buckets[BUCKETS];
    size_t count;
};

static void calls_came_back(void *arg);

struct answering *answering_new(struct common *common, struct waiting *waiting)
{
    struct answering *a = memory_zeroed(1, sizeof(*a));
    a->common = common;
    a->waiting = waiting;
    a->returns = returns_new(CALLS_MOST);
    a->source = loop_add_fd(common->loop, queue_event_fd(returns_queue(a->returns)), calls_came_back, a);
    return a;
}

static struct job **bucket_of(struct answering *a, const uint8_t id[16])
{
    return &a->buckets[get_u16be(id) % BUCKETS];
}

static struct job **find(struct answering *a, const uint8_t id[16])
{
    struct job **at = bucket_of(a, id);
    while (*at != NULL && memcmp((*at)->about.request.exchange_id, id, 16) != 0)
        at = &(*at)->next;
    return at;
}

static void job_free(struct job *job)
{
    if (job->state == STATE_KEY)
        call_free(job->call);
    parcel_free(job->parcel);
    registry_free(job->about.registry);
    explicit_bzero(job->about.subject, sizeof(job->about.subject));
    free(job);
}

static void take_out(struct answering *a, struct job **at)
{
    struct job *job = *at;
    *at = job->next;
    if (job->parcel != NULL)
        session_withdraw(a->common->session, job->parcel);
    a->count--;
    job_free(job);
}

void answering_free(struct answering *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (a->buckets[i] != NULL)
            take_out(a, &a->buckets[i]);
    loop_remove(a->common->loop, a->source);
    returns_close(a->returns);
    free(a);
}

static struct job *job_new(struct answering *a, const struct delivery *d, struct registry *registry)
{
    struct job *job = memory_zeroed(1, sizeof(*job));
    job->about.request = d->header;
    memcpy(job->about.leaf, d->leaf, HASH_SIZE);
    job->about.registry = registry_ref(registry);
    job->safe = true;
    struct job **at = bucket_of(a, d->header.exchange_id);
    job->next = *at;
    *at = job;
    a->count++;
    return job;
}

/* --- the answer --- */

static void copy_text(char *out, size_t room, const char *text)
{
    snprintf(out, room, "%s", text);
}

/* The response of a non-safe operation is on disk before it leaves. */
static bool keep(struct common *common, const struct job *job)
{
    struct buffer bytes = {0};
    struct error e;
    if (job->safe)
        return true;
    parcel_encode(job->parcel, &bytes);
    int result = marks_keep(common->marks, job->about.request.exchange_id, buffer_bytes(&bytes), &e);
    buffer_free(&bytes);
    if (result != 0)
        log_error("response_not_kept", "why=%s", e.text);
    return result == 0;
}

static void log_answer(const struct job *job, enum refusal refusal)
{
    char id[37];
    uuid_format(job->about.request.exchange_id, id);
    log_info("request_answered", "exchange=%s consumer=%s service=%s outcome=%s", id,
             job->about.request.consumer, job->about.request.service,
             refusal == REFUSAL_NONE ? "answered" : refusal_name(refusal));
}

/* Seals, keeps and sends. call holds the reply (NULL for a refusal of our own) and is taken. *at may be gone
 * afterwards. */
static void answer(struct answering *a, struct job **at, enum refusal refusal, struct call *call)
{
    struct common *common = a->common;
    struct job *job = *at;
    static const struct reply nothing = {0};
    struct error e;
    uint8_t key[32];
    enum pseudonyms pseudonyms = PSEUDONYMS_NONE;
    /* By the registry of now, not by that of the request: while our own system was being asked the consumer
     * may have been suspended or removed, and then what was found does not leave. */
    enum refusal standing = registry_standing(knowledge_registry(common->knowledge),
                                              bytes_of_string(job->about.request.consumer));
    if (standing != REFUSAL_NONE) {
        refusal = refusal == REFUSAL_NONE ? standing : refusal;
        call_free(call);
        call = NULL;
    }
    if (job->about.subject_type != SUBJECT_NONE)
        pseudonyms = common_day_key(common, common_now(common), key);
    if (pseudonyms == PSEUDONYMS_WAIT) {
        job->state = STATE_KEY;
        job->call = call;
        job->refusal = refusal;
        return;
    }
    job->call = NULL;
    job->parcel = answer_seal(common, &job->about, refusal, call != NULL ? &call->reply : &nothing,
                              pseudonyms == PSEUDONYMS_READY ? key : NULL, &e);
    explicit_bzero(key, sizeof(key));
    call_free(call);
    job->state = STATE_SENT;
    if (job->parcel == NULL) {
        log_error("answer_not_sealed", "why=%s", e.text);
        take_out(a, at);
        return;
    }
    if (!keep(common, job)) {
        take_out(a, at);
        return;
    }
    log_answer(job, refusal);
    common_submit(common, job->parcel);
}

/* A request that is refused before anything was asked of the ministry's system. */
static void refuse(struct answering *a, const struct delivery *d, struct registry *registry,
                   enum refusal refusal)
{
    job_new(a, d, registry);
    answer(a, find(a, d->header.exchange_id), refusal, NULL);
}

/* --- with the connector --- */

/* By what the connector said of it, not by what became of the exchange. */
static void count_call(const struct common *common, const struct call *call)
{
    uint64_t now = common_monotonic(common);
    metric_add(METRIC_CONNECTOR_CALLS, 1);
    metric_observe(METRIC_CONNECTOR_TIME, now > call->started ? now - call->started : 0);
    if (call->reply.refusal != REFUSAL_NONE)
        metric_add_for(METRIC_CONNECTOR_FAILED, (unsigned)call->reply.refusal, 1);
}

/* What is not safe has been carried out when our system has answered: that the answer cannot be passed on
 * must not read as if it had not been. */
static enum refusal outcome_of(const struct job *job, struct call *call)
{
    char id[37];
    enum refusal said = call->reply.refusal;
    enum refusal refusal = permitted_outcome(job->grant, job->about.service, &call->reply);
    if (job->safe || said != REFUSAL_NONE || refusal == REFUSAL_NONE)
        return refusal;
    uuid_format(call->exchange_id, id);
    log_warn("answer_withheld", "exchange=%s service=%s why=%s outcome=%s", id, job->about.request.service,
             refusal_name(refusal), refusal_name(REFUSAL_OUTCOME_UNKNOWN));
    return REFUSAL_OUTCOME_UNKNOWN;
}

static void calls_came_back(void *arg)
{
    struct answering *a = arg;
    struct call *call;
    for (unsigned i = 0; i < 64 && (call = returns_take(a->returns)) != NULL; i++) {
        atomic_fetch_sub(&a->common->calls_open, 1);
        count_call(a->common, call);
        struct job **at = find(a, call->exchange_id);
        if (*at == NULL || (*at)->state != STATE_CALLING || (*at)->call != call) {
            call_free(call); /* it came after its time: the exchange has been answered without it */
            continue;
        }
        answer(a, at, outcome_of(*at, call), call);
    }
}

static struct connector *connector_of(const struct common *common, const char *service)
{
    for (size_t i = 0; i < common->options.service_count; i++)
        if (strcmp(common->options.services[i].service, service) == 0)
            return common->options.services[i].connector;
    return NULL;
}

/* Durable, for an operation that may not be run twice. */
static enum refusal mark_begun(struct common *common, const struct delivery *d)
{
    struct error e;
    switch (marks_begin(common->marks, d->header.exchange_id, d->leaf, d->header.expires, &e)) {
    case 0:
        return REFUSAL_NONE;
    case 1:
        return REFUSAL_OUTCOME_UNKNOWN;
    case 2:
        log_error("marks_full", NULL);
        return REFUSAL_PROVIDER_BUSY;
    default:
        log_error("mark_not_written", "why=%s", e.text);
        return REFUSAL_INTERNAL;
    }
}

/* Until when the connector may take: a little before the bus gives the exchange up, so that the answer still
 * counts. */
static uint64_t deadline_of(const struct delivery *d, const struct registry_service *service, uint64_t now)
{
    uint64_t until = d->header.expires;
    if (service->timeout > 0 && now + service->timeout < until)
        until = now + service->timeout;
    uint64_t margin = (until - now) / 10;
    return until - (margin < MICROSECONDS / 2 ? margin : MICROSECONDS / 2);
}

static void start_call(struct answering *a, const struct delivery *d, struct registry *registry,
                       struct request_check *checked)
{
    struct common *common = a->common;
    struct connector *connector = connector_of(common, checked->service->id);
    bool safe = checked->call->match.operation->safe;
    enum refusal refusal = REFUSAL_NONE;
    if (connector == NULL)
        refusal = REFUSAL_PROVIDER_UNAVAILABLE;
    else if (returns_out(a->returns) >= CALLS_MOST)
        refusal = REFUSAL_PROVIDER_BUSY;
    else if (!answer_sealable(common, registry, d->header.consumer))
        refusal = REFUSAL_INTERNAL; /* which cannot be sealed either: it is only logged, and nothing is run */
    else if (!safe)
        refusal = mark_begun(common, d);
    if (refusal != REFUSAL_NONE) {
        refuse(a, d, registry, refusal);
        return;
    }
    struct job *job = job_new(a, d, registry);
    job->grant = checked->grant;
    job->about.service = checked->service;
    job->safe = safe;
    job->about.subject_type = checked->subject_type;
    copy_text(job->about.subject, sizeof(job->about.subject), checked->subject);
    job->deadline = deadline_of(d, job->about.service, common_now(common));
    job->state = STATE_CALLING;

    struct call *call = checked->call;
    checked->call = NULL;
    call->registry = registry_ref(registry); /* the job may end before the call comes back */
    memcpy(call->exchange_id, d->header.exchange_id, sizeof(call->exchange_id));
    copy_text(call->consumer, sizeof(call->consumer), d->header.consumer);
    copy_text(call->purpose, sizeof(call->purpose), d->header.purpose);
    if (job->about.subject_type != SUBJECT_NONE)
        snprintf(call->subject, sizeof(call->subject), "%s:%s", subject_type_name(job->about.subject_type),
                 job->about.subject);
    call->deadline = job->deadline;
    call->most_response = job->about.service->most_response;
    call->started = common_monotonic(common);
    job->call = call;
    returns_lend(a->returns, call);
    atomic_fetch_add(&common->calls_open, 1);
    connector->operations->start(connector, call);
}

/* --- what comes --- */

/* The request was begun before: its stored bytes once more, or that nobody knows what became of it. True when
 * it is dealt with. */
static bool seen_before(struct answering *a, const struct delivery *d, struct registry *registry)
{
    struct common *common = a->common;
    struct buffer stored = {0};
    struct error e;
    int mark = marks_find(common->marks, d->header.exchange_id, d->leaf, &stored, &e);
    if (mark < 0)
        log_error("marks_not_read", "why=%s", e.text);
    if (mark == MARK_NONE)
        return false;
    struct parcel *parcel = mark == MARK_KEPT ? parcel_decode(buffer_bytes(&stored)) : NULL;
    buffer_free(&stored);
    if (parcel != NULL) {
        struct job *job = job_new(a, d, registry);
        job->state = STATE_SENT;
        job->parcel = parcel;
        common_submit(common, parcel);
    } else if (mark == MARK_BEGUN || mark == MARK_KEPT) {
        struct job *job = job_new(a, d, registry);
        job->safe = mark != MARK_BEGUN; /* kept, so that a further delivery gets the same bytes */
        answer(a, find(a, d->header.exchange_id), REFUSAL_OUTCOME_UNKNOWN, NULL);
    }
    /* Of MARK_OTHER, and of a disk that cannot be read, nothing is said: the one is not possible with an
     * honest bus, and after the other an operation might be run twice. */
    return true;
}

enum receipt_verdict { NOT_FOR_US, RECEIPT_GOOD, REGISTRY_FIRST };

static enum receipt_verdict check_receipt(struct common *common, const struct delivery *d)
{
    struct entry entry;
    struct entry_hold hold;
    char id[37];
    uuid_format(d->header.exchange_id, id);
    if (!common_receipt(common, buffer_bytes(&d->entry_bytes), buffer_bytes(&d->proof), ENTRY_ADMITTED,
                        d->leaf, &entry, &hold)) {
        log_error("request_without_receipt", "exchange=%s", id);
        return NOT_FOR_US;
    }
    bool newer = entry.registry_version > registry_version(knowledge_registry(common->knowledge));
    entry_release(&hold);
    return newer ? REGISTRY_FIRST : RECEIPT_GOOD;
}

/* A request that this adapter has open, or that it must not answer. True when nothing more is to be done. */
static bool dealt_with(struct answering *a, const struct delivery *d)
{
    struct job *open = *find(a, d->header.exchange_id);
    if (open == NULL)
        return a->count >= ANSWERS_MOST;
    if (open->state == STATE_SENT && memcmp(open->about.leaf, d->leaf, HASH_SIZE) == 0)
        common_submit(a->common, open->parcel);
    return true;
}

void answering_deliver(struct answering *a, struct delivery *d)
{
    struct common *common = a->common;
    if (common_able(common) != REFUSAL_NONE) {
        common_done_with(common, d); /* no answer: what the ledger is worth is not known */
        return;
    }
    switch (check_receipt(common, d)) {
    case NOT_FOR_US:
        common_done_with(common, d);
        return;
    case REGISTRY_FIRST:
        if (waiting_for_registry(a->waiting, d))
            return;
        break; /* it cannot be had: judge by what is here */
    default:
        break;
    }
    if (dealt_with(a, d)) {
        common_done_with(common, d);
        return;
    }
    struct registry *registry = knowledge_registry_ref(common->knowledge);
    if (seen_before(a, d, registry)) {
        registry_free(registry);
        common_done_with(common, d);
        return;
    }
    struct request_check checked = {0};
    enum refusal refusal = request_check(common, registry, d, &checked);
    if (refusal == REFUSAL_UNKNOWN_CERTIFICATE && waiting_for_chain(a->waiting, d, checked.certificate)) {
        request_check_clear(&checked);
        registry_free(registry);
        return;
    }
    if (refusal == REFUSAL_NO_RECEIPT)
        log_error("request_not_answerable", NULL);
    else if (refusal != REFUSAL_NONE)
        refuse(a, d, registry, refusal);
    else
        start_call(a, d, registry, &checked);
    request_check_clear(&checked);
    registry_free(registry);
    common_done_with(common, d);
}

/* The response has its entry, or never will: what is kept on disk stays until it expires. */
static bool end_response(struct answering *a, const uint8_t exchange_id[16], const uint8_t leaf[HASH_SIZE])
{
    struct job **at = find(a, exchange_id);
    if (*at == NULL || (*at)->parcel == NULL || memcmp((*at)->parcel->leaf, leaf, HASH_SIZE) != 0)
        return false;
    take_out(a, at);
    return true;
}

bool answering_receipt(struct answering *a, const uint8_t exchange_id[16], const uint8_t leaf[HASH_SIZE])
{
    return end_response(a, exchange_id, leaf);
}

/* Of a message that the bus could not read, it names no exchange. */
static bool end_unnamed(struct answering *a, const uint8_t leaf[HASH_SIZE])
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct job *job = a->buckets[i]; job != NULL; job = job->next)
            if (job->parcel != NULL && memcmp(job->parcel->leaf, leaf, HASH_SIZE) == 0)
                return end_response(a, job->about.request.exchange_id, leaf);
    return false;
}

bool answering_refused(struct answering *a, const struct session_refused *refused)
{
    if (refused->leaf == NULL)
        return false;
    bool ended = refused->exchange_id != NULL ? end_response(a, refused->exchange_id, refused->leaf)
                                              : end_unnamed(a, refused->leaf);
    if (!ended)
        return false;
    log_warn("response_refused", "reason=%s", refusal_name(refused->reason));
    return true;
}

void answering_resubmit(struct answering *a)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct job *job = a->buckets[i]; job != NULL; job = job->next)
            if (job->parcel != NULL)
                common_submit(a->common, job->parcel);
}

void answering_keys_changed(struct answering *a)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct job **at = &a->buckets[i]; *at != NULL;) {
            struct job *job = *at;
            if (job->state == STATE_KEY)
                answer(a, at, job->refusal, job->call);
            if (*at == job)
                at = &job->next;
        }
}

void answering_tick(struct answering *a)
{
    uint64_t now = common_now(a->common);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct job **at = &a->buckets[i]; *at != NULL;) {
            struct job *job = *at;
            if (job->state == STATE_CALLING && now > job->deadline)
                /* What is not safe may still be carried out: nobody may be told that it was not. */
                answer(a, at, job->safe ? REFUSAL_PROVIDER_TIMEOUT : REFUSAL_OUTCOME_UNKNOWN, NULL);
            else if (now > job->about.request.expires + ANSWER_AFTER_REQUEST)
                take_out(a, at);
            if (*at == job)
                at = &job->next;
        }
}
