#include "broker/admit.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "manners/heart.h"
#include "broker/judge.h"
#include "ledger/truststore.h"
#include "session.pb-c.h"
#include "wire/link.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MOST 64

struct admit {
    struct admit_options options;
    pthread_t threads[THREADS_MOST];
    unsigned count;
    atomic_uint begun; /* threads that have taken their heart */
    struct heart *hearts[THREADS_MOST];
    atomic_bool closed; /* after the queue was */
};

/* --- HELLO --- */

/* These come and go with time: the session is opened all the same, and each message is judged by the state of
 * then, so that its refusal is an entry. A chain that does not lead to the member's anchor at all is not
 * kept. */
static bool chain_may_become_good(enum refusal refusal)
{
    return refusal == REFUSAL_CERTIFICATE_EXPIRED || refusal == REFUSAL_CERTIFICATE_REVOKED ||
           refusal == REFUSAL_REVOCATION_UNKNOWN;
}

/* The chain must be one of the member of the link, and then it is kept: entries name it. */
static enum refusal check_chain(struct admit *a, struct job *job, struct chain **kept)
{
    struct hello *h = &job->hello;
    struct error e = {0};
    const struct registry_member *member =
        registry_member(snapshot_registry(job->snapshot), bytes_of_string(job->member));
    const struct registry_member *owner =
        registry_member_by_link_key(snapshot_registry(job->snapshot), job->peer);
    if (member == NULL || owner != member)
        return REFUSAL_UNKNOWN_MEMBER;
    if (member->suspended)
        return REFUSAL_MEMBER_SUSPENDED;
    struct chain *chain = chain_parse_der(buffer_bytes(&h->chain), &e);
    if (chain == NULL)
        return REFUSAL_CERTIFICATE_UNTRUSTED;
    /* What is kept is kept for ever: only what the member's authority has signed, and one chain for each
     * leaf. */
    struct chain *path =
        trust_path(snapshot_trust(job->snapshot), chain, member->anchor, member->certificate_subject);
    chain_free(chain);
    chain = path;
    if (chain == NULL)
        return REFUSAL_CERTIFICATE_UNTRUSTED;
    buffer_clear(&h->chain);
    chain_der(chain, &h->chain);
    struct verified_key key = {0};
    enum refusal refusal = trust_verify(snapshot_trust(job->snapshot), chain, member->anchor,
                                        member->certificate_subject, clock_wall(), &key);
    h->revoked = refusal == REFUSAL_CERTIFICATE_REVOKED;
    if (chain_may_become_good(refusal)) {
        log_warn("certificate_presented", "member=%s state=%s", job->member, refusal_name((unsigned)refusal));
        refusal = REFUSAL_NONE;
    }
    if (refusal == REFUSAL_NONE &&
        truststore_put(a->options.truststore, buffer_bytes(&h->chain), h->object, &e) < 0) {
        log_error("trust_store_failed", "reason=%s", e.text);
        refusal = REFUSAL_INTERNAL;
    }
    if (refusal != REFUSAL_NONE) {
        chain_free(chain);
        return refusal;
    }
    h->crl_stale = key.crl_stale;
    memcpy(h->certificate, chain_leaf_hash(chain), HASH_SIZE);
    *kept = chain;
    return REFUSAL_NONE;
}

/* Under a key of this ledger's name that the registry lists, or this bus's own. */
static bool open_seen(struct admit *a, struct job *job)
{
    const struct registry *registry = snapshot_registry(job->snapshot);
    struct note_verifier keys[NOTE_SIGNATURES_MOST];
    size_t count = 0;
    keys[count++] = *a->options.ledger_key;
    for (size_t i = 0; i < registry_ledger_key_count(registry) && count < NOTE_SIGNATURES_MOST; i++) {
        uint64_t from;
        if (note_verifier_parse(bytes_of_string(registry_ledger_key(registry, i, &from)), &keys[count]) &&
            strcmp(keys[count].name, keys[0].name) == 0 &&
            memcmp(&keys[count], &keys[0], sizeof(keys[0])) != 0)
            count++;
    }
    return checkpoint_open(buffer_bytes(&job->hello.checkpoint), keys, count, &job->hello.seen);
}

static void check_hello(struct admit *a, struct job *job)
{
    struct hello *h = &job->hello;
    struct chain *chain = NULL;
    h->verdict = check_chain(a, job, &chain);
    if (h->verdict != REFUSAL_NONE)
        return;
    if (h->checkpoint.len > 0) {
        h->has_seen = open_seen(a, job);
        /* Of another ledger: this one has nothing to prove about it, and the adapter must not go on. */
        if (!h->has_seen)
            h->verdict = REFUSAL_INCONSISTENT;
    }
    if (h->verdict == REFUSAL_NONE)
        chains_add(a->options.chains, job->member, chain, h->object);
    else
        chain_free(chain);
}

/* --- FETCH --- */

static bool find_object(struct admit *a, const struct job *job, uint8_t hash[HASH_SIZE])
{
    const struct fetch *f = &job->fetch;
    if (f->what == WASL__V1__OBJECT_REF__LATEST_REGISTRY) {
        memcpy(hash, registry_hash(snapshot_registry(job->snapshot)), HASH_SIZE);
        return true;
    }
    if (!f->has_hash)
        return false;
    if (f->what == WASL__V1__OBJECT_REF__BY_HASH) {
        memcpy(hash, f->hash, HASH_SIZE);
        return true;
    }
    struct presented *presented = chains_find(a->options.chains, f->hash);
    if (presented == NULL)
        return false;
    memcpy(hash, presented->object, HASH_SIZE);
    presented_free(presented);
    return true;
}

/* The object that a verifier read last: reading checks the hash of the whole, and slices are asked for one by
 * one. */
struct last_object {
    uint8_t hash[HASH_SIZE];
    struct buffer data; /* empty: none */
};

static const struct buffer *read_object(struct admit *a, const uint8_t hash[HASH_SIZE],
                                        struct last_object *last)
{
    struct error e = {0};
    if (last->data.len > 0 && memcmp(last->hash, hash, HASH_SIZE) == 0)
        return &last->data;
    buffer_free(&last->data);
    int found = truststore_get(a->options.truststore, hash, &last->data, &e);
    if (found < 0)
        log_error("trust_store_failed", "reason=%s", e.text);
    if (found != 1) {
        buffer_free(&last->data);
        return NULL;
    }
    memcpy(last->hash, hash, HASH_SIZE);
    return &last->data;
}

static void fetch_object(struct admit *a, struct job *job, struct last_object *last)
{
    struct fetch *f = &job->fetch;
    uint8_t hash[HASH_SIZE];
    const struct buffer *object = find_object(a, job, hash) ? read_object(a, hash, last) : NULL;
    if (object == NULL)
        return;
    f->total = object->len;
    if (f->offset >= object->len)
        return;
    size_t left = object->len - (size_t)f->offset;
    buffer_append(&f->data, object->data + f->offset, left < LINK_PAYLOAD_MOST ? left : LINK_PAYLOAD_MOST);
}

static void *verifier(void *arg)
{
    struct admit *a = arg;
    struct pipeline *p = a->options.pipeline;
    struct last_object last = {0};
    struct heart *heart = a->hearts[atomic_fetch_add(&a->begun, 1)];
    pthread_setname_np(pthread_self(), "verifier"); /* as `top -H` and the watchdog call it */
    for (;;) {
        struct job *job = queue_wait(pipeline_admit(p), HEART_EVERY);
        heart_beat(heart);
        if (job == NULL && atomic_load(&a->closed)) {
            buffer_free(&last.data);
            return NULL;
        }
        if (job == NULL)
            continue;
        struct queue *next = pipeline_writer(p);
        if (job->kind == JOB_MESSAGE) {
            judge(job, a->options.instance, a->options.chains, clock_wall());
        } else if (job->kind == JOB_HELLO) {
            check_hello(a, job);
        } else {
            fetch_object(a, job, &last);
            next = pipeline_results(p);
        }
        pipeline_pass(next, job);
    }
}

struct admit *admit_start(const struct admit_options *options, struct error *e)
{
    struct admit *a = memory_zeroed(1, sizeof(*a));
    a->options = *options;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned wanted = options->threads > 0 ? options->threads : cores > 0 ? (unsigned)cores : 1;
    if (wanted > THREADS_MOST)
        wanted = THREADS_MOST;
    if (options->hearts != NULL)
        for (unsigned i = 0; i < wanted; i++)
            a->hearts[i] = hearts_add(options->hearts, "verifier");
    for (; a->count < wanted; a->count++) {
        int failed = pthread_create(&a->threads[a->count], NULL, verifier, a);
        if (failed != 0) {
            error_set(e, ERROR_MEMORY, "a verifier thread cannot be started: %s", strerror(failed));
            admit_stop(a);
            return NULL;
        }
    }
    return a;
}

void admit_stop(struct admit *admit)
{
    if (admit == NULL)
        return;
    queue_close(pipeline_admit(admit->options.pipeline));
    atomic_store(&admit->closed, true);
    for (unsigned i = 0; i < admit->count; i++)
        pthread_join(admit->threads[i], NULL);
    free(admit);
}
