#include "core/asking.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "core/heads.h"
#include "core/waiting.h"
#include "core/common.h"
#include "registry/decide.h"
#include "registry/operation.h"
#include "registry/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS      1024
#define GRACE        (5 * MICROSECONDS) /* after `expires` the bus has still to say that time is over */
#define RECORDS_MOST 256                /* REFUSAL messages without a receipt */
#define RECORD_LIFE  (120 * MICROSECONDS)

/* An ask under way. */
struct exchange {
    struct ask *ask;
    struct header header;
    struct parcel *parcel; /* NULL while it waits for the day key */
    uint64_t deadline;     /* wall */
    struct exchange *next;
};
/* A REFUSAL message that the ledger has not confirmed yet. */
struct record {
    struct parcel *parcel;
    struct record *next;
};

struct asking {
    struct common *common;
    struct waiting *waiting;
    struct exchange *buckets[BUCKETS];
    struct record *records;
    size_t record_count;
};

struct asking *asking_new(struct common *common, struct waiting *waiting)
{
    struct asking *a = memory_zeroed(1, sizeof(*a));
    a->common = common;
    a->waiting = waiting;
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
    while (a->records != NULL) {
        struct record *r = a->records;
        a->records = r->next;
        parcel_free(r->parcel);
        free(r);
    }
    free(a);
}

/* --- refusals of our own --- */

static void copy_text(char *out, size_t room, const char *text)
{
    snprintf(out, room, "%s", text);
}

static void name_service(const char *service, struct header *h)
{
    struct bytes id = bytes_of_string(service);
    if (identifier_parts(id) != 5)
        return;
    size_t provider = identifier_prefix(id, 4);
    memcpy(h->provider, service, provider);
    copy_text(h->service, sizeof(h->service), service + provider + 1);
}

static void put_pseudonyms(const struct ask *ask, const uint8_t key[32], struct header *h)
{
    if (ask->subject_type != SUBJECT_NONE) {
        pseudonym(key, PSEUDONYM_SUBJECT, bytes_of_string(subject_type_name(ask->subject_type)),
                  bytes_of_string(ask->subject), h->subject);
        h->has_subject = true;
    }
    if (ask->agent.len > 0) {
        pseudonym(key, PSEUDONYM_AGENT, bytes_of_string("userid"), buffer_bytes(&ask->agent), h->agent);
        h->has_agent = true;
    }
}

/* A subsystem of ours: for another's nobody may sign here. */
static bool is_ours(const struct common *common, const char *consumer)
{
    struct bytes id = bytes_of_string(consumer);
    return identifier_parts(id) == 4 &&
           bytes_equal_string(bytes_make(id.data, identifier_prefix(id, 3)), common->options.member);
}

static void keep_record(struct asking *a, struct parcel *parcel)
{
    struct record *r = memory_zeroed(1, sizeof(*r));
    r->parcel = parcel;
    r->next = a->records;
    a->records = r;
    a->record_count++;
    common_submit(a->common, parcel);
}

/* What our own adapter refuses is recorded too: the ledger shows attempts, not only what came through. */
static void record(struct asking *a, const struct ask *ask, enum refusal refusal,
                   const struct decision *decision)
{
    struct common *common = a->common;
    struct header h;
    struct error e;
    uint8_t key[32];
    if (!is_ours(common, ask->consumer) || a->record_count >= RECORDS_MOST ||
        common_able(common) != REFUSAL_NONE) {
        log_warn("refusal_not_recorded", "reason=%s", refusal_name(refusal));
        return;
    }
    common_header(common, MESSAGE_REFUSAL, RECORD_LIFE, &h);
    memcpy(h.exchange_id, ask->exchange_id, sizeof(h.exchange_id));
    copy_text(h.consumer, sizeof(h.consumer), ask->consumer);
    name_service(ask->service, &h);
    if (code_valid(bytes_of_string(ask->purpose)))
        copy_text(h.purpose, sizeof(h.purpose), ask->purpose);
    if (decision != NULL && decision->operation != NULL)
        copy_text(h.operation, sizeof(h.operation), decision->operation->code);
    h.outcome = refusal;
    if (common_day_key(common, h.created, key) == PSEUDONYMS_READY)
        put_pseudonyms(ask, key, &h);
    explicit_bzero(key, sizeof(key));
    struct parcel *parcel =
        parcel_make(common->options.signer, &h, bytes_make(NULL, 0), bytes_make(NULL, 0), false, NULL, 0, &e);
    if (parcel == NULL)
        log_error("refusal_not_recorded", "why=%s", e.text);
    else
        keep_record(a, parcel);
}

static void refuse_here(struct asking *a, struct ask *ask, enum refusal refusal,
                        const struct decision *decision)
{
    record(a, ask, refusal, decision);
    const char *words = decision != NULL && decision->words[0] != '\0' && decision->refusal == refusal
                            ? decision->words
                            : refusal_words(refusal);
    give_refusal(a, ask, refusal, words);
}

/* --- going out --- */

static enum refusal check_subject(const struct registry_service *service, const struct ask *ask,
                                  const struct operation_match *match)
{
    if (service->subject == SUBJECT_NONE)
        return REFUSAL_NONE;
    if (ask->subject_type == SUBJECT_NONE)
        return REFUSAL_SUBJECT_MISSING;
    if (ask->subject_type != service->subject)
        return REFUSAL_SUBJECT_TYPE;
    /* The first person in the path is whom the operation is about. */
    for (size_t i = 0; i < match->parameter_count; i++)
        if (match->parameters[i].type == ask->subject_type)
            return strcmp(match->parameters[i].value, ask->subject) == 0 ? REFUSAL_NONE
                                                                         : REFUSAL_SUBJECT_MISMATCH;
    return REFUSAL_NONE;
}

/* Everything that our own registry can say about the ask. */
static enum refusal judge(const struct registry *registry, const struct ask *ask, uint64_t now,
                          struct decision *decision)
{
    struct operation_match match = {0};
    struct question q = {.consumer = bytes_of_string(ask->consumer),
                         .service = bytes_of_string(ask->service),
                         .purpose = bytes_of_string(ask->purpose),
                         .now = now};
    memset(decision, 0, sizeof(*decision));
    const struct registry_service *service =
        identifier_parts(q.service) == 5 ? registry_service(registry, q.service) : NULL;
    if (service != NULL) {
        if (!query_unambiguous(buffer_bytes(&ask->query)))
            return REFUSAL_AMBIGUOUS_TARGET;
        enum refusal refusal =
            operation_match(service, buffer_bytes(&ask->method), buffer_bytes(&ask->path), &match);
        if (refusal != REFUSAL_NONE)
            return refusal;
        q.operation = bytes_of_string(match.operation->code);
    }
    decide(registry, &q, decision);
    if (decision->refusal != REFUSAL_NONE)
        return decision->refusal;
    /* Of the grant that decide() chose, on the bytes that will be sealed. */
    enum refusal endpoint =
        operation_permitted(decision->grant, buffer_bytes(&ask->method), buffer_bytes(&ask->path), NULL);
    if (endpoint != REFUSAL_NONE)
        return endpoint;
    if (ask->body.len > service->most_request || ask->body.len > DELIVERY_MOST / 2)
        return REFUSAL_TOO_LARGE;
    return check_subject(service, ask, &match);
}

static uint64_t lifetime_of(const struct common *common, const struct registry_service *service)
{
    uint64_t most =
        common->options.request_timeout < LIFETIME_MOST ? common->options.request_timeout : LIFETIME_MOST;
    return service->timeout > 0 && service->timeout < most ? service->timeout : most;
}

static struct parcel *seal_request(struct common *common, const struct ask *ask,
                                   const struct decision *decision, const uint8_t *key, struct header *h,
                                   struct error *e)
{
    const struct registry_service *service = decision->service;
    const struct registry_member *provider = service->subsystem->member;
    const struct registry_sealing_key *sealing = registry_sealing_key(provider, common_now(common));
    if (sealing == NULL) {
        error_set(e, ERROR_CONFIG, "%s has no sealing key that is valid now", provider->id);
        return NULL;
    }
    common_header(common, MESSAGE_REQUEST, lifetime_of(common, service), h);
    memcpy(h->exchange_id, ask->exchange_id, sizeof(h->exchange_id));
    copy_text(h->consumer, sizeof(h->consumer), ask->consumer);
    copy_text(h->provider, sizeof(h->provider), service->subsystem->id);
    copy_text(h->service, sizeof(h->service), service->code);
    copy_text(h->operation, sizeof(h->operation), decision->operation->code);
    copy_text(h->purpose, sizeof(h->purpose), decision->grant->purpose->code);
    copy_text(h->legal_basis, sizeof(h->legal_basis), decision->grant->purpose->legal_basis);
    copy_text(h->retention, sizeof(h->retention), service->retention);
    copy_text(h->media_type, sizeof(h->media_type),
              service->media_type[0] != '\0' ? service->media_type : "application/json");
    h->has_traceparent = ask->has_traceparent;
    memcpy(h->traceparent, ask->traceparent, sizeof(h->traceparent));
    if (key != NULL)
        put_pseudonyms(ask, key, h);

    struct seal_receiver receiver = {.receiver = provider->id};
    memcpy(receiver.public_key, sealing->public_key, 32);
    struct buffer head = {0};
    request_head_encode(ask, &head);
    struct parcel *parcel = parcel_make(common->options.signer, h, buffer_bytes(&head),
                                        buffer_bytes(&ask->body), service->pad, &receiver, 1, e);
    buffer_free(&head);
    return parcel;
}

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
    enum refusal refusal = judge(registry, x->ask, common_now(common), &decision);
    if (refusal != REFUSAL_NONE) {
        refuse_here(a, take_out(a, at), refusal, &decision);
        registry_free(registry);
        return REFUSED;
    }
    if (x->ask->subject_type != SUBJECT_NONE || x->ask->agent.len > 0)
        pseudonyms = common_day_key(common, common_now(common), key);
    if (pseudonyms != PSEUDONYMS_WAIT) {
        x->parcel = seal_request(common, x->ask, &decision, pseudonyms == PSEUDONYMS_READY ? key : NULL,
                                 &x->header, &e);
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
    if (!is_ours(common, ask->consumer)) {
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

static bool same_exchange(const struct header *request, const struct header *response)
{
    return strcmp(request->instance, response->instance) == 0 &&
           strcmp(request->consumer, response->consumer) == 0 &&
           strcmp(request->provider, response->provider) == 0 &&
           strcmp(request->service, response->service) == 0 &&
           strcmp(request->operation, response->operation) == 0 &&
           strcmp(request->purpose, response->purpose) == 0 &&
           strcmp(request->legal_basis, response->legal_basis) == 0;
}

/* Both receipts: that of the response, and that of the very request we made. */
static enum refusal check_receipts(struct common *common, const struct exchange *x, const struct delivery *d)
{
    struct entry entry;
    struct entry_hold hold;
    if (!common_receipt(common, buffer_bytes(&d->entry_bytes), buffer_bytes(&d->proof), ENTRY_ADMITTED,
                        d->leaf, &entry, &hold))
        return REFUSAL_NO_RECEIPT;
    entry_release(&hold);
    if (!common_receipt(common, buffer_bytes(&d->request_entry), buffer_bytes(&d->request_proof),
                        ENTRY_ADMITTED, x->parcel->leaf, &entry, &hold))
        return REFUSAL_NO_RECEIPT;
    entry_release(&hold);
    return REFUSAL_NONE;
}

static enum refusal check_response(struct common *common, const struct exchange *x, const struct delivery *d,
                                   uint8_t certificate[HASH_SIZE])
{
    uint64_t now = common_now(common);
    enum refusal refusal = check_receipts(common, x, d);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (!d->header.has_request_leaf || memcmp(d->header.request_leaf, x->parcel->leaf, HASH_SIZE) != 0 ||
        !same_exchange(&x->header, &d->header))
        return REFUSAL_RESPONSE_MISMATCH;
    refusal = peers_judge(common->peers, knowledge_registry(common->knowledge),
                          knowledge_trust(common->knowledge), d, now, certificate);
    if (refusal != REFUSAL_NONE)
        return refusal;
    refusal = header_check_time(&d->header, now, common->options.clock_skew);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (!delivery_seal_good(d))
        return REFUSAL_BAD_SEAL;
    return common_claim_seen(common, d) ? REFUSAL_NONE : REFUSAL_INCONSISTENT;
}

/* Opens the response and hands it to the front. */
static void answer(struct asking *a, struct exchange **at, const struct delivery *d)
{
    struct common *common = a->common;
    struct buffer plaintext = {0};
    struct http_headers headers = {0};
    struct bytes head, content;
    const char *why = NULL;
    unsigned status = 0;
    if (!delivery_unseal(d, common->options.sealing_keys, common->options.sealing_key_count, &plaintext,
                         &head, &content, &why)) {
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
                               : check_response(common, x, d, certificate);
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

static bool drop_record(struct asking *a, const uint8_t *leaf)
{
    for (struct record **at = &a->records; *at != NULL; at = &(*at)->next) {
        struct record *r = *at;
        if (memcmp(r->parcel->leaf, leaf, HASH_SIZE) != 0)
            continue;
        *at = r->next;
        parcel_free(r->parcel);
        free(r);
        a->record_count--;
        return true;
    }
    return false;
}

bool asking_receipt(struct asking *a, const uint8_t leaf[HASH_SIZE])
{
    return drop_record(a, leaf);
}

bool asking_refused(struct asking *a, const struct session_refused *refused)
{
    if (refused->leaf != NULL && drop_record(a, refused->leaf)) {
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
    for (struct record *r = a->records; r != NULL; r = r->next)
        common_submit(a->common, r->parcel);
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
    for (struct record **at = &a->records; *at != NULL;) {
        struct record *r = *at;
        if (r->parcel->expires >= now) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        session_withdraw(a->common->session, r->parcel);
        parcel_free(r->parcel);
        free(r);
        a->record_count--;
        log_warn("refusal_not_recorded", "reason=expired");
    }
}
