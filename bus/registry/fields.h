#ifndef WASL_REGISTRY_FIELDS_H
#define WASL_REGISTRY_FIELDS_H
/* Reducing a JSON body to what a grant permits (RFC 6901 pointers; "*" matches every array element). */
#include "registry/registry.h"

struct error;
/*
 * Keeps of `body` (JSON, UTF-8) only the values that a pointer of the grant names, with the objects and
 * arrays on the way to them, and appends that as compact JSON to out. Values are copied as they were written,
 * numbers included. Refused: what is not a JSON object or array, duplicate keys, numbers that jansson cannot
 * hold (integers beyond 63 bits), nesting over 64. An empty body and a whole grant are passed on unchanged.
 * 0, or -1 with e set (without any data in its text; out unchanged).
 */
int fields_reduce(const struct registry_grant *grant, struct bytes body, struct buffer *out, struct error *e);
/* RFC 6901, at least one token, none of them empty, at most 16 of them and 512 bytes. */
bool fields_pointer_valid(const char *pointer);

#endif
