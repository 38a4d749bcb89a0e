#ifndef WASL_AUDIT_REVIEW_H
#define WASL_AUDIT_REVIEW_H
/*
 * What was in force at each place of the ledger, and never today's: the registry that each entry names, and
 * the revocation lists that had taken effect by entries before it. The registries are believed by the
 * authority's signature. What is said by it of an entry: moment.h.
 */
#include "findings.h"
#include "moment.h"

struct review;
struct review *review_new(struct reader *reader, const struct registry_authority *authority);
void review_free(struct review *review); /* NULL is harmless */
/* Each entry in order: takes up the registry that it names and the revocation list that takes effect. What is
 * found wrong with them is kept; what is missing is said by the moment, and named by whoever checks objects.
 * 0, -1 reading failed. */
int review_note(struct review *review, const struct record *record, struct kept_findings *findings,
                struct error *e);
/* After the entries noted so far; takes a reference. */
struct moment *review_moment(struct review *review);

#endif
