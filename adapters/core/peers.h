#ifndef WASL_ADAPTERS_CORE_PEERS_H
#define WASL_ADAPTERS_CORE_PEERS_H
/* Other members' certificate chains, as the bus's trust store gave them, and the judgement on who signed a
 * message. */
#include "core/delivery.h"
#include "crypto/trust.h"
#include "registry/registry.h"

struct error;
struct peers;

struct peers *peers_new(void);
void peers_free(struct peers *peers); /* NULL is harmless */
/* The chain whose leaf has this hash. -1 with e set when it is another one, or none. */
int peers_add(struct peers *peers, const uint8_t certificate[HASH_SIZE], struct bytes der, struct error *e);

/*
 * Was this message signed by the member that must have signed it, with a certificate that is good now?
 * REFUSAL_NONE, MALFORMED, UNKNOWN_MEMBER, CERTIFICATE_*, REVOCATION_UNKNOWN, BAD_SIGNATURE;
 * UNKNOWN_CERTIFICATE with `certificate` set when its chain must be fetched first.
 */
enum refusal peers_judge(struct peers *peers, const struct registry *registry, struct trust *trust,
                         const struct delivery *delivery, uint64_t now, uint8_t certificate[HASH_SIZE]);

#endif
