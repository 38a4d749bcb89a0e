#include "core/peers.h"

#include "base/error.h"
#include "base/log.h"
#include "wire/signer.h"

#include <stdlib.h>
#include <string.h>

#define PEERS_MOST 1024

struct peers {
    struct peer {
        uint8_t certificate[HASH_SIZE];
        struct chain *chain;
    } list[PEERS_MOST];
    size_t count, oldest;
};

struct peers *peers_new(void)
{
    return memory_zeroed(1, sizeof(struct peers));
}

void peers_free(struct peers *peers)
{
    if (peers == NULL)
        return;
    for (size_t i = 0; i < peers->count; i++)
        chain_free(peers->list[i].chain);
    free(peers);
}

static struct chain *find(const struct peers *peers, const uint8_t certificate[HASH_SIZE])
{
    for (size_t i = 0; i < peers->count; i++)
        if (memcmp(peers->list[i].certificate, certificate, HASH_SIZE) == 0)
            return peers->list[i].chain;
    return NULL;
}

int peers_add(struct peers *peers, const uint8_t certificate[HASH_SIZE], struct bytes der, struct error *e)
{
    if (find(peers, certificate) != NULL)
        return 0;
    struct chain *chain = chain_parse_der(der, e);
    if (chain == NULL)
        return -1;
    if (memcmp(chain_leaf_hash(chain), certificate, HASH_SIZE) != 0) {
        chain_free(chain);
        return error_set(e, ERROR_INTEGRITY,
                         "the bus gave the chain of another certificate than was asked for");
    }
    struct peer *place;
    if (peers->count < PEERS_MOST) {
        place = &peers->list[peers->count++];
    } else {
        /* Full: the oldest goes; it is fetched again when somebody signs with it. */
        place = &peers->list[peers->oldest];
        peers->oldest = (peers->oldest + 1) % PEERS_MOST;
        chain_free(place->chain);
    }
    memcpy(place->certificate, certificate, HASH_SIZE);
    place->chain = chain;
    return 0;
}

enum refusal peers_judge(struct peers *peers, const struct registry *registry, struct trust *trust,
                         const struct delivery *d, uint64_t now, uint8_t certificate[HASH_SIZE])
{
    const struct signer_rules rules = {registry, trust, now};
    struct signature_block block;
    if (signature_block_decode(d->entry.signature, &block) != REFUSAL_NONE)
        return REFUSAL_MALFORMED;
    if (signer_due(&rules, &d->header) == NULL)
        return REFUSAL_UNKNOWN_MEMBER;
    struct chain *chain = find(peers, block.certificate);
    if (chain == NULL) {
        memcpy(certificate, block.certificate, HASH_SIZE);
        return REFUSAL_UNKNOWN_CERTIFICATE;
    }
    bool crl_stale = false;
    enum refusal refusal = signer_check(&rules, &d->header, &block, d->leaf, chain, &crl_stale);
    if (crl_stale)
        log_warn("crl_stale", "member=%s", signer_due(&rules, &d->header)->id);
    return refusal;
}
