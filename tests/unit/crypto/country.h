#ifndef WASL_TESTS_UNIT_CRYPTO_COUNTRY_H
#define WASL_TESTS_UNIT_CRYPTO_COUNTRY_H
/* A national root with an issuing CA, the root of somebody else, and a member: what the tests of trust start
 * from. */
#include "crypto/trust.h"
#include "base/clock.h"
#include "pki.h"

#define NOW     (PKI_NOW * MICROSECONDS)
#define DAY     DAY_MICROSECONDS
#define SUBJECT "CN=TN/GOV/MI,O=Wasl"

extern struct pki_ca root;
extern struct pki_ca issuing;
extern struct pki_ca foreign;
extern EVP_PKEY *member_key;

int make_country(void **state);
int free_country(void **state);
/* A member's certificate with this one wish, everything else good. */
X509 *leaf_with(struct pki_request wish);
/* Takes the leaf over. */
struct chain *chain_of(X509 *leaf, X509 *second, X509 *third);
struct chain *good_chain(void);
void add_anchor(struct trust *trust, const char *name, const struct pki_ca *ca);
void add_crl(struct trust *trust, const struct pki_ca *ca, struct pki_crl crl);
/* Anchors "national" and "external" (names of one length), good CRLs of root and foreign, and this one of the
 * issuing CA. */
struct trust *trust_with(struct pki_crl issuing_crl);
struct trust *good_trust(void);
/* Judges a chain at a time, and frees it. */
enum refusal judge_at(struct trust *trust, struct chain *chain, uint64_t now);
enum refusal judge(struct chain *chain);
enum refusal judge_leaf(struct pki_request wish);

#endif
