#ifndef WASL_BROKER_EXCHANGES_H
#define WASL_BROKER_EXCHANGES_H
/* The exchanges that are open: admitted requests without an end. By id, by deadline, and by the peer that has
 * to answer. One thread. */
#include "broker/mailbox.h"

struct peer;

struct exchange {
    uint8_t id[16];
    uint8_t leaf[HASH_SIZE]; /* of the request */
    char *provider_id;       /* subsystem */
    struct peer *consumer;   /* whoever asked last */
    struct peer *provider;
    struct buffer entry;       /* of the request: rides along with the response, which brings its proof */
    struct delivery *delivery; /* kept for a provider that comes back */
    struct posting *posting;   /* in the provider's mailbox; NULL once it is sent */
    uint64_t room;             /* bytes counted for it at consumer and provider */
    uint64_t deadline;         /* wall clock */
    bool under_way;            /* posted to the provider: counts in the consumer's share of it */
    bool waits;                /* for the share to have room */
    struct exchange *behind;   /* of the same share, waiting */
    bool ending;               /* its end is with the writer */
    struct exchange *before, *after; /* of the same provider */
    size_t place;                    /* in the heap */
};
struct exchanges;

struct exchanges *exchanges_new(void);
void exchanges_free(struct exchanges *exchanges); /* and what is in it; NULL is harmless */
struct exchange *exchanges_find(const struct exchanges *exchanges, const uint8_t id[16]);
/* Takes over what the exchange holds; its provider is set. The id is new. */
void exchanges_add(struct exchanges *exchanges, struct exchange *exchange);
/* Removes and frees. A posting must have been withdrawn before. */
void exchanges_remove(struct exchanges *exchanges, struct exchange *exchange);
/* From one provider's list to another's. */
void exchanges_move(struct exchanges *exchanges, struct exchange *exchange, struct peer *provider);
size_t exchanges_count(const struct exchanges *exchanges);
/* The one with the earliest deadline that is not ending; NULL. */
struct exchange *exchanges_first(const struct exchanges *exchanges);
/* Its end has been asked for: it no longer counts for exchanges_first. */
void exchanges_mark_ending(struct exchanges *exchanges, struct exchange *exchange);

#endif
