#include "hand_bus.h"

#include "base/clock.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "session.pb-c.h"
#include "tlog/proof.h"
#include "tlog/tree.h"
#include "wire/envelope.h"
#include "wire/link.h"
#include "wire/strict.h"
#include "wire/zap.h"

#include <stdlib.h>
#include <string.h>

/* --- the ledger --- */

static int read_tile(void *arg, unsigned level, uint64_t number, unsigned width, uint8_t *out,
                     struct error *e)
{
    struct hand_bus *bus = arg;
    assert_int_equal(level, 0);
    assert_int_equal(number, 0);
    memcpy(out, bus->leaves, (size_t)width * HASH_SIZE);
    (void)e;
    return 0;
}

static struct tree *new_tree(struct hand_bus *bus)
{
    struct tree_reader reader = {read_tile, bus};
    return tree_new(&reader);
}

static uint64_t append(struct hand_bus *bus, const struct entry *entry)
{
    uint64_t index = tree_size(bus->tree);
    assert_true(index < HAND_ENTRIES);
    struct entry timed = *entry;
    uint64_t now = clock_wall();
    bus->time = now > bus->time ? now : bus->time + 1;
    timed.time = bus->time;
    struct error e;
    struct registry_authority authority = {(const char *const *)&country()->authority_vkey, 1, 1};
    struct registry *registry = registry_open_signed(buffer_bytes(bus->registry), NULL, &authority, NULL, &e);
    assert_non_null(registry);
    timed.registry_version = registry_version(registry);
    memcpy(timed.registry_hash, registry_hash(registry), HASH_SIZE);
    registry_free(registry);
    buffer_clear(&bus->entries[index]);
    entry_encode(&timed, &bus->entries[index]);
    merkle_leaf(buffer_bytes(&bus->entries[index]), bus->leaves[index]);
    tree_append(bus->tree, bus->leaves[index]);
    return index;
}

uint64_t hand_bus_record(struct hand_bus *bus, unsigned type, struct bytes context, struct bytes body,
                         struct bytes signature, enum refusal reason)
{
    struct entry entry = {
        .type = type, .context = context, .body = body, .signature = signature, .reason = reason};
    return append(bus, &entry);
}

static void checkpoint_of(struct hand_bus *bus, const struct note_signer *signer, struct buffer *note)
{
    struct checkpoint checkpoint = {.size = tree_size(bus->tree)};
    struct error e;
    strcpy(checkpoint.origin, signer->verifier.name);
    assert_int_equal(tree_root(bus->tree, checkpoint.size, checkpoint.root, &e), 0);
    checkpoint_sign(&checkpoint, signer, note);
}

void hand_bus_checkpoint(struct hand_bus *bus, struct buffer *note)
{
    checkpoint_of(bus, bus->signer, note);
}

void hand_bus_receipt(struct hand_bus *bus, uint64_t index, const struct note_signer *signer,
                      struct buffer *proof)
{
    uint8_t path[TREE_PROOF_MOST][HASH_SIZE];
    size_t count;
    struct error e;
    struct buffer note = {0};
    assert_int_equal(tree_inclusion(bus->tree, index, tree_size(bus->tree), path, &count, &e), 0);
    checkpoint_of(bus, signer, &note);
    tlog_proof_format(index, (const uint8_t(*)[HASH_SIZE])path, count, buffer_bytes(&note), proof);
    buffer_free(&note);
}

void hand_bus_fork(struct hand_bus *bus)
{
    uint64_t size = tree_size(bus->tree);
    tree_free(bus->tree);
    bus->tree = new_tree(bus);
    bus->leaves[0][0] ^= 1;
    for (uint64_t i = 0; i < size; i++)
        tree_append(bus->tree, bus->leaves[i]);
}

/* --- sending --- */

static void send_message(struct hand_bus *bus, int member, unsigned verb, const ProtobufCMessage *m,
                         struct bytes payload)
{
    struct hand_peer *peer = &bus->peers[member];
    struct buffer packed = {0};
    strict_pack(m, &packed);
    assert_int_equal(link_send(bus->socket, bytes_make(peer->routing_id, peer->routing_id_len), verb,
                               buffer_bytes(&packed), payload),
                     0);
    buffer_free(&packed);
}

static void send_receipt(struct hand_bus *bus, const struct hand_message *message)
{
    Wasl__V1__Receipt m = WASL__V1__RECEIPT__INIT;
    struct buffer proof = {0};
    hand_bus_receipt(bus, message->index, bus->signer, &proof);
    m.entry = strict_field(buffer_bytes(&bus->entries[message->index]));
    m.proof = strict_field(buffer_bytes(&proof));
    send_message(bus, message->member, VERB_RECEIPT, &m.base, bytes_make(NULL, 0));
    buffer_free(&proof);
}

void hand_bus_refuse(struct hand_bus *bus, struct hand_message *message, enum refusal reason)
{
    Wasl__V1__Refused m = WASL__V1__REFUSED__INIT;
    struct buffer proof = {0};
    message->index = hand_bus_record(bus, ENTRY_REFUSED, buffer_bytes(&message->context),
                                     buffer_bytes(&message->body), buffer_bytes(&message->signature), reason);
    hand_bus_receipt(bus, message->index, bus->signer, &proof);
    m.exchange_id = strict_field(bytes_make(message->header.exchange_id, 16));
    m.leaf = strict_field(bytes_make(message->leaf, HASH_SIZE));
    m.reason = reason;
    m.entry = strict_field(buffer_bytes(&bus->entries[message->index]));
    m.proof = strict_field(buffer_bytes(&proof));
    send_message(bus, message->member, VERB_REFUSED, &m.base, bytes_make(NULL, 0));
    buffer_free(&proof);
}

static int member_of(const char *id)
{
    for (int m = 0; m < MEMBERS; m++)
        if (strncmp(id, country_member[m], strlen(country_member[m])) == 0 &&
            (id[strlen(country_member[m])] == '/' || id[strlen(country_member[m])] == '\0'))
            return m;
    fail_msg("nobody is called %s", id);
    return -1;
}

static struct hand_message *request_of(struct hand_bus *bus, const uint8_t leaf[HASH_SIZE])
{
    for (size_t i = 0; i < bus->message_count; i++)
        if (memcmp(bus->messages[i].leaf, leaf, HASH_SIZE) == 0)
            return &bus->messages[i];
    return NULL;
}

void hand_delivery_make(struct hand_bus *bus, const struct hand_message *message, struct hand_delivery *out)
{
    memset(out, 0, sizeof(*out));
    buffer_append_bytes(&out->entry, buffer_bytes(&bus->entries[message->index]));
    hand_bus_receipt(bus, message->index, bus->signer, &out->proof);
    buffer_append_bytes(&out->slot, buffer_bytes(&message->slots[0]));
    buffer_append_bytes(&out->chunk, buffer_bytes(&message->chunk));
    for (size_t i = 0; i < message->slot_count; i++)
        slot_hash(buffer_bytes(&message->slots[i]), out->slot_hashes[i]);
    out->slot_count = message->slot_count;
    if (message->header.kind == MESSAGE_RESPONSE) {
        const struct hand_message *request = request_of(bus, message->header.request_leaf);
        if (request != NULL) {
            buffer_append_bytes(&out->request_entry, buffer_bytes(&bus->entries[request->index]));
            hand_bus_receipt(bus, request->index, bus->signer, &out->request_proof);
        }
    }
}

void hand_delivery_send(struct hand_bus *bus, int member, const struct hand_delivery *d)
{
    ProtobufCBinaryData hashes[4];
    Wasl__V1__Deliver m = WASL__V1__DELIVER__INIT;
    for (size_t i = 0; i < d->slot_count; i++)
        hashes[i] = strict_field(bytes_make(d->slot_hashes[i], HASH_SIZE));
    m.entry = strict_field(buffer_bytes(&d->entry));
    m.proof = strict_field(buffer_bytes(&d->proof));
    m.n_slot_hash = d->slot_count;
    m.slot_hash = hashes;
    m.slot = strict_field(buffer_bytes(&d->slot));
    m.request_entry = strict_field(buffer_bytes(&d->request_entry));
    m.request_proof = strict_field(buffer_bytes(&d->request_proof));
    assert_true(bus->peers[member].credit > 0);
    bus->peers[member].credit--;
    send_message(bus, member, VERB_DELIVER, &m.base, buffer_bytes(&d->chunk));
}

void hand_delivery_free(struct hand_delivery *d)
{
    buffer_free(&d->entry);
    buffer_free(&d->proof);
    buffer_free(&d->request_entry);
    buffer_free(&d->request_proof);
    buffer_free(&d->slot);
    buffer_free(&d->chunk);
}

static void deliver(struct hand_bus *bus, const struct hand_message *message)
{
    bool response = message->header.kind == MESSAGE_RESPONSE;
    int to = member_of(response ? message->header.consumer : message->header.provider);
    struct hand_delivery d;
    if (!bus->peers[to].here)
        return;
    hand_delivery_make(bus, message, &d);
    hand_delivery_send(bus, to, &d);
    hand_delivery_free(&d);
}

void hand_bus_admit(struct hand_bus *bus, struct hand_message *m)
{
    unsigned type = m->header.kind == MESSAGE_SUBJECT_KEY ? ENTRY_SUBJECT_KEY
                    : m->header.kind == MESSAGE_REFUSAL   ? ENTRY_REFUSED
                                                          : ENTRY_ADMITTED;
    if (m->index == UINT64_MAX)
        m->index = hand_bus_record(bus, type, buffer_bytes(&m->context), buffer_bytes(&m->body),
                                   buffer_bytes(&m->signature),
                                   type == ENTRY_REFUSED ? (enum refusal)m->header.outcome : REFUSAL_NONE);
    switch (m->header.kind) {
    case MESSAGE_REQUEST:
        if (!bus->hold_requests)
            deliver(bus, m);
        break;
    case MESSAGE_RESPONSE:
        if (!bus->hold_responses) {
            send_receipt(bus, m);
            deliver(bus, m);
        }
        break;
    case MESSAGE_SUBJECT_KEY:
        if (!bus->hold_keys)
            send_receipt(bus, m);
        break;
    default:
        send_receipt(bus, m);
        break;
    }
}

/* --- receiving --- */

static struct hand_message *keep(struct hand_bus *bus, int member, struct bytes context, struct bytes body,
                                 struct bytes signature)
{
    uint8_t leaf[HASH_SIZE];
    envelope_leaf(context, body, leaf);
    struct hand_message *old = request_of(bus, leaf);
    if (old != NULL)
        return old; /* sent again: the same bytes */
    assert_true(bus->message_count < HAND_MESSAGES);
    struct hand_message *m = &bus->messages[bus->message_count++];
    m->member = member;
    m->index = UINT64_MAX;
    memcpy(m->leaf, leaf, HASH_SIZE);
    assert_int_equal(header_decode(context, body, &m->header), REFUSAL_NONE);
    buffer_append_bytes(&m->context, context);
    buffer_append_bytes(&m->body, body);
    buffer_append_bytes(&m->signature, signature);
    return m;
}

struct hand_message *hand_bus_take_parcel(struct hand_bus *bus, int member, const struct parcel *p)
{
    struct hand_message *m =
        keep(bus, member, buffer_bytes(&p->context), buffer_bytes(&p->body), buffer_bytes(&p->signature));
    buffer_append_bytes(&m->chunk, parcel_chunk(p, 0));
    for (size_t i = 0; i < p->slot_count; i++)
        buffer_append_bytes(&m->slots[i], buffer_bytes(&p->slots[i]));
    m->slot_count = p->slot_count;
    return m;
}

static void take_submit(struct hand_bus *bus, int member, const Wasl__V1__Submit *s, struct bytes payload)
{
    struct hand_message *m =
        keep(bus, member, strict_bytes(s->context), strict_bytes(s->body), strict_bytes(s->signature));
    if (m->chunk.len == 0 && m->slot_count == 0) {
        buffer_append_bytes(&m->chunk, payload);
        assert_true(s->n_slot <= 4);
        for (size_t i = 0; i < s->n_slot; i++)
            buffer_append_bytes(&m->slots[i], strict_bytes(s->slot[i]));
        m->slot_count = s->n_slot;
    }
    hand_bus_admit(bus, m);
}

static void registry_of(const struct hand_bus *bus, uint64_t *version, uint8_t hash[HASH_SIZE])
{
    struct error e;
    struct registry_authority authority = {(const char *const *)&country()->authority_vkey, 1, 1};
    struct registry *registry = registry_open_signed(buffer_bytes(bus->registry), NULL, &authority, NULL, &e);
    assert_non_null(registry);
    *version = registry_version(registry);
    memcpy(hash, registry_hash(registry), HASH_SIZE);
    registry_free(registry);
}

static void take_hello(struct hand_bus *bus, int member, const Wasl__V1__Hello *h)
{
    Wasl__V1__Welcome m = WASL__V1__WELCOME__INIT;
    struct buffer note = {0};
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE], registry[HASH_SIZE], crl[HASH_SIZE];
    ProtobufCBinaryData hashes[TREE_PROOF_MOST], crls[1];
    struct checkpoint seen = {0};
    struct note_verifier key = country()->ledger.verifier;
    struct error e;
    size_t count = 0;
    bus->hellos++;
    bus->peers[member].here = true;
    bus->peers[member].credit = 0;
    if (h->checkpoint.len > 0)
        assert_true(checkpoint_open(strict_bytes(h->checkpoint), &key, 1, &seen));
    bus->peers[member].seen = seen.size;
    hand_bus_checkpoint(bus, &note);
    if (seen.size > 0 && seen.size < tree_size(bus->tree))
        assert_int_equal(tree_consistency(bus->tree, seen.size, tree_size(bus->tree), proof, &count, &e), 0);
    for (size_t i = 0; i < count; i++)
        hashes[i] = strict_field(bytes_make(proof[i], HASH_SIZE));
    registry_of(bus, &m.registry_version, registry);
    sha256(buffer_bytes(bus->crl), crl);
    crls[0] = strict_field(bytes_make(crl, HASH_SIZE));
    m.version = 1;
    m.session = h->session;
    m.time = clock_wall();
    m.checkpoint = strict_field(buffer_bytes(&note));
    m.n_consistency = count;
    m.consistency = hashes;
    m.registry_hash = strict_field(bytes_make(registry, HASH_SIZE));
    m.n_crl = 1;
    m.crl = crls;
    m.credit_messages = 256;
    m.credit_bytes = 64 << 20;
    send_message(bus, member, VERB_WELCOME, &m.base, bytes_make(NULL, 0));
    buffer_free(&note);
}

void hand_bus_notice(struct hand_bus *bus, int member)
{
    Wasl__V1__Notice m = WASL__V1__NOTICE__INIT;
    uint8_t registry[HASH_SIZE], crl[HASH_SIZE];
    ProtobufCBinaryData crls[1];
    registry_of(bus, &m.registry_version, registry);
    sha256(buffer_bytes(bus->crl), crl);
    crls[0] = strict_field(bytes_make(crl, HASH_SIZE));
    m.registry_hash = strict_field(bytes_make(registry, HASH_SIZE));
    m.n_crl = 1;
    m.crl = crls;
    send_message(bus, member, VERB_NOTICE, &m.base, bytes_make(NULL, 0));
}

static void take_prove(struct hand_bus *bus, int member, const Wasl__V1__Prove *p)
{
    Wasl__V1__Proof m = WASL__V1__PROOF__INIT;
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE];
    ProtobufCBinaryData hashes[TREE_PROOF_MOST];
    size_t count = 0;
    struct error e;
    bus->proves++;
    if (!bus->no_proofs && p->new_size <= tree_size(bus->tree))
        assert_int_equal(tree_consistency(bus->tree, p->old_size, p->new_size, proof, &count, &e), 0);
    for (size_t i = 0; i < count; i++)
        hashes[i] = strict_field(bytes_make(proof[i], HASH_SIZE));
    m.old_size = p->old_size;
    m.new_size = p->new_size;
    m.n_hash = count;
    m.hash = hashes;
    send_message(bus, member, VERB_PROOF, &m.base, bytes_make(NULL, 0));
}

static void find_object(struct hand_bus *bus, const Wasl__V1__Fetch *f, struct buffer *out)
{
    uint8_t hash[HASH_SIZE];
    if (f->kind == WASL__V1__OBJECT_REF__CHAIN_OF) {
        for (int m = 0; m < MEMBERS; m++)
            if (memcmp(chain_leaf_hash(country()->chain[m]), f->hash.data, HASH_SIZE) == 0)
                chain_der(country()->chain[m], out);
        return;
    }
    const struct buffer *objects[] = {bus->registry, bus->crl, &country()->registry, &country()->crl,
                                      &bus->object};
    for (size_t i = 0; i < 5 && out->len == 0; i++) {
        sha256(buffer_bytes(objects[i]), hash);
        if (memcmp(hash, f->hash.data, HASH_SIZE) == 0 || (i == 4 && bus->lies))
            buffer_append_bytes(out, buffer_bytes(objects[i]));
    }
}

/* In pieces, so that what is fetched is always put together. */
static void take_fetch(struct hand_bus *bus, int member, const Wasl__V1__Fetch *f)
{
    Wasl__V1__Object m = WASL__V1__OBJECT__INIT;
    struct buffer object = {0};
    bus->fetches++;
    find_object(bus, f, &object);
    bool chain = f->kind == WASL__V1__OBJECT_REF__CHAIN_OF;
    if (chain ? bus->hold_chains && object.len > 0 : bus->hold_objects) {
        memcpy(bus->held_chain, f->hash.data, HASH_SIZE);
        buffer_free(&object);
        return;
    }
    m.kind = f->kind;
    m.hash = f->hash;
    m.offset = f->offset;
    m.total = object.len;
    size_t left = object.len - (size_t)f->offset, piece = object.len > 65536 ? 65536 : 1000;
    send_message(bus, member, VERB_OBJECT, &m.base,
                 bytes_make(object.data + f->offset, left < piece ? left : piece));
    buffer_free(&object);
}

void hand_bus_give_chain(struct hand_bus *bus, int member)
{
    Wasl__V1__Fetch f = WASL__V1__FETCH__INIT;
    bus->hold_chains = false;
    f.kind = WASL__V1__OBJECT_REF__CHAIN_OF;
    f.hash = strict_field(bytes_make(bus->held_chain, HASH_SIZE));
    take_fetch(bus, member, &f);
}

static const ProtobufCMessageDescriptor *descriptor_of(unsigned verb)
{
    switch (verb) {
    case VERB_HELLO:
        return &wasl__v1__hello__descriptor;
    case VERB_SUBMIT:
        return &wasl__v1__submit__descriptor;
    case VERB_PROVE:
        return &wasl__v1__prove__descriptor;
    case VERB_FETCH:
        return &wasl__v1__fetch__descriptor;
    case VERB_PING:
        return &wasl__v1__ping__descriptor;
    case VERB_PONG:
        return &wasl__v1__pong__descriptor;
    case VERB_CREDIT:
        return &wasl__v1__credit__descriptor;
    case VERB_BYE:
        return &wasl__v1__bye__descriptor;
    default:
        fail_msg("an adapter sent %s", verb_name(verb));
        return NULL;
    }
}

static void take(struct hand_bus *bus, int member, const struct frame_message *f, void *m)
{
    Wasl__V1__Pong pong = WASL__V1__PONG__INIT;
    switch (f->verb) {
    case VERB_HELLO:
        take_hello(bus, member, m);
        break;
    case VERB_SUBMIT:
        take_submit(bus, member, m, f->payload);
        break;
    case VERB_PROVE:
        take_prove(bus, member, m);
        break;
    case VERB_FETCH:
        take_fetch(bus, member, m);
        break;
    case VERB_PING:
        pong.nonce = ((Wasl__V1__Ping *)m)->nonce;
        send_message(bus, member, VERB_PONG, &pong.base, bytes_make(NULL, 0));
        break;
    case VERB_PONG:
        bus->pongs++;
        break;
    case VERB_CREDIT:
        bus->peers[member].credit += ((Wasl__V1__Credit *)m)->messages;
        break;
    case VERB_BYE:
        bus->byes++;
        bus->last_bye[member] = ((Wasl__V1__Bye *)m)->reason;
        bus->peers[member].here = false;
        break;
    default:
        break;
    }
}

static void readable(void *arg)
{
    struct hand_bus *bus = arg;
    struct frame_message f;
    enum frame_status status;
    while ((status = link_receive(bus->socket, true, &f)) == FRAME_OK) {
        int member = 0;
        while (member < MEMBERS && memcmp(country()->link[member].public_key, f.peer, 32) != 0)
            member++;
        assert_true(member < MEMBERS);
        struct hand_peer *peer = &bus->peers[member];
        memcpy(peer->routing_id, f.routing_id, f.routing_id_len);
        peer->routing_id_len = f.routing_id_len;
        struct strict_message hold;
        if (!strict_unpack(descriptor_of(f.verb), f.message, &hold))
            fail_msg("%s is not canonical", verb_name(f.verb));
        if (peer->here || f.verb == VERB_HELLO)
            take(bus, member, &f, hold.message);
        strict_free(&hold);
        frame_message_free(&f);
    }
    assert_int_equal(status, FRAME_NONE);
}

void hand_bus_ping(struct hand_bus *bus, int member)
{
    Wasl__V1__Ping m = WASL__V1__PING__INIT;
    m.nonce = 7;
    send_message(bus, member, VERB_PING, &m.base, bytes_make(NULL, 0));
}

void hand_bus_bye(struct hand_bus *bus, enum refusal reason)
{
    Wasl__V1__Bye m = WASL__V1__BYE__INIT;
    m.reason = reason;
    for (int i = 0; i < MEMBERS; i++) {
        if (!bus->peers[i].here)
            continue;
        send_message(bus, i, VERB_BYE, &m.base, bytes_make(NULL, 0));
        bus->peers[i].here = false;
    }
}

struct hand_message *hand_bus_find(struct hand_bus *bus, int member, enum message_kind kind)
{
    for (size_t i = bus->message_count; i-- > 0;)
        if (bus->messages[i].member == member && bus->messages[i].header.kind == kind)
            return &bus->messages[i];
    return NULL;
}

unsigned hand_bus_count(const struct hand_bus *bus, int member, enum message_kind kind)
{
    unsigned count = 0;
    for (size_t i = 0; i < bus->message_count; i++)
        count += bus->messages[i].member == member && bus->messages[i].header.kind == kind;
    return count;
}

static bool anybody(void *arg, const uint8_t key[32])
{
    (void)arg;
    for (int m = 0; m < MEMBERS; m++)
        if (memcmp(country()->link[m].public_key, key, 32) == 0)
            return true;
    return false;
}

void hand_bus_open(struct hand_bus *bus, struct loop *loop, void *zmq_context)
{
    struct error e;
    memset(bus, 0, sizeof(*bus));
    bus->loop = loop;
    bus->context = zmq_context;
    bus->signer = &country()->ledger;
    bus->registry = &country()->registry;
    bus->crl = &country()->crl;
    bus->tree = new_tree(bus);
    bus->zap = zap_start(zmq_context, anybody, NULL, &e);
    assert_non_null(bus->zap);
    bus->socket = link_bind(zmq_context, "tcp://127.0.0.1:*", &country()->bus_link, bus->endpoint, &e);
    if (bus->socket == NULL)
        fail_msg("%s", e.text);
    bus->source = loop_add_socket(loop, bus->socket, readable, bus);
    /* A ledger begins with the registry that it judges by. */
    struct entry first = {.type = ENTRY_REGISTRY, .object_kind = 1, .has_object = true};
    sha256(buffer_bytes(bus->registry), first.object);
    append(bus, &first);
}

void hand_bus_close(struct hand_bus *bus)
{
    loop_remove(bus->loop, bus->source);
    link_close(bus->socket);
    zap_stop(bus->zap);
    tree_free(bus->tree);
    for (size_t i = 0; i < HAND_ENTRIES; i++)
        buffer_free(&bus->entries[i]);
    for (size_t i = 0; i < bus->message_count; i++) {
        struct hand_message *m = &bus->messages[i];
        buffer_free(&m->context);
        buffer_free(&m->body);
        buffer_free(&m->signature);
        buffer_free(&m->chunk);
        for (size_t k = 0; k < 4; k++)
            buffer_free(&m->slots[k]);
    }
}
