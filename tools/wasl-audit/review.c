#include "review.h"

#include "base/clock.h"
#include "base/error.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Whether a revocation list was too old is a matter of the bus's configuration then; what it revokes is not.
 */
#define CRL_GRACE (3650 * DAY_MICROSECONDS)

struct review {
    struct reader *reader;
    const struct registry_authority *authority;
    struct moment *moment;
    struct registry *last;   /* the one believed last: its authority signs the next */
    uint8_t hash[HASH_SIZE]; /* of the registry taken up last, readable or not */
    struct trust *trust;     /* the set made last: its revocation lists go over into the next */
};

struct review *review_new(struct reader *reader, const struct registry_authority *authority)
{
    struct review *review = memory_zeroed(1, sizeof *review);
    review->reader = reader;
    review->authority = memory_copy(authority, sizeof *authority);
    review->moment = moment_new();
    review->trust = trust_new();
    return review;
}

void review_free(struct review *review)
{
    if (review == NULL)
        return;
    moment_free(review->moment);
    registry_free(review->last);
    trust_free(review->trust);
    free((void *)(uintptr_t)review->authority);
    free(review);
}

struct moment *review_moment(struct review *review)
{
    return moment_ref(review->moment);
}

/* The next moment, whose view is not made yet. */
static struct moment *next_moment(struct review *review)
{
    struct moment *last = review->moment, *moment = moment_new();
    if (last->crl_lost != NULL)
        moment->crl_lost = string_copy(last->crl_lost);
    moment_free(last);
    return review->moment = moment;
}

/* A set of the anchors of the registry believed last, the lists so far, and one more (empty: none). *taken:
 * as trust_add_crl, of that one; e too. */
static void make_trust(struct review *review, struct bytes crl, int *taken, uint64_t index,
                       struct kept_findings *findings, struct error *e)
{
    struct trust *trust = trust_new();
    struct error fault = {0};
    const char *name;
    struct bytes pem;
    for (size_t i = 0; review->last != NULL && registry_anchor(review->last, i, &name, &pem); i++)
        if (trust_add_anchor(trust, name, pem, &fault) != 0)
            finding_keep(findings, "entry %" PRIu64 ": trust anchor %s of its registry cannot be used: %s",
                         index, name, fault.text);
    size_t count = trust_crl_hashes(review->trust, NULL, 0);
    for (size_t i = 0; i < count; i++)
        BUG_ON(trust_take_crl(trust, review->trust, i, &fault) < 0); /* as many were there before */
    *taken = crl.len > 0 ? trust_add_crl(trust, crl, e) : 0;
    trust_set_crl_grace(trust, CRL_GRACE);
    trust_judge_only(trust);
    trust_free(review->trust);
    review->trust = trust;
}

/* What is in force from here on: the registry believed last, and the set made last. */
static void change(struct review *review)
{
    next_moment(review)->now = (struct view){registry_ref(review->last), trust_ref(review->trust)};
}

/* The object; 0 with words where it is missing or damaged. -1 reading failed. */
static int fetch(struct review *review, const uint8_t hash[HASH_SIZE], const struct record *record,
                 const char *what, struct buffer *out, struct buffer *words, struct error *e)
{
    char hex[2 * HASH_SIZE + 1];
    int found = reader_object(review->reader, hash, out, e);
    if (found == 1 || (found < 0 && e->kind != ERROR_INTEGRITY))
        return found;
    hex_encode(hash, HASH_SIZE, hex);
    buffer_printf(words, "the %s %s, named by entry %" PRIu64 ", %s", what, hex, record->index,
                  found == 0 ? "is not in the trust store" : "is not what it was");
    buffer_append(words, "", 1);
    return 0;
}

static void lose_registry(struct review *review, const char *words)
{
    next_moment(review)->registry_lost = string_copy(words);
}

static void lose_crl(struct review *review, const char *words)
{
    const struct moment *last = review->moment;
    struct view now = {0};
    if (last->crl_lost != NULL)
        return;
    if (last->now.registry != NULL)
        now = (struct view){registry_ref(last->now.registry), trust_ref(last->now.trust)};
    char *registry_lost = last->registry_lost != NULL ? string_copy(last->registry_lost) : NULL;
    struct moment *moment = next_moment(review);
    moment->now = now;
    moment->registry_lost = registry_lost;
    moment->crl_lost = string_copy(words);
}

/* Believed by its predecessor's authority. Where that is none, or a version between is missing, by the one
 * that the auditor has named. */
static struct registry *open_registry(const struct review *review, struct bytes file, struct error *fault)
{
    bool broken = review->moment->registry_lost != NULL;
    struct registry *registry = NULL;
    if (review->last != NULL)
        registry = registry_open_signed(file, review->last, NULL, NULL, fault);
    if (registry == NULL && (review->last == NULL || broken))
        registry = registry_open_signed(file, NULL, review->authority, NULL, fault);
    return registry;
}

static int take_registry(struct review *review, const struct record *record, struct kept_findings *findings,
                         struct error *e)
{
    static const uint8_t none[HASH_SIZE];
    const uint8_t *hash = record->entry.registry_hash;
    if (memcmp(hash, none, HASH_SIZE) == 0 || memcmp(hash, review->hash, HASH_SIZE) == 0)
        return 0;
    memcpy(review->hash, hash, HASH_SIZE);
    struct buffer file = {0}, words = {0};
    int found = fetch(review, hash, record, "registry", &file, &words, e);
    if (found == 0)
        lose_registry(review, (const char *)words.data);
    if (found == 1) {
        struct error fault = {0};
        struct registry *registry = open_registry(review, buffer_bytes(&file), &fault);
        if (registry == NULL) {
            finding_keep(findings, "entry %" PRIu64 ": the registry that it names: %s", record->index,
                         fault.text);
            buffer_printf(&words, "the registry that entry %" PRIu64 " names: %s", record->index, fault.text);
            buffer_append(&words, "", 1);
            lose_registry(review, (const char *)words.data);
        } else {
            int taken;
            registry_free(review->last);
            review->last = registry;
            make_trust(review, (struct bytes){0}, &taken, record->index, findings, NULL);
            change(review);
        }
    }
    buffer_free(&file);
    buffer_free(&words);
    return found < 0 ? -1 : 0;
}

static int take_crl(struct review *review, const struct record *record, struct kept_findings *findings,
                    struct error *e)
{
    if (record->entry.type != ENTRY_REGISTRY || record->entry.object_kind != 3 || !record->entry.has_object)
        return 0;
    struct buffer crl = {0}, words = {0};
    struct error fault = {0};
    int found = fetch(review, record->entry.object, record, "revocation list", &crl, &words, e);
    int taken = -1;
    if (found == 1)
        make_trust(review, buffer_bytes(&crl), &taken, record->index, findings, &fault);
    if (found == 1 && taken < 0) {
        finding_keep(findings, "entry %" PRIu64 ": a revocation list in force cannot be used: %s",
                     record->index, fault.text);
        buffer_printf(&words, "the revocation list that entry %" PRIu64 " names cannot be used: %s",
                      record->index, fault.text);
        buffer_append(&words, "", 1);
    }
    if (found >= 0 && taken < 0)
        lose_crl(review, (const char *)words.data);
    else if (taken == 0 && review->moment->now.registry != NULL)
        change(review);
    buffer_free(&crl);
    buffer_free(&words);
    return found < 0 ? -1 : 0;
}

/* A list of an issuing CA is proven by a chain that leads to an anchor, and only one that is proven puts
 * older ones out: else the lists of a year would be too many. A chain that is missing is named by whoever
 * needs it. */
static int take_chain(struct review *review, const struct record *record, struct error *e)
{
    if (record->entry.type != ENTRY_REGISTRY || record->entry.object_kind != 2 || !record->entry.has_object ||
        review->last == NULL)
        return 0;
    struct buffer der = {0};
    struct error fault = {0};
    int found = reader_object(review->reader, record->entry.object, &der, &fault);
    struct chain *chain = found == 1 ? chain_parse_der(buffer_bytes(&der), &fault) : NULL;
    char *subject = chain != NULL ? chain_subject(chain) : NULL;
    const struct registry_member *member;
    for (size_t i = 0; subject != NULL && (member = registry_member_at(review->last, i)) != NULL; i++) {
        if (strcmp(member->certificate_subject, subject) != 0)
            continue;
        struct chain *path = trust_path(review->trust, chain, member->anchor, subject);
        size_t count = path != NULL ? trust_crl_hashes(review->trust, NULL, 0) : 0;
        for (size_t n = 0; n < count; n++)
            trust_prove_crl(review->trust, n, path);
        chain_free(path);
    }
    free(subject);
    chain_free(chain);
    buffer_free(&der);
    if (found >= 0 || fault.kind == ERROR_INTEGRITY)
        return 0;
    *e = fault;
    return -1;
}

/* What an entry says of its registry must be so: a version is for people, the hash is what judges. */
static void compare_registry(struct review *review, const struct record *record,
                             struct kept_findings *findings)
{
    static const uint8_t none[HASH_SIZE];
    const struct registry *now = review->moment->now.registry;
    const struct entry *entry = &record->entry;
    if (memcmp(entry->registry_hash, none, HASH_SIZE) == 0) {
        if (record->has_header)
            finding_keep(findings, "entry %" PRIu64 ": it does not name the registry that it was judged by",
                         record->index);
    } else if (now != NULL && entry->registry_version != registry_version(now)) {
        finding_keep(findings,
                     "entry %" PRIu64 ": it says that version %" PRIu64 " of the registry was in force, but "
                     "the one that it names is version %" PRIu64,
                     record->index, entry->registry_version, registry_version(now));
    }
}

int review_note(struct review *review, const struct record *record, struct kept_findings *findings,
                struct error *e)
{
    if (take_crl(review, record, findings, e) != 0 || take_chain(review, record, e) != 0)
        return -1;
    if (take_registry(review, record, findings, e) != 0)
        return -1;
    compare_registry(review, record, findings);
    return 0;
}
