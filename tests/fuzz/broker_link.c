/*
 * The link's state machine, the bus's side: a script of members' frames (right, edited, edited and signed
 * again, raw), of time that passes and of a socket that takes nothing, against door, admit, ledger and
 * dispatch as they are. Whatever leaves as receipt, delivery or recorded refusal is in the ledger, and no
 * exchange has two ends.
 */
#include "../unit/broker/desk.h"
#include "fuzz_country.h"
#include "fuzz.h"

#include "base/clock.h"
#include "base/error.h"
#include "broker/dispatch.h"
#include "broker/door.h"
#include "session.pb-c.h"
#include "wire/entry.h"
#include "wire/strict.h"

#include <ftw.h>

#define STEPS   40
#define LETTERS 6

static struct letter letters[LETTERS];
static unsigned letter_count;

void fuzz_setup(void)
{
    fuzz_country();
    desk_ledger_bytes = 4 << 20;
}

/* --- seeds: HELLO of both, then each what it may --- */

void fuzz_seeds(void)
{
    static const uint8_t both[] = {0, MEN, 0, 0, MI, 0, 9}, ask[] = {1, 0, 2, MEN, 0, 0, 0, 9},
                         answer[] = {1, 1, 0, 2, MI, 1, 0, 0, 9};
    struct buffer b = {0};
    buffer_append(&b, both, sizeof both);
    fuzz_seed(buffer_bytes(&b));
    buffer_append(&b, ask, sizeof ask);
    fuzz_seed(buffer_bytes(&b));
    buffer_append(&b, answer, sizeof answer);
    fuzz_seed(buffer_bytes(&b));
    buffer_append(&b, "\x08\x20\x09\x0a\x09", 5);
    fuzz_seed(buffer_bytes(&b));
    buffer_append(&b, "\x01\x02\x02\x01\x02\x00\x00\x09\x01\x03\x02\x01\x03\x00\x00\x09", 16);
    fuzz_seed(buffer_bytes(&b));
    b.len = sizeof both;
    for (uint8_t verb = VERB_CHUNK; verb <= VERB_BYE; verb++)
        buffer_append(&b, (const uint8_t[]){4, MEN, verb, 1, 9}, 5);
    fuzz_seed(buffer_bytes(&b));
    b.len = sizeof both;
    buffer_append(&b, "\x01\x00\x02\x01\x00\x01\x01\x00\x00\x40\x01\x02\x09", 13);
    fuzz_seed(buffer_bytes(&b));
    buffer_free(&b);
}

/* --- what members say --- */

static void say_edited(struct desk *d, struct fuzz_input *in, int m, unsigned verb,
                       const ProtobufCMessage *message, struct bytes payload)
{
    struct buffer packed = {0};
    strict_pack(message, &packed);
    fuzz_edit(in, &packed);
    desk_say_raw(d, m, fuzz_u8(in) & 1, verb, buffer_bytes(&packed), payload);
    buffer_free(&packed);
}

static void hello(struct desk *d, struct fuzz_input *in)
{
    int m = fuzz_u8(in) % MEMBERS;
    uint8_t how = fuzz_u8(in), session[16] = {how};
    struct buffer der = {0}, note = {0};
    chain_der(country()->chain[(how & 64) != 0 ? MAS : m], &der);
    ProtobufCBinaryData certificate = strict_field(buffer_bytes(&der));
    ProtobufCBinaryData subsystem = strict_field(bytes_of_string(strrchr(country_subsystem[m], '/') + 1));
    Wasl__V1__Hello h = WASL__V1__HELLO__INIT;
    h.version_min = (how & 1) != 0 ? 2 : 1;
    h.version_max = (how & 1) != 0 ? 3 : 1;
    h.session = strict_field(bytes_make(session, 16));
    h.n_certificate = (how & 2) == 0;
    h.n_subsystem = 1;
    h.certificate = &certificate;
    h.subsystem = &subsystem;
    h.credit_messages = (how & 4) != 0 ? 0 : 16;
    h.credit_bytes = (how & 4) != 0 ? 0 : 8 << 20;
    if ((how & 8) != 0) {
        ledger_checkpoint(d->ledger, &note, NULL);
        fuzz_edit(in, &note);
        h.checkpoint = strict_field(buffer_bytes(&note));
    }
    if ((how & 16) != 0)
        say_edited(d, in, m, VERB_HELLO, &h.base, fuzz_piece(in));
    else
        desk_say(d, m, (how & 32) != 0, VERB_HELLO, &h.base, bytes_make("", 0));
    buffer_free(&der);
    buffer_free(&note);
}

static void letter_new(struct fuzz_input *in)
{
    struct letter *l = &letters[letter_count % LETTERS];
    const struct letter *other = &letters[fuzz_u8(in) % LETTERS];
    unsigned kind = fuzz_u8(in) % 5;
    struct letter made;
    if (kind == 1 && other->header.kind != MESSAGE_REQUEST)
        kind = 0;
    if (kind == 0)
        letter_request(&made, 20);
    else if (kind == 1)
        letter_response(&made, other, 30);
    else if (kind == 2)
        letter_subject_key(&made);
    else if (kind == 3)
        letter_refusal(&made);
    else
        letter_request(&made, 300000); /* two chunks */
    letter_free(l);
    *l = made;
    letter_count++;
    uint8_t how = fuzz_u8(in);
    if ((how & 1) != 0) { /* another header, signed by its member or another */
        struct buffer *part = (how & 2) != 0 ? &l->envelope.body : &l->envelope.context;
        int signer = kind == 1 ? MI : MEN;
        fuzz_edit(in, part);
        buffer_clear(&l->envelope.signature);
        (void)envelope_sign(country()->signer[(how & 4) != 0 ? MAS : signer], "TN", &l->envelope, 1, NULL);
    }
    if ((how & 8) != 0)
        fuzz_edit(in, &l->envelope.signature);
    if ((how & 16) != 0 && l->sealed.slot_count > 0)
        fuzz_edit(in, &l->sealed.slots[0]);
    if ((how & 32) != 0 && l->sealed.chunk_count > 0)
        fuzz_edit(in, &l->sealed.chunks[0]);
    if ((how & 64) != 0) { /* in the name of one that was there before */
        memcpy(l->header.exchange_id, other->header.exchange_id, 16);
        if (l->header.has_body)
            letter_seal(l, kind == 1 ? MI : MEN, kind == 2 ? MEMBERS : kind == 1 ? MEN : MI, 20);
    }
}

static void submit(struct desk *d, struct fuzz_input *in)
{
    int m = fuzz_u8(in) % MEMBERS;
    const struct letter *l = &letters[fuzz_u8(in) % LETTERS];
    uint8_t how = fuzz_u8(in), connection = fuzz_u8(in) & 1;
    if (l->envelope.context.len == 0)
        return;
    if ((how & 1) == 0) {
        desk_submit(d, m, connection, l);
        return;
    }
    Wasl__V1__Submit s = WASL__V1__SUBMIT__INIT;
    ProtobufCBinaryData slots[3];
    s.context = strict_field(buffer_bytes(&l->envelope.context));
    s.body = strict_field(buffer_bytes(&l->envelope.body));
    s.signature = strict_field(buffer_bytes(&l->envelope.signature));
    s.n_slot = l->sealed.slot_count == 0 ? 0 : (how >> 1) % 4;
    for (size_t i = 0; i < s.n_slot; i++)
        slots[i] = strict_field(buffer_bytes(&l->sealed.slots[0]));
    s.slot = slots;
    say_edited(d, in, m, VERB_SUBMIT, &s.base,
               l->sealed.chunk_count > 0 && (how & 16) == 0 ? buffer_bytes(&l->sealed.chunks[0])
                                                            : fuzz_piece(in));
}

static void other_verb(struct desk *d, struct fuzz_input *in)
{
    int m = fuzz_u8(in) % MEMBERS;
    unsigned verb = fuzz_u8(in);
    uint8_t number = fuzz_u8(in);
    Wasl__V1__Chunk chunk = WASL__V1__CHUNK__INIT;
    Wasl__V1__Prove prove = WASL__V1__PROVE__INIT;
    Wasl__V1__Fetch fetch = WASL__V1__FETCH__INIT;
    Wasl__V1__Ping ping = WASL__V1__PING__INIT;
    Wasl__V1__Credit credit = WASL__V1__CREDIT__INIT;
    Wasl__V1__Bye bye = WASL__V1__BYE__INIT;
    const struct letter *l = &letters[number % LETTERS];
    chunk.leaf = strict_field(bytes_make(l->leaf, HASH_SIZE));
    chunk.index = number / LETTERS;
    prove.old_size = number & 15;
    prove.new_size = number >> 4;
    fetch.kind = (Wasl__V1__ObjectRef)(1 + number % 3);
    fetch.hash = strict_field(bytes_make(chain_leaf_hash(country()->chain[m]), HASH_SIZE));
    ping.nonce = number;
    credit.messages = number;
    credit.bytes = (uint64_t)number << 16;
    bye.reason = number;
    const ProtobufCMessage *messages[] = {&chunk.base, &prove.base,  &fetch.base,
                                          &ping.base,  &credit.base, &bye.base};
    static const unsigned verbs[] = {VERB_CHUNK, VERB_PROVE, VERB_FETCH, VERB_PING, VERB_CREDIT, VERB_BYE};
    struct bytes payload = verb % 6 == 0 && l->sealed.chunk_count > chunk.index
                               ? buffer_bytes(&l->sealed.chunks[chunk.index])
                               : bytes_make("", 0);
    say_edited(d, in, m, verbs[verb % 6], messages[verb % 6], payload);
}

static void raw(struct desk *d, struct fuzz_input *in)
{
    int m = fuzz_u8(in) % MEMBERS;
    uint8_t connection = fuzz_u8(in) & 1;
    unsigned verb = fuzz_u8(in);
    struct bytes message = fuzz_piece(in), payload = fuzz_piece(in);
    desk_say_raw(d, m, connection, verb, message, payload);
}

static void bad(struct desk *d, struct fuzz_input *in)
{
    struct frame_message frame = {.routing_id_len = 8, .version = fuzz_u8(in)};
    int m = fuzz_u8(in) % (MEMBERS + 1);
    if (m < MEMBERS)
        memcpy(frame.peer, country()->link[m].public_key, 32);
    if (m == MEMBERS)
        door_anonymous(&d->io);
    else
        door_bad(&d->io, &frame);
}

/* --- what must hold --- */

/* The proof leads to the ledger's own key, and the entry is in the ledger, byte for byte. */
static void recorded(struct desk *d, struct bytes entry_bytes, struct bytes proof)
{
    struct tlog_proof p;
    struct checkpoint checkpoint;
    struct buffer stored = {0};
    FUZZ_CHECK(tlog_proof_parse(proof, &p));
    FUZZ_CHECK(tlog_proof_check(&p, entry_bytes, &country()->ledger.verifier, 1, &checkpoint));
    FUZZ_CHECK(checkpoint.size <= desk_size(d) && p.index < checkpoint.size);
    FUZZ_CHECK(ledger_read_entry(d->ledger, p.index, &stored, NULL) == 1);
    FUZZ_CHECK(bytes_equal(buffer_bytes(&stored), entry_bytes));
    buffer_free(&stored);
}

static void judge_sent(struct desk *d)
{
    while (d->first != NULL) {
        struct sent *s = d->first;
        struct strict_message hold = {0};
        if (s->verb == VERB_DELIVER) {
            FUZZ_CHECK(strict_unpack(&wasl__v1__deliver__descriptor, buffer_bytes(&s->message), &hold));
            const Wasl__V1__Deliver *m = hold.message;
            recorded(d, strict_bytes(m->entry), strict_bytes(m->proof));
            if (m->request_entry.len > 0)
                recorded(d, strict_bytes(m->request_entry), strict_bytes(m->request_proof));
        } else if (s->verb == VERB_RECEIPT) {
            FUZZ_CHECK(strict_unpack(&wasl__v1__receipt__descriptor, buffer_bytes(&s->message), &hold));
            const Wasl__V1__Receipt *m = hold.message;
            recorded(d, strict_bytes(m->entry), strict_bytes(m->proof));
        } else if (s->verb == VERB_REFUSED) {
            FUZZ_CHECK(strict_unpack(&wasl__v1__refused__descriptor, buffer_bytes(&s->message), &hold));
            const Wasl__V1__Refused *m = hold.message;
            FUZZ_CHECK(m->reason != 0);
            if (m->entry.len > 0)
                recorded(d, strict_bytes(m->entry), strict_bytes(m->proof));
        }
        strict_free(&hold);
        d->first = s->next;
        sent_free(s);
    }
    d->last = NULL;
}

static void settle(struct desk *d)
{
    desk_settle(d);
    judge_sent(d);
}

/* Each exchange has one request and one end at most. */
static void judge_ledger(struct desk *d)
{
    struct buffer ids = {0}, ends = {0};
    for (uint64_t i = 0; i < desk_size(d); i++) {
        struct buffer data = {0}, *set = NULL;
        struct entry entry;
        struct entry_hold hold;
        struct header h;
        const uint8_t *id = NULL;
        FUZZ_CHECK(ledger_read_entry(d->ledger, i, &data, NULL) == 1);
        FUZZ_CHECK(entry_decode(buffer_bytes(&data), &entry, &hold));
        if (entry.type == ENTRY_ADMITTED) {
            FUZZ_CHECK(header_decode(entry.context, entry.body, &h) == REFUSAL_NONE);
            id = h.exchange_id;
            set = h.kind == MESSAGE_RESPONSE ? &ends : h.kind == MESSAGE_REQUEST ? &ids : NULL;
        } else if (entry.type == ENTRY_TIMED_OUT || entry.type == ENTRY_INTERRUPTED) {
            FUZZ_CHECK(entry.has_exchange_id);
            id = entry.exchange_id;
            set = &ends;
        }
        for (size_t k = 0; set != NULL && k < set->len; k += 16)
            FUZZ_CHECK(memcmp(set->data + k, id, 16) != 0);
        if (set == &ends) {
            bool asked = false;
            for (size_t k = 0; k < ids.len; k += 16)
                asked = asked || memcmp(ids.data + k, id, 16) == 0;
            FUZZ_CHECK(asked);
        }
        if (set != NULL)
            buffer_append(set, id, 16);
        entry_release(&hold);
        buffer_free(&data);
    }
    buffer_free(&ids);
    buffer_free(&ends);
}

/* --- the script --- */

static int unlink_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st;
    (void)flag;
    (void)at;
    return remove(path);
}

static void step(struct desk *d, struct fuzz_input *in)
{
    uint64_t passed;
    switch (fuzz_u8(in) % 11) {
    case 0:
        hello(d, in);
        break;
    case 1:
        letter_new(in);
        break;
    case 2:
    case 3:
        submit(d, in);
        break;
    case 4:
        other_verb(d, in);
        break;
    case 5:
        raw(d, in);
        break;
    case 6:
        bad(d, in);
        break;
    case 7:
        d->blocked = !d->blocked;
        break;
    case 8: /* up to five minutes */
        settle(d);
        passed = (uint64_t)fuzz_u8(in) * fuzz_u8(in) * 5000;
        fuzz_advance(passed);
        d->io.now += passed;
        d->io.monotonic += passed;
        break;
    case 9:
        settle(d);
        break;
    default:
        dispatch_deadlines(&d->io);
        peers_tick(d->io.peers, d->io.now, d->io.monotonic);
        door_tick(&d->io);
    }
}

void fuzz_target(struct fuzz_input *in)
{
    char state[96];
    snprintf(state, sizeof state, "%s/desk", fuzz_folder());
    struct desk *d = desk_open_on(state, &country()->ledger);
    d->limits.mailbox_messages = 4;
    for (unsigned i = 0; i < STEPS && in->left > 0; i++)
        step(d, in);
    settle(d);
    judge_ledger(d);
    d->blocked = false;
    dispatch_interrupt_all(&d->io);
    settle(d);
    judge_ledger(d);
    desk_close(d);
    for (unsigned i = 0; i < LETTERS; i++) {
        letter_free(&letters[i]);
        memset(&letters[i], 0, sizeof letters[i]);
    }
    letter_count = 0;
    FUZZ_CHECK(nftw(state, unlink_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}
