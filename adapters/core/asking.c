#include "core/asking.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "core/ask_check.h"
#include "core/ask_seal.h"
#include "core/common.h"
#include "core/heads.h"
#include "core/records.h"
#include "core/response_check.h"
#include "core/waiting.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024
#define GRACE   (5 * MICROSECONDS) /* after `expires` the bus has still to say that time is over */

/* An ask under way. */
struct exchange {
    struct ask *ask;
    struct header header;
    struct parcel *parcel; /* NULL while it waits for the day key */
    uint64_t deadline;     /* wall */
    struct exchange *next;
};
struct asking {
    struct common *common;
    struct waiting *waiting;
    struct exchange *buckets[BUCKETS];
    struct records *records;
};

struct asking *asking_new(struct common *common, struct waiting *waiting)
{
    struct asking *a = memory_zeroed(1, sizeof(*a));
    a->common = common;
    a->waiting = waiting;
    a->records = records_new(common);
    return a;
}

static struct exchange **bucket_of(struct asking *a, const uint8_t id[16])
{
    return &a->buckets[get_u16be(id) % BUCKETS];
}

static struct exchange **find(struct asking *a, const uint8_t id[16])
{
    struct exchange **at = bucket_of(a, id);
    while (*at != NULL && memcmp((*at)->ask->exchange_id, id, 16) != 0)
        at = &(*at)->next;
    return at;
}

/* --- ends --- */

static void give(struct asking *a, struct ask *ask, const struct answer *answer)
{
    struct common *common = a->common;
    uint64_t size = ask->body.len;
    if (answer->refusal == REFUSAL_NONE)
        atomic_fetch_add(&common->answered, 1);
    else
        atomic_fetch_add(&common->refused, 1);
    metric_add_for(METRIC_ASKED, answer->refusal == REFUSAL_NONE ? METRIC_GOOD : METRIC_FAILED, 1);
    if (answer->refusal != REFUSAL_NONE)
        metric_add_for(METRIC_REFUSED_ASKS, (unsigned)answer->refusal, 1);
    ask->done(ask, answer);
    ask_free(ask);
    atomic_fetch_sub(&common->ask_bytes, size);
    atomic_fetch_sub(&common->asks_open, 1);
}

static void give_refusal(struct asking *a, struct ask *ask, enum refusal refusal, const char *words)
{
    static const struct http_headers no_headers = {0};
    struct answer answer = {.refusal = refusal, .words = words, .headers = &no_headers};
    char id[37];
    uuid_format(ask->exchange_id, id);
    log_info("ask_refused", "exchange=%s reason=%s", id, refusal_name(refusal));
    give(a, ask, &answer);
}

/* Takes the exchange out of the table; the ask is the caller's. */
static struct ask *take_out(struct asking *a, struct exchange **at)
{
    struct exchange *x = *at;
    struct ask *ask = x->ask;
    *at = x->next;
    if (x->parcel != NULL)
        session_withdraw(a->common->session, x->parcel);
    parcel_free(x->parcel);
    free(x);
    return ask;
}

static void end_refused(struct asking *a, struct exchange **at, enum refusal refusal)
{
    give_refusal(a, take_out(a, at), refusal, refusal_words(refusal));
}

void asking_end_all(struct asking *a, enum refusal refusal)
{
    for (size_t i = 0; i < BUCKETS; i++)
        while (a->buckets[i] != NULL)
            end_refused(a, &a->buckets[i], refusal);
}

void asking_free(struct asking *a)
{
    if (a == NULL)
        return;
    asking_end_all(a, REFUSAL_STOPPED);
    records_free(a->records);
    free(a);
}

static void refuse_here(struct asking *a, struct ask *ask, enum refusal refusal,
                        const struct decision *decision)
{
    records_make(a->records, ask, refusal, decision);
    const char *words = decision != NULL && decision->words[0] != '\0' && decision->refusal == refusal
                            ? decision->words
                            : refusal_words(refusal);
    give_refusal(a, ask, refusal, words);
}

/* --- going out --- */

enum progress { WENT_OUT, WAITS, REFUSED };

/* Judges, and sends or waits or refuses; *at is taken out of the table when it is refused. */
static enum progress go_on(struct asking *a, struct exchange **at)
{
    struct common *common = a->common;
    struct exchange *x = *at;
    struct decision decision;
    struct error e;
    uint8_t key[32];
    enum pseudonyms pseudonyms = PSEUDONYMS_NONE;
    /* A registry that is replaced while it is being judged by stays alive until the judgement has been made.
     */
    struct registry *registry = knowledge_registry_ref(common->knowledge);
    enum refusal refusal = ask_check(registry, x->ask, common_now(common), &decision);
    if (refusal != REFUSAL_NONE) {
        refuse_here(a, take_out(a, at), refusal, &decision);
        registry_free(registry);
        return REFUSED;
    }
    if (x->ask->subject_type != SUBJECT_NONE || x->ask->agent.len > 0)
        pseudonyms = common_day_key(common, common_now(common), key);
    if (pseudonyms != PSEUDONYMS_WAIT) {
        x->parcel =
            ask_seal(common, x->ask, &decision, pseudonyms == PSEUDONYMS_READY ? key : NULL, &x->header, &e);
        explicit_bzero(key, sizeof(key));
    }
    registry_free(registry);
    if (pseudonyms == PSEUDONYMS_WAIT)
        return WAITS;
    if (x->parcel == NULL) {
        log_error("ask_not_sealed", "why=%s", e.text);
        refuse_here(a, take_out(a, at),
                    e.kind == ERROR_CONFIG ? REFUSAL_PROVIDER_UNAVAILABLE : REFUSAL_INTERNAL, NULL);
        return REFUSED;
    }
    x->deadline = x->parcel->expires + GRACE;
    common_submit(common, x->parcel);
    return WENT_OUT;
}

void asking_take(struct asking *a, struct ask *ask)
{
    struct common *common = a->common;
    atomic_fetch_add(&common->asked, 1);
    enum refusal able = common_able(common);
    if (able != REFUSAL_NONE) {
        give_refusal(a, ask, able, refusal_words(able));
        return;
    }
    if (ask->front_refusal != REFUSAL_NONE) {
        refuse_here(a, ask, ask->front_refusal, NULL);
        return;
    }
    if (!ask_is_ours(ask, common->options.member)) {
        refuse_here(a, ask, REFUSAL_CLIENT_NOT_ALLOWED, NULL);
        return;
    }
    struct exchange **at = bucket_of(a, ask->exchange_id);
    struct exchange *x = memory_zeroed(1, sizeof(*x));
    x->ask = ask;
    x->deadline = common_now(common) + common->options.request_timeout;
    x->next = *at;
    *at = x;
    go_on(a, at);
}

/* --- coming back --- */

/* Opens the response and hands it to the front. */
static void answer(struct asking *a, struct exchange **at, const struct delivery *d)
{
    struct common *common = a->common;
    struct buffer plaintext = {0};
    struct http_headers headers = {0};
    struct bytes head, content;
    const char *why = NULL;
    unsigned status = 0;
    if (!delivery_unseal(d, common->contexts, common->options.sealing_keys, common->options.sealing_key_count,
                         &plaintext, &head, &content, &why)) {
        log_warn("response_not_opened", "provider=%s why=%s", d->header.provider, why);
        end_refused(a, at, REFUSAL_BAD_SEAL);
    } else if (!response_head_decode(head, &status, &headers) ||
               (d->header.outcome == 0 && (status < 100 || status > 599))) {
        end_refused(a, at, REFUSAL_MALFORMED);
    } else if (d->header.outcome != 0) {
        end_refused(a, at, (enum refusal)d->header.outcome);
    } else {
        struct answer good = {.status = status, .headers = &headers, .body = content};
        give(a, take_out(a, at), &good);
    }
    http_headers_free(&headers);
    buffer_free(&plaintext);
}

void asking_deliver(struct asking *a, struct delivery *d)
{
    struct common *common = a->common;
    uint8_t certificate[HASH_SIZE];
    struct exchange **at = find(a, d->header.exchange_id);
    struct exchange *x = *at;
    char id[37];
    uuid_format(d->header.exchange_id, id);
    if (x == NULL || x->parcel == NULL) {
        log_info("response_unasked", "exchange=%s", id);
        common_done_with(common, d);
        return;
    }
    enum refusal refusal = common_able(common) == REFUSAL_INCONSISTENT
                               ? REFUSAL_INCONSISTENT
                               : response_check(common, &x->header, x->parcel->leaf, d, certificate);
    if (refusal == REFUSAL_UNKNOWN_CERTIFICATE && waiting_for_chain(a->waiting, d, certificate))
        return;
    if (refusal != REFUSAL_NONE) {
        log_error("response_not_accepted", "exchange=%s provider=%s reason=%s", id, d->header.provider,
                  refusal_name(refusal));
        end_refused(a, at, refusal);
    } else {
        answer(a, at, d);
    }
    common_done_with(common, d);
}

bool asking_receipt(struct asking *a, const uint8_t leaf[HASH_SIZE])
{
    return records_drop(a->records, leaf);
}

bool asking_refused(struct asking *a, const struct session_refused *refused)
{
    if (refused->leaf != NULL && records_drop(a->records, refused->leaf)) {
        log_warn("refusal_not_recorded", "reason=%s", refusal_name(refused->reason));
        return true;
    }
    if (refused->exchange_id == NULL)
        return false;
    struct exchange **at = find(a, refused->exchange_id);
    if (*at == NULL || (*at)->parcel == NULL || refused->leaf == NULL ||
        memcmp((*at)->parcel->leaf, refused->leaf, HASH_SIZE) != 0)
        return false;
    end_refused(a, at, refused->reason == 0 ? REFUSAL_INTERNAL : (enum refusal)refused->reason);
    return true;
}

void asking_resubmit(struct asking *a)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct exchange *x = a->buckets[i]; x != NULL; x = x->next)
            if (x->parcel != NULL)
                common_submit(a->common, x->parcel);
    records_resubmit(a->records);
}

void asking_keys_changed(struct asking *a)
{
    if (common_able(a->common) != REFUSAL_NONE)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct exchange **at = &a->buckets[i]; *at != NULL;)
            if ((*at)->parcel != NULL || go_on(a, at) != REFUSED)
                at = &(*at)->next;
}

void asking_tick(struct asking *a)
{
    uint64_t now = common_now(a->common);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct exchange **at = &a->buckets[i]; *at != NULL;) {
            if ((*at)->deadline >= now)
                at = &(*at)->next;
            else
                end_refused(a, at,
                            (*at)->parcel == NULL ? REFUSAL_SUBJECT_KEY_MISSING : REFUSAL_PROVIDER_TIMEOUT);
        }
    records_tick(a->records);
}
