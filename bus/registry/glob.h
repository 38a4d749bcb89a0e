#ifndef WASL_REGISTRY_GLOB_H
#define WASL_REGISTRY_GLOB_H
/*
 * Globs over paths, as X-Road's endpoint rights write them: '*' stands for any bytes but '/', perhaps none;
 * '**' for any bytes at all; "\*" for a star. Everything else stands for itself, byte for byte: a glob is
 * compared with the very bytes that are forwarded, so that another spelling of them (percent-encoding) does
 * not fit. Literals are unreserved bytes and !$&'()+,=:@ (RFC 3986).
 *
 * Matching runs the glob's states over the text once: length of the glob times length of the text at the
 * worst, whatever both hold. There is no backtracking.
 */
#include "base/bytes.h"

#define GLOB_MOST 512

/* NULL when a whole path may be compared with it ("/v1/persons/" and so on), else what is wrong, in static
 * words. */
const char *glob_path_fault(struct bytes glob);
/* The same for one segment of a path: no '/', no '**'. */
const char *glob_segment_fault(struct bytes glob);

/* Both take globs without faults, of at most GLOB_MOST bytes. */
bool glob_match(struct bytes glob, struct bytes text);
/* Whether some text fits both. */
bool glob_overlap(struct bytes a, struct bytes b);

#endif
