#ifndef WASL_FRONT_METADATA_H
#define WASL_FRONT_METADATA_H
/*
 * X-Road's metadata services, answered by the consumer's own adapter from the registry in force: nothing
 * leaves it, and nothing is recorded. Facts: X-Road's "Service Metadata Protocol" (PR-META) and the same for
 * REST (PR-MREST). GET /listClients GET /r1/{subsystem}/listMethods   /allowedMethods
 * /getOpenAPI?serviceCode=CODE
 */
#include "front/front.h"
#include "front/request.h"

/* Is it a metadata service that is asked for? A service of the registry with such a code cannot be reached.
 */
bool metadata_asked(const struct ask *ask);
/* Like core_ask: takes the ask; its `done` is called once, perhaps before this returns, and the ask freed.
 * False: too much is waiting, the caller keeps the ask. core's registry must be there. */
bool metadata_ask(const struct front_core *core, struct ask *ask);

/* Is the target /listClients, with or without a query? */
bool metadata_clients_asked(struct bytes target);
/*
 * Every member and subsystem, appended. JSON when an Accept field names application/json or there is none at
 * all (PR-REST's default), else XML (PR-META's). registry may be NULL. words: of a refusal, or NULL.
 */
enum refusal metadata_clients(const struct registry *registry, const struct request *request,
                              struct buffer *out, const char **media_type, const char **words);
/*
 * The services of a subsystem and their endpoints. client: only what decide() allows it now, for one of its
 * grants' purposes; NULL: all. UNKNOWN_MEMBER when there is no such subsystem.
 */
enum refusal metadata_methods(const struct registry *registry, struct bytes subsystem, const char *client,
                              uint64_t now, struct buffer *out);
/* serviceCode of getOpenAPI's query; out has room for IDENTIFIER_MOST + 1. False: missing, twice, or no code.
 */
bool metadata_service_code(struct bytes query, char *out);

#endif
