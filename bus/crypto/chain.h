#ifndef WASL_CRYPTO_CHAIN_H
#define WASL_CRYPTO_CHAIN_H
/* A certificate chain: DER certificates leaf first, concatenated, at most 6. Immutable; any number of threads
 * may read one. Parsing says nothing about trust: that is trust_verify's. */
#include "base/bytes.h"
#include <openssl/x509.h>

#define CHAIN_MOST 6

struct error;
struct chain;

/* Each certificate must be in DER exactly, so that its hash names it. NULL with e set. */
struct chain *chain_parse_der(struct bytes der, struct error *e);
struct chain *chain_load_pem(const char *path, struct error *e);
struct chain *chain_parse_pem(struct bytes pem, struct error *e);
void chain_free(struct chain *chain); /* NULL is harmless */
X509 *chain_leaf(const struct chain *chain);
X509 *chain_certificate(const struct chain *chain, size_t index); /* owned by the chain; 0 is the leaf */
void chain_der(const struct chain *chain, struct buffer *out);    /* appends */
size_t chain_count(const struct chain *chain);
void chain_certificate_der(const struct chain *chain, size_t index, struct buffer *out); /* appends one */
const uint8_t *chain_hash(const struct chain *chain);      /* SHA-256 of all of it, as chain_der gives it */
const uint8_t *chain_leaf_hash(const struct chain *chain); /* SHA-256 of the leaf's DER */
/* Subject of the leaf in RFC 2253 form, as `openssl x509 -subject -nameopt RFC2253` prints it; caller frees.
 */
char *chain_subject(const struct chain *chain);

#endif
