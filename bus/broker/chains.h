#ifndef WASL_BROKER_CHAINS_H
#define WASL_BROKER_CHAINS_H
/* The certificate chains that members have presented in this process, by the hash of their leaf. Any thread.
 */
#include "base/refusal.h"
#include "crypto/trust.h"
#include "registry/registry.h"
#include "registry/identifier.h"

#include <stdatomic.h>

/* Immutable; references are counted. */
struct presented {
    atomic_uint references;
    char member[IDENTIFIER_MOST + 1];
    struct chain *chain;
    uint8_t leaf[HASH_SIZE];   /* SHA-256 of the leaf certificate's DER */
    uint8_t object[HASH_SIZE]; /* of the chain in the trust store */
};
struct chains;

/* What a snapshot makes of a chain that was presented before it. */
struct chain_verdict {
    uint8_t leaf[HASH_SIZE];
    enum refusal refusal;
};

struct chains *chains_new(void);
void chains_free(struct chains *chains); /* NULL is harmless */
/* Takes chain over. A member has the last CHAINS_OF_MEMBER that it presented: older ones make room. */
#define CHAINS_OF_MEMBER 16
void chains_add(struct chains *chains, const char *member, struct chain *chain,
                const uint8_t object[HASH_SIZE]);
/* What registry and trust set make of each chain that is here: a list by leaf, rising, that the caller frees.
 * Takes its time: not for a loop's thread. */
struct chain_verdict *chains_judge(struct chains *chains, const struct registry *registry,
                                   struct trust *trust, uint64_t now, size_t *count);
/* Has a CA of one of them signed CRL i of a trust set? Then it is proven. (Only chains that lead to an anchor
 * are here.) */
bool chains_prove_crl(struct chains *chains, const struct trust *trust, size_t i);
/* NULL: not among them. */
const struct chain_verdict *chain_verdict_find(const struct chain_verdict *verdicts, size_t count,
                                               const uint8_t leaf[HASH_SIZE]);
/* A reference, or NULL. */
struct presented *chains_find(struct chains *chains, const uint8_t leaf[HASH_SIZE]);
void presented_free(struct presented *presented); /* drops a reference; NULL is harmless */

#endif
