/* Fields by kind, as the table of proto/README.md has them. */
#include "registry/decide.h"
#include "wire/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct header request(void)
{
    struct header h = {
        .instance = "TN",
        .kind = MESSAGE_REQUEST,
        .consumer = "TN/GOV/MEN/enrolment",
        .provider = "TN/GOV/MI/civil",
        .service = "person",
        .operation = "person-by-iuc",
        .purpose = "school-enrolment",
        .legal_basis = "loi-2016-22",
        .registry_version = 7,
        .created = 1000,
        .expires = 2000,
        .seen_size = 5,
        .has_subject = true,
        .has_traceparent = true,
        .has_body = true,
        .sealed_length = 300,
        .media_type = "application/json",
    };
    memset(h.exchange_id, 0x11, sizeof(h.exchange_id));
    memset(h.seen_root, 0x22, sizeof(h.seen_root));
    memset(h.subject, 0x33, sizeof(h.subject));
    memset(h.traceparent, 0x44, sizeof(h.traceparent));
    memset(h.sealed_root, 0x55, sizeof(h.sealed_root));
    memset(h.slots_hash, 0x66, sizeof(h.slots_hash));
    memset(h.commitment, 0x77, sizeof(h.commitment));
    return h;
}

static struct header response(void)
{
    struct header h = request();
    h.kind = MESSAGE_RESPONSE;
    h.has_request_leaf = true;
    memset(h.request_leaf, 0x88, sizeof(h.request_leaf));
    return h;
}

static struct header subject_key(void)
{
    struct header h = request();
    h.kind = MESSAGE_SUBJECT_KEY;
    strcpy(h.consumer, "TN/GOV/MEN");
    h.provider[0] = h.service[0] = h.operation[0] = h.purpose[0] = h.legal_basis[0] = '\0';
    h.has_subject = false;
    return h;
}

static struct header refusal(void)
{
    struct header h = request();
    h.kind = MESSAGE_REFUSAL;
    h.outcome = REFUSAL_NO_GRANT;
    h.has_body = false;
    return h;
}

static enum refusal through(const struct header *in, struct header *out)
{
    struct buffer context = {0}, body = {0};
    header_encode_context(in, &context);
    header_encode_body(in, &body);
    enum refusal r = header_decode(buffer_bytes(&context), buffer_bytes(&body), out);
    buffer_free(&context);
    buffer_free(&body);
    return r;
}

static enum refusal judged(struct header h)
{
    struct header out;
    return through(&h, &out);
}

static void assert_round_trip(struct header in)
{
    struct header out;
    if (!in.has_body) {
        memset(in.sealed_root, 0, HASH_SIZE);
        memset(in.slots_hash, 0, HASH_SIZE);
        memset(in.commitment, 0, HASH_SIZE);
        memset(in.media_type, 0, sizeof(in.media_type));
        in.sealed_length = 0;
    }
    if (!in.has_subject)
        memset(in.subject, 0, sizeof(in.subject));
    assert_int_equal(through(&in, &out), REFUSAL_NONE);
    assert_string_equal(in.consumer, out.consumer);
    assert_string_equal(in.provider, out.provider);
    assert_string_equal(in.service, out.service);
    assert_string_equal(in.operation, out.operation);
    assert_string_equal(in.purpose, out.purpose);
    assert_string_equal(in.legal_basis, out.legal_basis);
    assert_string_equal(in.media_type, out.media_type);
    assert_string_equal(in.retention, out.retention);
    assert_memory_equal(in.exchange_id, out.exchange_id, 16);
    assert_memory_equal(in.subject, out.subject, 16);
    assert_memory_equal(in.traceparent, out.traceparent, 25);
    assert_memory_equal(in.request_leaf, out.request_leaf, 32);
    assert_memory_equal(in.sealed_root, out.sealed_root, 32);
    assert_memory_equal(in.slots_hash, out.slots_hash, 32);
    assert_memory_equal(in.commitment, out.commitment, 32);
    assert_memory_equal(in.seen_root, out.seen_root, 32);
    assert_int_equal(in.kind, out.kind);
    assert_int_equal(in.created, out.created);
    assert_int_equal(in.expires, out.expires);
    assert_int_equal(in.registry_version, out.registry_version);
    assert_int_equal(in.sealed_length, out.sealed_length);
    assert_int_equal(in.outcome, out.outcome);
    assert_int_equal(in.has_body, out.has_body);
    assert_int_equal(in.has_subject, out.has_subject);
    assert_int_equal(in.has_agent, out.has_agent);
}

static void each_kind_comes_back_as_it_was(void **state)
{
    (void)state;
    struct header h = request();
    assert_round_trip(h);
    h.has_agent = h.has_group = true;
    memset(h.agent, 9, sizeof(h.agent));
    memset(h.group, 8, sizeof(h.group));
    strcpy(h.retention, "five-years");
    assert_round_trip(h);
    assert_round_trip(response());
    assert_round_trip(subject_key());
    assert_round_trip(refusal());
    h = refusal();
    h.provider[0] = h.service[0] = h.operation[0] = h.purpose[0] = h.legal_basis[0] = '\0';
    assert_round_trip(h);
}

#define REFUSES(make, change)                                                                                \
    do {                                                                                                     \
        struct header h = make();                                                                            \
        assert_int_equal(judged(h), REFUSAL_NONE);                                                           \
        change;                                                                                              \
        assert_int_equal(judged(h), REFUSAL_MALFORMED);                                                      \
    } while (0)

static void what_a_kind_must_have_is_demanded(void **state)
{
    (void)state;
    REFUSES(request, h.instance[0] = '\0');
    REFUSES(request, h.created = 0);
    REFUSES(request, h.expires = 0);
    REFUSES(request, h.consumer[0] = '\0');
    REFUSES(request, h.provider[0] = '\0');
    REFUSES(request, h.service[0] = '\0');
    REFUSES(request, h.operation[0] = '\0');
    REFUSES(request, h.purpose[0] = '\0');
    REFUSES(request, h.legal_basis[0] = '\0');
    REFUSES(request, h.has_body = false);
    REFUSES(response, h.has_request_leaf = false);
    REFUSES(response, h.purpose[0] = '\0');
    REFUSES(subject_key, h.has_body = false);
    REFUSES(refusal, h.outcome = 0);
}

static void what_a_kind_must_not_have_is_refused(void **state)
{
    (void)state;
    REFUSES(request, h.has_request_leaf = true);
    REFUSES(request, h.outcome = 5);
    REFUSES(request, h.lane = 1);
    REFUSES(request, h.sequence = 1);
    REFUSES(response, h.lane = 1);
    REFUSES(subject_key, h.has_subject = true);
    REFUSES(subject_key, h.has_agent = true);
    REFUSES(subject_key, strcpy(h.provider, "TN/GOV/MI/civil"));
    REFUSES(subject_key, strcpy(h.purpose, "x"));
    REFUSES(refusal, h.has_body = true);
    REFUSES(refusal, h.has_request_leaf = true);
    REFUSES(refusal, h.provider[0] = '\0'); /* a service of nobody */
}

static void names_of_the_wrong_depth_or_alphabet_are_refused(void **state)
{
    (void)state;
    REFUSES(request, strcpy(h.consumer, "TN/GOV/MEN"));
    REFUSES(request, strcpy(h.consumer, "TN/GOV/MEN/enrolment/x"));
    REFUSES(request, strcpy(h.provider, "TN/GOV/MI"));
    REFUSES(subject_key, strcpy(h.consumer, "TN/GOV/MEN/enrolment"));
    REFUSES(request, strcpy(h.consumer, "TN/GOV/MEN/enrol\xd9\xa1"));
    REFUSES(request, strcpy(h.consumer, "TN/GOV//enrolment"));
    REFUSES(request, strcpy(h.service, "a/b"));
    REFUSES(request, strcpy(h.operation, "a b"));
    REFUSES(request, strcpy(h.purpose, ".hidden"));
    REFUSES(request, strcpy(h.instance, "T/N"));
    REFUSES(request, strcpy(h.media_type, "text;x"));
}

static void a_nul_inside_a_name_is_refused(void **state)
{
    (void)state;
    struct header h = request(), out;
    struct buffer context = {0}, body = {0};
    header_encode_context(&h, &context);
    header_encode_body(&h, &body);
    uint8_t *at = memmem(context.data, context.len, "enrolment", 9);
    assert_non_null(at);
    at[3] = 0;
    assert_int_equal(header_decode(buffer_bytes(&context), buffer_bytes(&body), &out), REFUSAL_MALFORMED);
    buffer_free(&context);
    buffer_free(&body);
}

static void seen_size_and_root_come_together(void **state)
{
    (void)state;
    struct header h = request(), out;
    struct buffer context = {0}, body = {0};
    header_encode_body(&h, &body);
    header_encode_context(&h, &context);
    /* Cut the size (field 19, two bytes of key and one of value) and keep the root. */
    uint8_t *at = memmem(context.data, context.len, "\x98\x01\x05", 3);
    assert_non_null(at);
    size_t behind = context.len - (size_t)(at - context.data) - 3;
    memmove(at, at + 3, behind);
    context.len -= 3;
    assert_int_equal(header_decode(buffer_bytes(&context), buffer_bytes(&body), &out), REFUSAL_MALFORMED);
    buffer_free(&context);
    buffer_free(&body);
}

static void a_later_version_or_kind_is_told_from_rubbish(void **state)
{
    (void)state;
    struct header h = request(), out;
    struct buffer context = {0}, body = {0};
    header_encode_context(&h, &context);
    header_encode_body(&h, &body);
    context.data[1] = 2;
    assert_int_equal(header_decode(buffer_bytes(&context), buffer_bytes(&body), &out),
                     REFUSAL_UNSUPPORTED_VERSION);
    context.data[1] = 1;
    assert_int_equal(header_decode(buffer_bytes(&context), buffer_bytes(&body), &out), REFUSAL_NONE);
    buffer_append(&context, "\xf8\x01\x01", 3); /* a field that version 1 does not have */
    assert_int_equal(header_decode(buffer_bytes(&context), buffer_bytes(&body), &out), REFUSAL_MALFORMED);
    buffer_free(&context);
    buffer_free(&body);
    for (int kind = MESSAGE_DOCUMENT; kind <= MESSAGE_SKIP; kind++) {
        h.kind = (enum message_kind)kind;
        assert_int_equal(judged(h), REFUSAL_UNSUPPORTED_VERSION);
    }
    h.kind = (enum message_kind)9;
    assert_int_equal(judged(h), REFUSAL_MALFORMED);
    assert_int_equal(header_decode(bytes_make("", 0), bytes_make("", 0), &out), REFUSAL_MALFORMED);
}

static void no_flip_or_cut_of_a_header_upsets_the_decoder(void **state)
{
    (void)state;
    struct header h = request(), out;
    struct buffer context = {0}, body = {0};
    header_encode_context(&h, &context);
    header_encode_body(&h, &body);
    for (size_t len = 0; len < context.len; len++) {
        uint8_t *cut = memory_copy(context.data, len);
        /* Cut between two fields, what is left may be a header: then exactly these bytes are it. */
        if (header_decode(bytes_make(cut, len), buffer_bytes(&body), &out) == REFUSAL_NONE) {
            struct buffer again = {0};
            header_encode_context(&out, &again);
            assert_true(bytes_equal(buffer_bytes(&again), bytes_make(cut, len)));
            buffer_free(&again);
        }
        free(cut);
    }
    for (size_t bit = 0; bit < 8 * context.len; bit++) {
        context.data[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        if (header_decode(buffer_bytes(&context), buffer_bytes(&body), &out) == REFUSAL_NONE) {
            struct buffer again = {0};
            header_encode_context(&out, &again);
            assert_true(bytes_equal(buffer_bytes(&again), buffer_bytes(&context)));
            buffer_free(&again);
        }
        context.data[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
    buffer_free(&context);
    buffer_free(&body);
}

static void bounds_of_context_and_body_hold(void **state)
{
    (void)state;
    uint8_t big[CONTEXT_MOST + 1] = {8, 1};
    struct header out;
    assert_int_equal(header_decode(bytes_make(big, sizeof(big)), bytes_make("", 0), &out), REFUSAL_MALFORMED);
    /* Four parts of valid form, and with the service's code one byte more than an identifier may have. */
    struct header h = request();
    memcpy(h.provider, "TN/GOV/", 8);
    memset(h.provider + 7, 'p', 64);
    h.provider[71] = '/';
    memset(h.provider + 72, 'q', 64);
    h.provider[136] = '\0';
    memset(h.service, 's', 63);
    h.service[63] = '\0';
    assert_int_equal(judged(h), REFUSAL_NONE);
    memset(h.service, 's', 64);
    h.service[64] = '\0';
    assert_int_equal(judged(h), REFUSAL_MALFORMED);
}

static void the_signer_is_the_member_who_speaks(void **state)
{
    (void)state;
    struct header h = request();
    assert_true(bytes_equal_string(header_signer(&h), "TN/GOV/MEN"));
    h = response();
    assert_true(bytes_equal_string(header_signer(&h), "TN/GOV/MI"));
    h = subject_key();
    assert_true(bytes_equal_string(header_signer(&h), "TN/GOV/MEN"));
    h = refusal();
    assert_true(bytes_equal_string(header_signer(&h), "TN/GOV/MEN"));
    char id[IDENTIFIER_MOST + CODE_MOST + 2];
    header_service_id(&h, id);
    assert_string_equal(id, "TN/GOV/MI/civil/person");
    h.service[0] = '\0';
    header_service_id(&h, id);
    assert_string_equal(id, "TN/GOV/MI/civil");
}

static void the_time_of_a_message_is_judged_to_the_microsecond(void **state)
{
    const uint64_t now = 1000 * MICROSECONDS, skew = 60 * MICROSECONDS;
    struct header h = request();

    (void)state;
    h.created = now + skew, h.expires = now + skew + 1;
    assert_int_equal(header_check_time(&h, now, skew), REFUSAL_NONE);
    h.created++;
    assert_int_equal(header_check_time(&h, now, skew), REFUSAL_CREATED_AHEAD);
    h.created = now - 1, h.expires = now;
    assert_int_equal(header_check_time(&h, now, skew), REFUSAL_NONE);
    h.expires = now - 1;
    assert_int_equal(header_check_time(&h, now, skew), REFUSAL_EXPIRED);
    h.created = now + 2, h.expires = now + 1; /* over before it began, within the skew */
    assert_int_equal(header_check_time(&h, now, skew), REFUSAL_EXPIRED);
    h.created = now, h.expires = now + LIFETIME_MOST;
    assert_int_equal(header_check_time(&h, now, skew), REFUSAL_NONE);
    h.expires++;
    assert_int_equal(header_check_time(&h, now, skew), REFUSAL_LIFETIME_TOO_LONG);
}

static void what_is_asked_of_the_registry_is_what_the_header_says(void **state)
{
    struct header h = request();
    struct question question;
    char id[IDENTIFIER_MOST + CODE_MOST + 2];

    (void)state;
    header_question(&h, 7, id, &question);
    assert_true(bytes_equal_string(question.consumer, h.consumer));
    assert_true(bytes_equal_string(question.service, "TN/GOV/MI/civil/person"));
    assert_true(bytes_equal_string(question.operation, h.operation));
    assert_true(bytes_equal_string(question.purpose, h.purpose));
    assert_true(bytes_equal_string(question.legal_basis, h.legal_basis));
    assert_int_equal(question.now, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_comes_back_as_it_was),
        cmocka_unit_test(what_a_kind_must_have_is_demanded),
        cmocka_unit_test(what_a_kind_must_not_have_is_refused),
        cmocka_unit_test(names_of_the_wrong_depth_or_alphabet_are_refused),
        cmocka_unit_test(a_nul_inside_a_name_is_refused),
        cmocka_unit_test(seen_size_and_root_come_together),
        cmocka_unit_test(a_later_version_or_kind_is_told_from_rubbish),
        cmocka_unit_test(no_flip_or_cut_of_a_header_upsets_the_decoder),
        cmocka_unit_test(bounds_of_context_and_body_hold),
        cmocka_unit_test(the_signer_is_the_member_who_speaks),
        cmocka_unit_test(the_time_of_a_message_is_judged_to_the_microsecond),
        cmocka_unit_test(what_is_asked_of_the_registry_is_what_the_header_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
