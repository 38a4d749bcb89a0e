#ifndef WASL_ADAPTERS_CORE_RESPONSE_CHECK_H
#define WASL_ADAPTERS_CORE_RESPONSE_CHECK_H
/* The consumer's judgement on a response: both receipts, the very request that it answers, who signed it,
 * when, the seal. It trusts nothing that the bus has judged. */
#include "core/delivery.h"

struct common;

/* request, request_leaf: what we sent. certificate: set with UNKNOWN_CERTIFICATE, whose chain to fetch. */
enum refusal response_check(struct common *common, const struct header *request,
                            const uint8_t request_leaf[HASH_SIZE], const struct delivery *d,
                            uint8_t certificate[HASH_SIZE]);

#endif
