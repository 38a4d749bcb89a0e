#ifndef WASL_ADAPTERS_CORE_REQUEST_CHECK_H
#define WASL_ADAPTERS_CORE_REQUEST_CHECK_H
/*
 * The provider's own judgement on a request that has a receipt: who signed it, when, the seal, the grant, and
 * then, on the opened bytes, whether they ask for what the header says. It trusts nothing that the bus has
 * judged.
 */
#include "core/connector.h"
#include "core/delivery.h"
#include "registry/registry.h"

struct common;

struct request_check {
    uint8_t certificate[HASH_SIZE]; /* UNKNOWN_CERTIFICATE: whose chain to fetch */
    const struct registry_service *service;
    const struct registry_grant *grant;
    struct call *call;              /* opened: method, path, query, headers, body and operation are filled */
    enum subject_type subject_type; /* the subject actually queried */
    char subject[128];
};
/* REFUSAL_NONE, a refusal to be answered, or NO_RECEIPT: not to be answered at all. */
enum refusal request_check(struct common *common, const struct registry *registry, const struct delivery *d,
                           struct request_check *out);
void request_check_clear(struct request_check *check);

#endif
