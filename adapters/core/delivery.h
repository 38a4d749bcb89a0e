#ifndef WASL_ADAPTERS_CORE_DELIVERY_H
#define WASL_ADAPTERS_CORE_DELIVERY_H
/*
 * A message that the bus DELIVERs, gathered chunk by chunk. Its form is checked here (entry, header, chunk
 * sizes), and that the sealed bytes are the ones the header signs; who signed it and whether there is a
 * receipt is for those who are handed it.
 */
#include "base/bytes.h"
#include "crypto/keys.h"
#include "wire/entry.h"
#include "wire/header.h"

/* Bytes of sealed body that an adapter takes in one message. Larger bodies are refused before they are sent.
 */
#define DELIVERY_MOST ((uint64_t)32 << 20)

struct seal_contexts;

struct delivery {
    struct buffer entry_bytes, proof;
    struct buffer slot;
    struct buffer request_entry, request_proof; /* empty but for a response */
    uint8_t (*slot_hashes)[HASH_SIZE];
    size_t slot_count;
    struct buffer *chunks;
    size_t chunk_count, chunks_here;

    struct entry entry; /* views into hold */
    struct entry_hold hold;
    struct header header;
    uint8_t leaf[HASH_SIZE];

    uint64_t begun;  /* monotonic: when its first chunk came */
    uint64_t credit; /* bytes of credit that it used, to be given back when it is done with */
    /* of waiting.c */
    unsigned waited; /* how often: that is bounded */
    unsigned waits_for;
    uint8_t awaited[HASH_SIZE];
    struct delivery *next;
};

/* A DELIVER message with chunk 0. NULL when it has not the form that the protocol prescribes. */
struct delivery *delivery_open(struct bytes message, struct bytes chunk, uint64_t monotonic);
void delivery_free(struct delivery *delivery); /* NULL is harmless */
/* The next chunk, in rising order. False when it does not fit. */
bool delivery_add(struct delivery *delivery, uint32_t index, struct bytes chunk);
bool delivery_whole(const struct delivery *delivery);
/* Do slots and chunks carry the hashes that the header signs, and is our slot among them? */
bool delivery_seal_good(const struct delivery *delivery);
/* Opens a message whose signature is good with one of our sealing keys: head and content are views into
 * plaintext. What its sender's next slot can use is kept in contexts (NULL: nothing). False with `why` for
 * the log. */
bool delivery_unseal(const struct delivery *delivery, struct seal_contexts *contexts,
                     const struct sealing_key *keys, size_t key_count, struct buffer *plaintext,
                     struct bytes *head, struct bytes *content, const char **why);

#endif
