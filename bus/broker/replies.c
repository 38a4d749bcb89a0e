#include "broker/replies.h"

#include "base/error.h"
#include "crypto/seal.h"
#include "session.pb-c.h"
#include "wire/link.h"
#include "wire/strict.h"

#include <stdlib.h>

#define RETRY_SOON 1000 /* milliseconds */

static const struct bytes nothing = {(const uint8_t *)"", 0};

static uint64_t retry_after(enum refusal reason)
{
    switch (reason) {
    case REFUSAL_PROVIDER_UNAVAILABLE:
    case REFUSAL_PROVIDER_BUSY:
    case REFUSAL_TOO_MANY:
    case REFUSAL_DISK_FULL:
    case REFUSAL_STOPPED:
        return RETRY_SOON;
    default:
        return 0;
    }
}

void replies_refused(struct peers *peers, struct peer *peer, const uint8_t *exchange_id,
                     const uint8_t leaf[HASH_SIZE], enum refusal reason, const struct buffer *entry,
                     const struct buffer *proof)
{
    Wasl__V1__Refused refused = WASL__V1__REFUSED__INIT;
    refused.exchange_id = strict_field(bytes_make(exchange_id, exchange_id == NULL ? 0 : 16));
    refused.leaf = strict_field(bytes_make(leaf, HASH_SIZE));
    refused.reason = (uint32_t)reason;
    refused.entry = strict_field(buffer_bytes(entry));
    refused.proof = strict_field(buffer_bytes(proof));
    refused.retry_after = retry_after(reason);
    peers_say(peers, peer, VERB_REFUSED, &refused.base, nothing);
}

void replies_receipt(struct peers *peers, struct peer *peer, const struct message *m)
{
    Wasl__V1__Receipt receipt = WASL__V1__RECEIPT__INIT;
    receipt.entry = strict_field(buffer_bytes(&m->entry));
    receipt.proof = strict_field(buffer_bytes(&m->proof));
    peers_say(peers, peer, VERB_RECEIPT, &receipt.base, nothing);
}

struct delivery *replies_deliver(struct message *m, const struct exchange *request)
{
    uint8_t hash[HASH_SIZE];
    ProtobufCBinaryData hashes[1] = {{HASH_SIZE, hash}};
    BUG_ON(m->slot_count != 1); /* admitted: each kind has one receiver */
    slot_hash(buffer_bytes(&m->slots[0]), hash);
    Wasl__V1__Deliver deliver = WASL__V1__DELIVER__INIT;
    deliver.entry = strict_field(buffer_bytes(&m->entry));
    deliver.proof = strict_field(buffer_bytes(&m->proof));
    deliver.n_slot_hash = 1;
    deliver.slot_hash = hashes;
    deliver.slot = strict_field(buffer_bytes(&m->slots[0]));
    if (request != NULL) {
        deliver.request_entry = strict_field(buffer_bytes(&request->entry));
        deliver.request_proof = strict_field(buffer_bytes(&m->request_proof));
    }
    struct buffer packed = {0};
    strict_pack(&deliver.base, &packed);
    struct delivery *d = delivery_new(m->leaf, m->header.expires, &packed, m->chunks, m->chunk_count);
    m->chunks = NULL;
    m->chunk_count = 0;
    return d;
}

void replies_welcome(struct io *io, struct peer *peer, const struct hello *h)
{
    const struct registry *registry = snapshot_registry(io->snapshot);
    size_t crls = snapshot_crl_count(io->snapshot);
    ProtobufCBinaryData *crl = memory_zeroed(crls + 1, sizeof(*crl));
    for (size_t i = 0; i < crls; i++)
        crl[i] = strict_field(bytes_make(snapshot_crl(io->snapshot, i), HASH_SIZE));
    ProtobufCBinaryData *proof = memory_zeroed(h->proof_count + 1, sizeof(*proof));
    for (size_t i = 0; i < h->proof_count; i++)
        proof[i] = strict_field(bytes_make(h->proof[i], HASH_SIZE));
    Wasl__V1__Welcome w = WASL__V1__WELCOME__INIT;
    w.version = h->version;
    w.session = strict_field(bytes_make(h->id, sizeof(h->id)));
    w.time = io->now;
    w.checkpoint = strict_field(buffer_bytes(&h->latest));
    w.n_consistency = h->proof_count;
    w.consistency = proof;
    w.registry_version = registry_version(registry);
    w.registry_hash = strict_field(bytes_make(registry_hash(registry), HASH_SIZE));
    w.n_crl = crls;
    w.crl = crl;
    w.credit_messages = (uint32_t)io->limits->submit_messages;
    w.credit_bytes = io->limits->submit_bytes;
    w.software = strict_field(bytes_of_string("wasl-bus " WASL_VERSION));
    peers_say(io->peers, peer, VERB_WELCOME, &w.base, nothing);
    free(proof);
    free(crl);
}

void replies_proof(struct peers *peers, struct peer *peer, const struct prove *p)
{
    ProtobufCBinaryData *hashes = memory_zeroed(p->proof_count + 1, sizeof(*hashes));
    for (size_t i = 0; i < p->proof_count; i++)
        hashes[i] = strict_field(bytes_make(p->proof[i], HASH_SIZE));
    Wasl__V1__Proof proof = WASL__V1__PROOF__INIT;
    proof.old_size = p->old_size;
    proof.new_size = p->new_size;
    proof.n_hash = p->proof_count;
    proof.hash = hashes;
    proof.checkpoint = strict_field(buffer_bytes(&p->note));
    peers_say(peers, peer, VERB_PROOF, &proof.base, nothing);
    free(hashes);
}

void replies_object(struct peers *peers, struct peer *peer, const struct fetch *f)
{
    Wasl__V1__Object object = WASL__V1__OBJECT__INIT;
    object.kind = (Wasl__V1__ObjectRef)f->what;
    object.hash = strict_field(bytes_make(f->hash, f->has_hash ? HASH_SIZE : 0));
    object.offset = f->offset;
    object.total = f->total;
    peers_say(peers, peer, VERB_OBJECT, &object.base, buffer_bytes(&f->data));
}
