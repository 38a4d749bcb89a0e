#ifndef WASL_REGISTRY_SUSPEND_H
#define WASL_REGISTRY_SUSPEND_H
/* The one change that cannot wait for a review: a member suspended, or reinstated, in the document that
 * people have reviewed. Everything else stays byte for byte. Pure. */
#include "base/bytes.h"

#include <stdbool.h>

struct error;

/*
 * Appends to out the document with `version` raised by one and that member's `suspended` set, or taken back
 * (the line that this function wrote is removed again). What comes of it is read again and compared: a
 * document of a form that cannot be edited so is refused, not guessed at. *version: the new one. -1 with e
 * set: ERROR_NOT_FOUND no such member, ERROR_USAGE it is so already, ERROR_CONFIG anything else.
 */
int registry_suspend(struct bytes document, const char *member, bool suspended, struct buffer *out,
                     uint64_t *version, struct error *e);

#endif
