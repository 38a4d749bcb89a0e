#ifndef WASL_CRYPTO_CRL_LIST_H
#define WASL_CRYPTO_CRL_LIST_H
/*
 * The revocation lists of a trust set, in a stable order. Whose list one is, is told by the key that signed
 * it and by nothing that it says itself: only a list that is proven, signed by a CA that leads to an anchor,
 * puts another one out, and only one that this very key has signed, with a lower number. All others stand
 * beside each other. What is asked of a list here is safe from several threads; what changes the set of lists
 * is not.
 */
#include "base/bytes.h"
#include <openssl/x509.h>

struct error;
struct crl_list;

struct crl {
    X509_CRL *crl;
    ASN1_INTEGER *number;
    struct buffer der;
    uint8_t hash[HASH_SIZE];
    struct crl_proof *proof; /* of this module alone */
};

struct crl_list *crl_list_new(void);
void crl_list_free(struct crl_list *list); /* NULL is harmless */
/* Takes a list in and gives the hash of its DER; the same one again changes nothing. 0, -1 with e set:
 * ERROR_CRYPTO for what trust_add_crl refuses, ERROR_CONFIG when there is no room. */
int crl_list_add(struct crl_list *list, struct bytes pem_or_der, uint8_t hash[HASH_SIZE], struct error *e);
/* Takes over list i of another set, with what has been found out about it. As crl_list_add. */
int crl_list_take(struct crl_list *list, struct crl_list *from, size_t i, struct error *e);
/* Proves what a CA that has proven another list has signed too, and puts out what is superseded by a list of
 * the same key. */
void crl_list_prune(struct crl_list *list);
/* By SHA-256 of the DER, rising; NULL past the end. */
const struct crl *crl_list_at(const struct crl_list *list, size_t i);
bool crl_list_has(const struct crl_list *list, const uint8_t hash[HASH_SIZE]);

/* Has this CA signed list i? The verdict is remembered for some CAs of that name, good or bad. */
bool crl_list_signed(struct crl_list *list, size_t i, X509 *issuer);
/* The same, and remembers that the list is proven by it: only for a CA that leads to an anchor. */
bool crl_list_prove(struct crl_list *list, size_t i, X509 *issuer);
bool crl_list_proven(struct crl_list *list, size_t i);
/* The list with the highest number among those that this CA has signed: its index, or -1. */
ssize_t crl_list_newest_of(struct crl_list *list, X509 *issuer);
/* False when another list stands in this one's place: a proven one of the same key with a higher number, or,
 * for a list that is not proven, one that names the same issuer and is, or has a higher number. */
bool crl_list_current(struct crl_list *list, size_t i);

/* Hash of the issuer's name and key id, its name for people (cut to fit), the number in decimal. */
void crl_describe(const struct crl *crl, uint8_t issuer[HASH_SIZE], char *name, size_t name_room,
                  char *number, size_t number_room);

#endif
