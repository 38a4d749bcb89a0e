#ifndef WASL_REGISTRY_TEMPLATE_H
#define WASL_REGISTRY_TEMPLATE_H
/*
 * Path templates of operations: "/" alone, or segments that are each a literal or one whole parameter.
 *   /persons/{iuc:IUC}/guardians/{name}
 * A literal is made of RFC 3986 unreserved bytes only (letters, digits, '-', '.', '_', '~'), so that no
 * percent-encoding of a request's path can stand for it. A parameter's name is a lower-case letter, then
 * lower-case letters, digits and '_'.
 */
#include "registry/subject.h"

#define TEMPLATE_PARAMETERS_MOST 8
#define TEMPLATE_MOST            512

struct template_segment {
    struct bytes literal;   /* len 0: a parameter */
    struct bytes parameter; /* its name */
    enum subject_type type; /* SUBJECT_NONE: free text */
};
/* Takes the next segment of a template whose form has been checked; *at begins at 0. False at the end. */
bool template_next(const char *template, size_t *at, struct template_segment *out);
/* NULL when the form is right, else what is wrong, in static words. */
const char *template_fault(const char *template);
/* Whether some path fits both. A literal and a typed parameter overlap only where the literal is a value of
 * the type. */
bool template_overlap(const char *a, const char *b);
/* Whether a parameter of that type stands in it. */
bool template_has_type(const char *template, enum subject_type type);

#endif
