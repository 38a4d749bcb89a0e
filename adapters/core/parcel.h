#ifndef WASL_ADAPTERS_CORE_PARCEL_H
#define WASL_ADAPTERS_CORE_PARCEL_H
/*
 * A message of ours, sealed and signed once: the bytes that are SUBMITted, sent again after a reconnect, and
 * kept where the answer to a non-safe operation must survive a restart. Nothing in it is ever made a second
 * time.
 */
#include "base/bytes.h"
#include "crypto/seal.h"
#include "crypto/signature.h"
#include "wire/header.h"

struct error;

struct parcel {
    unsigned references;
    enum message_kind kind;
    uint8_t exchange_id[16];
    uint8_t leaf[HASH_SIZE];
    uint64_t created, expires;
    struct buffer context, body, signature;
    struct buffer *slots, *chunks; /* none where the kind has no body */
    size_t slot_count, chunk_count;
};

/*
 * Encodes the context, seals head and content to the receivers under it (by label, under the contexts that
 * are kept; NULL: afresh), completes the header's body fields and signs. receivers of count 0: a kind without
 * body (head and content are ignored). NULL with e set.
 */
struct parcel *parcel_make(struct signer *signer, struct seal_contexts *contexts, struct header *header,
                           struct bytes head, struct bytes content, bool pad,
                           const struct seal_receiver *receivers, size_t receiver_count, struct error *e);
struct parcel *parcel_ref(struct parcel *parcel);
void parcel_free(struct parcel *parcel); /* drops one reference; NULL is harmless */
size_t parcel_size(const struct parcel *parcel);

/* For keeping: u32-counted parts in order context, body, signature, slots, chunks. Appends. */
void parcel_encode(const struct parcel *parcel, struct buffer *out);
struct parcel *parcel_decode(struct bytes data); /* NULL when it is not exactly what parcel_encode writes */

/* The SUBMIT message (protobuf frame); chunk 0 goes with it as payload. Appends. */
void parcel_submit(const struct parcel *parcel, struct buffer *out);
/* Payload of chunk i; empty when there is none. */
struct bytes parcel_chunk(const struct parcel *parcel, size_t i);

#endif
