#ifndef WASL_BROKER_CHANGE_H
#define WASL_BROKER_CHANGE_H
/*
 * What a new registry or CRL does to what is under way. The keeper makes the job, with everything that takes
 * its time done; the writer records it; here it takes effect. From then on:
 *   - a link key that no longer names its member, or names a suspended one, has no session (BYE says why);
 *   - nor has one whose chain no longer leads to its member's anchor (BYE certificate_untrusted);
 *   - nothing is delivered to a session whose certificate is revoked;
 *   - open exchanges of either are ended, INTERRUPTED with that reason;
 *   - what is still inside is judged by the new one (writer).
 */
#include "broker/chains.h"
#include "broker/io.h"

/* Any thread but a loop's: judges every chain presented so far. */
struct job *change_new(struct snapshot *snapshot, struct chains *chains, uint64_t now);
/* I/O thread: the writer has recorded it. */
void change_apply(struct io *io, const struct job *job);

#endif
