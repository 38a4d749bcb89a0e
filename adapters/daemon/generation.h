#ifndef WASL_DAEMON_GENERATION_H
#define WASL_DAEMON_GENERATION_H
/*
 * One reading of the configuration with all that is made of it: keys and connectors. Built whole or not at
 * all, then immutable: a reload builds the next one beside it, and the old one goes when its last call has
 * come back.
 */
#include "core/core.h"
#include "daemon/config.h"
#include "daemon/identity.h"

struct generation {
    struct config *config;
    struct identity *identity;
    struct connector **connectors; /* NULL until generation_open */
    size_t connector_count;
    struct core_service *services; /* config's, with their connectors */
};

/* Reads and judges configuration and keys. NULL with at least one fault. */
struct generation *generation_load(const char *path, struct faults *faults);
/* Makes the connectors. 0, or -1 with e set; then free it. */
int generation_open(struct generation *generation, struct error *e);
/* Ends the connectors: waits until they have finished every call. What the core was given lives on until
 * generation_free. */
void generation_close(struct generation *generation);
void generation_free(struct generation *generation); /* closes it first; NULL is harmless */
/* What the core is told of it, but for what only the daemon knows. */
void generation_core_options(const struct generation *generation, struct core_options *out);

#endif
