#include "core/response_check.h"

#include "core/common.h"

#include <string.h>

static bool same_exchange(const struct header *request, const struct header *response)
{
    return strcmp(request->instance, response->instance) == 0 &&
           strcmp(request->consumer, response->consumer) == 0 &&
           strcmp(request->provider, response->provider) == 0 &&
           strcmp(request->service, response->service) == 0 &&
           strcmp(request->operation, response->operation) == 0 &&
           strcmp(request->purpose, response->purpose) == 0 &&
           strcmp(request->legal_basis, response->legal_basis) == 0;
}

/* Both receipts: that of the response, and that of the very request we made. */
static enum refusal check_receipts(struct common *common, const uint8_t request_leaf[HASH_SIZE],
                                   const struct delivery *d)
{
    struct entry entry;
    struct entry_hold hold;
    if (!common_receipt(common, buffer_bytes(&d->entry_bytes), buffer_bytes(&d->proof), ENTRY_ADMITTED,
                        d->leaf, &entry, &hold))
        return REFUSAL_NO_RECEIPT;
    entry_release(&hold);
    if (!common_receipt(common, buffer_bytes(&d->request_entry), buffer_bytes(&d->request_proof),
                        ENTRY_ADMITTED, request_leaf, &entry, &hold))
        return REFUSAL_NO_RECEIPT;
    entry_release(&hold);
    return REFUSAL_NONE;
}

enum refusal response_check(struct common *common, const struct header *request,
                            const uint8_t request_leaf[HASH_SIZE], const struct delivery *d,
                            uint8_t certificate[HASH_SIZE])
{
    uint64_t now = common_now(common);
    enum refusal refusal = check_receipts(common, request_leaf, d);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (!d->header.has_request_leaf || memcmp(d->header.request_leaf, request_leaf, HASH_SIZE) != 0 ||
        !same_exchange(request, &d->header))
        return REFUSAL_RESPONSE_MISMATCH;
    refusal = peers_judge(common->peers, knowledge_registry(common->knowledge),
                          knowledge_trust(common->knowledge), d, now, certificate);
    if (refusal != REFUSAL_NONE)
        return refusal;
    refusal = header_check_time(&d->header, now, common->options.clock_skew);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (!delivery_seal_good(d))
        return REFUSAL_BAD_SEAL;
    return common_claim_seen(common, d) ? REFUSAL_NONE : REFUSAL_INCONSISTENT;
}
