#ifndef WASL_TESTS_UNIT_CRYPTO_PKI_H
#define WASL_TESTS_UNIT_CRYPTO_PKI_H
/* Certificates and CRLs for tests, as off as a test wants them. Everything fails the test when OpenSSL does.
 */
#include "base/bytes.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#define PKI_NOW ((uint64_t)1800000000) /* seconds; tests live at this time */
#define PKI_DAY ((int64_t)86400)

struct pki_ca {
    X509 *certificate;
    EVP_PKEY *key;
};

/* Fields left 0 or NULL have the good value. Times are seconds relative to PKI_NOW. */
struct pki_request {
    const char *name;              /* CN; O is "Wasl" */
    EVP_PKEY *key;                 /* public key to certify; referenced */
    const char *basic_constraints; /* "critical,CA:FALSE"; "-" for none */
    const char *key_usage;         /* "critical,digitalSignature"; "-" for none */
    const char *extended;          /* TRUST_SIGNING_OID; "-" for none */
    int64_t not_before;            /* -1 day */
    int64_t not_after;             /* +30 days */
    long serial;                   /* one never used before */
    const EVP_MD *digest;          /* SHA-256 */
};

struct pki_crl {
    long number;         /* crlNumber; negative: none */
    int64_t last_update; /* 0: -1 day */
    int64_t next_update; /* 0: +7 days */
    const X509 *revoked; /* may be NULL */
    bool delta;
    const char *partial; /* an issuingDistributionPoint; NULL: none */
};

EVP_PKEY *
pki_key(const char *kind); /* "P-256", "P-384", "RSA2048", "RSA1024", "RSA3072", "ED25519", "X25519" */
void pki_root(struct pki_ca *ca, const char *name, const char *kind);
void pki_issuing(struct pki_ca *ca, const struct pki_ca *root, const char *name);
void pki_ca_free(struct pki_ca *ca);
X509 *pki_certificate(const struct pki_ca *ca, const struct pki_request *request);
/* DER, appended. */
void pki_crl(const struct pki_ca *ca, const struct pki_crl *crl, struct buffer *out);
void pki_der(X509 *certificate, struct buffer *out);
void pki_pem(X509 *certificate, struct buffer *out);
/* PKCS#8 PEM with mode 0600; path is a template of mkstemp. */
void pki_write_key(EVP_PKEY *key, char *path);

#endif
