#ifndef WASL_ADAPTERS_CORE_SESSION_H
#define WASL_ADAPTERS_CORE_SESSION_H
/*
 * The adapter's side of the link: connects, says HELLO until it is welcomed, keeps credit in both directions,
 * PINGs, cuts and gathers chunks, and opens a new connection when the bus is gone. It knows the protocol's
 * frames and states and nothing of what they mean: that is in the events.
 *
 *   DOWN -(back-off)-> HELLO -(WELCOME)-> WELCOMED -(session_link)-> LINKED        any of them -> DOWN ->
 * HELLO ...
 */
#include "base/bytes.h"
#include "base/loop.h"
#include "core/delivery.h"
#include "core/parcel.h"
#include "crypto/keys.h"
#include "crypto/trust.h"

struct error;
struct session;

enum session_state { SESSION_DOWN, SESSION_HELLO, SESSION_WELCOMED, SESSION_LINKED, SESSION_ENDED };

enum session_object { OBJECT_BY_HASH = 1, OBJECT_CHAIN_OF = 2, OBJECT_LATEST_REGISTRY = 3 }; /* = ObjectRef */

/* What the bus holds: from WELCOME and NOTICE. Views, until the event returns. */
struct session_holdings {
    uint64_t registry_version;
    struct bytes registry_hash; /* 32, or empty: none */
    const struct bytes *crls;   /* hashes */
    size_t crl_count;
};
struct session_welcome {
    uint64_t time; /* the bus's clock */
    struct bytes checkpoint;
    const uint8_t (*consistency)[HASH_SIZE];
    size_t consistency_count;
    struct session_holdings holdings;
};
struct session_refused {
    const uint8_t *exchange_id; /* NULL where it is not 16 bytes */
    const uint8_t *leaf;        /* NULL where it is not 32 bytes */
    uint32_t reason;
    struct bytes entry, proof;
};

/* All on the loop's thread; an event may call any function of the session but session_free. */
struct session_events {
    /* What HELLO says of us: appends the accepted checkpoint's note. */
    void (*hello)(void *arg, struct buffer *checkpoint, uint64_t *registry_version);
    void (*welcome)(void *arg, const struct session_welcome *welcome);
    void (*notice)(void *arg, const struct session_holdings *holdings);
    /* A whole message of good form. The event owns it and gives its credit back (session_done_with) when it
     * is done. */
    void (*deliver)(void *arg, struct delivery *delivery);
    void (*receipt)(void *arg, struct bytes entry, struct bytes proof);
    void (*refused)(void *arg, const struct session_refused *refused);
    void (*proof)(void *arg, uint64_t old_size, uint64_t new_size, const uint8_t (*hashes)[HASH_SIZE],
                  size_t count);
    /* What was fetched; data NULL: there is none. */
    void (*object)(void *arg, enum session_object kind, const uint8_t hash[HASH_SIZE], struct bytes object);
    /* The session is over; a new one follows by itself unless session_end was called. */
    void (*lost)(void *arg, unsigned reason);
};

struct session_options {
    const char *endpoint;
    const uint8_t *bus_public_key;
    const struct link_key *link_key;
    const struct chain *chain;
    const char *const *subsystems; /* codes */
    size_t subsystem_count;
    uint32_t window_messages; /* DELIVERs that the bus may have under way to us */
    uint64_t window_bytes;
    struct session_events events;
    void *arg;
};

/* Connects at once, in the background. options are copied, what they point to must outlive the session. */
struct session *session_new(struct loop *loop, void *zmq_context, const struct session_options *options);
/* Says BYE where there is a session. */
void session_free(struct session *session); /* NULL is harmless */
enum session_state session_state(const struct session *session);

/* What HELLO says of us from now on; when that `differs` from what it said, a session that is open is ended
 * and opened again, so that the bus hears it. What they point to must outlive the session; the old ones are
 * let go. */
void session_present(struct session *session, const struct chain *chain, const char *const *subsystems,
                     size_t subsystem_count, bool differs);
/* The core has caught up: gives the bus its credit. */
void session_link(struct session *session);
/* BYE with that reason; a new connection follows after the back-off. */
void session_drop(struct session *session, unsigned reason);
/* BYE with that reason and no new connection, ever. */
void session_end(struct session *session, unsigned reason, struct bytes checkpoint);

/* Takes a reference until it is sent. False when the session is not linked (it must be handed in again when
 * it is). */
bool session_submit(struct session *session, struct parcel *parcel);
/* Nobody waits for this any more: not sent if its first chunk has not been. */
void session_withdraw(struct session *session, const struct parcel *parcel);
void session_done_with(struct session *session, const struct delivery *delivery);
/* False when too many are open, or there is no session: ask again later. A second fetch of one object joins
 * the first. */
bool session_fetch(struct session *session, enum session_object kind, const uint8_t hash[HASH_SIZE]);
/* Nobody waits for that object any more: what comes of it is dropped. */
void session_forget(struct session *session, enum session_object kind, const uint8_t hash[HASH_SIZE]);
bool session_may_prove(const struct session *session);
bool session_prove(struct session *session, uint64_t old_size, uint64_t new_size);

#endif
