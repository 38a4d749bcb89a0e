#ifndef WASL_WIRE_SIGNER_H
#define WASL_WIRE_SIGNER_H
/* Who signed a message: the one sequence by which the bus and every adapter judge it. */
#include "crypto/trust.h"
#include "registry/registry.h"
#include "wire/envelope.h"
#include "wire/header.h"

/* By what it is judged. */
struct signer_rules {
    const struct registry *registry;
    struct trust *trust;
    uint64_t now; /* microseconds */
};
/* The member that must have signed, as the registry has it; NULL: there is none. */
const struct registry_member *signer_due(const struct signer_rules *rules, const struct header *header);
/*
 * Is the chain one of the member that must have signed, good now, and the signature over this leaf made by
 * its key, and is the member not suspended? The caller has found the chain by block->certificate.
 * REFUSAL_NONE, UNKNOWN_MEMBER, CERTIFICATE_*, REVOCATION_UNKNOWN, BAD_SIGNATURE, MEMBER_SUSPENDED.
 * *crl_stale: good, but the CRL is past its date (an alarm).
 */
enum refusal signer_check(const struct signer_rules *rules, const struct header *header,
                          const struct signature_block *block, const uint8_t leaf[HASH_SIZE],
                          const struct chain *chain, bool *crl_stale);

#endif
