#ifndef WASL_LEDGER_LEDGER_H
#define WASL_LEDGER_LEDGER_H
/*
 * The audit log: entries, the tree over them, the signed checkpoint, and what must be known of exchanges to
 * keep them terminal exactly once. One thread (the writer) owns everything but the ledger_read functions,
 * which any thread may call.
 *
 * A batch is: ledger_begin, then ledger_put_* for each message in order, then ledger_commit: one transaction,
 * one fdatasync, one checkpoint. Nothing may leave the bus before ledger_commit has returned 0. After a
 * failed commit the process must exit: it never signs that size again.
 *
 * <folder>/segments/<first index, 20 digits>/ (LMDB: entries, tiles, exchanges, ...), <folder>/tree/
 * (finished tiles of closed segments), <folder>/STOPPED (why a bus must not run on). Vault and trust store
 * have folders of their own. bus/ledger/README.md has the tables, byte for byte.
 */
#include "base/bytes.h"
#include "base/refusal.h"
#include "tlog/checkpoint.h"
#include "wire/entry.h"
#include "wire/header.h"

struct error;
struct ledger;

struct ledger_options {
    const char *folder;
    size_t map_size;                  /* bytes of a segment's map */
    const struct note_signer *signer; /* ledger key; its name is the origin */
    bool create;
};
/*
 * Opens, checks (the tree is recomputed over the open segment and compared with its last checkpoint), and
 * refuses when STOPPED exists. -1 kinds: ERROR_INTEGRITY names the first wrong entry.
 */
struct ledger *ledger_open(const struct ledger_options *options, struct error *e);
void ledger_close(struct ledger *ledger); /* NULL is harmless */

/* Latest committed checkpoint: its note (appended), and parsed; either may be NULL. Size 0 has no note. Any
 * thread. */
void ledger_checkpoint(struct ledger *ledger, struct buffer *note, struct checkpoint *checkpoint);
double ledger_used(struct ledger *ledger); /* share of the map in use */
uint64_t ledger_last_time(const struct ledger *ledger);

/* By which registry the writer judges from now on: goes into each entry. */
void ledger_set_registry(struct ledger *ledger, uint64_t version, const uint8_t hash[HASH_SIZE]);

/* --- writing --- */

int ledger_begin(struct ledger *ledger, uint64_t now, struct error *e);

/* What became of a message that the writer was asked to record. */
struct ledger_result {
    unsigned type;       /* enum entry_type written, 0 when an old one was found */
    enum refusal reason; /* of what was written; of an old request that has ended: of its terminal entry */
    uint64_t index;      /* of the entry, also of an old one */
    bool old;            /* the same message was here before: index is its own entry */
    uint64_t request;    /* of a response that was admitted: index of its request's entry; else UINT64_MAX */
    uint64_t
        terminal; /* old request whose exchange has ended: index of its terminal entry; else UINT64_MAX */
};

/* A message whose signature, chain, time window and grant have been judged good (reason REFUSAL_NONE), or
 * not. The ledger itself judges: same id (replay), expiry by bus time, the request that a response answers
 * (open, terminal -> late), subject key present, quota. quota_key: grant id (32 bytes) and most a day, or
 * NULL. deadline: when the bus will time the exchange out.
 *
 * A refused request has ended with that entry: the same bytes again are old. A refusal whose reason says that
 * the signer is not proven (1 to 3, 20 to 27) touches no exchange, since it may carry anybody's id. A refused
 * response leaves its exchange open. Kinds without rules (documents, events, ...) are refused
 * UNSUPPORTED_VERSION. */
struct ledger_message {
    struct bytes context, body, signature;
    const struct header *header;
    const uint8_t *leaf;
    enum refusal reason;
    bool keep_header;    /* a refusal whose header has valid form throughout */
    struct bytes member; /* who the link says it is */
    uint64_t deadline;
    const uint8_t *quota_key;
    uint64_t quota_per_day;
    /* What these two keep from being written is told by index UINT64_MAX with type 0, and reason. What was
     * here before is found all the same. */
    bool no_refusals; /* no refusal, and of an exchange no second late response: its sender had its share */
    bool only_ends;   /* nothing but a response that ends its exchange: the disk is nearly full */
};
int ledger_put_message(struct ledger *ledger, const struct ledger_message *message,
                       struct ledger_result *result, struct error *e);
/* Would this message become a SUBJECT_KEY entry of the batch that is open? So that a body which the vault
 * keeps is kept before its entry, and none for what is refused or was here before. 1, 0, -1. */
int ledger_wants_key(struct ledger *ledger, const struct ledger_message *message, struct error *e);
/* Terminal by the bus itself: type TIMED_OUT, INTERRUPTED or REFUSED (with a reason). result->old when it has
 * already ended: index is its terminal entry, or UINT64_MAX when it is no longer known. */
int ledger_put_end(struct ledger *ledger, const uint8_t exchange_id[16], unsigned type, enum refusal reason,
                   struct ledger_result *result, struct error *e);
/* An object takes effect; harmless (result->old) when that object already has. */
int ledger_put_object(struct ledger *ledger, unsigned object_kind, const uint8_t hash[HASH_SIZE],
                      const uint8_t *certificate, struct ledger_result *result, struct error *e);
int ledger_put_administration(struct ledger *ledger, const char *note, struct ledger_result *result,
                              struct error *e);
/* `count` refusals of one member that came too fast to be written singly; hash over their leaves. */
int ledger_put_refused_many(struct ledger *ledger, struct bytes member, enum refusal reason, uint64_t count,
                            const uint8_t hash[HASH_SIZE], struct ledger_result *result, struct error *e);
/* Every exchange left open by the last process is ended (INTERRUPTED); returns how many, -1. Call first, in a
 * batch. */
int64_t ledger_put_interrupted(struct ledger *ledger, struct error *e);

/* Signs the checkpoint and commits. 0: everything put since ledger_begin is on disk. -1: exit the process. */
int ledger_commit(struct ledger *ledger, struct error *e);
/* Abandons the batch, as when ledger_put_* has failed (ERROR_FULL): nothing of it was signed, and the
 * messages may be put again or turned away. -1: exit the process. */
int ledger_abort(struct ledger *ledger, struct error *e);

/* Entry bytes and proof text (appended) of an entry under the latest checkpoint; writer's thread. The
 * receipt. */
int ledger_receipt(struct ledger *ledger, uint64_t index, struct buffer *entry, struct buffer *proof,
                   struct error *e);
/* The proof alone. */
int ledger_proof(struct ledger *ledger, uint64_t index, struct buffer *proof, struct error *e);
/* Consistency from old_size to new_size (0: latest) and that note (empty if no longer kept); writer's thread.
 */
int ledger_consistency(struct ledger *ledger, uint64_t old_size, uint64_t new_size,
                       uint8_t (*proof)[HASH_SIZE], size_t *count, struct checkpoint *to, struct buffer *note,
                       struct error *e);
/* Does an adapter's checkpoint (whose signature by this ledger's key is good) belong to this ledger? 1 yes; 0
 * no: roll-back or split view (ledger_stop it); -1 error, also for a checkpoint of another origin. */
int ledger_extends(struct ledger *ledger, const struct checkpoint *seen, struct error *e);
/* Is there a subject-key entry of that member for that UTC day (yyyymmdd)? 1, 0, -1. */
int ledger_has_subject_key(struct ledger *ledger, struct bytes member, uint32_t day, struct error *e);

/* Writes STOPPED with the words and both checkpoints as proof. A bus with this file does not start. */
int ledger_stop(struct ledger *ledger, const char *words, struct bytes their_note, struct error *e);

/* --- reading, any thread, short transactions of their own --- */

uint64_t ledger_size(struct ledger *ledger);
/* 1, 0 there is no such entry, -1. Appends. */
int ledger_read_entry(struct ledger *ledger, uint64_t index, struct buffer *out, struct error *e);
/* Entry bundle [number * 256, + width): 1, 0, -1. Appends. */
int ledger_read_bundle(struct ledger *ledger, uint64_t number, unsigned width, struct buffer *out,
                       struct error *e);
int ledger_read_tile(struct ledger *ledger, unsigned level, uint64_t number, unsigned width,
                     struct buffer *out, struct error *e);

/* Is there an entry whose body the vault has to keep, by the leaf of its message? 1, 0, -1. What
 * vault_collect asks. */
int ledger_keeps(struct ledger *ledger, const uint8_t leaf[HASH_SIZE], struct error *e);

#endif
