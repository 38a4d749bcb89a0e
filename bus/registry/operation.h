#ifndef WASL_REGISTRY_OPERATION_H
#define WASL_REGISTRY_OPERATION_H
/* What a sealed method and path are: which operation of a service, and whether a grant's endpoint rights
 * permit them. Judged on exactly the bytes that are forwarded. */
#include "registry/registry.h"

struct operation_parameter {
    const char *name; /* owned by the registry's template */
    size_t name_len;
    enum subject_type type; /* SUBJECT_NONE: free text */
    char value[128];        /* percent-decoded; a typed one in canonical form */
};
struct operation_match {
    const struct registry_operation *operation;
    struct operation_parameter parameters[8];
    size_t parameter_count;
};
/*
 * Finds the operation of method and path. Ambiguous encodings are refused, never guessed: encoded slash, dot
 * or percent, "//", "." and ".." segments, control bytes, invalid UTF-8, more than 8 KiB. REFUSAL_NONE,
 * AMBIGUOUS_TARGET, UNKNOWN_OPERATION, METHOD_NOT_SERVED, BAD_PARAMETER, or the refusal of subject_check for
 * a typed parameter.
 */
enum refusal operation_match(const struct registry_service *service, struct bytes method, struct bytes path,
                             struct operation_match *out);
/*
 * The grant's endpoint rights, on the same bytes: some right names the method (or '*') and a glob that the
 * path fits; a grant without endpoints permits every path of its operations. by (may be NULL): the right that
 * permits, NULL when there is none to name. REFUSAL_NONE, ENDPOINT_NOT_PERMITTED, or AMBIGUOUS_TARGET for a
 * path that operation_match would refuse as ambiguous.
 */
enum refusal operation_permitted(const struct registry_grant *grant, struct bytes method, struct bytes path,
                                 const struct registry_endpoint **by);

#endif
