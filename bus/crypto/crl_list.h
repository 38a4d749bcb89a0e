#ifndef WASL_CRYPTO_CRL_LIST_H
#define WASL_CRYPTO_CRL_LIST_H
/* The revocation lists of a trust set: of each issuer the latest, in a stable order. */
#include "base/bytes.h"
#include <openssl/x509.h>

struct error;
struct crl_list;

struct crl {
    X509_CRL *crl;
    ASN1_INTEGER *number;
    struct buffer der;
    uint8_t hash[HASH_SIZE];
};

struct crl_list *crl_list_new(void);
void crl_list_free(struct crl_list *list); /* NULL is harmless */
/* As trust_add_crl. */
int crl_list_add(struct crl_list *list, struct bytes pem_or_der, struct error *e);
/* By SHA-256 of the DER, rising; NULL past the end. */
const struct crl *crl_list_at(const struct crl_list *list, size_t i);

/* Has this CA signed it? */
bool crl_is_of(const struct crl *crl, X509 *issuer);
/* Hash of the issuer's name and key id, its name for people (cut to fit), the number in decimal. */
void crl_describe(const struct crl *crl, uint8_t issuer[HASH_SIZE], char *name, size_t name_room,
                  char *number, size_t number_room);

#endif
