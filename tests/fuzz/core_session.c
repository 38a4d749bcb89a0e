/*
 * The link's state machine, the adapter's side: a bus that says anything in any order. The linker gives the
 * session a link whose frames are the input's (meson.build, --wrap). Credit is never overdrawn, events come
 * only in the states that permit them, and every delivery that is handed on is whole.
 */
#include "fuzz_country.h"
#include "fuzz.h"
#include "fuzz_header.h"

#include "base/clock.h"
#include "core/session_inside.h"
#include "tlog/tree.h"
#include "wire/intake.h"
#include "wire/link.h"
#include "wire/strict.h"

#define STEPS 60

static struct fuzz_input *script;
static unsigned frames_left;
static struct buffer frame_message, frame_payload;
static struct session *session;
static loop_callback tick;
static uint64_t now_monotonic;
static uint64_t given_messages, used_messages;
static bool blocked;

/* --- the link and the loop --- */

void *__wrap_link_connect(void *context, const char *endpoint, const struct link_key *key,
                          const uint8_t server[32], struct error *e);
void *__wrap_link_connect(void *context, const char *endpoint, const struct link_key *key,
                          const uint8_t server[32], struct error *e)
{
    (void)context;
    (void)endpoint;
    (void)key;
    (void)server;
    (void)e;
    return &frames_left;
}

void __wrap_link_close_after(void *socket, int milliseconds);
void __wrap_link_close_after(void *socket, int milliseconds)
{
    (void)socket;
    (void)milliseconds;
}

int __wrap_link_send(void *socket, struct bytes routing_id, unsigned verb, struct bytes message,
                     struct bytes payload);
int __wrap_link_send(void *socket, struct bytes routing_id, unsigned verb, struct bytes message,
                     struct bytes payload)
{
    (void)socket;
    FUZZ_CHECK(routing_id.len == 0 && verb >= VERB_HELLO && verb <= VERB_BYE);
    FUZZ_CHECK(message.len <= LINK_MESSAGE_MOST && payload.len <= LINK_PAYLOAD_MOST);
    if (blocked)
        return 1;
    if (verb == VERB_CREDIT) {
        struct strict_message hold;
        FUZZ_CHECK(strict_unpack(&wasl__v1__credit__descriptor, message, &hold));
        given_messages += ((const Wasl__V1__Credit *)hold.message)->messages;
        strict_free(&hold);
    }
    return 0;
}

/* What the kernel has received is more than came out where the script says so. */
struct intake *__wrap_intake_new(void *context, void *socket, struct error *e);
struct intake *__wrap_intake_new(void *context, void *socket, struct error *e)
{
    (void)context;
    (void)e;
    return socket;
}

void __wrap_intake_free(struct intake *intake);
void __wrap_intake_free(struct intake *intake)
{
    (void)intake;
}

void __wrap_intake_received(struct intake *intake, uint64_t bytes);
void __wrap_intake_received(struct intake *intake, uint64_t bytes)
{
    FUZZ_CHECK(intake != NULL && bytes <= LINK_MESSAGE_MOST + LINK_PAYLOAD_MOST + 4096 + ((size_t)1 << 20));
}

bool __wrap_intake_floods(struct intake *intake, uint64_t most, uint64_t now);
bool __wrap_intake_floods(struct intake *intake, uint64_t most, uint64_t now)
{
    (void)most;
    (void)now;
    FUZZ_CHECK(intake != NULL);
    return script->left > 0 && *script->at == 77;
}

struct loop_source *__wrap_loop_add_socket(struct loop *loop, void *socket, loop_callback readable,
                                           void *arg);
struct loop_source *__wrap_loop_add_socket(struct loop *loop, void *socket, loop_callback readable, void *arg)
{
    (void)loop;
    (void)arg;
    (void)readable;
    return socket;
}

void __wrap_loop_remove(struct loop *loop, struct loop_source *source);
void __wrap_loop_remove(struct loop *loop, struct loop_source *source)
{
    (void)loop;
    (void)source;
}

void __wrap_loop_set_writable(struct loop_source *source, loop_callback writable);
void __wrap_loop_set_writable(struct loop_source *source, loop_callback writable)
{
    (void)source;
    (void)writable;
}

struct loop_timer *__wrap_loop_timer_new(struct loop *loop, loop_callback fire, void *arg);
struct loop_timer *__wrap_loop_timer_new(struct loop *loop, loop_callback fire, void *arg)
{
    (void)loop;
    (void)arg;
    tick = fire;
    return (struct loop_timer *)&tick;
}

void __wrap_loop_timer_set(struct loop_timer *timer, uint64_t monotonic);
void __wrap_loop_timer_set(struct loop_timer *timer, uint64_t monotonic)
{
    (void)timer;
    (void)monotonic;
}

void __wrap_loop_timer_free(struct loop_timer *timer);
void __wrap_loop_timer_free(struct loop_timer *timer)
{
    (void)timer;
}

uint64_t __wrap_loop_now_monotonic(const struct loop *loop);
uint64_t __wrap_loop_now_monotonic(const struct loop *loop)
{
    (void)loop;
    return now_monotonic;
}

/* --- frames --- */

static void put_list(ProtobufCBinaryData *list, size_t count, struct bytes item)
{
    for (size_t i = 0; i < count; i++)
        list[i] = strict_field(item);
}

static void deliver(struct fuzz_input *in, struct buffer *message, struct buffer *payload)
{
    uint8_t how = fuzz_u8(in);
    struct header h = fuzz_header((how & 1) != 0 ? MESSAGE_RESPONSE : MESSAGE_REQUEST);
    h.has_body = true;
    h.has_request_leaf = (how & 1) != 0;
    struct buffer context = {0}, body = {0}, entry = {0};
    uint8_t hash[HASH_SIZE] = {1};
    ProtobufCBinaryData hashes[3];
    bool many = (how & 2) != 0;
    memset(h.exchange_id, how, 16);
    h.sealed_length = many ? 262160 + 300 : 300;
    header_encode_context(&h, &context);
    header_encode_body(&h, &body);
    const struct entry logged = {.type = ENTRY_ADMITTED,
                                 .time = 1,
                                 .registry_version = 1,
                                 .context = buffer_bytes(&context),
                                 .body = buffer_bytes(&body),
                                 .signature = bytes_of_string("s")};
    entry_encode(&logged, &entry);
    Wasl__V1__Deliver m = WASL__V1__DELIVER__INIT;
    m.entry = strict_field(buffer_bytes(&entry));
    m.proof = strict_field(bytes_of_string("proof"));
    m.n_slot_hash = 1 + (how >> 6) % 3;
    m.slot_hash = hashes;
    put_list(hashes, m.n_slot_hash, bytes_make(hash, HASH_SIZE));
    m.slot = strict_field(bytes_of_string("slot"));
    strict_pack(&m.base, message);
    memset(buffer_extend(payload, many ? 262160 : 300), how, many ? 262160 : 300);
    buffer_free(&context);
    buffer_free(&body);
    buffer_free(&entry);
}

static void made(struct fuzz_input *in, unsigned verb, struct buffer *message, struct buffer *payload)
{
    static const uint8_t hash[HASH_SIZE] = {7};
    ProtobufCBinaryData list[4];
    uint8_t number = fuzz_u8(in);
    Wasl__V1__Welcome welcome = WASL__V1__WELCOME__INIT;
    Wasl__V1__Receipt receipt = WASL__V1__RECEIPT__INIT;
    Wasl__V1__Refused refused = WASL__V1__REFUSED__INIT;
    Wasl__V1__Chunk chunk = WASL__V1__CHUNK__INIT;
    Wasl__V1__Proof proof = WASL__V1__PROOF__INIT;
    Wasl__V1__Object object = WASL__V1__OBJECT__INIT;
    Wasl__V1__Ping ping = WASL__V1__PING__INIT;
    Wasl__V1__Credit credit = WASL__V1__CREDIT__INIT;
    Wasl__V1__Notice notice = WASL__V1__NOTICE__INIT;
    Wasl__V1__Bye bye = WASL__V1__BYE__INIT;
    put_list(list, 4, bytes_make(hash, HASH_SIZE));
    welcome.version = (number & 1) != 0 ? 2 : 1;
    welcome.session = strict_field(bytes_make(session->id, 16));
    welcome.credit_messages = number;
    welcome.credit_bytes = (uint64_t)number << 12;
    welcome.n_crl = welcome.n_consistency = number & 3;
    welcome.crl = welcome.consistency = list;
    receipt.entry = refused.entry = strict_field(bytes_of_string("entry"));
    receipt.proof = refused.proof = strict_field(bytes_of_string("proof"));
    refused.exchange_id = strict_field(bytes_make(hash, 16));
    refused.leaf = strict_field(bytes_make(hash, HASH_SIZE));
    refused.reason = number;
    for (size_t i = 0; i < OPEN_MOST; i++)
        if (session->gathering[i] != NULL)
            chunk.leaf = strict_field(bytes_make(session->gathering[i]->leaf, HASH_SIZE));
    chunk.index = number & 3;
    proof.old_size = number;
    proof.new_size = number + 1u;
    proof.n_hash = number & 3;
    proof.hash = list;
    object.kind = (Wasl__V1__ObjectRef)(1 + number % 3);
    object.hash = strict_field(bytes_make(hash, HASH_SIZE));
    object.offset = (number >> 2) & 7;
    object.total = number;
    ping.nonce = credit.messages = number;
    credit.bytes = (uint64_t)number << 50;
    notice.registry_version = number;
    notice.n_crl = number & 3;
    notice.crl = list;
    bye.reason = number;
    const struct {
        unsigned verb;
        const ProtobufCMessage *message;
    } all[] = {{VERB_WELCOME, &welcome.base}, {VERB_RECEIPT, &receipt.base}, {VERB_REFUSED, &refused.base},
               {VERB_CHUNK, &chunk.base},     {VERB_PROOF, &proof.base},     {VERB_OBJECT, &object.base},
               {VERB_PING, &ping.base},       {VERB_CREDIT, &credit.base},   {VERB_NOTICE, &notice.base},
               {VERB_BYE, &bye.base}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].verb == verb)
            strict_pack(all[i].message, message);
    size_t len = verb == VERB_CHUNK ? 300 : verb == VERB_OBJECT ? (number >> 5) : 0;
    memset(buffer_extend(payload, len), 0, len);
}

enum frame_status __wrap_link_receive(void *socket, bool router, struct frame_message *out);
enum frame_status __wrap_link_receive(void *socket, bool router, struct frame_message *out)
{
    (void)socket;
    FUZZ_CHECK(!router);
    memset(out, 0, sizeof *out);
    if (frames_left == 0 || script->left == 0)
        return FRAME_NONE;
    frames_left--;
    uint8_t what = fuzz_u8(script);
    if (what == 255)
        return FRAME_BAD;
    if (what == 254)
        return FRAME_FAILED;
    buffer_clear(&frame_message);
    buffer_clear(&frame_payload);
    out->version = 1;
    out->verb = what % 20;
    if (what < 100 && out->verb == VERB_DELIVER)
        deliver(script, &frame_message, &frame_payload);
    else if (what < 100)
        made(script, out->verb, &frame_message, &frame_payload);
    if (what >= 40) {
        fuzz_edit(script, &frame_message);
        fuzz_edit(script, &frame_payload);
    }
    out->wire_bytes = frame_message.len + frame_payload.len;
    out->message = buffer_bytes(&frame_message);
    out->payload = buffer_bytes(&frame_payload);
    if (out->verb == VERB_DELIVER)
        used_messages++;
    return FRAME_OK;
}

void __wrap_frame_message_free(struct frame_message *message);
void __wrap_frame_message_free(struct frame_message *message)
{
    (void)message;
}

/* --- events --- */

static void on_hello(void *arg, struct buffer *checkpoint, uint64_t *version)
{
    (void)arg;
    buffer_append_string(checkpoint, "note");
    *version = 1;
}

static void on_welcome(void *arg, const struct session_welcome *w)
{
    (void)arg;
    FUZZ_CHECK(session->state == SESSION_WELCOMED);
    FUZZ_CHECK(w->holdings.registry_hash.len == 0 || w->holdings.registry_hash.len == HASH_SIZE);
    for (size_t i = 0; i < w->holdings.crl_count; i++)
        FUZZ_CHECK(w->holdings.crls[i].len == HASH_SIZE);
}

static void on_notice(void *arg, const struct session_holdings *h)
{
    (void)arg;
    (void)h;
    FUZZ_CHECK(session->state == SESSION_WELCOMED || session->state == SESSION_LINKED);
}

static void on_deliver(void *arg, struct delivery *d)
{
    (void)arg;
    FUZZ_CHECK(delivery_whole(d) && d->chunk_count >= 1 && d->header.has_body);
    FUZZ_CHECK(session->state == SESSION_LINKED);
    (void)delivery_seal_good(d);
    session_done_with(session, d);
    delivery_free(d);
}

static void on_receipt(void *arg, struct bytes entry, struct bytes proof)
{
    (void)arg;
    FUZZ_CHECK(entry.len <= LINK_MESSAGE_MOST && proof.len <= LINK_MESSAGE_MOST);
    FUZZ_CHECK(session->state >= SESSION_WELCOMED);
}

static void on_refused(void *arg, const struct session_refused *r)
{
    (void)arg;
    (void)r;
    FUZZ_CHECK(session->state >= SESSION_WELCOMED);
}

static void on_proof(void *arg, uint64_t old_size, uint64_t new_size, const uint8_t (*hashes)[HASH_SIZE],
                     size_t count)
{
    uint8_t root[HASH_SIZE] = {0};
    (void)arg;
    FUZZ_CHECK(count <= 128);
    (void)tree_check_consistency(old_size, root, new_size, root, hashes, count);
}

static void on_object(void *arg, enum session_object kind, const uint8_t hash[HASH_SIZE], struct bytes object)
{
    (void)arg;
    (void)hash;
    (void)kind;
    FUZZ_CHECK(object.data == NULL || object.len <= OBJECT_MOST);
}

static void on_lost(void *arg, unsigned reason)
{
    (void)arg;
    (void)reason;
    FUZZ_CHECK(session->state == SESSION_DOWN);
    given_messages = used_messages = 0;
}

void fuzz_setup(void)
{
    fuzz_country();
}

void fuzz_seeds(void)
{
    /* Opened by a tick; then frames: how many, and each of them. */
    fuzz_seed(bytes_make("\x01\x00\x00\x01\x02\x10\x02\x00\x01\x06\x00\x00\x03\x06\x01\x06\x00\x06\x01", 19));
    fuzz_seed(bytes_make("\x01\x00\x00\x01\x02\x10\x02\x00\x02\x06\x02\x07\x01\x00\x01\x0b\x21", 17));
    fuzz_seed(bytes_make("\x01\x00\x00\x01\x02\x10\x02\x00\x04\x05\x00\x0a\x0b\x0b\x20\x09\x01\x0e\x10\x00"
                         "\x05\x0c\x01\x0f\x02\x10\x01\x04\x01\x05\x02",
                         31));
    fuzz_seed(bytes_make(
        "\x01\x00\x00\x01\x02\x10\x03\x00\x01\xff\x00\x02\xfe\xff\x05\x01\xff\xff\x01\xff\xff", 21));
}

static void step(struct fuzz_input *in)
{
    static const uint8_t hash[HASH_SIZE] = {7};
    switch (fuzz_u8(in) % 8) {
    case 0: /* frames */
        frames_left = fuzz_u8(in) % 16;
        session_take(session);
        break;
    case 1: { /* time; a tick carries out what is due */
        now_monotonic += (uint64_t)fuzz_u8(in) * fuzz_u8(in) * 2000 + TICK;
        tick(session);
        break;
    }
    case 2:
        session_link(session);
        break;
    case 3:
        blocked = !blocked;
        break;
    case 4:
        (void)session_fetch(session, (enum session_object)(1 + fuzz_u8(in) % 3), hash);
        break;
    case 5:
        (void)session_prove(session, fuzz_u8(in), fuzz_u8(in));
        break;
    case 6:
        session_drop(session, fuzz_u8(in));
        break;
    default:
        session->writable(session);
    }
    /* As the loop's callback does after session_take. */
    if (session->ending.due)
        session->writable(session);
    FUZZ_CHECK(!session->ending.due);
    FUZZ_CHECK(session->may_receive_messages <= 8 && session->owed_messages <= 8);
    FUZZ_CHECK(session->control_count <= CONTROL_MOST);
    FUZZ_CHECK(session->state != SESSION_DOWN || (session->socket == NULL && session->controls == NULL));
}

void fuzz_target(struct fuzz_input *in)
{
    static const char *const subsystems[] = {"enrolment"};
    const struct session_options options = {
        .endpoint = "tcp://127.0.0.1:1",
        .bus_public_key = country()->bus_link.public_key,
        .link_key = &country()->link[MEN],
        .chain = country()->chain[MEN],
        .subsystems = subsystems,
        .subsystem_count = 1,
        .window_messages = 8,
        .window_bytes = 4 << 20,
        .events = {on_hello, on_welcome, on_notice, on_deliver, on_receipt, on_refused, on_proof, on_object,
                   on_lost},
    };
    script = in;
    now_monotonic = MICROSECONDS;
    blocked = false;
    given_messages = used_messages = 0;
    session = session_new(NULL, NULL, &options);
    for (unsigned i = 0; i < STEPS && in->left > 0; i++)
        step(in);
    session_free(session);
    buffer_free(&frame_message);
    buffer_free(&frame_payload);
}
