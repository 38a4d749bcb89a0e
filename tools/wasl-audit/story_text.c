/* The time line of an exchange in words: for auditors and lawyers. */
#include "story.h"

#include "base/clock.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

struct page {
    const struct story *story;
    const struct telling *telling;
    struct buffer *out;
};

static void put_string(struct page *page, const char *text)
{
    text_put(bytes_of_string(text), page->out);
}

static void put_time(struct page *page, uint64_t time)
{
    text_time(time, page->telling->utc, page->out);
}

/* The start of an indented line "    certificate   ". */
static void line(struct page *page, const char *name)
{
    buffer_printf(page->out, "      %-13s ", name);
}

static void end_line(struct page *page)
{
    buffer_append_string(page->out, "\n");
}

/* A span of time as people say it: "12.345 ms", "3.2 s", "2 h 5 min", "12 days". */
static void put_span(struct page *page, uint64_t span)
{
    uint64_t seconds = span / MICROSECONDS;
    if (span < MICROSECONDS)
        buffer_printf(page->out, "%" PRIu64 ".%03u ms", span / 1000, (unsigned)(span % 1000));
    else if (seconds < 120)
        buffer_printf(page->out, "%" PRIu64 ".%03u s", seconds, (unsigned)(span % MICROSECONDS / 1000));
    else if (seconds < 2 * 3600)
        buffer_printf(page->out, "%" PRIu64 " min", seconds / 60);
    else if (seconds < 48 * 3600)
        buffer_printf(page->out, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds % 3600 / 60);
    else
        buffer_printf(page->out, "%" PRIu64 " days", seconds / 86400);
}

static void put_heading(struct page *page)
{
    const struct story *story = page->story;
    const struct header *header = &story->header;
    char id[37], service[IDENTIFIER_MOST + CODE_MOST + 2];
    uuid_format(story->id, id);
    buffer_printf(page->out, "exchange %s: %s%s", id, story->continues ? "once more, " : "",
                  story_end_name(story));
    if (story->request != NULL && story->terminal != NULL) {
        buffer_append_string(page->out, " after ");
        put_span(page, story->terminal->time - story->request->time);
    }
    end_line(page);
    if (!story->has_header)
        return;
    header_service_id(header, service);
    const struct step *first = story->steps[0];
    bool proven = first->signature == STEP_GOOD;
    buffer_append_string(page->out,
                         proven ? "  " : "  by what the message says (nobody is proven to have signed it), ");
    put_string(page, header->consumer);
    buffer_append_string(page->out, " asked");
    if (*service != '\0') {
        buffer_append_string(page->out, " the service ");
        put_string(page, service);
    }
    if (header->operation[0] != '\0') {
        buffer_append_string(page->out, ", operation ");
        put_string(page, header->operation);
    }
    if (header->purpose[0] != '\0') {
        buffer_append_string(page->out, ", for the purpose ");
        put_string(page, header->purpose);
    }
    if (header->legal_basis[0] != '\0') {
        buffer_append_string(page->out, " (legal basis ");
        put_string(page, header->legal_basis);
        buffer_append_string(page->out, ")");
    }
    end_line(page);
}

static void put_answer(struct page *page, const struct step *step)
{
    if (step->refusal == 0)
        buffer_printf(page->out, "the answer of %s is recorded, %" PRIu64 " sealed bytes", step->signer,
                      step->sealed_length);
    else
        buffer_printf(page->out, "%s did not answer the question: %s: %s", step->signer,
                      refusal_name(step->refusal), refusal_words(step->refusal));
}

/* What happened, in one sentence without its stop. */
static void put_event(struct page *page, const struct step *step)
{
    struct buffer *out = page->out;
    switch (step->type) {
    case ENTRY_ADMITTED:
        if (step->kind == MESSAGE_RESPONSE) {
            put_answer(page, step);
        } else {
            buffer_printf(out,
                          "the %s of %s is admitted, %" PRIu64 " sealed bytes; it may be answered until ",
                          message_kind_name(step->kind), step->signer != NULL ? step->signer : "?",
                          step->sealed_length);
            put_time(page, page->story->expires);
        }
        break;
    case ENTRY_REFUSED:
        if (step->reported)
            buffer_printf(out, "%s's own adapter refused it: ", step->signer);
        else if (step->kind == MESSAGE_RESPONSE)
            buffer_append_string(out, "the bus refused an answer: ");
        else
            buffer_append_string(out, "the bus refused it: ");
        buffer_printf(out, "%s: %s", refusal_name(step->refusal), refusal_words(step->refusal));
        break;
    case ENTRY_TIMED_OUT:
        buffer_append_string(out, "no answer came in time, and the bus ended the exchange");
        break;
    case ENTRY_INTERRUPTED:
        buffer_printf(out, "the bus ended the exchange: %s: %s", refusal_name(step->refusal),
                      refusal_words(step->refusal));
        break;
    default:
        buffer_printf(out, "an answer of %s came late, behind the end of its exchange, and was not delivered",
                      step->signer != NULL ? step->signer : "?");
        break;
    }
}

static void put_signature(struct page *page, const struct step *step)
{
    static const char *const algorithms[] = {"?", "ECDSA P-256", "RSA-2048", "Ed25519"};
    static const char *const words[] = {"none", "good", "NOT GOOD", "CANNOT BE CHECKED", "not proven"};
    if (step->kind == 0)
        return;
    line(page, "signature");
    buffer_append_string(page->out, words[step->signature]);
    if (step->signature == STEP_GOOD)
        buffer_printf(page->out, ", %s", algorithms[step->block.algorithm < 4 ? step->block.algorithm : 0]);
    if (step->signature_words != NULL) {
        buffer_append_string(page->out, ": ");
        put_string(page, step->signature_words);
    }
    end_line(page);
    if (step->link != NULL) {
        line(page, "link");
        buffer_append_string(page->out, "it came over the link of ");
        put_string(page, step->link);
        end_line(page);
    }
}

static void put_crl(struct page *page, const struct step *step, const struct credential *credential)
{
    line(page, "revocation");
    if (step->moment->crl_lost != NULL && !(step->judged && step->judgement.known)) {
        buffer_append_string(page->out, "CANNOT BE SAID: ");
        put_string(page, step->moment->crl_lost);
        end_line(page);
        return;
    }
    if (step->judged && step->judgement.trusted == REFUSAL_CERTIFICATE_REVOKED)
        buffer_append_string(page->out, "REVOKED then, by ");
    else if (step->judged && step->judgement.allowed && step->judgement.known)
        buffer_append_string(page->out, credential->has_crl ? "not revoked then, by " : "not asked for: ");
    else
        buffer_append_string(page->out, "by ");
    if (!credential->has_crl) {
        buffer_append_string(page->out, "no list of its issuer was in force\n");
        return;
    }
    const struct trust_crl_info *crl = &credential->crl;
    buffer_append_string(page->out, "list ");
    put_string(page, crl->number);
    buffer_append_string(page->out, " of ");
    put_string(page, crl->name);
    buffer_append_string(page->out, ", issued ");
    put_time(page, crl->this_update);
    if (step->time >= crl->this_update) {
        buffer_append_string(page->out, " (");
        put_span(page, step->time - crl->this_update);
        buffer_append_string(page->out, " old then)");
    }
    buffer_append_string(page->out, step->time < crl->next_update ? ", the next due " : ", OVERDUE since ");
    put_time(page, crl->next_update);
    end_line(page);
}

static void put_certificate(struct page *page, const struct step *step)
{
    const struct certificate *certificate = step->certificate;
    if (certificate == NULL || certificate->chain == NULL)
        return;
    const struct view *view = step_view(step);
    const struct credential *credential =
        credentials_of(page->telling->credentials, certificate, view != NULL ? view->trust : NULL);
    line(page, "certificate");
    put_string(page, credential->subject);
    buffer_printf(page->out, ", serial %s, issued by ", credential->serial);
    put_string(page, credential->issuer);
    buffer_append_string(page->out, ", valid from ");
    put_time(page, credential->not_before);
    buffer_append_string(page->out, " to ");
    put_time(page, credential->not_after);
    end_line(page);
    line(page, "chain");
    buffer_printf(page->out, "of %zu, in force by entry %" PRIu64 ": ", credential->chain_count,
                  certificate->entry);
    text_put_hex(bytes_make(certificate->object, HASH_SIZE), page->out);
    if (step->judged && step->judgement.trusted == REFUSAL_NONE && step->judgement.by.view != NULL)
        buffer_append_string(page->out, "; leads to the trust anchor of its member");
    else if (step->judged && step->judgement.trusted != REFUSAL_NONE)
        buffer_printf(page->out, "; %s", refusal_words(step->judgement.trusted));
    end_line(page);
    put_crl(page, step, credential);
}

static void put_grant(struct page *page, const struct registry_grant *grant)
{
    buffer_append_string(page->out, "permits ");
    put_string(page, grant->consumer->id);
    buffer_append_string(page->out, " to ask ");
    put_string(page, grant->service->id);
    buffer_append_string(page->out, " for ");
    put_string(page, grant->purpose->code);
    buffer_append_string(page->out, " (");
    put_string(page, grant->purpose->legal_basis);
    buffer_append_string(page->out, ") until ");
    put_time(page, grant->expires);
    buffer_append_string(page->out, "; operations: ");
    for (size_t i = 0; i < grant->operation_count; i++)
        buffer_printf(page->out, "%s%s", i > 0 ? ", " : "", grant->operations[i]->code);
    buffer_append_string(page->out, grant->operation_count == 0 ? "all" : "");
    if (grant->endpoint_count > 0)
        buffer_append_string(page->out, "; paths: ");
    for (size_t i = 0; i < grant->endpoint_count; i++) {
        buffer_append_string(page->out, i > 0 ? ", " : "");
        put_string(page, grant->endpoints[i].method);
        buffer_append_string(page->out, " ");
        put_string(page, grant->endpoints[i].path);
    }
    buffer_append_string(page->out, "; fields: ");
    for (size_t i = 0; i < grant->field_count; i++) {
        buffer_append_string(page->out, i > 0 ? ", " : "");
        put_string(page, grant->fields[i]);
    }
    buffer_append_string(page->out, grant->whole ? "all" : grant->field_count == 0 ? "none" : "");
    if (grant->per_day > 0)
        buffer_printf(page->out, "; at most %" PRIu64 " a day", grant->per_day);
    else
        buffer_append_string(page->out, "; no quota");
}

static void put_registry(struct page *page, const struct step *step)
{
    if (step->kind == 0)
        return;
    line(page, "registry");
    buffer_printf(page->out, "version %" PRIu64 " was in force: ", step->registry_version);
    text_put_hex(bytes_make(step->registry_hash, HASH_SIZE), page->out);
    if (step->moment != NULL && step->moment->registry_lost != NULL)
        buffer_append_string(page->out, ", which CANNOT BE READ");
    end_line(page);
    if (step->has_decision && step->decision.refusal == REFUSAL_NONE) {
        line(page, "grant");
        put_grant(page, step->decision.grant);
        end_line(page);
    } else if (step->has_decision) {
        line(page, "grant");
        buffer_printf(page->out, "none: %s: ", refusal_name(step->decision.refusal));
        put_string(page, step->decision.words);
        end_line(page);
    }
}

static void put_agreement(struct page *page, const struct step *step)
{
    if (step->refusal == 0)
        return;
    line(page, "reason");
    switch (step->agreement) {
    case STEP_AGREES:
        buffer_append_string(page->out, "what was in force then says the same: ");
        break;
    case STEP_DISAGREES:
        buffer_append_string(page->out, step->type == ENTRY_REFUSED && !step->reported
                                            ? "what was in force then DOES NOT say so: "
                                            : "what was in force then does not say so (the adapter judges "
                                              "what is sealed, and by its own registry): ");
        break;
    case STEP_UNKNOWN:
        buffer_append_string(page->out, "cannot be judged: ");
        break;
    default:
        buffer_append_string(page->out, "none that a registry could give");
        break;
    }
    put_string(page, step->agreement_words);
    end_line(page);
}

static void put_step(struct page *page, const struct step *step)
{
    buffer_append_string(page->out, "  ");
    put_time(page, step->time);
    buffer_printf(page->out, "  entry %" PRIu64 ": ", step->index);
    put_event(page, step);
    end_line(page);
    put_signature(page, step);
    put_certificate(page, step);
    put_registry(page, step);
    put_agreement(page, step);
    line(page, "receipt");
    buffer_printf(page->out, "%s the checkpoint of %" PRIu64 " entries\n",
                  step->covered ? "good: entry and tiles lead to" : "NOT GOOD: it does not lead to",
                  page->telling->size);
}

static void put_completeness(struct page *page)
{
    const struct story *story = page->story;
    buffer_append_string(page->out, "  complete: ");
    switch (story->end) {
    case STORY_ANSWERED:
        buffer_append_string(page->out, "yes, asked once and answered once");
        break;
    case STORY_REFUSED:
        buffer_append_string(page->out, "yes, refused: nothing was passed on");
        break;
    case STORY_ENDED:
        buffer_append_string(page->out, "yes, ended without an answer");
        break;
    case STORY_OPEN:
        buffer_append_string(page->out, "still open where the ledger ends; it may be answered until ");
        put_time(page, story->expires);
        break;
    case STORY_UNFINISHED:
        buffer_append_string(page->out, "NO: there is neither an answer nor an end, and its time is over");
        break;
    default:
        buffer_append_string(page->out, "no request of it is told here");
        break;
    }
    end_line(page);
}

static void put_policy(struct page *page)
{
    const struct policy_verdict *verdict = &page->story->policy;
    static const char *const words[] = {"not judged", "the same", "WOULD HAVE BEEN REFUSED",
                                        "WOULD HAVE BEEN ADMITTED", "refused too, for another reason"};
    if (page->telling->policy == NULL)
        return;
    buffer_printf(page->out, "  by the other registry: %s: ", words[verdict->result]);
    if (verdict->refusal != REFUSAL_NONE)
        buffer_printf(page->out, "%s: ", refusal_name(verdict->refusal));
    put_string(page, verdict->words);
    end_line(page);
}

void story_text(const struct story *story, const struct telling *telling, struct buffer *out)
{
    struct page page = {story, telling, out};
    put_heading(&page);
    for (size_t i = 0; i < story->count; i++)
        put_step(&page, story->steps[i]);
    put_completeness(&page);
    put_policy(&page);
    for (size_t at = 0; at < story->findings.lines.len;) {
        const char *words = (const char *)story->findings.lines.data + at;
        buffer_append_string(out, "  WRONG  ");
        put_string(&page, words);
        buffer_append_string(out, "\n");
        at += strlen(words) + 1;
    }
    buffer_append_string(out, "\n");
}
