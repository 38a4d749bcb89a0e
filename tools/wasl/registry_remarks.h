#ifndef WASL_TOOL_REGISTRY_REMARKS_H
#define WASL_TOOL_REGISTRY_REMARKS_H
/* What is not a fault of a registry but what its authority should know today: dates that have passed or soon
 * will, keys that are missing now. A fault is a fault for ever; these depend on the clock. */
#include "registry/registry.h"

#include <stdio.h>

void registry_remarks(const struct registry *r, uint64_t now, FILE *out);

#endif
