#ifndef WASL_BROKER_CRLS_H
#define WASL_BROKER_CRLS_H
/*
 * Which revocation lists count: those of the configured folder and files, those in force before, and at the
 * start those that the last process had accepted. A list's number never goes back, also not across a restart:
 * STATE/crls.accepted names the lists that are proven (signed by an anchor or by a CA of a chain that leads
 * to one), the trust store holds them. One line for each:
 *
 *     <SHA-256 of the DER> <SHA-256 of the issuer's name and key id> <number> <issuer's name, for people>
 *
 * A list that is not proven yet serves (judgements check its signature), but displaces no proven one and is
 * not remembered: a forged one is gone as soon as its file is, while the bus runs and at a start alike.
 */
#include "broker/chains.h"
#include "broker/config.h"

struct error;
struct truststore;

/* Adds every list to a trust set that is being gathered. previous: the set in force; NULL at the start. What
 * cannot be used is a line in *problems and left out; -1 with e set only when there is no way on at all. */
int crls_gather(const struct config *config, struct truststore *store, const struct trust *previous,
                struct trust *trust, struct buffer *problems, struct error *e);
/* Remembers what is proven by now. chains may be NULL. 0 all is, 1 some lists are not, -1 with e set. */
int crls_accept(const struct config *config, const struct trust *trust, struct chains *chains,
                struct error *e);

#endif
