/* The signed header: decoding and encoding are each other's inverse, and no field is of a form that the
 * protocol does not permit. */
#include "fuzz.h"
#include "fuzz_header.h"

#include "registry/decide.h"
#include "wire/header.h"

void fuzz_setup(void)
{
}

static struct header sample(enum message_kind kind)
{
    struct header h = fuzz_header(kind);
    h.registry_version = 3;
    memset(h.exchange_id, 7, 16);
    h.has_body = kind != MESSAGE_REFUSAL;
    h.sealed_length = 300;
    if (kind == MESSAGE_SUBJECT_KEY) {
        strcpy(h.consumer, "TN/GOV/MEN");
        h.provider[0] = h.service[0] = h.operation[0] = h.purpose[0] = h.legal_basis[0] = 0;
    }
    h.has_request_leaf = kind == MESSAGE_RESPONSE;
    h.outcome = kind == MESSAGE_REFUSAL ? REFUSAL_NO_GRANT : 0;
    h.has_subject = h.has_agent = kind != MESSAGE_SUBJECT_KEY;
    h.seen_size = 9;
    return h;
}

void fuzz_seeds(void)
{
    static const enum message_kind kinds[] = {MESSAGE_REQUEST, MESSAGE_RESPONSE, MESSAGE_SUBJECT_KEY,
                                              MESSAGE_REFUSAL, MESSAGE_DOCUMENT, MESSAGE_EVENT};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct header h = sample(kinds[i]);
        struct buffer context = {0}, body = {0}, seed = {0};
        header_encode_context(&h, &context);
        header_encode_body(&h, &body);
        fuzz_put_piece(&seed, buffer_bytes(&context));
        buffer_append_bytes(&seed, buffer_bytes(&body));
        fuzz_seed(buffer_bytes(&seed));
        buffer_free(&context);
        buffer_free(&body);
        buffer_free(&seed);
    }
}

void fuzz_target(struct fuzz_input *in)
{
    struct bytes context = fuzz_piece(in), body = fuzz_rest(in);
    struct header h;
    struct buffer again = {0};
    struct question question;
    char id[IDENTIFIER_MOST + CODE_MOST + 2];

    if (header_decode(context, body, &h) != REFUSAL_NONE)
        return;
    header_encode_context(&h, &again);
    FUZZ_CHECK(bytes_equal(buffer_bytes(&again), context));
    buffer_clear(&again);
    header_encode_body(&h, &again);
    FUZZ_CHECK(bytes_equal(buffer_bytes(&again), body));
    buffer_free(&again);

    FUZZ_CHECK(context.len <= CONTEXT_MOST && body.len <= BODY_MOST);
    FUZZ_CHECK(identifier_parts(bytes_of_string(h.consumer)) >= 3);
    FUZZ_CHECK(h.has_request_leaf == (h.kind == MESSAGE_RESPONSE));
    FUZZ_CHECK(h.outcome == 0 || h.kind != MESSAGE_REQUEST);
    FUZZ_CHECK(identifier_parts(header_signer(&h)) == 3);
    header_service_id(&h, id);
    FUZZ_CHECK(id[0] == 0 || identifier_parts(bytes_of_string(id)) > 0 || strlen(id) > IDENTIFIER_MOST);
    header_question(&h, FUZZ_NOW * MICROSECONDS, id, &question);
    if (header_check_time(&h, FUZZ_NOW * MICROSECONDS, 60 * MICROSECONDS) == REFUSAL_NONE)
        FUZZ_CHECK(h.expires - h.created <= LIFETIME_MOST);
}
