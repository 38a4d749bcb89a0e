#include "core/request_check.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/heads.h"
#include "core/common.h"
#include "registry/decide.h"
#include "registry/query.h"

#include <stdio.h>
#include <string.h>

void request_check_clear(struct request_check *check)
{
    call_free(check->call);
    explicit_bzero(check, sizeof(*check));
}

static bool is_for_us(const struct common *common, const struct header *h)
{
    struct bytes provider = bytes_of_string(h->provider);
    return strcmp(h->instance, common->options.instance) == 0 &&
           bytes_equal_string(bytes_make(provider.data, identifier_prefix(provider, 3)),
                              common->options.member);
}

static enum refusal check_grant(const struct common *common, const struct registry *registry,
                                const struct header *h, struct request_check *out)
{
    char service[IDENTIFIER_MOST + CODE_MOST + 2];
    struct decision decision;
    struct question q;
    header_question(h, common_now(common), service, &q);
    decide(registry, &q, &decision);
    out->service = decision.service;
    out->grant = decision.grant;
    return decision.refusal;
}

/* The declared subject is the one that the path asks about. What was declared and what is asked are the same
 * person, or nobody is asked. */
static enum refusal check_subject(enum subject_type declared, const char *value, struct request_check *out)
{
    const struct operation_match *match = &out->call->match;
    enum subject_type wanted = out->service->subject;
    char canonical[64] = "";
    if (wanted != SUBJECT_NONE && declared == SUBJECT_NONE)
        return REFUSAL_SUBJECT_MISSING;
    if (wanted != SUBJECT_NONE && declared != wanted)
        return REFUSAL_SUBJECT_TYPE;
    if (declared != SUBJECT_NONE) {
        enum refusal refusal = subject_check(declared, bytes_of_string(value), canonical);
        if (refusal != REFUSAL_NONE)
            return refusal;
        if (strcmp(canonical, value) != 0)
            return REFUSAL_BAD_PARAMETER;
    }
    out->subject_type = declared;
    snprintf(out->subject, sizeof(out->subject), "%s", canonical);
    /* The first person in the path (of the service's type, where it has one) is whom the operation is about;
     * those after it are whom else it names. */
    for (size_t i = 0; i < match->parameter_count; i++) {
        const struct operation_parameter *p = &match->parameters[i];
        if (p->type == SUBJECT_NONE || (wanted != SUBJECT_NONE && p->type != wanted))
            continue;
        if (declared != SUBJECT_NONE && p->type != declared)
            return REFUSAL_SUBJECT_TYPE;
        if (declared != SUBJECT_NONE && strcmp(p->value, canonical) != 0)
            return REFUSAL_SUBJECT_MISMATCH;
        out->subject_type = p->type;
        snprintf(out->subject, sizeof(out->subject), "%s", p->value);
        break;
    }
    return REFUSAL_NONE;
}

/* On exactly the bytes that go on to the ministry's system. */
static enum refusal check_opened(const struct delivery *d, struct bytes head, struct bytes content,
                                 struct request_check *out)
{
    enum subject_type declared;
    char value[64];
    struct call *call = out->call;
    if (!request_head_decode(head, call, &declared, value))
        return REFUSAL_MALFORMED;
    if (content.len > out->service->most_request)
        return REFUSAL_TOO_LARGE;
    if (!query_unambiguous(buffer_bytes(&call->query)))
        return REFUSAL_AMBIGUOUS_TARGET;
    buffer_append_bytes(&call->body, content);
    enum refusal refusal =
        operation_match(out->service, buffer_bytes(&call->method), buffer_bytes(&call->path), &call->match);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (strcmp(call->match.operation->code, d->header.operation) != 0)
        return REFUSAL_UNKNOWN_OPERATION;
    refusal = operation_permitted(out->grant, buffer_bytes(&call->method), buffer_bytes(&call->path), NULL);
    if (refusal != REFUSAL_NONE)
        return refusal;
    refusal = check_subject(declared, value, out);
    explicit_bzero(value, sizeof(value));
    return refusal;
}

static enum refusal open_and_check(struct common *common, const struct delivery *d, struct request_check *out)
{
    struct buffer plaintext = {0};
    struct bytes head, content;
    const char *why = NULL;
    enum refusal refusal = REFUSAL_BAD_SEAL;
    if (delivery_unseal(d, common->contexts, common->options.sealing_keys, common->options.sealing_key_count,
                        &plaintext, &head, &content, &why)) {
        out->call = memory_zeroed(1, sizeof(*out->call));
        refusal = check_opened(d, head, content, out);
    } else {
        log_warn("request_not_opened", "consumer=%s why=%s", d->header.consumer, why);
    }
    buffer_free(&plaintext);
    return refusal;
}

enum refusal request_check(struct common *common, const struct registry *registry, const struct delivery *d,
                           struct request_check *out)
{
    const struct header *h = &d->header;
    if (h->kind != MESSAGE_REQUEST || !is_for_us(common, h))
        return REFUSAL_NO_RECEIPT; /* what is for another member is not ours to answer */
    enum refusal refusal = peers_judge(common->peers, registry, knowledge_trust(common->knowledge), d,
                                       common_now(common), out->certificate);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (!common_claim_seen(common, d))
        return REFUSAL_NO_RECEIPT;
    refusal = header_check_time(h, common_now(common), common->options.clock_skew);
    if (refusal == REFUSAL_NONE && !delivery_seal_good(d))
        refusal = REFUSAL_BAD_SEAL;
    if (refusal == REFUSAL_NONE)
        refusal = check_grant(common, registry, h, out);
    return refusal == REFUSAL_NONE ? open_and_check(common, d, out) : refusal;
}
