#ifndef WASL_AUDIT_CREDENTIAL_H
#define WASL_AUDIT_CREDENTIAL_H
/* What a certificate says of itself, and the revocation list that it was judged by: for people. */
#include "certificates.h"

struct credential {
    char *subject, *issuer; /* RFC 2253, as they stand in the certificate: hostile until text_put */
    char *serial;           /* hexadecimal */
    uint64_t not_before, not_after;
    size_t chain_count; /* certificates in the chain, itself included */
    bool has_crl;
    struct trust_crl_info crl; /* of its issuer */
};

/* Remembers those that were looked at last: finding a certificate's list takes a signature. */
struct credentials;
struct credentials *credentials_new(void);
void credentials_free(struct credentials *credentials); /* NULL is harmless */
/* trust: what was in force; NULL: nothing. The certificate has a chain. Valid until the next call. */
const struct credential *credentials_of(struct credentials *credentials,
                                        const struct certificate *certificate, struct trust *trust);

#endif
