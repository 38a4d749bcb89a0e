#include "review.h"

#include "base/clock.h"
#include "base/error.h"
#include "registry/decide.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CRLS_MOST 64 /* kept at once: one of each issuer counts */
/* The bus judges a message a moment before it writes the entry: for so long after a change the state before
 * counts too. */
#define OVERLAP (5 * MICROSECONDS)
/* Whether a revocation list was too old is a matter of the bus's configuration then; what it revokes is not.
 */
#define CRL_GRACE (3650 * DAY_MICROSECONDS)

struct view {
    struct registry *registry;
    struct trust *trust;
};

struct moment {
    atomic_uint references;
    struct view now, before; /* registry NULL: none */
    uint64_t changed;
};

struct review {
    struct reader *reader;
    const struct registry_authority *authority;
    struct moment *moment;
    uint8_t hash[HASH_SIZE]; /* of the registry taken up last */
    struct buffer crls[CRLS_MOST];
    size_t crl_count;
};

static struct moment *moment_new(void)
{
    struct moment *moment = memory_zeroed(1, sizeof *moment);
    atomic_init(&moment->references, 1);
    return moment;
}

static void view_free(struct view *view)
{
    trust_free(view->trust);
    registry_free(view->registry);
}

void moment_free(struct moment *moment)
{
    if (moment == NULL || atomic_fetch_sub(&moment->references, 1) != 1)
        return;
    view_free(&moment->now);
    view_free(&moment->before);
    free(moment);
}

struct moment *review_moment(struct review *review)
{
    atomic_fetch_add(&review->moment->references, 1);
    return review->moment;
}

struct review *review_new(struct reader *reader, const struct registry_authority *authority)
{
    struct review *review = memory_zeroed(1, sizeof *review);
    review->reader = reader;
    review->authority = memory_copy(authority, sizeof *authority);
    review->moment = moment_new();
    return review;
}

void review_free(struct review *review)
{
    if (review == NULL)
        return;
    moment_free(review->moment);
    for (size_t i = 0; i < review->crl_count; i++)
        buffer_free(&review->crls[i]);
    free((void *)(uintptr_t)review->authority);
    free(review);
}

/* Takes over the registry. */
static void change(struct review *review, struct registry *registry, uint64_t time, uint64_t index,
                   struct kept_findings *findings)
{
    struct trust *trust = trust_new();
    struct error e = {0};
    const char *name;
    struct bytes pem;
    for (size_t i = 0; registry_anchor(registry, i, &name, &pem); i++)
        if (trust_add_anchor(trust, name, pem, &e) != 0)
            finding_keep(findings, "entry %" PRIu64 ": trust anchor %s of its registry cannot be used: %s",
                         index, name, e.text);
    for (size_t i = 0; i < review->crl_count; i++)
        if (trust_add_crl(trust, buffer_bytes(&review->crls[i]), &e) < 0 && i == review->crl_count - 1)
            finding_keep(findings, "entry %" PRIu64 ": a revocation list in force cannot be used: %s", index,
                         e.text);
    trust_set_crl_grace(trust, CRL_GRACE);
    struct moment *last = review->moment;
    review->moment = moment_new();
    review->moment->now = (struct view){registry, trust};
    review->moment->changed = time;
    if (last->now.registry != NULL)
        review->moment->before = (struct view){registry_ref(last->now.registry), trust_ref(last->now.trust)};
    moment_free(last);
}

/* The object, or NULL-length with a finding (whoever checks objects has named it already). -1 reading failed.
 */
static int fetch(struct review *review, const uint8_t hash[HASH_SIZE], struct buffer *out, struct error *e)
{
    int found = reader_object(review->reader, hash, out, e);
    if (found < 0 && e->kind == ERROR_INTEGRITY)
        return 0;
    return found;
}

static int take_registry(struct review *review, const struct record *record, struct kept_findings *findings,
                         struct error *e)
{
    static const uint8_t none[HASH_SIZE];
    const uint8_t *hash = record->entry.registry_hash;
    if (memcmp(hash, none, HASH_SIZE) == 0 || memcmp(hash, review->hash, HASH_SIZE) == 0)
        return 0;
    memcpy(review->hash, hash, HASH_SIZE);
    struct buffer file = {0};
    int found = fetch(review, hash, &file, e);
    if (found == 1) {
        struct error fault = {0};
        struct registry *registry = NULL;
        struct registry *last = review->moment->now.registry;
        if (last != NULL)
            registry = registry_open_signed(buffer_bytes(&file), last, NULL, NULL, &fault);
        else
            registry = registry_open_signed(buffer_bytes(&file), NULL, review->authority, NULL, &fault);
        if (registry == NULL)
            finding_keep(findings, "entry %" PRIu64 ": the registry that it names: %s", record->index,
                         fault.text);
        else
            change(review, registry, record->entry.time, record->index, findings);
    }
    buffer_free(&file);
    return found < 0 ? -1 : 0;
}

static int take_crl(struct review *review, const struct record *record, struct kept_findings *findings,
                    struct error *e)
{
    if (record->entry.type != ENTRY_REGISTRY || record->entry.object_kind != 3 || !record->entry.has_object)
        return 0;
    struct buffer crl = {0};
    int found = fetch(review, record->entry.object, &crl, e);
    if (found != 1) {
        buffer_free(&crl);
        return found;
    }
    if (review->crl_count == CRLS_MOST) {
        buffer_free(&review->crls[0]);
        memmove(&review->crls[0], &review->crls[1], (CRLS_MOST - 1) * sizeof review->crls[0]);
        review->crl_count--;
    }
    review->crls[review->crl_count++] = crl;
    struct registry *registry = review->moment->now.registry;
    if (registry != NULL)
        change(review, registry_ref(registry), record->entry.time, record->index, findings);
    return 0;
}

int review_note(struct review *review, const struct record *record, struct kept_findings *findings,
                struct error *e)
{
    if (take_crl(review, record, findings, e) != 0)
        return -1;
    return take_registry(review, record, findings, e);
}

static bool view_trusts(const struct view *view, const struct record *record,
                        const struct certificate *certificate, uint64_t time, char words[256])
{
    const struct registry_member *member = registry_member(view->registry, header_signer(&record->header));
    if (member == NULL) {
        snprintf(words, 256, "its signer is not in the registry of then");
        return false;
    }
    if (member->suspended) {
        snprintf(words, 256, "admitted, although the registry of then suspends its signer");
        return false;
    }
    struct verified_key key;
    enum refusal refusal = trust_verify(view->trust, certificate->chain, member->anchor,
                                        member->certificate_subject, time, &key);
    if (refusal != REFUSAL_NONE)
        snprintf(words, 256, "admitted, although by what was in force then: %.200s", refusal_words(refusal));
    return refusal == REFUSAL_NONE;
}

static bool view_grants(const struct view *view, const struct record *record, uint64_t time, char words[256])
{
    if (!record_is(record, ENTRY_ADMITTED, MESSAGE_REQUEST))
        return true;
    char service[IDENTIFIER_MOST + CODE_MOST + 2];
    struct question question;
    header_question(&record->header, time, service, &question);
    struct decision decision;
    decide(view->registry, &question, &decision);
    if (decision.refusal != REFUSAL_NONE)
        snprintf(words, 256, "admitted, although by the registry of then: %.200s",
                 refusal_words(decision.refusal));
    return decision.refusal == REFUSAL_NONE;
}

static bool view_allows(const struct view *view, const struct record *record,
                        const struct certificate *certificate, uint64_t time, char words[256])
{
    return view_trusts(view, record, certificate, time, words) && view_grants(view, record, time, words);
}

bool moment_allows(const struct moment *moment, const struct record *record,
                   const struct certificate *certificate, char words[256])
{
    uint64_t time = record->entry.time;
    if (moment->now.registry == NULL)
        return true;
    char other[256];
    /* The words of the first attempt are the ones to show. */
    if (view_allows(&moment->now, record, certificate, time, words))
        return true;
    if (time - moment->changed < OVERLAP && moment->before.registry != NULL &&
        view_allows(&moment->before, record, certificate, time, other))
        return true;
    uint64_t earliest = time > OVERLAP ? time - OVERLAP : 0;
    return record->header.created >= earliest && record->header.created < time &&
           view_allows(&moment->now, record, certificate, record->header.created, other);
}
