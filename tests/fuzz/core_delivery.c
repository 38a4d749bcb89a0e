/* What the bus hands an adapter: DELIVER with its chunks, the seal, the heads inside. A real delivery is
 * edited part by part and its header signed-for hashes made to fit again, so that the inner parsers are
 * reached. */
#include "fuzz_country.h"
#include "fuzz.h"
#include "fuzz_header.h"

#include "base/error.h"
#include "core/delivery.h"
#include "core/heads.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "session.pb-c.h"
#include "wire/envelope.h"
#include "wire/strict.h"

void fuzz_setup(void)
{
    fuzz_country();
}

static void plain(struct buffer *head)
{
    struct ask *ask = ask_new();
    buffer_append_string(&ask->method, "GET");
    buffer_append_string(&ask->path, "/persons/01234567890");
    buffer_append_string(&ask->query, "a=b");
    http_headers_add(&ask->headers, "X-Road-Id", "1");
    ask->subject_type = SUBJECT_IUC;
    strcpy(ask->subject, "01234567890");
    request_head_encode(ask, head);
    ask_free(ask);
}

void fuzz_seeds(void)
{
    struct buffer head = {0}, seed = {0};
    struct reply reply = {.status = 200};
    plain(&head);
    fuzz_seed_with(0, buffer_bytes(&head));
    buffer_clear(&head);
    http_headers_add(&reply.headers, "Content-Type", "application/json");
    response_head_encode(&reply, REFUSAL_NONE, &head);
    fuzz_seed_with(1, buffer_bytes(&head));
    http_headers_free(&reply.headers);
    buffer_free(&head);
    fuzz_seed_with(2, bytes_make("\x00\x00\x00\x00\x00\x00", 6));
    fuzz_seed_with(3, bytes_make("\x01\x00\x00\x22\x01\x01\x00\x01\x00\x00\x03\x01\x80", 13));
    fuzz_seed_with(2, bytes_make("\x02\x02\x00\x10\x05hello\x01\x00\x33\x01\x04\x00\x00\x00", 16));
    buffer_free(&seed);
}

static void request_head(struct bytes data)
{
    struct call call = {0};
    enum subject_type type;
    char subject[64];
    if (request_head_decode(data, &call, &type, subject)) {
        FUZZ_CHECK(strlen(subject) < sizeof subject && (type != SUBJECT_NONE || subject[0] == 0));
        for (size_t i = 0; i < call.headers.count; i++)
            FUZZ_CHECK(http_field_valid(bytes_of_string(call.headers.items[i].name),
                                        bytes_of_string(call.headers.items[i].value)));
    }
    buffer_free(&call.method);
    buffer_free(&call.path);
    buffer_free(&call.query);
    http_headers_free(&call.headers);
}

static void response_head(struct bytes data)
{
    struct http_headers headers = {0};
    unsigned status;
    if (response_head_decode(data, &status, &headers))
        for (size_t i = 0; i < headers.count; i++)
            FUZZ_CHECK(http_field_valid(bytes_of_string(headers.items[i].name),
                                        bytes_of_string(headers.items[i].value)));
    http_headers_free(&headers);
}

/* A DELIVER of a request to MI; edits go to one part after the other, before what is made of it. */
static void deliver(struct fuzz_input *in, bool edit_outside)
{
    struct header h = fuzz_header(MESSAGE_REQUEST);
    h.has_body = true;
    struct buffer head = {0}, text = {0}, context = {0}, body = {0}, entry = {0}, message = {0}, chunk = {0},
                  out = {0};
    struct sealed sealed;
    struct seal_receiver to = {.receiver = "TN/GOV/MI"};
    struct error e = {0};
    uint8_t context_hash[HASH_SIZE], slot[HASH_SIZE];
    memset(h.exchange_id, 9, 16);
    memcpy(to.public_key, country()->sealing[MI].public_key, 32);
    plain(&head);
    fuzz_edit(in, &head);
    seal_frame(buffer_bytes(&head), bytes_of_string("{}"), true, &text);
    fuzz_edit(in, &text);
    header_encode_context(&h, &context);
    sha256(buffer_bytes(&context), context_hash);
    FUZZ_CHECK(seal(buffer_bytes(&text), context_hash, &to, 1, &sealed, &e) == 0);
    memcpy(h.sealed_root, sealed.root, HASH_SIZE);
    memcpy(h.slots_hash, sealed.slots_hash, HASH_SIZE);
    memcpy(h.commitment, sealed.commitment, HASH_SIZE);
    h.sealed_length = sealed.sealed_length;
    header_encode_body(&h, &body);
    if (edit_outside)
        fuzz_edit(in, &context);
    struct entry logged = {.type = ENTRY_ADMITTED,
                           .time = 1,
                           .registry_version = 1,
                           .context = buffer_bytes(&context),
                           .body = buffer_bytes(&body),
                           .signature = bytes_of_string("signature")};
    entry_encode(&logged, &entry);
    slot_hash(buffer_bytes(&sealed.slots[0]), slot);
    ProtobufCBinaryData hash = strict_fixed(true, slot, HASH_SIZE);
    Wasl__V1__Deliver m = WASL__V1__DELIVER__INIT;
    m.entry = strict_field(buffer_bytes(&entry));
    m.proof = strict_field(bytes_of_string("proof"));
    m.n_slot_hash = 1;
    m.slot_hash = &hash;
    m.slot = strict_field(buffer_bytes(&sealed.slots[0]));
    strict_pack(&m.base, &message);
    buffer_append_bytes(&chunk, buffer_bytes(&sealed.chunks[0]));
    if (edit_outside) {
        fuzz_edit(in, &message);
        fuzz_edit(in, &chunk);
    }
    struct delivery *d = delivery_open(buffer_bytes(&message), buffer_bytes(&chunk), 0);
    if (d != NULL) {
        struct bytes inner, content;
        const char *why = NULL;
        FUZZ_CHECK(!delivery_add(d, (uint32_t)d->chunk_count, buffer_bytes(&chunk)));
        if (!delivery_whole(d))
            (void)delivery_add(d, 1, fuzz_piece(in));
        bool good = delivery_seal_good(d);
        if (delivery_whole(d) &&
            delivery_unseal(d, NULL, &country()->sealing[MI], 1, &out, &inner, &content, &why)) {
            FUZZ_CHECK(good || edit_outside);
            request_head(inner);
            response_head(inner);
        }
        delivery_free(d);
    }
    sealed_free(&sealed);
    buffer_free(&head);
    buffer_free(&text);
    buffer_free(&context);
    buffer_free(&body);
    buffer_free(&entry);
    buffer_free(&message);
    buffer_free(&chunk);
    buffer_free(&out);
}

void fuzz_target(struct fuzz_input *in)
{
    unsigned form = fuzz_u8(in) % 4;
    if (form == 0)
        request_head(fuzz_rest(in));
    else if (form == 1)
        response_head(fuzz_rest(in));
    else
        deliver(in, form == 3);
}
