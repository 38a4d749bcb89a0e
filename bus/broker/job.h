#ifndef WASL_BROKER_JOB_H
#define WASL_BROKER_JOB_H
/*
 * What travels between the threads: door -> admit -> writer -> dispatch. A job belongs to one thread at a
 * time; each fills in its part and passes it on. Their number and bytes are bounded where they enter
 * (pipeline.h), so that no queue between them can be full.
 */
#include "broker/snapshot.h"
#include "tlog/checkpoint.h"
#include "wire/envelope.h"
#include "wire/header.h"

struct peer;

enum job_kind {
    JOB_MESSAGE, /* SUBMIT */
    JOB_HELLO,
    JOB_PROVE,  /* straight to the writer */
    JOB_FETCH,  /* straight back from admit: nothing is written */
    JOB_END,    /* an exchange ends by the bus itself: straight to the writer */
    JOB_CHANGE, /* a new snapshot takes effect: from the keeper to the writer */
    JOB_CLOSE,  /* the last entry of an orderly stop */
};

/* A message of a member, with the verdict on it and what was written. */
struct message {
    /* by the door */
    struct buffer context, body, signature;
    enum refusal form;    /* of the header: NONE, MALFORMED, UNSUPPORTED_VERSION */
    struct header header; /* meaningful when form is NONE */
    uint8_t leaf[HASH_SIZE];
    struct buffer *slots;
    size_t slot_count;
    struct buffer *chunks;
    size_t chunk_count;
    bool whole;                       /* every chunk that sealed_length promises has come */
    bool oversize;                    /* more than this bus carries: chunks were not gathered */
    enum refusal room;                /* step 6 */
    struct peer *consumer, *provider; /* where room is held for it; the I/O thread's own */
    uint64_t room_bytes;
    uint64_t credit_messages, credit_bytes; /* what its sender gets back */
    /* by admit */
    enum refusal verdict;
    bool keep_header; /* step 1 was passed */
    bool has_quota;
    uint8_t quota_key[HASH_SIZE];
    uint64_t per_day;
    uint64_t deadline; /* request: when the bus ends the exchange */
    /* by the writer */
    bool kept;           /* its body goes to the vault */
    enum refusal answer; /* NONE: receipt */
    unsigned entry_type; /* of the entry below; 0: nothing was written and nothing is shown */
    bool old;            /* it was here before */
    bool open;           /* old request that still waits for its response */
    bool ended;          /* old request: the entry below is its terminal one */
    struct buffer entry, proof;
    struct buffer request_proof; /* of an admitted response: its request's, under the same checkpoint */
};

struct hello {
    uint8_t routing_id[256];
    size_t routing_id_len;
    uint64_t connection;
    uint8_t id[16]; /* session */
    uint32_t version;
    char (*subsystems)[CODE_MOST + 1];
    size_t subsystem_count;
    uint64_t credit_messages, credit_bytes;
    struct buffer chain;      /* DER, leaf first, concatenated */
    struct buffer checkpoint; /* note; empty: none yet */
    /* by admit */
    enum refusal verdict;
    bool crl_stale;
    bool revoked; /* its certificate: the session opens, and nothing is delivered to it */
    uint8_t object[HASH_SIZE], certificate[HASH_SIZE];
    bool has_seen; /* the checkpoint bears this ledger's signature */
    struct checkpoint seen;
    /* by the writer */
    bool inconsistent; /* proof that this ledger was rolled back or split: the bus stops */
    struct buffer latest;
    uint8_t (*proof)[HASH_SIZE];
    size_t proof_count;
};

struct prove {
    uint64_t old_size, new_size;
    struct buffer note;
    uint8_t (*proof)[HASH_SIZE];
    size_t proof_count;
};

struct fetch {
    unsigned what; /* ObjectRef */
    uint8_t hash[HASH_SIZE];
    bool has_hash;
    uint64_t offset, total;
    struct buffer data;
};

struct chain_verdict; /* broker/chains.h */
struct change {
    struct chain_verdict *verdicts; /* by leaf, rising */
    size_t verdict_count;
};

struct end {
    uint8_t exchange_id[16];
    unsigned type; /* enum entry_type */
    enum refusal reason;
    bool old; /* it had ended already */
    struct buffer entry, proof;
};

struct job {
    enum job_kind kind;
    uint8_t peer[32];                 /* link key that it came over */
    uint64_t session;                 /* answers go to the session of this serial number only */
    char member[IDENTIFIER_MOST + 1]; /* whose link it is */
    struct snapshot *snapshot;        /* by which it is judged */
    uint64_t received;                /* wall clock */
    uint64_t bytes;                   /* counted in the pipeline; 0 and `counted` false for the bus's own */
    bool counted;
    struct job *next; /* of those that a session has waiting for their turn */
    union {
        struct message message;
        struct hello hello;
        struct prove prove;
        struct fetch fetch;
        struct end end;
        struct change change;
    };
};
struct job *job_new(enum job_kind kind, struct snapshot *snapshot,
                    uint64_t now); /* takes its own reference */
void job_free(struct job *job);    /* NULL is harmless */

#endif
