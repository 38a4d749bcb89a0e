#ifndef WASL_TESTS_UNIT_CORE_HAND_BUS_H
#define WASL_TESTS_UNIT_CORE_HAND_BUS_H
/*
 * A bus made by hand, on a real ROUTER socket with CURVE, in the loop of the test: it keeps a real tree and
 * signs real checkpoints, judges nothing, and does what an honest bus does with each verb, unless a test
 * tells it otherwise.
 */
#include "country.h"

#include "base/loop.h"
#include "core/parcel.h"
#include "wire/entry.h"

struct zap;
struct tree;

/* A message that was SUBMITted, whole. */
struct hand_message {
    int member;
    struct header header;
    uint8_t leaf[HASH_SIZE];
    struct buffer context, body, signature, chunk; /* one chunk: larger ones are refused by the hand */
    struct buffer slots[4];
    size_t slot_count;
    uint64_t index; /* of its entry; UINT64_MAX: none yet */
};
#define HAND_MESSAGES 256
#define HAND_ENTRIES  250

struct hand_bus {
    struct loop *loop;
    void *context, *socket;
    struct zap *zap;
    struct loop_source *source;
    char endpoint[256];
    struct tree *tree;
    struct buffer entries[HAND_ENTRIES];
    uint8_t leaves[HAND_ENTRIES][HASH_SIZE];
    uint64_t time;
    struct hand_peer {
        uint8_t routing_id[256];
        size_t routing_id_len;
        bool here;
        uint32_t credit; /* messages that it lets us send */
        uint64_t seen;   /* size of the checkpoint it said hello with */
    } peers[MEMBERS];
    const struct buffer *registry; /* in force: the country's, unless a test sets another */
    const struct buffer *crl;

    struct hand_message messages[HAND_MESSAGES];
    size_t message_count;

    /* what a test may change */
    const struct note_signer *signer; /* of checkpoints */
    bool hold_requests;               /* admitted, but not delivered */
    bool hold_responses;              /* admitted, but neither receipt nor delivery */
    bool hold_keys;                   /* SUBJECT_KEYs get no receipt */
    bool no_proofs;                   /* PROVE is answered with no hashes */
    struct buffer object;             /* one more that FETCH gives by its hash */
    bool lies;                        /* ... or by any that there is not */
    bool hold_objects;                /* FETCH by hash gets no answer */
    bool hold_chains;                 /* the chains of members are not given until hand_bus_give_chain */
    /* what it counted */
    unsigned hellos, proves, byes, fetches, pongs;
    unsigned last_bye[MEMBERS];
    uint8_t held_chain[HASH_SIZE]; /* the last of them */
};

void hand_bus_open(struct hand_bus *bus, struct loop *loop, void *zmq_context);
void hand_bus_close(struct hand_bus *bus);

/* Appends an entry that holds the message; type ADMITTED, REFUSED, ... Returns its index. */
uint64_t hand_bus_record(struct hand_bus *bus, unsigned type, struct bytes context, struct bytes body,
                         struct bytes signature, enum refusal reason);
/* Receipt of an entry under a checkpoint of the whole tree, by `signer`. Appends. */
void hand_bus_receipt(struct hand_bus *bus, uint64_t index, const struct note_signer *signer,
                      struct buffer *proof);
void hand_bus_checkpoint(struct hand_bus *bus, struct buffer *note);

/* What DELIVER would carry; a test may change any part before it is sent. */
struct hand_delivery {
    struct buffer entry, proof, request_entry, request_proof, slot, chunk;
    uint8_t slot_hashes[4][HASH_SIZE];
    size_t slot_count;
};
void hand_delivery_make(struct hand_bus *bus, const struct hand_message *message, struct hand_delivery *out);
void hand_delivery_send(struct hand_bus *bus, int member, const struct hand_delivery *delivery);
void hand_delivery_free(struct hand_delivery *delivery);
/* The message of a parcel, as if `member` had submitted it. */
struct hand_message *hand_bus_take_parcel(struct hand_bus *bus, int member, const struct parcel *parcel);
/* Entry, receipt and what follows, as an honest bus does it. */
void hand_bus_admit(struct hand_bus *bus, struct hand_message *message);
/* Newest message of that kind that a member submitted; NULL: none. nth from the newest, 0 on. */
struct hand_message *hand_bus_find(struct hand_bus *bus, int member, enum message_kind kind);
unsigned hand_bus_count(const struct hand_bus *bus, int member, enum message_kind kind);
/* The ledger from now on is another one of the same length: a split view. */
void hand_bus_fork(struct hand_bus *bus);
/* REFUSED with an entry. */
void hand_bus_refuse(struct hand_bus *bus, struct hand_message *message, enum refusal reason);
/* The last one that hold_chains has held back, to `member`. */
void hand_bus_give_chain(struct hand_bus *bus, int member);
void hand_bus_notice(struct hand_bus *bus, int member);
void hand_bus_ping(struct hand_bus *bus, int member);
/* Forgets the sessions and says BYE. */
void hand_bus_bye(struct hand_bus *bus, enum refusal reason);

#endif
