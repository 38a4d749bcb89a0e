#ifndef WASL_REGISTRY_FIELDS_H
#define WASL_REGISTRY_FIELDS_H
/* Reducing a JSON body to what a grant permits (RFC 6901 pointers; "*" matches every array element). */
#include "registry/registry.h"

struct error;
/*
 * Keeps of `body` (JSON, UTF-8) only the values that a pointer of the grant names, with the objects and arrays on the
 * way to them. Numbers must not be rewritten on the way: what jansson would change is refused, as are duplicate
 * keys. Appends compact JSON to out. 0, or -1 with e set (without any data in its text).
 */
int fields_reduce(const struct registry_grant *grant, struct bytes body, struct buffer *out, struct error *e);
bool fields_pointer_valid(const char *pointer);

#endif
