#ifndef WASL_BROKER_RELAY_H
#define WASL_BROKER_RELAY_H
/*
 * An exchange between the entry of its request and its end: its room, its turn among those of its provider,
 * its DELIVER in the mailbox, and whose session answers it. I/O thread; everything that is sent is on disk.
 */
#include "broker/io.h"

/* A request that has just been admitted. The exchange takes room, receipt and chunks out of the message. */
void relay_open(struct io *io, struct message *m);
/* The same request again while it is open: the answer goes to where it was asked last. */
void relay_ask_again(struct io *io, struct peer *peer, const struct message *m);
/* A new session of the member answers what its link keys without one have open, and has been sent before. */
void relay_to_session(struct io *io, struct peer *peer);
/* Its terminal entry is on disk: room goes back, another of the same consumer may take its turn. Frees it. */
void relay_end(struct io *io, struct exchange *x);

#endif
