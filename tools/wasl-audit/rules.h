#ifndef WASL_AUDIT_RULES_H
#define WASL_AUDIT_RULES_H
/* What must hold between entries: time rises, each exchange ends exactly once or is still within its time, an
 * end fits its request (proto/README.md, section 6). */
#include "exchanges.h"
#include "findings.h"
#include "record.h"

/* How long after an exchange's expiry its end may still be missing: the bus writes time-outs by a timer, in
 * batches. */
#define RULES_END_GRACE (30 * MICROSECONDS)

struct rules;
struct rules_counts {
    uint64_t exchanges, answered, refused, ended, open; /* ended: timed out or interrupted */
};
struct rules *rules_new(struct findings *findings);
void rules_free(struct rules *rules); /* NULL is harmless */
void rules_entry(struct rules *rules, const struct record *record);
/* What has been seen of an exchange; NULL. Valid until the next entry. */
const struct exchange *rules_exchange(const struct rules *rules, const uint8_t id[16]);
/* After the last entry. */
void rules_end(struct rules *rules, struct rules_counts *counts);
/* Must the signature of this entry be good? Some entries of refusals are there because it is not. */
bool rules_signature_needed(const struct record *record);

#endif
