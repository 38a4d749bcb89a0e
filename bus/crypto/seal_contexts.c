#include "crypto/seal_contexts.h"
#include "base/error.h"
#include "crypto/hash.h"

#include <openssl/crypto.h>
#include <string.h>

#define SETS         128
#define WAYS         (SEAL_CONTEXTS_MOST / SETS)
#define EXPIRE_EVERY ((uint64_t)1000000) /* microseconds */

static const char slot_info[] = "wasl/slot/v1";

/* All zero: empty. */
struct kept {
    uint8_t peer[HASH_SIZE]; /* SHA-256 of the name */
    uint8_t key_id[HASH_SIZE];
    uint8_t enc[HPKE_ENC];
    struct hpke_context context; /* its exporter secret only */
    uint64_t since;              /* made; a receiver's: last used */
    uint64_t turn;               /* of its last use; 0: empty */
    uint32_t uses;
};

struct table {
    struct kept kept[SETS][WAYS];
    size_t count;
};

struct seal_contexts {
    struct table sending, receiving;
    uint64_t now, expired;
    uint64_t turns; /* of use, so that the least recently used is known */
};

struct seal_contexts *seal_contexts_new(void)
{
    return memory_zeroed(1, sizeof(struct seal_contexts));
}

void seal_contexts_free(struct seal_contexts *contexts)
{
    if (contexts == NULL)
        return;
    OPENSSL_cleanse(contexts, sizeof(*contexts));
    free(contexts);
}

static void drop(struct table *table, struct kept *kept)
{
    if (kept->turn == 0)
        return;
    OPENSSL_cleanse(kept, sizeof(*kept));
    table->count--;
}

static void expire(struct table *table, uint64_t now)
{
    for (size_t i = 0; i < SETS && table->count > 0; i++)
        for (size_t k = 0; k < WAYS; k++)
            if (table->kept[i][k].turn != 0 && now - table->kept[i][k].since >= SEAL_CONTEXT_LIFE)
                drop(table, &table->kept[i][k]);
}

void seal_contexts_tick(struct seal_contexts *contexts, uint64_t monotonic)
{
    contexts->now = monotonic;
    if (monotonic - contexts->expired < EXPIRE_EVERY)
        return;
    contexts->expired = monotonic;
    expire(&contexts->sending, monotonic);
    expire(&contexts->receiving, monotonic);
}

void seal_contexts_forget(struct seal_contexts *contexts)
{
    OPENSSL_cleanse(&contexts->sending, sizeof(contexts->sending));
    OPENSSL_cleanse(&contexts->receiving, sizeof(contexts->receiving));
}

size_t seal_contexts_count(const struct seal_contexts *contexts)
{
    return contexts->sending.count + contexts->receiving.count;
}

/* The one of this peer and key (enc: with this enc), or a place for it, which may be taken. */
static struct kept *look(struct table *table, const uint8_t peer[HASH_SIZE], const uint8_t key_id[HASH_SIZE],
                         const uint8_t *enc, bool *found)
{
    struct kept *set = table->kept[get_u32be(peer) % SETS];
    struct kept *oldest = set;

    for (size_t k = 0; k < WAYS; k++) {
        struct kept *kept = &set[k];

        if (kept->turn != 0 && memcmp(kept->peer, peer, HASH_SIZE) == 0 &&
            (enc == NULL || memcmp(kept->enc, enc, HPKE_ENC) == 0)) {
            *found = memcmp(kept->key_id, key_id, HASH_SIZE) == 0;
            return kept;
        }
        if (kept->turn < oldest->turn)
            oldest = kept;
    }
    *found = false;
    return oldest;
}

static void keep(struct seal_contexts *contexts, struct table *table, struct kept *place,
                 const uint8_t peer[HASH_SIZE], const uint8_t key_id[HASH_SIZE], const uint8_t enc[HPKE_ENC],
                 const struct hpke_context *context)
{
    drop(table, place);
    memcpy(place->peer, peer, HASH_SIZE);
    memcpy(place->key_id, key_id, HASH_SIZE);
    memcpy(place->enc, enc, HPKE_ENC);
    memcpy(place->context.exporter_secret, context->exporter_secret, sizeof(context->exporter_secret));
    place->since = contexts->now;
    table->count++;
}

static void export(struct seal_contexts *contexts, struct kept *kept, const uint8_t label[SEAL_LABEL],
                   uint8_t slot_key[32])
{
    kept->turn = ++contexts->turns;
    kept->uses++;
    hpke_export(&kept->context, bytes_make(label, SEAL_LABEL), slot_key, 32);
}

int seal_contexts_send(struct seal_contexts *contexts, const struct seal_receiver *receiver,
                       uint8_t enc[HPKE_ENC], uint8_t label[SEAL_LABEL], uint8_t slot_key[32],
                       struct error *e)
{
    uint8_t peer[HASH_SIZE], key_id[HASH_SIZE];
    struct hpke_context context;
    struct kept *kept;
    bool found;

    sha256(bytes_of_string(receiver->receiver), peer);
    sha256(bytes_make(receiver->public_key, 32), key_id);
    kept = look(&contexts->sending, peer, key_id, NULL, &found);
    if (!found || kept->uses >= SEAL_CONTEXT_USES || contexts->now - kept->since >= SEAL_CONTEXT_LIFE) {
        if (hpke_setup_sender(receiver->public_key, bytes_of_string(slot_info), NULL, enc, &context, e) != 0)
            return -1;
        keep(contexts, &contexts->sending, kept, peer, key_id, enc, &context);
        hpke_clear(&context);
    }
    memcpy(enc, kept->enc, HPKE_ENC);
    random_bytes(label, SEAL_LABEL);
    export(contexts, kept, label, slot_key);
    return 0;
}

bool seal_contexts_receive(struct seal_contexts *contexts, struct bytes sender, const struct sealing_key *key,
                           const uint8_t enc[HPKE_ENC], const uint8_t label[SEAL_LABEL], uint8_t slot_key[32])
{
    uint8_t peer[HASH_SIZE];
    struct hpke_context context;
    struct kept *kept;
    bool found;

    sha256(sender, peer);
    kept = look(&contexts->receiving, peer, key->id, enc, &found);
    if (!found) {
        if (hpke_setup_receiver(enc, key->private_key, bytes_of_string(slot_info), &context, NULL) != 0)
            return false;
        keep(contexts, &contexts->receiving, kept, peer, key->id, enc, &context);
        hpke_clear(&context);
    }
    kept->since = contexts->now;
    export(contexts, kept, label, slot_key);
    return true;
}
