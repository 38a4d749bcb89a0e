#ifndef WASL_AUDIT_CERTIFICATES_H
#define WASL_AUDIT_CERTIFICATES_H
/*
 * The certificates that a ledger's entries have named so far, fetched from its trust store when a signature
 * needs them. Which one an entry means depends on the entries before it, so it is looked up in order; the
 * signature may be verified later and anywhere, under the certificate that was found.
 */
#include "crypto/trust.h"
#include "reader.h"
#include "record.h"
#include "wire/envelope.h"

#include <stdatomic.h>

struct certificates;
/* Does not change once it has been loaded. */
struct certificate {
    atomic_uint references;
    uint8_t hash[HASH_SIZE];   /* SHA-256 of the leaf's DER: what signatures name */
    uint8_t object[HASH_SIZE]; /* of the chain in the trust store */
    uint64_t entry;            /* index of the entry by which it took effect */
    struct chain *chain;       /* NULL: not fetched yet, or it cannot be used */
    EVP_PKEY *key;             /* owned by the chain's leaf */
    uint8_t algorithm;
    char *fault; /* why it cannot be used, in words */
};
struct certificate *certificate_ref(struct certificate *certificate);
void certificate_free(struct certificate *certificate); /* drops one reference; NULL is harmless */

struct certificates *certificates_new(struct reader *reader);
void certificates_free(struct certificates *certificates); /* NULL is harmless */
/* Takes note of a certificate chain that takes effect; other entries are none of its business. */
void certificates_note(struct certificates *certificates, const struct record *record);
/* NULL: no entry so far has named it. -1 in *status: reading failed (e is set); else 0. It belongs to
 * certificates, until the next certificates_note. */
struct certificate *certificates_find(struct certificates *certificates, const uint8_t hash[HASH_SIZE],
                                      int *status, struct error *e);
/* The certificate by which an entry's signature is to be judged. 1; 0 there is none that can be used, with
 * words (*used is set where the entry names one that is known); -1 reading failed. As certificates_find. */
int certificates_for(struct certificates *certificates, const struct signature_block *block, char words[256],
                     struct certificate **used, struct error *e);
/* Is the signature of an entry that holds a message good under that certificate? Pure: any thread. */
bool certificate_signed(const struct certificate *certificate, const struct record *record,
                        const struct signature_block *block);

/* All of it at once. Checks the signature of an entry that holds a message. 1 good; 0 not good, with words;
 * -1 reading failed. */
int certificates_check(struct certificates *certificates, const struct record *record, char words[256],
                       const struct certificate **used, struct error *e);
#define SIGNATURE_UNREADABLE "its signature block cannot be read"
#define SIGNATURE_WRONG      "its signature does not fit the message under the certificate that it names"

#endif
