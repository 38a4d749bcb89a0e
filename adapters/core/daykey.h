#ifndef WASL_ADAPTERS_CORE_DAYKEY_H
#define WASL_ADAPTERS_CORE_DAYKEY_H
/*
 * Subject day keys: 32 random bytes for each UTC day, made here, escrowed by a SUBJECT_KEY message sealed to
 * the oversight key, and used for pseudonyms only once the ledger has given its receipt for that message.
 * Keys stand in a key file of fixed slots (destroying overwrites in place); LMDB holds only which slot is
 * which day.
 */
#include "base/bytes.h"
#include "base/store.h"
#include "core/parcel.h"

struct error;
struct daykey;

enum daykey_status {
    DAYKEY_READY,   /* escrowed: key is set */
    DAYKEY_WAITING, /* not yet escrowed: ask again when told */
};

struct daykey_options {
    const char
        *path; /* of the key file (base/keyfile.h), made where there is none; read by daykey_open only */
    const char *instance, *member;
    struct signer *signer;
};
struct daykey *daykey_open(struct store *store, const struct daykey_options *options, struct error *e);
void daykey_sign_with(struct daykey *daykey, struct signer *signer); /* from now on */
void daykey_close(struct daykey *daykey);                            /* NULL is harmless */

enum daykey_status daykey_get(struct daykey *daykey, uint64_t at, uint8_t key[32]);

/*
 * What to SUBMIT so that the day of `at` has an escrowed key: a borrowed parcel, made where there is none or
 * the last one has expired; NULL when the day is escrowed or (with e set) it cannot be made.
 * registry_version, seen_*: for its header.
 */
struct daykey_header {
    uint64_t registry_version;
    uint64_t seen_size;
    const uint8_t *seen_root;
};
struct parcel *daykey_submission(struct daykey *daykey, uint64_t at, uint64_t now,
                                 const uint8_t oversight[32], const struct daykey_header *header,
                                 struct error *e);
/* The SUBJECT_KEY of that leaf is in the ledger: true when it was one that was waited for. Durable. */
bool daykey_escrowed(struct daykey *daykey, const uint8_t leaf[HASH_SIZE]);
/* It was refused: the next daykey_submission makes another message over the same key. */
void daykey_refused(struct daykey *daykey, const uint8_t leaf[HASH_SIZE]);
/* Overwrites the keys of days before yyyymmdd. Returns how many, -1. */
int daykey_destroy_before(struct daykey *daykey, uint32_t day, struct error *e);

#endif
