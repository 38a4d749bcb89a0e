#ifndef WASL_BROKER_DESCRIPTIONS_H
#define WASL_BROKER_DESCRIPTIONS_H
/*
 * The services' descriptions (OpenAPI documents): from the folder that the configuration names into the trust
 * store, where FETCH finds them. A file is taken by its SHA-256 alone: what no service of the registry names
 * is not taken, whatever it is called, and what the registry names and nobody has is an alarm.
 */
#include "registry/registry.h"

struct error;
struct truststore;

/* folder: NULL when there is none. 0, also where descriptions are missing; -1 when the trust store fails. */
int descriptions_store(const char *folder, const struct registry *registry, struct truststore *store,
                       struct error *e);

#endif
