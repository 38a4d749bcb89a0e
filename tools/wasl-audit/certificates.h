#ifndef WASL_AUDIT_CERTIFICATES_H
#define WASL_AUDIT_CERTIFICATES_H
/* The certificates that a ledger's entries have named so far, fetched from its trust store when a signature
 * needs them. */
#include "crypto/trust.h"
#include "reader.h"
#include "record.h"

struct certificates;
struct certificate {
    uint8_t hash[HASH_SIZE];   /* SHA-256 of the leaf's DER: what signatures name */
    uint8_t object[HASH_SIZE]; /* of the chain in the trust store */
    uint64_t entry;            /* index of the entry by which it took effect */
    struct chain *chain;       /* NULL: not fetched yet, or it cannot be used */
    EVP_PKEY *key;             /* owned by the chain's leaf */
    uint8_t algorithm;
    char *fault; /* why it cannot be used, in words */
};

struct certificates *certificates_new(struct reader *reader);
void certificates_free(struct certificates *certificates); /* NULL is harmless */
/* Takes note of a certificate chain that takes effect; other entries are none of its business. */
void certificates_note(struct certificates *certificates, const struct record *record);
/* NULL: no entry so far has named it. -1 in *status: reading failed (e is set); else 0. */
const struct certificate *certificates_find(struct certificates *certificates, const uint8_t hash[HASH_SIZE],
                                            int *status, struct error *e);

/* Checks the signature of an entry that holds a message. 1 good; 0 not good, with words; -1 reading failed.
 */
int certificates_check(struct certificates *certificates, const struct record *record, char words[256],
                       const struct certificate **used, struct error *e);

#endif
