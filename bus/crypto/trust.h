#ifndef WASL_CRYPTO_TRUST_H
#define WASL_CRYPTO_TRUST_H
/*
 * Which certificates may sign for whom, at a given time. A trust set is immutable: anchors and CRLs are gathered, then
 * it is used by any number of threads; a change makes a new set (a store cannot replace a CRL). Verified keys are
 * cached by SHA-256(DER) in the set itself, until min(notAfter, nextUpdate).
 */
#include "base/bytes.h"
#include "base/refusal.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

struct error;
struct trust;

struct trust *trust_new(void);
struct trust *trust_ref(struct trust *trust);
void trust_free(struct trust *trust); /* drops one reference; NULL is harmless */

/* While it is being gathered. An anchor has the name that the registry gives it. */
int trust_add_anchor(struct trust *trust, const char *name, struct bytes pem_or_der, struct error *e);
/* Among CRLs of one issuer the highest crlNumber wins; a CRL not signed by any known issuer is ERROR_CRYPTO when
 * trust_seal is called with the chains that need it. */
int trust_add_crl(struct trust *trust, struct bytes pem_or_der, struct error *e);
void trust_set_crl_grace(struct trust *trust, uint64_t microseconds); /* how long past nextUpdate a CRL still serves */

/* A chain: DER certificates leaf first, concatenated, at most 6. */
struct chain;
struct chain *chain_parse_der(struct bytes der, struct error *e);
struct chain *chain_load_pem(const char *path, struct error *e);
struct chain *chain_parse_pem(struct bytes pem, struct error *e);
void chain_free(struct chain *chain);
X509 *chain_leaf(const struct chain *chain);
void chain_der(const struct chain *chain, struct buffer *out);      /* appends */
size_t chain_count(const struct chain *chain);
void chain_certificate_der(const struct chain *chain, size_t index, struct buffer *out); /* appends one */
const uint8_t *chain_leaf_hash(const struct chain *chain);          /* SHA-256 of the leaf's DER */
/* Subject in RFC 2253 form; caller frees. */
char *chain_subject(const struct chain *chain);

struct verified_key {
    EVP_PKEY *key;       /* owned by the trust set */
    uint8_t algorithm;   /* the one this key signs with */
    bool crl_stale;      /* past nextUpdate, within the grace: raise an alarm */
};
/*
 * Judges a chain: leads to the anchor named, its subject is `subject` (RFC 2253), digitalSignature allowed, our extended
 * key usage or none, valid at `now`, neither it nor an intermediate revoked by the CRLs of this set.
 * Returns REFUSAL_NONE and fills out, or CERTIFICATE_UNTRUSTED, _EXPIRED, _REVOKED, REVOCATION_UNKNOWN.
 */
enum refusal trust_verify(struct trust *trust, const struct chain *chain, const char *anchor, const char *subject,
                          uint64_t now, struct verified_key *out);

/* SHA-256 of each CRL's DER, in a stable order; for WELCOME. Returns the count (out may be NULL). */
size_t trust_crl_hashes(const struct trust *trust, uint8_t (*out)[HASH_SIZE], size_t room);
/* DER of CRL i; owned by the set. */
struct bytes trust_crl_der(const struct trust *trust, size_t i);

#endif
