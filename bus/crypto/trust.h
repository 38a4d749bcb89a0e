#ifndef WASL_CRYPTO_TRUST_H
#define WASL_CRYPTO_TRUST_H
/*
 * Which certificates may sign for whom, at a given time. A trust set is immutable: anchors and CRLs are
 * gathered, then it is used by any number of threads; a change makes a new set (a store cannot replace a
 * CRL). Verified keys are cached by SHA-256 of the chain's DER in the set itself, until min(notAfter,
 * nextUpdate).
 */
#include "base/bytes.h"
#include "base/refusal.h"
#include "crypto/chain.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

struct error;
struct trust;

struct trust *trust_new(void);
struct trust *trust_ref(struct trust *trust);
void trust_free(struct trust *trust); /* drops one reference; NULL is harmless */

/* The extended key usage of certificates that sign messages (certs/README.md); one without any is accepted
 * too. */
#define TRUST_SIGNING_OID "2.25.38386321040184827229754610523306213784"

/* While it is being gathered: nothing can be added after the first trust_verify. An anchor has the name that
 * the registry gives it and must be a CA certificate; it need not be self-signed. The same name may be given
 * several times (a CA that changes its key). PEM may hold several certificates. */
int trust_add_anchor(struct trust *trust, const char *name, struct bytes pem_or_der, struct error *e);
/* The anchors come first. A CRL is proven by an anchor that has signed it, or by a CA of a chain that led to
 * one. Among those of one key the highest crlNumber counts; a proven one puts the lower ones out. One that is
 * not proven waits beside them: a judgement takes the highest that the CA of its chain has signed, and one
 * that nobody in a chain has signed counts for nothing. One without crlNumber or nextUpdate, a delta or a
 * partial one is ERROR_CRYPTO; more than 256, or than 48 MiB together, are ERROR_CONFIG. 0; 1: left out,
 * because another one of its key with its number or a higher one is there; -1 with e set. */
int trust_add_crl(struct trust *trust, struct bytes pem_or_der, struct error *e);
/* The same with CRL i of another set, and what was proven there of it (any thread may be using that set). */
int trust_take_crl(struct trust *trust, const struct trust *from, size_t i, struct error *e);
void trust_set_crl_grace(struct trust *trust,
                         uint64_t microseconds); /* how long past nextUpdate a CRL still serves */

/* A judgement of this set proves no CRL, only trust_prove_crl does: for whoever judges on several threads,
 * and wants what becomes of the set to depend on what it was told and not on who was faster. */
void trust_judge_only(struct trust *trust);

struct verified_key {
    EVP_PKEY *key;     /* valid as long as both the trust set and the chain are */
    uint8_t algorithm; /* the one this key signs with */
    bool crl_stale;    /* past nextUpdate, within the grace: raise an alarm */
};
/*
 * Judges a chain: leads to the anchor named, its subject is `subject` (RFC 2253), digitalSignature allowed,
 * our extended key usage or none, valid at `now`, neither it nor an intermediate revoked by the CRLs of this
 * set. Returns REFUSAL_NONE and fills out, or CERTIFICATE_UNTRUSTED, _EXPIRED, _REVOKED, REVOCATION_UNKNOWN.
 */
enum refusal trust_verify(struct trust *trust, const struct chain *chain, const char *anchor,
                          const char *subject, uint64_t now, struct verified_key *out);
/*
 * The certificates of `chain`, leaf first, that lead from it to the anchor, each signed by the next, whatever
 * the time and the CRLs say: what is worth keeping of a chain that a peer shows. Strangers between are left
 * out, so that one leaf has one such chain. NULL: it does not lead there, or its subject is not `subject`.
 */
struct chain *trust_path(const struct trust *trust, const struct chain *chain, const char *anchor,
                         const char *subject);
/* How many chains have been judged in full, not from the cache: for metrics. */
uint64_t trust_judged(const struct trust *trust);

/* SHA-256 of each CRL's DER, in a stable order; for WELCOME. Returns the count (out may be NULL). */
size_t trust_crl_hashes(const struct trust *trust, uint8_t (*out)[HASH_SIZE], size_t room);
/* DER of CRL i; owned by the set. */
struct bytes trust_crl_der(const struct trust *trust, size_t i);

struct trust_crl_info {
    uint8_t issuer[HASH_SIZE]; /* of its name and key: whose list it is */
    char name[256];            /* of the issuer, for people */
    char number[64];           /* decimal */
    uint64_t this_update, next_update;
    bool proven;
    bool current; /* else another one stands in its place, and its age is nobody's concern */
};
void trust_crl_info(const struct trust *trust, size_t i, struct trust_crl_info *out);
/* Position of the CRL that the leaf of a chain is judged by: that of its issuer, which is the next in the
 * chain or an anchor. -1: the set has none. */
ssize_t trust_crl_of(const struct trust *trust, const struct chain *chain);
/* Is CRL i proven, or signed by an anchor of the set, or by a CA certificate of a chain (NULL: none is at
 * hand)? Then it is proven from now on. That the chain leads to an anchor is the caller's knowledge. Verdicts
 * are remembered, so it may be asked often. */
bool trust_prove_crl(const struct trust *trust, size_t i, const struct chain *chain);

#endif
