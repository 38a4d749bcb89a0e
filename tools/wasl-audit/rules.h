#ifndef WASL_AUDIT_RULES_H
#define WASL_AUDIT_RULES_H
/* What must hold between entries: time rises, each exchange ends exactly once or is still within its time, an
 * end fits its request (proto/README.md, section 6). */
#include "findings.h"
#include "record.h"

struct rules;
struct rules_counts {
    uint64_t exchanges, answered, refused, ended, open; /* ended: timed out or interrupted */
};
struct rules *rules_new(struct findings *findings);
void rules_free(struct rules *rules); /* NULL is harmless */
void rules_entry(struct rules *rules, const struct record *record);
/* After the last entry. */
void rules_end(struct rules *rules, struct rules_counts *counts);
/* Must the signature of this entry be good? Some entries of refusals are there because it is not. */
bool rules_signature_needed(const struct record *record);

#endif
