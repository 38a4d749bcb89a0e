#ifndef WASL_BROKER_ENDING_H
#define WASL_BROKER_ENDING_H
/* The ends of exchanges that the bus itself brings about. I/O thread. */
#include "broker/io.h"

/* Why nothing may be exchanged with a peer now; REFUSAL_NONE, UNKNOWN_MEMBER, MEMBER_SUSPENDED,
 * CERTIFICATE_REVOKED. */
enum refusal ending_due(const struct io *io, const struct peer *peer);
/* Asks the writer to end one, as TIMED_OUT or INTERRUPTED: it is delivered no more. Not twice. */
void ending_begin(struct io *io, struct exchange *exchange, unsigned type, enum refusal reason);

#endif
