#include "judge.h"

#include "base/clock.h"
#include "base/error.h"
#include "registry/decide.h"

#include <inttypes.h>
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

struct judge {
    struct reader *reader;
    const struct registry_authority *authority;
    struct view now, before;
    uint64_t changed;
    uint8_t hash[HASH_SIZE]; /* of the registry taken up last */
    struct buffer crls[CRLS_MOST];
    size_t crl_count;
};

struct judge *judge_new(struct reader *reader, const struct registry_authority *authority)
{
    struct judge *judge = memory_zeroed(1, sizeof *judge);
    judge->reader = reader;
    judge->authority = memory_copy(authority, sizeof *authority);
    return judge;
}

static void view_clear(struct view *view)
{
    trust_free(view->trust);
    registry_free(view->registry);
    *view = (struct view){0};
}

void judge_free(struct judge *judge)
{
    if (judge == NULL)
        return;
    view_clear(&judge->now);
    view_clear(&judge->before);
    for (size_t i = 0; i < judge->crl_count; i++)
        buffer_free(&judge->crls[i]);
    free((void *)(uintptr_t)judge->authority);
    free(judge);
}

/* Takes over the registry. */
static void change(struct judge *judge, struct registry *registry, uint64_t time, uint64_t index,
                   struct findings *findings)
{
    struct trust *trust = trust_new();
    struct error e = {0};
    const char *name;
    struct bytes pem;
    for (size_t i = 0; registry_anchor(registry, i, &name, &pem); i++)
        if (trust_add_anchor(trust, name, pem, &e) != 0)
            finding(findings, "entry %" PRIu64 ": trust anchor %s of its registry cannot be used: %s", index,
                    name, e.text);
    for (size_t i = 0; i < judge->crl_count; i++)
        if (trust_add_crl(trust, buffer_bytes(&judge->crls[i]), &e) != 0 && i == judge->crl_count - 1)
            finding(findings, "entry %" PRIu64 ": a revocation list in force cannot be used: %s", index,
                    e.text);
    trust_set_crl_grace(trust, CRL_GRACE);
    if (judge->now.registry != NULL) {
        view_clear(&judge->before);
        judge->before = judge->now;
    }
    judge->now = (struct view){registry, trust};
    judge->changed = time;
}

/* The object, or NULL-length with a finding (whoever checks objects has named it already). -1 reading failed.
 */
static int fetch(struct judge *judge, const uint8_t hash[HASH_SIZE], struct buffer *out, struct error *e)
{
    int found = reader_object(judge->reader, hash, out, e);
    if (found < 0 && e->kind == ERROR_INTEGRITY)
        return 0;
    return found;
}

static int take_registry(struct judge *judge, const struct record *record, struct findings *findings,
                         struct error *e)
{
    static const uint8_t none[HASH_SIZE];
    const uint8_t *hash = record->entry.registry_hash;
    if (memcmp(hash, none, HASH_SIZE) == 0 || memcmp(hash, judge->hash, HASH_SIZE) == 0)
        return 0;
    memcpy(judge->hash, hash, HASH_SIZE);
    struct buffer file = {0};
    int found = fetch(judge, hash, &file, e);
    if (found == 1) {
        struct error fault = {0};
        struct registry *registry = NULL;
        if (judge->now.registry != NULL)
            registry = registry_open_signed(buffer_bytes(&file), judge->now.registry, NULL, NULL, &fault);
        if (registry == NULL && judge->now.registry == NULL)
            registry = registry_open_signed(buffer_bytes(&file), NULL, judge->authority, NULL, &fault);
        if (registry == NULL)
            finding(findings, "entry %" PRIu64 ": the registry that it names: %s", record->index, fault.text);
        else
            change(judge, registry, record->entry.time, record->index, findings);
    }
    buffer_free(&file);
    return found < 0 ? -1 : 0;
}

static int take_crl(struct judge *judge, const struct record *record, struct findings *findings,
                    struct error *e)
{
    if (record->entry.type != ENTRY_REGISTRY || record->entry.object_kind != 3 || !record->entry.has_object)
        return 0;
    struct buffer crl = {0};
    int found = fetch(judge, record->entry.object, &crl, e);
    if (found != 1) {
        buffer_free(&crl);
        return found;
    }
    if (judge->crl_count == CRLS_MOST) {
        buffer_free(&judge->crls[0]);
        memmove(&judge->crls[0], &judge->crls[1], (CRLS_MOST - 1) * sizeof judge->crls[0]);
        judge->crl_count--;
    }
    judge->crls[judge->crl_count++] = crl;
    if (judge->now.registry != NULL)
        change(judge, registry_ref(judge->now.registry), record->entry.time, record->index, findings);
    return 0;
}

int judge_note(struct judge *judge, const struct record *record, struct findings *findings, struct error *e)
{
    if (take_crl(judge, record, findings, e) != 0)
        return -1;
    return take_registry(judge, record, findings, e);
}

static bool view_trusts(const struct view *view, const struct record *record,
                        const struct certificate *certificate, uint64_t time, char words[256])
{
    const struct registry_member *member = registry_member(view->registry, header_signer(&record->header));
    if (member == NULL) {
        snprintf(words, 256, "its signer is not in the registry of then");
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
    const struct header *header = &record->header;
    if (!record_is(record, ENTRY_ADMITTED, MESSAGE_REQUEST))
        return true;
    char service[IDENTIFIER_MOST + CODE_MOST + 2];
    header_service_id(header, service);
    struct question question = {
        .consumer = bytes_of_string(header->consumer),
        .service = bytes_of_string(service),
        .operation = bytes_of_string(header->operation),
        .purpose = bytes_of_string(header->purpose),
        .legal_basis = bytes_of_string(header->legal_basis),
        .now = time,
    };
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

bool judge_message(struct judge *judge, const struct record *record, const struct certificate *certificate,
                   char words[256])
{
    uint64_t time = record->entry.time;
    if (judge->now.registry == NULL)
        return true;
    char other[256];
    /* The words of the first attempt are the ones to show. */
    if (view_allows(&judge->now, record, certificate, time, words))
        return true;
    if (time - judge->changed < OVERLAP && judge->before.registry != NULL &&
        view_allows(&judge->before, record, certificate, time, other))
        return true;
    uint64_t moment = time > OVERLAP ? time - OVERLAP : 0;
    return record->header.created >= moment && record->header.created < time &&
           view_allows(&judge->now, record, certificate, record->header.created, other);
}
