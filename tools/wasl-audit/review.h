#ifndef WASL_AUDIT_REVIEW_H
#define WASL_AUDIT_REVIEW_H
/*
 * Reviews what the bus has admitted, with what was in force then and never with today's: the registry
 * that each entry names, the certificate chains and revocation lists that had taken effect by entries before
 * it. The registries are believed by the authority's signature.
 */
#include "certificates.h"
#include "findings.h"
#include "registry/registry.h"

struct review;
struct review *review_new(struct reader *reader, const struct registry_authority *authority);
void review_free(struct review *review); /* NULL is harmless */
/* Each entry in order: takes up the registry that it names and the revocation list that takes effect. What is
 * found wrong with them is kept. 0, -1 reading failed. */
int review_note(struct review *review, const struct record *record, struct kept_findings *findings,
                struct error *e);

/* What was in force at one place of the ledger. Immutable; any thread may ask. */
struct moment;
/* After the entries noted so far; takes a reference. */
struct moment *review_moment(struct review *review);
void moment_free(struct moment *moment); /* drops one reference; NULL is harmless */
/* A message that was admitted, came late, or escrowed a key: was its certificate trusted, and had its request
 * a grant? False with words. True where the registry could not be read, which review_note has reported. */
bool moment_allows(const struct moment *moment, const struct record *record,
                   const struct certificate *certificate, char words[256]);

#endif
