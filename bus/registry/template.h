#ifndef WASL_REGISTRY_TEMPLATE_H
#define WASL_REGISTRY_TEMPLATE_H
/*
 * Path templates of operations: "/" alone, or segments that are each a literal, one whole parameter, or a
 * glob.
 *   /persons/{iuc:IUC}/guardians/{name}      /requests.*
 * A literal is made of RFC 3986 unreserved bytes only (letters, digits, '-', '.', '_', '~'), so that no
 * percent-encoding of a request's path can stand for it. A parameter's name is a lower-case letter, then
 * lower-case letters, digits and '_'. Any other segment is a glob within itself (glob.h). '**' is a whole
 * segment and the last one: anything that may follow the '/' before it, also nothing.
 */
#include "registry/subject.h"

#define TEMPLATE_PARAMETERS_MOST 8
#define TEMPLATE_MOST            512

struct template_segment {
    enum template_kind { TEMPLATE_LITERAL = 1, TEMPLATE_PARAMETER, TEMPLATE_GLOB, TEMPLATE_REST } kind;
    struct bytes text;      /* literal or glob as it is; a parameter's name */
    enum subject_type type; /* of a parameter; SUBJECT_NONE: free text */
};
/* Takes the next segment of a template whose form has been checked; *at begins at 0. False at the end. */
bool template_next(const char *template, size_t *at, struct template_segment *out);
/* NULL when the form is right, else what is wrong, in static words. */
const char *template_fault(const char *template);
/* Whether some path fits both. A literal and a typed parameter overlap only where the literal is a value of
 * the type; a glob and a typed parameter unless its literals cannot stand in one. */
bool template_overlap(const char *a, const char *b);
/* Whether a parameter of that type stands in it. */
bool template_has_type(const char *template, enum subject_type type);
/* A glob that every path of the template fits. Appends. */
void template_to_glob(const char *template, struct buffer *out);

#endif
