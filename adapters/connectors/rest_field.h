#ifndef WASL_CONNECTORS_REST_FIELD_H
#define WASL_CONNECTORS_REST_FIELD_H
/* Header fields on their way to and from a ministry's system. Names are compared without case, and a low line
 * is a hyphen. */
#include "core/http.h"

/* Fields of one connection, or that steer it: they go no further, in neither direction (nor do those that a
 * Connection field lists: http_nominated). */
bool rest_field_of_connection(const char *name);
/* What only the adapter may say to the system: a consumer that sends it would speak in the bus's name. */
bool rest_field_of_bus(const char *name);
/* Purpose and person, under Wasl's names and UXP's: what was judged is said in their place. */
bool rest_field_of_purpose(const char *name);
bool rest_field_of_subject(const char *name);
/* Fields by which many frameworks would take a request for another method or path than the one that was
 * judged.
 */
bool rest_field_overrides(const char *name);

#endif
