#ifndef WASL_WIRE_ENTRY_H
#define WASL_WIRE_ENTRY_H
/* Ledger entries and receipts, in and out (proto/ledger.proto). */
#include "base/bytes.h"
#include "base/refusal.h"
#include "tlog/proof.h"
#include "wire/header.h"

#define NOTE_WORDS_MOST 4096 /* bytes of an entry's note */

enum entry_type { /* = EntryType of ledger.proto */
                  ENTRY_ADMITTED = 1,
                  ENTRY_REFUSED,
                  ENTRY_TIMED_OUT,
                  ENTRY_INTERRUPTED,
                  ENTRY_LATE,
                  ENTRY_DELIVERED,
                  ENTRY_SKIPPED,
                  ENTRY_EXPIRED,
                  ENTRY_DESTROYED,
                  ENTRY_SUBJECT_KEY,
                  ENTRY_REGISTRY,
                  ENTRY_SEARCH,
                  ENTRY_ADMINISTRATION,
                  ENTRY_FILL,
};
const char *entry_type_name(unsigned type); /* "admitted", "refused", ... ; "unknown" */

struct entry {
    unsigned type;
    uint64_t time;
    uint64_t registry_version;
    uint8_t registry_hash[HASH_SIZE];
    struct bytes context, body, signature; /* verbatim; views */
    uint32_t reason;
    struct bytes member;
    bool has_leaf;
    uint8_t leaf[HASH_SIZE];
    bool has_exchange_id;
    uint8_t exchange_id[16];
    unsigned object_kind;
    bool has_object;
    uint8_t object[HASH_SIZE];
    bool has_certificate;
    uint8_t certificate[HASH_SIZE];
    uint64_t count;
    struct bytes note;
};
void entry_encode(const struct entry *entry, struct buffer *out);
/* Strict. The views point into memory owned by *hold, which the caller frees with entry_release. False: not
 * an entry of a version we know. Unknown types are decoded and kept (shown, never skipped). */
struct entry_hold {
    void *message, *arena;
};
bool entry_decode(struct bytes data, struct entry *out, struct entry_hold *hold);
void entry_release(struct entry_hold *hold);

/*
 * A receipt: the entry of type `type` is in the ledger of one of these keys. REFUSAL_NONE and *entry,
 * *checkpoint set, or NO_RECEIPT. With leaf not NULL the entry must hold exactly that message (leaf hash of
 * its context and body, or, for an entry that can do without a header, its `leaf`). type 0: any type. After a
 * refusal there is nothing to release.
 */
enum refusal receipt_check(struct bytes entry_bytes, struct bytes proof, unsigned type, const uint8_t *leaf,
                           const struct note_verifier *keys, size_t key_count, struct entry *entry,
                           struct entry_hold *hold, struct checkpoint *checkpoint);
/* The same, asking a memory of checkpoints whose signature was good (NULL: none). note: the checkpoint's
 * note, a view into proof. */
enum refusal receipt_check_with(struct checkpoint_cache *cache, struct bytes entry_bytes, struct bytes proof,
                                unsigned type, const uint8_t *leaf, const struct note_verifier *keys,
                                size_t key_count, struct entry *entry, struct entry_hold *hold,
                                struct checkpoint *checkpoint, struct bytes *note);

#endif
