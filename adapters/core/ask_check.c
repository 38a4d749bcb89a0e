#include "core/ask_check.h"

#include "core/delivery.h"
#include "registry/decide.h"
#include "registry/operation.h"
#include "registry/query.h"

#include <stdio.h>
#include <string.h>

bool ask_is_ours(const struct ask *ask, const char *member)
{
    struct bytes id = bytes_of_string(ask->consumer);
    return identifier_parts(id) == 4 &&
           bytes_equal_string(bytes_make(id.data, identifier_prefix(id, 3)), member);
}

/* The first person in the path, of the service's type, is whom the operation is about. NULL: there is none.
 */
static const char *person_in_path(const struct registry_service *service, const struct operation_match *match)
{
    for (size_t i = 0; service->subject != SUBJECT_NONE && i < match->parameter_count; i++)
        if (match->parameters[i].type == service->subject)
            return match->parameters[i].value;
    return NULL;
}

/* An X-Road client has no header that names the person: the path does. Before the grant is looked for, so
 * that a refusal's entry has the pseudonym too. */
static void take_subject(const struct registry_service *service, const struct operation_match *match,
                         struct ask *ask)
{
    const char *person = person_in_path(service, match);

    if (ask->subject_type != SUBJECT_NONE || person == NULL)
        return;
    ask->subject_type = service->subject;
    snprintf(ask->subject, sizeof(ask->subject), "%s", person);
}

static enum refusal check_subject(const struct registry_service *service, const struct ask *ask,
                                  const struct operation_match *match)
{
    const char *person = person_in_path(service, match);

    if (service->subject == SUBJECT_NONE)
        return REFUSAL_NONE;
    if (ask->subject_type == SUBJECT_NONE)
        return REFUSAL_SUBJECT_MISSING;
    if (ask->subject_type != service->subject)
        return REFUSAL_SUBJECT_TYPE;
    return person == NULL || strcmp(person, ask->subject) == 0 ? REFUSAL_NONE : REFUSAL_SUBJECT_MISMATCH;
}

enum refusal ask_check(const struct registry *registry, struct ask *ask, uint64_t now,
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
        take_subject(service, &match, ask);
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
