#include "broker/chains.h"

#include "broker/map.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct presented *presented;
    struct node *next; /* newest first */
};
struct chains {
    pthread_mutex_t lock;
    struct map *by_leaf;
    struct node *all;
};

struct chains *chains_new(void)
{
    struct chains *chains = memory_zeroed(1, sizeof(*chains));
    pthread_mutex_init(&chains->lock, NULL);
    chains->by_leaf = map_new(HASH_SIZE);
    return chains;
}

void presented_free(struct presented *presented)
{
    if (presented == NULL || atomic_fetch_sub(&presented->references, 1) > 1)
        return;
    chain_free(presented->chain);
    free(presented);
}

void chains_free(struct chains *chains)
{
    if (chains == NULL)
        return;
    while (chains->all != NULL) {
        struct node *node = chains->all;
        chains->all = node->next;
        presented_free(node->presented);
        free(node);
    }
    map_free(chains->by_leaf);
    pthread_mutex_destroy(&chains->lock);
    free(chains);
}

/* Drops the member's oldest ones over its share, and every node whose leaf has just been presented again. */
static void make_room(struct chains *chains, const char *member, const uint8_t leaf[HASH_SIZE])
{
    unsigned seen = 0;
    for (struct node **at = &chains->all; *at != NULL;) {
        struct node *node = *at;
        bool same = memcmp(node->presented->leaf, leaf, HASH_SIZE) == 0;
        if (!same && (strcmp(node->presented->member, member) != 0 || ++seen < CHAINS_OF_MEMBER)) {
            at = &node->next;
            continue;
        }
        *at = node->next;
        map_remove(chains->by_leaf, node->presented->leaf);
        presented_free(node->presented);
        free(node);
    }
}

void chains_add(struct chains *chains, const char *member, struct chain *chain,
                const uint8_t object[HASH_SIZE])
{
    struct presented *presented = memory_zeroed(1, sizeof(*presented));
    atomic_init(&presented->references, 1);
    snprintf(presented->member, sizeof(presented->member), "%s", member);
    presented->chain = chain;
    memcpy(presented->leaf, chain_leaf_hash(chain), HASH_SIZE);
    memcpy(presented->object, object, HASH_SIZE);
    struct node *node = memory_zeroed(1, sizeof(*node));
    node->presented = presented;

    pthread_mutex_lock(&chains->lock);
    make_room(chains, member, presented->leaf);
    node->next = chains->all;
    chains->all = node;
    map_put(chains->by_leaf, presented->leaf, presented);
    pthread_mutex_unlock(&chains->lock);
}

struct presented *chains_find(struct chains *chains, const uint8_t leaf[HASH_SIZE])
{
    pthread_mutex_lock(&chains->lock);
    struct presented *presented = map_get(chains->by_leaf, leaf);
    if (presented != NULL)
        atomic_fetch_add(&presented->references, 1);
    pthread_mutex_unlock(&chains->lock);
    return presented;
}

/* --- all of them --- */

static struct presented **take_all(struct chains *chains, size_t *count)
{
    *count = 0;
    pthread_mutex_lock(&chains->lock);
    struct presented **all = memory_zeroed(map_count(chains->by_leaf) + 1, sizeof(struct presented *));
    for (const struct node *node = chains->all; node != NULL; node = node->next) {
        atomic_fetch_add(&node->presented->references, 1);
        all[(*count)++] = node->presented;
    }
    pthread_mutex_unlock(&chains->lock);
    return all;
}

static int by_leaf(const void *a, const void *b)
{
    return memcmp(((const struct chain_verdict *)a)->leaf, ((const struct chain_verdict *)b)->leaf,
                  HASH_SIZE);
}

static enum refusal judge_one(const struct presented *presented, const struct registry *registry,
                              struct trust *trust, uint64_t now)
{
    const struct registry_member *member = registry_member(registry, bytes_of_string(presented->member));
    struct verified_key key;
    return member == NULL ? REFUSAL_UNKNOWN_MEMBER
                          : trust_verify(trust, presented->chain, member->anchor, member->certificate_subject,
                                         now, &key);
}

struct chain_verdict *chains_judge(struct chains *chains, const struct registry *registry,
                                   struct trust *trust, uint64_t now, size_t *count)
{
    struct presented **all = take_all(chains, count);
    struct chain_verdict *verdicts = memory_zeroed(*count + 1, sizeof(*verdicts));
    for (size_t i = 0; i < *count; i++) {
        memcpy(verdicts[i].leaf, all[i]->leaf, HASH_SIZE);
        verdicts[i].refusal = judge_one(all[i], registry, trust, now);
        presented_free(all[i]);
    }
    free(all);
    qsort(verdicts, *count, sizeof(*verdicts), by_leaf);
    return verdicts;
}

const struct chain_verdict *chain_verdict_find(const struct chain_verdict *verdicts, size_t count,
                                               const uint8_t leaf[HASH_SIZE])
{
    struct chain_verdict wanted;
    memcpy(wanted.leaf, leaf, HASH_SIZE);
    return count == 0 ? NULL : bsearch(&wanted, verdicts, count, sizeof(*verdicts), by_leaf);
}

bool chains_prove_crl(struct chains *chains, const struct trust *trust, size_t i)
{
    size_t count;
    struct presented **all = take_all(chains, &count);
    bool found = false;
    for (size_t n = 0; n < count; n++) {
        found = found || trust_prove_crl(trust, i, all[n]->chain);
        presented_free(all[n]);
    }
    free(all);
    return found;
}
