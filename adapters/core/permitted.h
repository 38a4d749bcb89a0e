#ifndef WASL_ADAPTERS_CORE_PERMITTED_H
#define WASL_ADAPTERS_CORE_PERMITTED_H
/* What of a provider's reply may leave: a grant's fields are all that a consumer gets, error bodies and
 * headers included. */
#include "core/connector.h"
#include "registry/registry.h"

/*
 * Reduces the reply in place. REFUSAL_NONE or NOT_FILTERABLE. A grant that says `whole` changes nothing.
 * Otherwise of the headers of the provider's system only Allow, Cache-Control and Retry-After pass, and those
 * only with values made of known words or a few digits: any other value is free text that no pointer
 * describes. The reduced body is JSON and says so. A body of an error status that cannot be reduced is
 * dropped and the status kept.
 */
enum refusal permitted_reduce(const struct registry_grant *grant, struct reply *reply);
/* The same, and whether the connector's reply is one at all: its own refusal, PROVIDER_FAILED,
 * RESPONSE_TOO_LARGE, NOT_FILTERABLE, NONE. */
enum refusal permitted_outcome(const struct registry_grant *grant, const struct registry_service *service,
                               struct reply *reply);

#endif
