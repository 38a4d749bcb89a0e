#ifndef WASL_ADAPTERS_CORE_ASK_CHECK_H
#define WASL_ADAPTERS_CORE_ASK_CHECK_H
/* The consumer's own judgement on an ask: everything that its registry can say before anything is sealed.
 * The provider's second one is request_check. */
#include "core/ask.h"
#include "registry/decide.h"
#include "registry/registry.h"

/* Does it come from a subsystem of that member? For another's nobody may sign here. */
bool ask_is_ours(const struct ask *ask, const char *member);
/* REFUSAL_NONE, or why not. decision: what the registry decided, as far as it came to that; it points into
 * the registry. Where the ask names no person and the service is about one, the person in the path is put
 * into it. */
enum refusal ask_check(const struct registry *registry, struct ask *ask, uint64_t now,
                       struct decision *decision);

#endif
