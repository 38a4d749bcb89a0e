#ifndef WASL_TESTS_UNIT_BROKER_DESK_H
#define WASL_TESTS_UNIT_BROKER_DESK_H
/*
 * A bus without sockets: the door is handed frames, what it sends is kept, and between them run the real
 * verifiers, the real writer and a real ledger. Members are those of tests/unit/core/country.h.
 */
#include "broker/admit.h"
#include "broker/dispatch.h"
#include "broker/door.h"
#include "broker/writer.h"
#include "ledger/truststore.h"
#include "country.h"
#include "crypto/seal.h"
#include "wire/entry.h"

struct sent {
    uint8_t routing_id[8];
    unsigned verb;
    struct buffer message, payload;
    struct sent *next;
};
struct desk {
    char state[96];
    struct config_limits limits;
    struct io io;
    struct status status;
    struct truststore *truststore;
    struct ledger *ledger;
    struct vault *vault;
    struct chains *chains;
    struct admit *admit;
    struct writer *writer;
    struct transport transport;
    struct sent *first, *last; /* what left the bus and no test has taken */
    bool blocked;              /* the socket takes nothing */
};

extern size_t desk_ledger_bytes; /* of the next desk's ledger */
extern unsigned desk_refusals;   /* a second and member, of the next desk */
struct desk *desk_open(void);    /* on a fresh folder */
struct desk *desk_open_on(const char *state, const struct note_signer *signer); /* on that one */
void desk_close(struct desk *desk); /* as after SIGKILL, but without leaks: no end is written */

/* One frame of member m; connection: which of its connections (its routing id). */
void desk_say(struct desk *desk, int m, uint8_t connection, unsigned verb, const ProtobufCMessage *message,
              struct bytes payload);
void desk_say_raw(struct desk *desk, int m, uint8_t connection, unsigned verb, struct bytes message,
                  struct bytes payload);
/* Waits until everything inside has come out. */
void desk_settle(struct desk *desk);
/* The next message to member m's connection, of that verb; others before it are dropped. NULL when there is
 * none. The caller frees it with sent_free. */
struct sent *desk_take(struct desk *desk, int m, uint8_t connection, unsigned verb);
void sent_free(struct sent *sent);

/* HELLO, then WELCOME is demanded. id: first byte of the session id. */
void desk_hello(struct desk *desk, int m, uint8_t connection, uint8_t id, unsigned credit);

/* A signed and sealed message. */
struct letter {
    struct header header;
    struct envelope envelope;
    struct sealed sealed;
    uint8_t leaf[HASH_SIZE];
};
void letter_request(struct letter *letter, size_t body); /* MEN asks MI */
void letter_response(struct letter *letter, const struct letter *request, size_t body);
void letter_subject_key(struct letter *letter); /* MEN's */
void letter_refusal(struct letter *letter);     /* MEN reports that it refused by itself */
void letter_seal(struct letter *letter, int signer, int receiver,
                 size_t body); /* after a change of the header */
void letter_free(struct letter *letter);
void desk_submit(struct desk *desk, int m, uint8_t connection, const struct letter *letter);

/* Entry i of the ledger; desk_entry_free it. */
struct desk_entry {
    struct entry entry;
    struct entry_hold hold;
    struct buffer data;
};
void desk_entry(struct desk *desk, uint64_t i, struct desk_entry *out);
void desk_entry_free(struct desk_entry *entry);
/* How many entries of that type name this exchange. */
unsigned desk_entries(struct desk *desk, const uint8_t exchange_id[16], unsigned type);
uint64_t desk_size(struct desk *desk);

/* Demand a message of that verb to a connection; or that there is none. They name the desk `d`. */
#define AWAIT(name, verb, m, connection)                                                                     \
    struct sent *name = desk_take(d, m, connection, verb);                                                   \
    assert_non_null(name)
#define NOT_SENT(verb, m, connection) assert_null(desk_take(d, m, connection, verb))
/* Reason of the next REFUSED (0: none came), and whether it brought its entry; reason of the BYE that must
 * have come. */
unsigned desk_refused(struct desk *d, int m, uint8_t connection, bool *recorded);
unsigned desk_bye(struct desk *d, int m, uint8_t connection);
/* The next REFUSED has that reason and brings its entry. */
void assert_refused(struct desk *d, int m, uint8_t connection, enum refusal reason);
void assert_receipt(struct bytes entry_bytes, struct bytes proof, unsigned type, const uint8_t *leaf);
/* The DELIVER holds this message with its receipt, and that of the request that it answers. */
void assert_delivered(const struct sent *s, const struct letter *l, const struct letter *request);
/* MEN and MI, each on its connection 1. */
struct desk *desk_linked(void);
void desk_ask(struct desk *d, struct letter *request); /* makes a request, submits it as MEN, settles */
/* A HELLO with that session id and, if not NULL, a checkpoint; nothing is waited for. */
void desk_say_hello(struct desk *d, int m, uint8_t connection, const uint8_t session[16],
                    const struct buffer *checkpoint);
/* The same with another session id for each connection; settles. */
void desk_hello_with(struct desk *d, int m, uint8_t connection, const struct buffer *checkpoint);

#endif
