#ifndef WASL_AUDIT_FINDINGS_H
#define WASL_AUDIT_FINDINGS_H
/* What is wrong with a ledger: printed as it is found, counted, and no longer printed past a bound. What is
 * found before its turn is kept back and said later. */
#include "base/bytes.h"

#define FINDINGS_SHOWN 100

struct progress;

/* Findings whose turn has not come. Zero-initialised is empty. */
struct kept_findings {
    struct buffer lines; /* each with a zero behind it */
};

struct findings {
    uint64_t count;
    struct progress *progress;  /* cleared before a finding is printed; NULL */
    struct kept_findings *kept; /* not NULL: not printed but kept there */
};
void finding(struct findings *findings, const char *format, ...) __attribute__((format(printf, 2, 3)));

void finding_keep(struct kept_findings *kept, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Finds them now; none are left. */
void findings_take(struct findings *findings, struct kept_findings *kept);
void kept_findings_free(struct kept_findings *kept);

#endif
