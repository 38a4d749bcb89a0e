#include "moment.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* Between judging and writing. */
#define DELAY (5 * MICROSECONDS)

struct moment *moment_new(void)
{
    struct moment *moment = memory_zeroed(1, sizeof *moment);
    atomic_init(&moment->references, 1);
    return moment;
}

struct moment *moment_ref(struct moment *moment)
{
    atomic_fetch_add(&moment->references, 1);
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
    free(moment->registry_lost);
    free(moment->crl_lost);
    free(moment);
}

size_t moment_candidates(const struct moment *moment, const struct record *record,
                         struct candidate out[CANDIDATES_MOST])
{
    uint64_t time = record->entry.time;
    uint64_t earliest = time > DELAY ? time - DELAY : 0;
    size_t count = 0;
    if (moment->now.registry == NULL)
        return 0;
    out[count++] = (struct candidate){&moment->now, time};
    if (record->has_header && record->header.created >= earliest && record->header.created < time)
        out[count++] = (struct candidate){&moment->now, record->header.created};
    return count;
}

enum refusal candidate_trusts(const struct candidate *candidate, const struct record *record,
                              const struct certificate *certificate, char words[256])
{
    const struct registry_member *member =
        registry_member(candidate->view->registry, header_signer(&record->header));
    if (member == NULL) {
        snprintf(words, 256, "its signer is not in the registry of then");
        return REFUSAL_UNKNOWN_MEMBER;
    }
    if (member->suspended) {
        snprintf(words, 256, "admitted, although the registry of then suspends its signer");
        return REFUSAL_MEMBER_SUSPENDED;
    }
    struct verified_key key;
    enum refusal refusal = trust_verify(candidate->view->trust, certificate->chain, member->anchor,
                                        member->certificate_subject, candidate->time, &key);
    if (refusal != REFUSAL_NONE)
        snprintf(words, 256, "admitted, although by what was in force then: %.200s", refusal_words(refusal));
    return refusal;
}

void candidate_decides(const struct candidate *candidate, const struct header *header, struct decision *out)
{
    char service[IDENTIFIER_MOST + CODE_MOST + 2];
    struct question question;
    header_question(header, candidate->time, service, &question);
    decide(candidate->view->registry, &question, out);
}

static void judge_by(const struct candidate *candidate, const struct record *record,
                     const struct certificate *certificate, struct judgement *out)
{
    *out = (struct judgement){.by = *candidate, .known = true};
    out->trusted = candidate_trusts(candidate, record, certificate, out->words);
    out->allowed = out->trusted == REFUSAL_NONE;
    if (!out->allowed || !record_is(record, ENTRY_ADMITTED, MESSAGE_REQUEST))
        return;
    out->asked = true;
    candidate_decides(candidate, &record->header, &out->grant);
    out->allowed = out->grant.refusal == REFUSAL_NONE;
    if (!out->allowed)
        snprintf(out->words, sizeof out->words, "admitted, although by the registry of then: %.200s",
                 refusal_words(out->grant.refusal));
}

void moment_judge(const struct moment *moment, const struct record *record,
                  const struct certificate *certificate, struct judgement *out)
{
    struct candidate candidates[CANDIDATES_MOST];
    size_t count = moment_candidates(moment, record, candidates);
    *out = (struct judgement){.allowed = true};
    if (count == 0) {
        snprintf(out->words, sizeof out->words, "%s",
                 moment->registry_lost != NULL ? moment->registry_lost : "no registry had taken effect");
        return;
    }
    judge_by(&candidates[0], record, certificate, out);
    for (size_t i = 1; i < count && !out->allowed; i++) {
        struct judgement other; /* the words of the first attempt are the ones to show */
        judge_by(&candidates[i], record, certificate, &other);
        if (other.allowed)
            *out = other;
    }
    /* "Revoked" stays true whatever a missing list says; "not revoked" would be a guess. */
    if (moment->crl_lost != NULL && (out->allowed || out->trusted == REFUSAL_REVOCATION_UNKNOWN)) {
        out->allowed = true;
        out->known = false;
        snprintf(out->words, sizeof out->words, "%s", moment->crl_lost);
    }
}

bool moment_allows(const struct moment *moment, const struct record *record,
                   const struct certificate *certificate, char words[256])
{
    struct judgement judgement;
    moment_judge(moment, record, certificate, &judgement);
    if (!judgement.allowed)
        memcpy(words, judgement.words, sizeof judgement.words);
    return judgement.allowed;
}
