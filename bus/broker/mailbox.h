#ifndef WASL_BROKER_MAILBOX_H
#define WASL_BROKER_MAILBOX_H
/*
 * What waits to be delivered to one peer, in order, bounded in count and bytes. It outlives the peer's
 * sessions: what one session did not get whole, the next one gets from the start.
 */
#include "broker/credit.h"
#include "broker/delivery.h"

#include <stdbool.h>

/* One delivery in one mailbox. `holder`, where not NULL, is set to NULL when the posting ends. */
struct posting;
struct mailbox {
    struct posting *first, *last;
    uint64_t count, bytes;
    uint64_t most, most_bytes;
};

/* Takes its own reference. NULL when the mailbox is full. */
struct posting *mailbox_post(struct mailbox *mailbox, struct delivery *delivery, struct posting **holder);
void mailbox_withdraw(struct mailbox *mailbox, struct posting *posting);
void mailbox_clear(struct mailbox *mailbox);
/* A new session: what was begun begins again. */
void mailbox_restart(struct mailbox *mailbox);
/* Ends what has expired. */
void mailbox_expire(struct mailbox *mailbox, uint64_t now);

/* Sends one message; false: not now (nothing was sent). */
typedef bool (*mailbox_send)(void *arg, unsigned verb, struct bytes message, struct bytes payload);
/* Sends DELIVERs and CHUNKs as far as the peer's credit and the socket go. */
void mailbox_pump(struct mailbox *mailbox, struct credit *credit, mailbox_send send, void *arg);

#endif
