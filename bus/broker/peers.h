#ifndef WASL_BROKER_PEERS_H
#define WASL_BROKER_PEERS_H
/*
 * Link keys that have spoken, each with the session it has now, and what outlives a session: mailboxes, open
 * exchanges to answer, and the room counted for them. Their number is bounded by the link keys that
 * registries have named. The I/O thread's.
 */
#include "broker/exchanges.h"
#include "broker/session.h"
#include "broker/shares.h"
#include "broker/status.h"

struct peer {
    uint8_t key[32];
    char member[IDENTIFIER_MOST + 1];
    struct session *session;  /* NULL: not connected */
    struct mailbox requests;  /* to answer */
    struct mailbox responses; /* to its own requests */
    struct exchange *answers; /* open exchanges that it has to answer */
    struct room asking;
    struct shares answering;
    uint8_t wanted[16];   /* session id of its latest HELLO */
    unsigned hellos;      /* with admit or the writer */
    unsigned hellos_said; /* since hello_second began */
    uint64_t hello_second;
    unsigned faults; /* malformed frames since fault_minute began */
    uint64_t fault_minute;
    unsigned frames; /* that need no credit, since frames_second began */
    uint64_t frames_second;
    uint64_t sent_away; /* when it was last told NOT_WELCOME */
    struct peer *next;
};
struct peers;

struct peers *peers_new(const struct transport *transport, const struct config_limits *limits,
                        struct status *status);
void peers_free(struct peers *peers); /* NULL is harmless */
struct peer *peers_find(const struct peers *peers, const uint8_t key[32]);
struct peer *peers_add(struct peers *peers, const uint8_t key[32], const char *member);
struct peer *peers_first(const struct peers *peers); /* and on by ->next */
/* The connected peer of the subsystem's member that answers for it; NULL. */
struct peer *peers_provider(const struct peers *peers, const char *subsystem_id);

/* A new session in the place of the one before, which is told SUPERSEDED (unless it is the same connection).
 */
void peers_open(struct peers *peers, struct peer *peer, struct hello *hello, uint64_t now);
/* BYE with that reason (and a checkpoint, may be empty), then the session is gone. */
void peers_close(struct peers *peers, struct peer *peer, enum refusal reason, struct bytes checkpoint);
/* The adapter has said BYE: the session is gone without a word. */
void peers_leave(struct peers *peers, struct peer *peer);
/* To the session that a peer has now; nothing when it has none. */
void peers_say(struct peers *peers, struct peer *peer, unsigned verb, const ProtobufCMessage *message,
               struct bytes payload);
/* Ends a connection, a moment from now. */
void peers_cut(struct peers *peers, uint64_t connection);
/* To a connection without a session. */
void peers_bye(struct peers *peers, struct bytes routing_id, enum refusal reason);
/* Sends what the mailboxes hold, as far as credit and socket go. */
void peers_pump(struct peers *peers, struct peer *peer);
/* Gives back credit for a message or chunk that is done with. */
void peers_done(struct peers *peers, struct peer *peer, uint64_t session, uint64_t messages, uint64_t bytes);
/* The same for a message that was refused by its sender's fault: who sends many waits for his credit. */
void peers_done_refused(struct peers *peers, struct peer *peer, uint64_t session, uint64_t messages,
                        uint64_t bytes, uint64_t monotonic);
/* Liveness, backlogs, credit owed, expired mail. now: wall clock. */
void peers_tick(struct peers *peers, uint64_t now, uint64_t monotonic);

/* Tells the status who is connected. */
void peers_count(struct peers *peers);

#endif
