#ifndef WASL_BROKER_REPLIES_H
#define WASL_BROKER_REPLIES_H
/* A result as the frames that its peer gets: REFUSED, RECEIPT, DELIVER, WELCOME, PROOF, OBJECT. Who gets
 * which is decided by dispatch. I/O thread. */
#include "broker/io.h"

/* exchange_id: NULL where the header could not be read. entry and proof are empty where nothing was written.
 */
void replies_refused(struct peers *peers, struct peer *peer, const uint8_t *exchange_id,
                     const uint8_t leaf[HASH_SIZE], enum refusal reason, const struct buffer *entry,
                     const struct buffer *proof);
void replies_receipt(struct peers *peers, struct peer *peer, const struct message *m);
/* A DELIVER for a mailbox; takes the chunks out of the message. request: the exchange that a response
 * answers, NULL for a request. One reference, the caller's. */
struct delivery *replies_deliver(struct message *m, const struct exchange *request);
void replies_welcome(struct io *io, struct peer *peer, const struct hello *h);
void replies_proof(struct peers *peers, struct peer *peer, const struct prove *p);
void replies_object(struct peers *peers, struct peer *peer, const struct fetch *f);

#endif
