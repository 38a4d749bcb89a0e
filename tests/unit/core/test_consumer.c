/* A consumer's adapter and responses made by hand: what it never accepts. */
#include "world.h"

#include "base/clock.h"
#include "base/error.h"
#include "content.pb-c.h"
#include "wire/envelope.h"
#include "wire/strict.h"

#include <stdio.h>
#include <string.h>

static bool requested(struct world *w)
{
    return hand_bus_find(&w->bus, MEN, MESSAGE_REQUEST) != NULL;
}

/* MEN has asked, the request is in the ledger, nobody has answered. */
static int setup(void **state)
{
    static struct world w;
    world_open(&w);
    *state = &w;
    w.bus.hold_requests = true;
    w.bus.hold_responses = true;
    world_start(&w, MEN);
    world_link(&w, MEN);
    world_ask(&w, MEN, world_ask_new(&w, "01234567890"));
    world_run(&w, requested);
    return 0;
}

static int teardown(void **state)
{
    world_close(*state);
    return 0;
}

struct response {
    const char *header; /* a name */
    int signer;         /* MI, unless said otherwise */
    const char *provider, *operation;
    const struct sealing_key *to;
    const uint8_t *request_leaf, *exchange_id;
    int64_t created;
    unsigned outcome;
};

static struct hand_message *respond(struct world *w, const struct response *r)
{
    const struct hand_message *request = hand_bus_find(&w->bus, MEN, MESSAGE_REQUEST);
    struct header h = request->header;
    Wasl__V1__ResponseHead head = WASL__V1__RESPONSE_HEAD__INIT;
    struct buffer packed = {0};
    struct error e;
    h.kind = MESSAGE_RESPONSE;
    h.created = (uint64_t)((int64_t)clock_wall() + r->created);
    h.expires = h.created + 30 * MICROSECONDS;
    h.seen_size = 0;
    h.has_request_leaf = true;
    h.has_agent = h.has_subject = false;
    h.outcome = r->outcome;
    memcpy(h.request_leaf, r->request_leaf != NULL ? r->request_leaf : request->leaf, HASH_SIZE);
    if (r->exchange_id != NULL)
        memcpy(h.exchange_id, r->exchange_id, 16);
    if (r->provider != NULL)
        strcpy(h.provider, r->provider);
    if (r->operation != NULL)
        strcpy(h.operation, r->operation);
    head.status = 200;
    ProtobufCBinaryData field[2] = {strict_field(bytes_of_string(r->header != NULL ? r->header : "X-Y")),
                                    strict_field(bytes_of_string("v"))};
    head.n_header = 2;
    head.header = field;
    strict_pack(&head.base, &packed);
    struct seal_receiver receiver = {.receiver = "TN/GOV/MEN"};
    memcpy(receiver.public_key, (r->to != NULL ? r->to : &country()->sealing[MEN])->public_key, 32);
    struct parcel *parcel = parcel_make(country()->signer[r->signer], NULL, &h, buffer_bytes(&packed),
                                        bytes_of_string("{\"a\":1}"), false, &receiver, 1, &e);
    if (parcel == NULL)
        fail_msg("%s", e.text);
    struct hand_message *m = hand_bus_take_parcel(&w->bus, MI, parcel);
    parcel_free(parcel);
    buffer_free(&packed);
    return m;
}

/* Into the ledger, but not sent. */
static void record(struct world *w, struct hand_message *m)
{
    m->index = hand_bus_record(&w->bus, ENTRY_ADMITTED, buffer_bytes(&m->context), buffer_bytes(&m->body),
                               buffer_bytes(&m->signature), REFUSAL_NONE);
}

static void deliver(struct world *w, struct hand_message *m)
{
    struct hand_delivery d;
    hand_delivery_make(&w->bus, m, &d);
    hand_delivery_send(&w->bus, MEN, &d);
    hand_delivery_free(&d);
}

static enum refusal verdict(struct world *w, const struct response *r)
{
    struct hand_message *m = respond(w, r);
    record(w, m);
    deliver(w, m);
    world_run(w, world_answered);
    return w->refusal;
}

static const struct response plain = {.signer = MI};

static void the_response_of_the_provider_asked_is_accepted(void **state)
{
    struct world *w = *state;
    assert_int_equal(verdict(w, &plain), REFUSAL_NONE);
    assert_int_equal(w->status, 200);
    assert_string_equal(w->answer_body, "{\"a\":1}");
}

static void a_response_whose_header_has_no_name_is_not_accepted(void **state)
{
    struct response r = {.signer = MI, .header = "X-Road-Error: forged"};
    assert_int_equal(verdict(*state, &r), REFUSAL_MALFORMED);
}

static void a_response_signed_by_another_member_is_not_accepted(void **state)
{
    struct response r = {.signer = MAS};
    assert_int_equal(verdict(*state, &r), REFUSAL_CERTIFICATE_UNTRUSTED);
}

static void a_response_of_another_provider_than_asked_is_not_accepted(void **state)
{
    struct response r = {.signer = MAS, .provider = "TN/GOV/MAS/social"};
    assert_int_equal(verdict(*state, &r), REFUSAL_RESPONSE_MISMATCH);
}

static void a_response_to_another_request_is_not_accepted(void **state)
{
    struct world *w = *state;
    uint8_t leaf[HASH_SIZE];
    memcpy(leaf, hand_bus_find(&w->bus, MEN, MESSAGE_REQUEST)->leaf, HASH_SIZE);
    leaf[0] ^= 1;
    struct response r = {.signer = MI, .request_leaf = leaf};
    struct hand_message *m = respond(w, &r);
    record(w, m);
    struct hand_delivery d;
    hand_delivery_make(&w->bus, m, &d);
    const struct hand_message *request = hand_bus_find(&w->bus, MEN, MESSAGE_REQUEST);
    buffer_append_bytes(&d.request_entry, buffer_bytes(&w->bus.entries[request->index]));
    hand_bus_receipt(&w->bus, request->index, w->bus.signer, &d.request_proof);
    hand_delivery_send(&w->bus, MEN, &d);
    hand_delivery_free(&d);
    world_run(w, world_answered);
    assert_int_equal(w->refusal, REFUSAL_RESPONSE_MISMATCH);
}

static void a_response_to_nobodys_request_is_dropped(void **state)
{
    struct world *w = *state;
    uint8_t id[16] = {9};
    struct response r = {.signer = MI, .exchange_id = id};
    struct hand_message *m = respond(w, &r);
    record(w, m);
    deliver(w, m);
    world_settle(w);
    assert_int_equal(w->answers, 0);
}

static void a_response_about_another_operation_is_not_accepted(void **state)
{
    struct response r = {.signer = MI, .operation = "attest"};
    assert_int_equal(verdict(*state, &r), REFUSAL_RESPONSE_MISMATCH);
}

static void a_response_without_the_receipt_of_our_request_is_not_accepted(void **state)
{
    struct world *w = *state;
    struct hand_message *m = respond(w, &plain);
    struct hand_delivery d;
    record(w, m);
    hand_delivery_make(&w->bus, m, &d);
    buffer_clear(&d.request_entry);
    buffer_clear(&d.request_proof);
    hand_delivery_send(&w->bus, MEN, &d);
    hand_delivery_free(&d);
    world_run(w, world_answered);
    assert_int_equal(w->refusal, REFUSAL_NO_RECEIPT);
}

static void a_response_that_is_not_in_the_ledger_is_not_accepted(void **state)
{
    struct world *w = *state;
    struct hand_message *m = respond(w, &plain);
    struct hand_delivery d;
    record(w, m);
    hand_delivery_make(&w->bus, m, &d);
    buffer_clear(&d.proof);
    hand_bus_receipt(&w->bus, m->index, &country()->other_ledger, &d.proof);
    hand_delivery_send(&w->bus, MEN, &d);
    hand_delivery_free(&d);
    world_run(w, world_answered);
    assert_int_equal(w->refusal, REFUSAL_NO_RECEIPT);
}

static void sealed_bytes_that_another_member_signs_anew_do_not_open(void **state)
{
    struct world *w = *state;
    /* MI signs a header of its own over chunks and slots that were sealed under another one. */
    struct hand_message *stolen = respond(w, &plain);
    struct response r = {.signer = MI, .created = 1000};
    struct hand_message *m = respond(w, &r);
    struct envelope envelope = {m->context, {0}, {0}};
    struct header h = m->header;
    struct error e;
    memcpy(h.sealed_root, stolen->header.sealed_root, HASH_SIZE);
    memcpy(h.slots_hash, stolen->header.slots_hash, HASH_SIZE);
    memcpy(h.commitment, stolen->header.commitment, HASH_SIZE);
    header_encode_body(&h, &envelope.body);
    assert_int_equal(envelope_sign(country()->signer[MI], "TN", &envelope, 1, &e), 0);
    buffer_free(&m->body);
    buffer_free(&m->signature);
    m->body = envelope.body;
    m->signature = envelope.signature;
    buffer_clear(&m->chunk);
    buffer_append_bytes(&m->chunk, buffer_bytes(&stolen->chunk));
    buffer_clear(&m->slots[0]);
    buffer_append_bytes(&m->slots[0], buffer_bytes(&stolen->slots[0]));
    record(w, m);
    deliver(w, m);
    world_run(w, world_answered);
    assert_int_equal(w->refusal, REFUSAL_BAD_SEAL);
}

static void a_response_sealed_to_somebody_else_is_not_accepted(void **state)
{
    struct response r = {.signer = MI, .to = &country()->sealing[MAS]};
    assert_int_equal(verdict(*state, &r), REFUSAL_BAD_SEAL);
}

static void a_response_from_the_future_is_not_accepted(void **state)
{
    struct response r = {.signer = MI, .created = (int64_t)(70 * MICROSECONDS)};
    assert_int_equal(verdict(*state, &r), REFUSAL_CREATED_AHEAD);
}

static void the_providers_refusal_reaches_the_one_who_asked(void **state)
{
    struct response r = {.signer = MI, .outcome = REFUSAL_UNKNOWN_SUBJECT};
    assert_int_equal(verdict(*state, &r), REFUSAL_UNKNOWN_SUBJECT);
}

static bool has_second_registry(struct world *w)
{
    struct core_status status;
    core_status(w->core[MEN], &status);
    return status.registry_version == 2;
}

/* Its own registry and CRLs say so, of an answer to what it asked before. */
static void a_response_of_a_provider_suspended_meanwhile_is_not_accepted(void **state)
{
    struct world *w = *state;
    struct buffer second = {0};
    country_suspended = MI;
    country_sign_registry(2, &country()->registry, NULL, &second);
    country_suspended = MEMBERS;
    w->bus.registry = &second;
    hand_bus_notice(&w->bus, MEN);
    world_run(w, has_second_registry);
    assert_int_equal(verdict(w, &plain), REFUSAL_MEMBER_SUSPENDED);
    w->bus.registry = &country()->registry;
    buffer_free(&second);
}

static void a_response_of_a_provider_revoked_meanwhile_is_not_accepted(void **state)
{
    struct world *w = *state;
    struct buffer second = {0};
    country_crl(2, MI, &second);
    w->bus.crl = &second;
    hand_bus_notice(&w->bus, MEN);
    world_settle(w);
    assert_int_equal(verdict(w, &plain), REFUSAL_CERTIFICATE_REVOKED);
    w->bus.crl = &country()->crl;
    buffer_free(&second);
}

static void a_second_response_is_not_given_to_anybody(void **state)
{
    struct world *w = *state;
    assert_int_equal(verdict(w, &plain), REFUSAL_NONE);
    struct response r = {.signer = MI, .created = 1000};
    struct hand_message *m = respond(w, &r);
    record(w, m);
    deliver(w, m);
    world_settle(w);
    assert_int_equal(w->answers, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_response_of_the_provider_asked_is_accepted),
        TEST(a_response_whose_header_has_no_name_is_not_accepted),
        TEST(a_response_signed_by_another_member_is_not_accepted),
        TEST(a_response_of_another_provider_than_asked_is_not_accepted),
        TEST(a_response_to_another_request_is_not_accepted),
        TEST(a_response_to_nobodys_request_is_dropped),
        TEST(a_response_about_another_operation_is_not_accepted),
        TEST(a_response_without_the_receipt_of_our_request_is_not_accepted),
        TEST(a_response_that_is_not_in_the_ledger_is_not_accepted),
        TEST(sealed_bytes_that_another_member_signs_anew_do_not_open),
        TEST(a_response_sealed_to_somebody_else_is_not_accepted),
        TEST(a_response_from_the_future_is_not_accepted),
        TEST(the_providers_refusal_reaches_the_one_who_asked),
        TEST(a_response_of_a_provider_suspended_meanwhile_is_not_accepted),
        TEST(a_response_of_a_provider_revoked_meanwhile_is_not_accepted),
        TEST(a_second_response_is_not_given_to_anybody),
    };
    int result = cmocka_run_group_tests_name("core-consumer", tests, NULL, NULL);
    country_end();
    return result;
}
