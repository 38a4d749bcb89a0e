#ifndef WASL_REGISTRY_OPERATION_H
#define WASL_REGISTRY_OPERATION_H
/* Matching a sealed method and path to an operation: judged on exactly the bytes that are forwarded. */
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
 * or percent, "//", "." and ".." segments, control bytes, invalid UTF-8. REFUSAL_NONE, UNKNOWN_OPERATION,
 * METHOD_NOT_SERVED, BAD_PARAMETER, or the refusal of subject_check for a typed parameter.
 */
enum refusal operation_match(const struct registry_service *service, struct bytes method, struct bytes path,
                             struct operation_match *out);

#endif
