#include "wire/signer.h"

const struct registry_member *signer_due(const struct signer_rules *rules, const struct header *header)
{
    return registry_member(rules->registry, header_signer(header));
}

enum refusal signer_check(const struct signer_rules *rules, const struct header *header,
                          const struct signature_block *block, const uint8_t leaf[HASH_SIZE],
                          const struct chain *chain, bool *crl_stale)
{
    const struct registry_member *member = signer_due(rules, header);
    if (member == NULL)
        return REFUSAL_UNKNOWN_MEMBER;
    struct verified_key key;
    enum refusal refusal =
        trust_verify(rules->trust, chain, member->anchor, member->certificate_subject, rules->now, &key);
    if (refusal != REFUSAL_NONE)
        return refusal;
    *crl_stale = key.crl_stale;
    refusal = envelope_verify(block, header->instance, leaf, key.key, key.algorithm);
    /* Last, so that it is proven whom the refusal is about. */
    return refusal == REFUSAL_NONE && member->suspended ? REFUSAL_MEMBER_SUSPENDED : refusal;
}
