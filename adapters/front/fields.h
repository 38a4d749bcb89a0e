#ifndef WASL_FRONT_FIELDS_H
#define WASL_FRONT_FIELDS_H
/* What the front knows about single HTTP header fields. Names are compared without case. */
#include "core/http.h"

/* Fields of one connection or one server: they pass in neither direction. */
bool field_filtered(const char *name);
/* Fields of a request that the front makes itself or that must not reach the other side. */
bool field_stripped_from_request(const char *name);
/* Fields of a response that only the front may set. */
bool field_stripped_from_response(const char *name);
/* Fields that steer the exchange: two of them have two meanings, so a second one is refused. */
bool field_single(const char *name);
/* A value without control bytes (tab aside), at most `most` bytes. */
bool field_value_plain(const char *value, size_t most);
/* The first entry of Accept that matches decides; quality values are ignored, as X-Road does. NULL: JSON. */
bool field_accept_wants_xml(const char *accept);

#endif
