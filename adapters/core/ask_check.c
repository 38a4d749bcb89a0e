#include "core/ask_check.h"

#include "core/delivery.h"
#include "registry/decide.h"
#include "registry/operation.h"
#include "registry/query.h"

#include <string.h>

bool ask_is_ours(const struct ask *ask, const char *member)
{
    struct bytes id = bytes_of_string(ask->consumer);
    return identifier_parts(id) == 4 &&
           bytes_equal_string(bytes_make(id.data, identifier_prefix(id, 3)), member);
}

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

enum refusal ask_check(const struct registry *registry, const struct ask *ask, uint64_t now,
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
