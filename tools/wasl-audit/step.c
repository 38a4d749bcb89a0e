#include "step.h"

#include "base/error.h"
#include "rules.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool step_is_of_exchange(const struct record *record)
{
    if (!record->has_exchange || (record->has_header && record->header.kind == MESSAGE_SUBJECT_KEY))
        return false;
    switch (record->entry.type) {
    case ENTRY_ADMITTED:
    case ENTRY_REFUSED:
    case ENTRY_TIMED_OUT:
    case ENTRY_INTERRUPTED:
    case ENTRY_LATE:
        return true;
    default:
        return false;
    }
}

static char *copy_of(struct bytes text)
{
    char *copy = memory_zeroed(1, text.len + 1);
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    return copy;
}

struct step *step_new(const struct record *record)
{
    const struct entry *entry = &record->entry;
    struct step *step = memory_zeroed(1, sizeof *step);
    step->index = record->index;
    step->time = entry->time;
    step->type = entry->type;
    step->outcome = record_outcome(record);
    step->refusal = record_refusal(record);
    step->registry_version = entry->registry_version;
    memcpy(step->registry_hash, entry->registry_hash, HASH_SIZE);
    if (entry->member.len > 0)
        step->link = copy_of(entry->member);
    if (!record->has_header)
        return step;
    const struct header *header = &record->header;
    step->kind = header->kind;
    step->sealed_length = header->sealed_length;
    step->signer = copy_of(header_signer(header));
    step->reported = header->outcome != 0 && header->outcome == step->refusal;
    return step;
}

void step_free(struct step *step)
{
    if (step == NULL)
        return;
    certificate_free(step->certificate);
    moment_free(step->moment);
    free(step->signer);
    free(step->link);
    free(step->signature_words);
    free(step->cover_words);
    free(step);
}

static void set_signature(struct step *step, enum step_signature signature, const char *words)
{
    free(step->signature_words);
    step->signature = signature;
    step->signature_words = words != NULL ? string_copy(words) : NULL;
}

int step_order(struct step *step, const struct record *record, struct certificates *certificates,
               struct moment *moment, struct error *e)
{
    if (step->kind == 0)
        return 0;
    step->moment = moment_ref(moment);
    if (signature_block_decode(record->entry.signature, &step->block) != REFUSAL_NONE) {
        set_signature(step, STEP_WRONG, SIGNATURE_UNREADABLE);
        return 0;
    }
    char words[256];
    struct certificate *certificate;
    int found = certificates_for(certificates, &step->block, words, &certificate, e);
    if (found < 0)
        return -1;
    if (certificate != NULL)
        step->certificate = certificate_ref(certificate);
    if (found == 0)
        set_signature(step, certificate != NULL ? STEP_UNREADABLE : STEP_WRONG, words);
    return 0;
}

const struct view *step_view(const struct step *step)
{
    if (step->judged && step->judgement.by.view != NULL)
        return step->judgement.by.view;
    return step->moment != NULL && step->moment->now.registry != NULL ? &step->moment->now : NULL;
}

/* --- would the registry of then have refused it too? --- */

static bool is_question(const struct step *step)
{
    return step->kind == MESSAGE_REQUEST || step->kind == MESSAGE_REFUSAL;
}

static void say(struct step *step, enum step_agreement agreement, const char *words)
{
    step->agreement = agreement;
    snprintf(step->agreement_words, sizeof step->agreement_words, "%s", words);
}

/* Neither the consumer nor the provider may be missing or suspended, whichever is asked about first. */
static bool standing_is(const struct registry *registry, const struct header *header, unsigned refusal)
{
    return registry_standing(registry, bytes_of_string(header->consumer)) == refusal ||
           (header->provider[0] != '\0' &&
            registry_standing(registry, bytes_of_string(header->provider)) == refusal);
}

static void agree_registry(struct step *step, const struct record *record,
                           const struct candidate candidates[], size_t count)
{
    const struct header *header = &record->header;
    for (size_t i = 0; i < count; i++) {
        struct decision decision;
        candidate_decides(&candidates[i], header, &decision);
        bool fits = is_question(step) && decision.refusal == step->refusal;
        if (fits)
            say(step, STEP_AGREES, decision.words);
        else if (standing_is(candidates[i].view->registry, header, step->refusal))
            say(step, STEP_AGREES, refusal_words(step->refusal));
        if (step->agreement == STEP_AGREES)
            return;
    }
    say(step, STEP_DISAGREES,
        is_question(step) ? step->decision.words : "both members are in it, and neither is suspended");
}

static void agree_quota(struct step *step)
{
    char words[128];
    bool has = step->decision.refusal == REFUSAL_NONE && step->decision.grant->per_day > 0;
    if (has)
        snprintf(words, sizeof words,
                 "its grant has a quota of %" PRIu64 " a day; how much was used is not counted again",
                 step->decision.grant->per_day);
    say(step, has ? STEP_AGREES : STEP_DISAGREES, has ? words : "it has no grant with a quota for this");
}

static void agree_certificate(struct step *step, const struct record *record,
                              const struct candidate candidates[], size_t count)
{
    char words[256];
    if (step->certificate == NULL || step->certificate->fault != NULL) {
        say(step, STEP_UNKNOWN, "the certificate that it names is not in the ledger");
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (candidate_trusts(&candidates[i], record, step->certificate, words) == step->refusal) {
            say(step, STEP_AGREES, refusal_words(step->refusal));
            return;
        }
    /* The judgement holds only as far as the lists are known. */
    say(step, step->moment->crl_lost != NULL ? STEP_UNKNOWN : STEP_DISAGREES,
        step->moment->crl_lost != NULL ? step->moment->crl_lost
                                       : "by what was in force then the certificate was good");
}

static void agree_signature(struct step *step, const struct record *record)
{
    if (step->certificate == NULL || step->certificate->fault != NULL)
        say(step, STEP_UNKNOWN, "the certificate that it names is not in the ledger");
    else if (certificate_signed(step->certificate, record, &step->block))
        say(step, STEP_DISAGREES, "the signature is good under the certificate that it names");
    else
        say(step, STEP_AGREES, SIGNATURE_WRONG);
}

static void agree(struct step *step, const struct record *record, const struct candidate candidates[],
                  size_t count)
{
    if (decide_may_refuse(step->refusal)) {
        agree_registry(step, record, candidates, count);
        return;
    }
    switch (step->refusal) {
    case REFUSAL_QUOTA_EXCEEDED:
        if (step->has_decision)
            agree_quota(step);
        break;
    case REFUSAL_CERTIFICATE_UNTRUSTED:
    case REFUSAL_CERTIFICATE_EXPIRED:
    case REFUSAL_CERTIFICATE_REVOKED:
        agree_certificate(step, record, candidates, count);
        break;
    case REFUSAL_BAD_SIGNATURE:
        agree_signature(step, record);
        break;
    case REFUSAL_WRONG_SIGNER:
        if (step->link != NULL && strcmp(step->link, step->signer) != 0)
            say(step, STEP_AGREES, "it came over the link of another member than it names");
        break;
    default:
        break; /* a matter of time, of form or of load: no registry says anything about it */
    }
}

static bool needs_registry(unsigned refusal)
{
    return refusal != REFUSAL_BAD_SIGNATURE && refusal != REFUSAL_WRONG_SIGNER;
}

static void check_refusal(struct step *step, const struct record *record)
{
    struct candidate candidates[CANDIDATES_MOST];
    size_t count = moment_candidates(step->moment, record, candidates);
    agree(step, record, candidates, count);
    if (count == 0 && step->agreement != STEP_NOT_ASKED && needs_registry(step->refusal))
        say(step, STEP_UNKNOWN,
            step->moment->registry_lost != NULL ? step->moment->registry_lost : "no registry was in force");
}

/* --- */

static void check_signature(struct step *step, const struct record *record)
{
    bool good = step->signature_words == NULL && certificate_signed(step->certificate, record, &step->block);
    /* A reason that an adapter gives itself may be one for which the bus would not have believed it. */
    if (!rules_signature_needed(record) && !(good && step->reported))
        set_signature(step, STEP_UNPROVEN, "not believed: that is why it was refused");
    else if (good)
        set_signature(step, STEP_GOOD, NULL);
    else if (step->signature_words == NULL)
        set_signature(step, STEP_WRONG, SIGNATURE_WRONG);
}

static void decide_then(struct step *step, const struct record *record)
{
    struct candidate candidates[CANDIDATES_MOST];
    if (step->judged && step->judgement.asked) {
        step->decision = step->judgement.grant;
        step->has_decision = true;
    } else if (moment_candidates(step->moment, record, candidates) > 0) {
        candidate_decides(&candidates[0], &record->header, &step->decision);
        step->has_decision = true;
    }
}

void step_check(struct step *step, const struct record *record, const struct registry *policy)
{
    if (step->kind == 0)
        return;
    check_signature(step, record);
    if (step->signature == STEP_GOOD) {
        moment_judge(step->moment, record, step->certificate, &step->judgement);
        step->judged = true;
    }
    if (is_question(step))
        decide_then(step, record);
    if (step->refusal != 0)
        check_refusal(step, record);
    if (policy != NULL && is_question(step)) {
        char service[IDENTIFIER_MOST + CODE_MOST + 2];
        struct question question;
        header_question(&record->header, step->time, service, &question);
        decide(policy, &question, &step->policy);
        step->has_policy = true;
    }
}
