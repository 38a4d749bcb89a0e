#ifndef WASL_REGISTRY_SUBJECT_H
#define WASL_REGISTRY_SUBJECT_H
/* Typed identifiers of persons and bodies (shared formats of the country): never a bare number. */
#include "base/bytes.h"
#include "base/refusal.h"

enum subject_type {
    SUBJECT_NONE = 0,
    SUBJECT_IUC,    /* citizen identifier, 11 digits */
    SUBJECT_CIN,    /* identity card, 8 digits */
    SUBJECT_SOCIAL, /* social identifier, 10 digits */
    SUBJECT_TAX, /* 7 digits, letter (not I O U), one of A P B D N, one of M P C N E, 3 digits (000 unless E)
                  */
};

const char *subject_type_name(enum subject_type type); /* "IUC", "CIN", "SOCIAL", "TAX" */
enum subject_type subject_type_by_name(struct bytes name);

/* Checks a value and writes its canonical ASCII form (TAX: upper case, no separators) into out (room for 32).
 * Returns REFUSAL_NONE, or SUBJECT_DIGITS (not ASCII digits, Arabic-Indic ones included), SUBJECT_LENGTH,
 * BAD_PARAMETER. */
enum refusal subject_check(enum subject_type type, struct bytes value, char *out);
/* "IUC:01234567890" into both. SUBJECT_TYPE when the type is unknown. */
enum refusal subject_parse(struct bytes text, enum subject_type *type, char *out);

#endif
