#ifndef WASL_FRONT_FIELDS_H
#define WASL_FRONT_FIELDS_H
/* What the front knows about single HTTP header fields, beside what it shares with the connectors
 * (core/http.h). Names are compared without case. */
#include "core/http.h"

/* Fields of a request that the front makes itself or that must not reach the other side; `_` counts as `-`.
 */
bool field_stripped_from_request(const char *name);
/* Fields that steer the exchange: two of them have two meanings, so a second one is refused. */
bool field_single(const char *name);
/* A value without control bytes (tab aside), at most `most` bytes. */
bool field_value_plain(const char *value, size_t most);
/* One media type, TYPE/SUBTYPE and parameters, none of them twice: what every reader takes for the same
 * thing. */
bool field_media_type_plain(const char *value);
/*
 * The content type of the XML that the client asks for, or NULL: JSON. The first entry of all Accept fields
 * that is one of ours decides; quality values are ignored, as X-Road does.
 */
const char *fields_accepted_xml(const struct http_headers *headers);
/* Does an Accept field name this media type? given: is there any Accept field at all? */
bool fields_accept(const struct http_headers *headers, const char *media_type, bool *given);

#endif
