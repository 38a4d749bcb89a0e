#include "desk.h"

#include "base/clock.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "session.pb-c.h"
#include "wire/entry.h"
#include "wire/strict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

size_t desk_ledger_bytes = 64 << 20;
unsigned desk_refusals = 50;

static const struct bytes nothing = {(const uint8_t *)"", 0};

/* --- the bus --- */

static int keep_sent(void *arg, struct bytes routing_id, unsigned verb, struct bytes message,
                     struct bytes payload)
{
    struct desk *desk = arg;
    if (desk->blocked)
        return 1;
    struct sent *s = memory_zeroed(1, sizeof(*s));
    assert_int_equal(routing_id.len, 8);
    memcpy(s->routing_id, routing_id.data, 8);
    s->verb = verb;
    buffer_append_bytes(&s->message, message);
    buffer_append_bytes(&s->payload, payload);
    if (desk->last != NULL)
        desk->last->next = s;
    else
        desk->first = s;
    desk->last = s;
    return 0;
}

static struct snapshot *make_snapshot(struct desk *desk)
{
    struct error e = {0};
    struct country *c = country();
    uint8_t hash[HASH_SIZE];
    const char *keys[] = {c->authority_vkey};
    const struct registry_authority authority = {keys, 1, 1};
    struct registry *registry = registry_open_signed(buffer_bytes(&c->registry), NULL, &authority, NULL, &e);
    if (registry == NULL)
        fail_msg("%s", e.text);
    struct trust *trust = trust_new();
    const char *name;
    struct bytes pem;
    for (size_t i = 0; registry_anchor(registry, i, &name, &pem); i++)
        assert_int_equal(trust_add_anchor(trust, name, pem, &e), 0);
    assert_int_equal(trust_add_crl(trust, buffer_bytes(&c->crl), &e), 0);
    assert_int_equal(truststore_put(desk->truststore, buffer_bytes(&c->registry), hash, &e), 0);
    return snapshot_new(registry, trust);
}

static void *must(void *made, const struct error *e)
{
    if (made == NULL)
        fail_msg("%s", e->text);
    return made;
}

struct desk *desk_open_on(const char *state, const struct note_signer *signer)
{
    struct desk *d = memory_zeroed(1, sizeof(*d));
    struct error e = {0};
    char folder[128];
    snprintf(d->state, sizeof(d->state), "%s", state);
    mkdir(state, 0700);
    d->limits = (struct config_limits){
        .submit_messages = 64,
        .submit_bytes = 8 << 20,
        .mailbox_messages = 16,
        .mailbox_bytes = 16 << 20,
        .exchanges = 64,
        .body_bytes = 2 << 20,
        .cache_bytes = 1 << 20,
    };
    snprintf(folder, sizeof(folder), "%s/trust", state);
    d->truststore = must(truststore_open(folder, &e), &e);
    snprintf(folder, sizeof(folder), "%s/ledger", state);
    const struct ledger_options ledger = {folder, desk_ledger_bytes, signer, true};
    d->ledger = must(ledger_open(&ledger, &e), &e);
    char vault[128];
    snprintf(vault, sizeof(vault), "%s/vault", state);
    d->vault = must(vault_open(vault, 256 << 10, &e), &e);
    d->transport = (struct transport){.send = keep_sent, .arg = d};
    d->chains = chains_new();
    d->io = (struct io){.instance = "TN", .limits = &d->limits, .status = &d->status};
    d->io.snapshot = make_snapshot(d);
    d->io.pipeline = pipeline_new(1024, 64 << 20, 4096);
    d->io.peers = peers_new(&d->transport, &d->limits, &d->status);
    d->io.exchanges = exchanges_new();
    d->io.cache = cache_new(d->limits.cache_bytes);
    d->io.now = clock_wall();
    d->io.monotonic = clock_monotonic();
    const struct writer_options writing = {d->io.pipeline, d->ledger,     d->vault, &d->status, 256,
                                           5000,           desk_refusals, NULL};
    d->writer = must(writer_start(&writing, d->io.snapshot, &e), &e);
    const struct admit_options admitting = {d->io.pipeline,    d->chains, d->truststore, "TN",
                                            &signer->verifier, 2,         NULL};
    d->admit = must(admit_start(&admitting, &e), &e);
    return d;
}

struct desk *desk_open(void)
{
    char state[96];
    country_state(state);
    return desk_open_on(state, &country()->ledger);
}

void desk_close(struct desk *d)
{
    admit_stop(d->admit);
    writer_stop(d->writer);
    exchanges_free(d->io.exchanges);
    peers_free(d->io.peers);
    cache_free(d->io.cache);
    pipeline_free(d->io.pipeline);
    chains_free(d->chains);
    snapshot_free(d->io.snapshot);
    status_clear(&d->status);
    vault_close(d->vault);
    ledger_close(d->ledger);
    truststore_close(d->truststore);
    while (d->first != NULL) {
        struct sent *s = d->first;
        d->first = s->next;
        sent_free(s);
    }
    free(d);
}

/* --- frames --- */

static void routing(int m, uint8_t connection, uint8_t out[8])
{
    memset(out, 0, 8);
    out[1] = (uint8_t)(m + 1);
    out[2] = connection;
}

void desk_say_raw(struct desk *d, int m, uint8_t connection, unsigned verb, struct bytes message,
                  struct bytes payload)
{
    struct frame_message frame = {
        .version = LINK_VERSION, .verb = verb, .message = message, .payload = payload};
    routing(m, connection, frame.routing_id);
    frame.routing_id_len = 8;
    memcpy(frame.peer, country()->link[m].public_key, 32);
    door_take(&d->io, &frame);
}

void desk_say(struct desk *d, int m, uint8_t connection, unsigned verb, const ProtobufCMessage *message,
              struct bytes payload)
{
    struct buffer packed = {0};
    strict_pack(message, &packed);
    desk_say_raw(d, m, connection, verb, buffer_bytes(&packed), payload);
    buffer_free(&packed);
}

void desk_settle(struct desk *d)
{
    while (pipeline_inside(d->io.pipeline) > 0) {
        struct job *job = queue_wait(pipeline_results(d->io.pipeline), 20 * MICROSECONDS);
        assert_non_null(job);
        dispatch_result(&d->io, job);
    }
}

struct sent *desk_take(struct desk *d, int m, uint8_t connection, unsigned verb)
{
    uint8_t id[8];
    routing(m, connection, id);
    struct sent *before = NULL;
    for (struct sent *s = d->first, *next; s != NULL; s = next) {
        next = s->next;
        if (memcmp(s->routing_id, id, 8) != 0) {
            before = s;
            continue;
        }
        if (before != NULL)
            before->next = next;
        else
            d->first = next;
        if (d->last == s)
            d->last = before;
        s->next = NULL;
        if (s->verb == verb)
            return s;
        sent_free(s);
    }
    return NULL;
}

void sent_free(struct sent *sent)
{
    if (sent == NULL)
        return;
    buffer_free(&sent->message);
    buffer_free(&sent->payload);
    free(sent);
}

void desk_hello(struct desk *d, int m, uint8_t connection, uint8_t id, unsigned credit)
{
    uint8_t session[16] = {id};
    struct buffer der = {0};
    chain_der(country()->chain[m], &der);
    ProtobufCBinaryData certificate = strict_field(buffer_bytes(&der));
    ProtobufCBinaryData subsystem = strict_field(bytes_of_string(strrchr(country_subsystem[m], '/') + 1));
    Wasl__V1__Hello hello = WASL__V1__HELLO__INIT;
    hello.version_min = hello.version_max = 1;
    hello.session = strict_field(bytes_make(session, 16));
    hello.n_certificate = hello.n_subsystem = 1;
    hello.certificate = &certificate;
    hello.subsystem = &subsystem;
    hello.credit_messages = credit;
    hello.credit_bytes = credit == 0 ? 0 : 8 << 20;
    desk_say(d, m, connection, VERB_HELLO, &hello.base, nothing);
    buffer_free(&der);
    desk_settle(d);
    struct sent *welcome = desk_take(d, m, connection, VERB_WELCOME);
    assert_non_null(welcome);
    sent_free(welcome);
}

/* --- messages --- */

void letter_seal(struct letter *l, int signer, int receiver, size_t body)
{
    struct error e = {0};
    uint8_t context_hash[HASH_SIZE];
    struct buffer plain = {0}, text = {0};
    struct seal_receiver to;
    envelope_free(&l->envelope);
    sealed_free(&l->sealed);
    memset(&l->sealed, 0, sizeof(l->sealed));
    header_encode_context(&l->header, &l->envelope.context);
    sha256(buffer_bytes(&l->envelope.context), context_hash);
    to.receiver = receiver == MEMBERS ? "oversight" : country_member[receiver];
    memcpy(to.public_key,
           receiver == MEMBERS ? country()->oversight.public_key : country()->sealing[receiver].public_key,
           32);
    memset(buffer_extend(&text, body), 'x', body);
    seal_frame(nothing, buffer_bytes(&text), false, &plain);
    assert_int_equal(seal(buffer_bytes(&plain), context_hash, &to, 1, &l->sealed, &e), 0);
    l->header.has_body = true;
    memcpy(l->header.sealed_root, l->sealed.root, HASH_SIZE);
    memcpy(l->header.slots_hash, l->sealed.slots_hash, HASH_SIZE);
    memcpy(l->header.commitment, l->sealed.commitment, HASH_SIZE);
    l->header.sealed_length = l->sealed.sealed_length;
    strcpy(l->header.media_type, "application/json");
    header_encode_body(&l->header, &l->envelope.body);
    assert_int_equal(envelope_sign(country()->signer[signer], "TN", &l->envelope, 1, &e), 0);
    envelope_leaf(buffer_bytes(&l->envelope.context), buffer_bytes(&l->envelope.body), l->leaf);
    buffer_free(&plain);
    buffer_free(&text);
}

void letter_request(struct letter *l, size_t body)
{
    memset(l, 0, sizeof(*l));
    l->header = (struct header){
        .instance = "TN",
        .kind = MESSAGE_REQUEST,
        .consumer = "TN/GOV/MEN/enrolment",
        .provider = "TN/GOV/MI/civil",
        .service = "person",
        .operation = "identity",
        .purpose = "enrolment",
        .legal_basis = "law-2004-63",
        .registry_version = 1,
    };
    uuid_random(l->header.exchange_id);
    l->header.created = clock_wall();
    l->header.expires = l->header.created + 30 * MICROSECONDS;
    letter_seal(l, MEN, MI, body);
}

void letter_response(struct letter *l, const struct letter *request, size_t body)
{
    memset(l, 0, sizeof(*l));
    l->header = request->header;
    l->header.kind = MESSAGE_RESPONSE;
    l->header.has_request_leaf = true;
    memcpy(l->header.request_leaf, request->leaf, HASH_SIZE);
    letter_seal(l, MI, MEN, body);
}

void letter_subject_key(struct letter *l)
{
    memset(l, 0, sizeof(*l));
    l->header = (struct header){.instance = "TN", .kind = MESSAGE_SUBJECT_KEY, .consumer = "TN/GOV/MEN"};
    uuid_random(l->header.exchange_id);
    l->header.created = clock_wall();
    l->header.expires = l->header.created + 30 * MICROSECONDS;
    letter_seal(l, MEN, MEMBERS, 32);
}

void letter_refusal(struct letter *l)
{
    letter_request(l, 0);
    l->header.kind = MESSAGE_REFUSAL;
    l->header.outcome = REFUSAL_SUBJECT_DIGITS;
    l->header.has_body = false;
    envelope_free(&l->envelope);
    sealed_free(&l->sealed);
    memset(&l->sealed, 0, sizeof(l->sealed));
    header_encode_context(&l->header, &l->envelope.context);
    assert_int_equal(envelope_sign(country()->signer[MEN], "TN", &l->envelope, 1, NULL), 0);
    envelope_leaf(buffer_bytes(&l->envelope.context), nothing, l->leaf);
}

void letter_free(struct letter *l)
{
    envelope_free(&l->envelope);
    sealed_free(&l->sealed);
}

void desk_submit(struct desk *d, int m, uint8_t connection, const struct letter *l)
{
    Wasl__V1__Submit s = WASL__V1__SUBMIT__INIT;
    ProtobufCBinaryData slots[1];
    s.context = strict_field(buffer_bytes(&l->envelope.context));
    s.body = strict_field(buffer_bytes(&l->envelope.body));
    s.signature = strict_field(buffer_bytes(&l->envelope.signature));
    s.n_slot = l->sealed.slot_count;
    if (l->sealed.slot_count > 0)
        slots[0] = strict_field(buffer_bytes(&l->sealed.slots[0]));
    s.slot = slots;
    desk_say(d, m, connection, VERB_SUBMIT, &s.base,
             l->sealed.chunk_count > 0 ? buffer_bytes(&l->sealed.chunks[0]) : nothing);
    for (size_t i = 1; i < l->sealed.chunk_count; i++) {
        Wasl__V1__Chunk c = WASL__V1__CHUNK__INIT;
        c.leaf = strict_field(bytes_make(l->leaf, HASH_SIZE));
        c.index = (uint32_t)i;
        desk_say(d, m, connection, VERB_CHUNK, &c.base, buffer_bytes(&l->sealed.chunks[i]));
    }
}

/* --- the ledger --- */

uint64_t desk_size(struct desk *d)
{
    return ledger_size(d->ledger);
}

static bool names(const struct entry *entry, const uint8_t id[16])
{
    if (entry->context.len == 0)
        return entry->has_exchange_id && memcmp(entry->exchange_id, id, 16) == 0;
    struct header h;
    return header_decode(entry->context, entry->body, &h) == REFUSAL_NONE &&
           memcmp(h.exchange_id, id, 16) == 0;
}

void desk_entry(struct desk *d, uint64_t i, struct desk_entry *out)
{
    memset(out, 0, sizeof(*out));
    assert_int_equal(ledger_read_entry(d->ledger, i, &out->data, NULL), 1);
    assert_true(entry_decode(buffer_bytes(&out->data), &out->entry, &out->hold));
}

void desk_entry_free(struct desk_entry *entry)
{
    entry_release(&entry->hold);
    buffer_free(&entry->data);
}

unsigned desk_entries(struct desk *d, const uint8_t exchange_id[16], unsigned type)
{
    unsigned count = 0;
    for (uint64_t i = 0; i < desk_size(d); i++) {
        struct desk_entry read;
        desk_entry(d, i, &read);
        count += read.entry.type == type && names(&read.entry, exchange_id);
        desk_entry_free(&read);
    }
    return count;
}

/* --- what tests ask --- */

/* REFUSED's reason; 0 when none came. */
unsigned desk_refused(struct desk *d, int m, uint8_t connection, bool *recorded)
{
    struct sent *s = desk_take(d, m, connection, VERB_REFUSED);
    if (s == NULL)
        return 0;
    struct strict_message hold;
    assert_true(strict_unpack(&wasl__v1__refused__descriptor, buffer_bytes(&s->message), &hold));
    const Wasl__V1__Refused *r = hold.message;
    unsigned reason = r->reason;
    if (recorded != NULL)
        *recorded = r->entry.len > 0;
    strict_free(&hold);
    sent_free(s);
    return reason;
}

void assert_refused(struct desk *d, int m, uint8_t connection, enum refusal reason)
{
    bool recorded = false;
    assert_int_equal(desk_refused(d, m, connection, &recorded), reason);
    assert_true(recorded);
}

unsigned desk_bye(struct desk *d, int m, uint8_t connection)
{
    struct sent *s = desk_take(d, m, connection, VERB_BYE);
    assert_non_null(s);
    struct strict_message hold;
    assert_true(strict_unpack(&wasl__v1__bye__descriptor, buffer_bytes(&s->message), &hold));
    unsigned reason = ((const Wasl__V1__Bye *)hold.message)->reason;
    strict_free(&hold);
    sent_free(s);
    return reason;
}

static struct checkpoint receipt_of(struct bytes entry_bytes, struct bytes proof, unsigned type,
                                    const uint8_t *leaf)
{
    struct entry entry;
    struct entry_hold hold;
    struct checkpoint checkpoint;
    assert_int_equal(receipt_check(entry_bytes, proof, type, leaf, &country()->ledger.verifier, 1, &entry,
                                   &hold, &checkpoint),
                     REFUSAL_NONE);
    entry_release(&hold);
    return checkpoint;
}

void assert_receipt(struct bytes entry_bytes, struct bytes proof, unsigned type, const uint8_t *leaf)
{
    receipt_of(entry_bytes, proof, type, leaf);
}

void assert_delivered(const struct sent *s, const struct letter *l, const struct letter *request)
{
    struct strict_message hold;
    assert_true(strict_unpack(&wasl__v1__deliver__descriptor, buffer_bytes(&s->message), &hold));
    const Wasl__V1__Deliver *m = hold.message;
    struct checkpoint checkpoint =
        receipt_of(strict_bytes(m->entry), strict_bytes(m->proof), ENTRY_ADMITTED, l->leaf);
    /* Both under one checkpoint, so that its signature is verified once. */
    if (request != NULL)
        assert_int_equal(receipt_of(strict_bytes(m->request_entry), strict_bytes(m->request_proof),
                                    ENTRY_ADMITTED, request->leaf)
                             .size,
                         checkpoint.size);
    assert_true(bytes_equal(strict_bytes(m->slot), buffer_bytes(&l->sealed.slots[0])));
    assert_true(bytes_equal(buffer_bytes(&s->payload), buffer_bytes(&l->sealed.chunks[0])));
    strict_free(&hold);
}

struct desk *desk_linked(void)
{
    struct desk *d = desk_open();
    desk_hello(d, MEN, 1, 1, 64);
    desk_hello(d, MI, 1, 1, 64);
    return d;
}

void desk_ask(struct desk *d, struct letter *request)
{
    letter_request(request, 100);
    desk_submit(d, MEN, 1, request);
    desk_settle(d);
}

void desk_say_hello(struct desk *d, int m, uint8_t connection, const uint8_t session[16],
                    const struct buffer *checkpoint)
{
    struct buffer der = {0};
    chain_der(country()->chain[m], &der);
    ProtobufCBinaryData certificate = strict_field(buffer_bytes(&der));
    Wasl__V1__Hello hello = WASL__V1__HELLO__INIT;
    hello.version_min = hello.version_max = 1;
    hello.session = strict_field(bytes_make(session, 16));
    hello.n_certificate = 1;
    hello.certificate = &certificate;
    if (checkpoint != NULL)
        hello.checkpoint = strict_field(buffer_bytes(checkpoint));
    desk_say(d, m, connection, VERB_HELLO, &hello.base, nothing);
    buffer_free(&der);
}

void desk_hello_with(struct desk *d, int m, uint8_t connection, const struct buffer *checkpoint)
{
    const uint8_t session[16] = {connection, 9};
    desk_say_hello(d, m, connection, session, checkpoint);
    desk_settle(d);
}
