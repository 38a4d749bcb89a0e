/* A provider's adapter and requests made by hand: what it must not answer, and what it refuses. */
#include "provider.h"

#include "base/clock.h"
#include "base/error.h"
#include "tlog/tree.h"

#include <string.h>

/* --- no receipt, no answer --- */

static void a_request_with_a_receipt_is_answered(void **state)
{
    struct world *w = *state;
    assert_int_equal(outcome(w, &plain), REFUSAL_NONE);
    assert_int_equal(w->system.calls, 1);
}

static void a_request_without_a_receipt_is_not_answered(void **state)
{
    struct world *w = *state;
    struct hand_delivery d;
    struct hand_message *m = world_request(w, &plain);
    hand_bus_admit(&w->bus, m);
    hand_delivery_make(&w->bus, m, &d);
    buffer_clear(&d.proof);
    send(w, &d);
    assert_silent(w);
}

static void a_receipt_for_another_message_is_none(void **state)
{
    struct world *w = *state;
    struct hand_delivery d;
    struct hand_message *first = world_request(w, &plain), *second = world_request(w, &plain);
    hand_bus_admit(&w->bus, first);
    hand_bus_admit(&w->bus, second);
    hand_delivery_make(&w->bus, second, &d);
    /* The second's entry with the first's proof. */
    buffer_clear(&d.proof);
    hand_bus_receipt(&w->bus, first->index, w->bus.signer, &d.proof);
    send(w, &d);
    assert_silent(w);
}

static void a_receipt_of_a_refusal_entry_is_none(void **state)
{
    struct world *w = *state;
    struct hand_delivery d;
    struct hand_message *m = world_request(w, &plain);
    m->index = hand_bus_record(&w->bus, ENTRY_REFUSED, buffer_bytes(&m->context), buffer_bytes(&m->body),
                               buffer_bytes(&m->signature), REFUSAL_NO_GRANT);
    hand_delivery_make(&w->bus, m, &d);
    send(w, &d);
    assert_silent(w);
}

static void a_receipt_of_another_ledger_key_is_none(void **state)
{
    struct world *w = *state;
    struct hand_message *m = world_request(w, &plain);
    struct hand_delivery d;
    hand_bus_admit(&w->bus, m);
    w->bus.signer = &country()->other_ledger;
    hand_delivery_make(&w->bus, m, &d);
    w->bus.signer = &country()->ledger;
    send(w, &d);
    assert_silent(w);
}

static void an_entry_that_is_not_in_the_tree_is_no_receipt(void **state)
{
    struct world *w = *state;
    struct hand_message *m = world_request(w, &plain);
    struct hand_delivery d;
    hand_bus_admit(&w->bus, m);
    hand_delivery_make(&w->bus, m, &d);
    /* The bus's time in the entry, one digit off: everything still decodes. */
    for (size_t i = 0; i < d.entry.len; i++)
        if (d.entry.data[i] == 0x18) {
            d.entry.data[i + 1] ^= 1;
            break;
        }
    send(w, &d);
    assert_silent(w);
}

/* --- the trail --- */

static bool troubled(struct world *w)
{
    struct core_status status;
    core_status(w->core[MI], &status);
    return status.trouble != NULL;
}

static void a_ledger_that_contradicts_itself_is_not_answered_any_more(void **state)
{
    struct world *w = *state;
    hand_bus_admit(&w->bus, world_request(w, &plain));
    /* Wait until the adapter has accepted this size by way of a receipt. */
    w->bus.hold_requests = false;
    hand_bus_admit(&w->bus, world_request(w, &plain));
    world_run(w, answered);
    world_settle(w);
    /* Now another history of the very same size. */
    struct hand_message *m = hand_bus_find(&w->bus, MEN, MESSAGE_REQUEST);
    struct core_status status;
    core_status(w->core[MI], &status);
    assert_int_equal(status.checkpoint_size, tree_size(w->bus.tree));
    hand_bus_fork(&w->bus);
    struct hand_delivery d;
    hand_delivery_make(&w->bus, m, &d);
    send(w, &d);
    world_run(w, troubled);
    assert_int_equal(w->system.calls, 1);
    /* Evidence is on disk, and a restart does not forget it. */
    char path[160];
    snprintf(path, sizeof(path), "%s/INCONSISTENT", w->state[MI]);
    struct buffer evidence = {0};
    struct error e;
    assert_int_equal(file_read(path, 1 << 20, &evidence, &e), 0);
    assert_non_null(memmem(evidence.data, evidence.len, "bus.example.tn/ledger\n", 22));
    buffer_free(&evidence);
    unsigned hellos = w->bus.hellos;
    world_stop(w, MI);
    world_start(w, MI);
    core_status(w->core[MI], &status);
    assert_non_null(strstr(status.trouble, "contradicts"));
    assert_int_equal(w->bus.hellos, hellos);
}

static void what_the_bus_does_not_prove_in_time_ends_answering_until_it_does(void **state)
{
    struct world *w = *state;
    world_stop(w, MI);
    w->unproven_most = 100 * 1000;
    world_start(w, MI);
    world_link(w, MI);
    w->bus.no_proofs = true;
    hand_bus_admit(&w->bus, world_request(w, &plain));
    w->bus.hold_requests = false;
    hand_bus_admit(&w->bus, world_request(w, &plain));
    world_run(w, troubled);
    unsigned calls = w->system.calls;
    hand_bus_admit(&w->bus, world_request(w, &plain));
    world_settle(w);
    assert_int_equal(w->system.calls, calls);
    w->bus.no_proofs = false;
    while (troubled(w))
        world_settle(w);
    hand_bus_admit(&w->bus, world_request(w, &plain));
    world_settle(w);
    assert_int_equal(w->system.calls, calls + 1);
}

static bool said_hello_again(struct world *w)
{
    return w->bus.hellos == 2 && w->bus.proves > 2;
}

static void a_restart_forgets_nothing_that_was_not_proven(void **state)
{
    struct world *w = *state;
    w->bus.no_proofs = true;
    hand_bus_admit(&w->bus, world_request(w, &plain));
    w->bus.hold_requests = false;
    assert_int_equal(outcome(w, &plain), REFUSAL_NONE);
    w->bus.proves = 0;
    world_stop(w, MI);
    world_start(w, MI);
    world_run(w, said_hello_again);
    assert_true(troubled(w));
    assert_int_equal(w->bus.peers[MI].credit, 0); /* nothing may be delivered */
    w->bus.no_proofs = false;
    world_link(w, MI);
    assert_false(troubled(w));
}

static void a_peer_that_has_seen_another_ledger_is_evidence(void **state)
{
    struct world *w = *state;
    static const uint8_t other[HASH_SIZE] = {1, 2, 3};
    struct world_request r = plain;
    r.seen_size = 1;
    r.seen_root = other;
    w->bus.hold_requests = false;
    hand_bus_admit(&w->bus, world_request(w, &r));
    world_run(w, troubled);
    assert_int_equal(w->system.calls, 0);
}

static bool said_bye(struct world *w)
{
    return w->bus.byes > 0;
}

static void a_bus_that_cannot_continue_what_was_accepted_is_not_talked_to(void **state)
{
    struct world *w = *state;
    hand_bus_admit(&w->bus, world_request(w, &plain));
    w->bus.hold_requests = false;
    assert_int_equal(outcome(w, &plain), REFUSAL_NONE);
    world_settle(w);
    hand_bus_fork(&w->bus);
    hand_bus_bye(&w->bus, REFUSAL_NONE);
    world_run(w, said_bye);
    assert_int_equal(w->bus.last_bye[MI], REFUSAL_INCONSISTENT);
    assert_true(troubled(w));
}

/* --- the provider judges again --- */

static void a_request_signed_by_another_member_is_refused(void **state)
{
    struct world_request r = plain;
    r.signer = MAS;
    assert_int_equal(outcome(*state, &r), REFUSAL_CERTIFICATE_UNTRUSTED);
    assert_int_equal(((struct world *)*state)->system.calls, 0);
}

static void a_request_whose_signature_does_not_fit_is_refused(void **state)
{
    struct world *w = *state;
    struct hand_message *m = world_request(w, &plain);
    m->signature.data[m->signature.len - 1] ^= 1;
    w->bus.hold_requests = false;
    hand_bus_admit(&w->bus, m);
    world_run(w, answered);
    assert_int_equal(hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE)->header.outcome, REFUSAL_BAD_SIGNATURE);
}

static void a_revoked_certificate_is_refused(void **state)
{
    struct world *w = *state;
    struct buffer crl = {0};
    country_crl(2, MEN, &crl);
    w->bus.crl = &crl;
    hand_bus_notice(&w->bus, MI);
    world_settle(w);
    assert_int_equal(outcome(w, &plain), REFUSAL_CERTIFICATE_REVOKED);
    w->bus.crl = &country()->crl;
    buffer_free(&crl);
}

static void a_request_out_of_its_time_is_refused(void **state)
{
    struct world_request r = plain;
    r.created = -(int64_t)(60 * MICROSECONDS);
    assert_int_equal(outcome(*state, &r), REFUSAL_EXPIRED);
    assert_int_equal(((struct world *)*state)->system.calls, 0);
}

static void a_request_from_the_future_is_refused(void **state)
{
    struct world_request r = plain;
    r.created = (int64_t)(70 * MICROSECONDS);
    assert_int_equal(outcome(*state, &r), REFUSAL_CREATED_AHEAD);
}

static void a_request_that_lives_too_long_is_refused(void **state)
{
    struct world_request r = plain;
    r.expires = (int64_t)(121 * MICROSECONDS);
    assert_int_equal(outcome(*state, &r), REFUSAL_LIFETIME_TOO_LONG);
}

static void a_body_that_is_not_the_one_signed_is_refused(void **state)
{
    struct world *w = *state;
    struct hand_message *m = world_request(w, &plain);
    m->chunk.data[3] ^= 1;
    w->bus.hold_requests = false;
    hand_bus_admit(&w->bus, m);
    world_run(w, answered);
    assert_int_equal(hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE)->header.outcome, REFUSAL_BAD_SEAL);
}

static void a_list_of_slots_that_is_not_the_one_signed_is_refused(void **state)
{
    struct world *w = *state;
    struct hand_message *m = world_request(w, &plain);
    struct hand_delivery d;
    hand_bus_admit(&w->bus, m);
    hand_delivery_make(&w->bus, m, &d);
    d.slot_hashes[1][0] = 1; /* our own slot and the body still open */
    d.slot_count = 2;
    send(w, &d);
    world_run(w, answered);
    assert_int_equal(hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE)->header.outcome, REFUSAL_BAD_SEAL);
    assert_int_equal(w->system.calls, 0);
}

static void a_body_sealed_to_another_key_is_refused(void **state)
{
    struct world_request r = plain;
    r.to = &country()->sealing[MAS];
    assert_int_equal(outcome(*state, &r), REFUSAL_BAD_SEAL);
}

static void no_grant_no_answer(void **state)
{
    struct world_request r = plain;
    r.purpose = "social";
    r.legal_basis = "law-1960-30";
    assert_int_equal(outcome(*state, &r), REFUSAL_WRONG_PURPOSE);
    assert_int_equal(((struct world *)*state)->system.calls, 0);
}

static bool second_registry(struct world *w)
{
    struct core_status status;
    core_status(w->core[MI], &status);
    return status.registry_version == 2;
}

static unsigned responses; /* wanted */

static bool answered_again(struct world *w)
{
    return hand_bus_count(&w->bus, MI, MESSAGE_RESPONSE) == responses;
}

/* As outcome(), of one more request. */
static unsigned next_outcome(struct world *w, const struct world_request *r)
{
    responses = hand_bus_count(&w->bus, MI, MESSAGE_RESPONSE) + 1;
    w->bus.hold_requests = false;
    hand_bus_admit(&w->bus, world_request(w, r));
    world_run(w, answered_again);
    return hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE)->header.outcome;
}

/* The operation is granted, this path of it is not: only the provider's adapter (and the consumer's, which
 * need not be honest) can see that. */
static void a_path_that_the_grant_does_not_permit_is_refused(void **state)
{
    struct world *w = *state;
    struct buffer narrow = {0};
    country_sign_registry(2, &country()->registry,
                          "fields: [/name/fr]\n    endpoints: [{method: GET, path: /persons/0*}, {method: "
                          "'*', path: /persons/1*/*}]",
                          &narrow);
    w->bus.registry = &narrow;
    hand_bus_notice(&w->bus, MI);
    world_run(w, second_registry);
    assert_int_equal(next_outcome(w, &plain), REFUSAL_NONE); /* a control: 01234567890 */
    struct world_request other = plain, change = attest;
    other.iuc = "11234567890";
    assert_int_equal(next_outcome(w, &other), REFUSAL_ENDPOINT_NOT_PERMITTED);
    assert_int_equal(next_outcome(w, &change), REFUSAL_ENDPOINT_NOT_PERMITTED);
    assert_int_equal(w->system.calls, 1);
    change.iuc = other.iuc;
    assert_int_equal(next_outcome(w, &change), REFUSAL_NONE);
    w->bus.registry = &country()->registry;
    buffer_free(&narrow);
}

static void another_operation_than_the_header_names_is_refused(void **state)
{
    struct world_request r = attest;
    r.operation = "identity";
    assert_int_equal(outcome(*state, &r), REFUSAL_UNKNOWN_OPERATION);
    assert_int_equal(((struct world *)*state)->system.calls, 0);
}

static void another_person_in_the_path_than_declared_is_refused(void **state)
{
    struct world_request r = plain;
    r.path_iuc = "99999999999";
    assert_int_equal(outcome(*state, &r), REFUSAL_SUBJECT_MISMATCH);
    assert_int_equal(((struct world *)*state)->system.calls, 0);
}

static void a_question_about_nobody_is_refused(void **state)
{
    struct world_request r = plain;
    r.no_subject = true;
    assert_int_equal(outcome(*state, &r), REFUSAL_SUBJECT_MISSING);
}

/* What a system is asked and what the ledger says it was asked about stay the same also where the service
 * demands no subject. */
static void a_declared_person_of_another_type_than_the_path_asks_about_is_refused(void **state)
{
    struct world *w = *state;
    struct buffer next = {0};
    country_subject_type = NULL;
    country_sign_registry(2, w->bus.registry, NULL, &next);
    country_subject_type = "IUC";
    w->bus.registry = &next;
    hand_bus_notice(&w->bus, MI);
    world_settle(w);
    struct world_request r = plain;
    r.subject_type = "CIN";
    r.iuc = "01234567";
    r.path_iuc = "01234567890";
    assert_int_equal(outcome(w, &r), REFUSAL_SUBJECT_TYPE);
    assert_int_equal(w->system.calls, 0);
    w->bus.registry = &country()->registry;
    buffer_free(&next);
}

static void a_query_that_no_request_line_can_carry_is_refused(void **state)
{
    struct world_request r = plain;
    r.query = "a=b HTTP/1.1\r\nHost: x";
    assert_int_equal(outcome(*state, &r), REFUSAL_AMBIGUOUS_TARGET);
    assert_int_equal(((struct world *)*state)->system.calls, 0);
}

static void nothing_is_run_whose_answer_could_not_be_sealed(void **state)
{
    struct world *w = *state;
    struct buffer next = {0};
    country_sealed_until = "2021-01-01";
    country_sign_registry(2, w->bus.registry, NULL, &next);
    country_sealed_until = "2099-01-01";
    w->bus.registry = &next;
    hand_bus_notice(&w->bus, MI);
    world_settle(w);
    w->bus.hold_requests = false;
    hand_bus_admit(&w->bus, world_request(w, &attest));
    assert_silent(w);
    w->bus.registry = &country()->registry;
    buffer_free(&next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_with_a_receipt_is_answered),
        TEST(a_request_without_a_receipt_is_not_answered),
        TEST(a_receipt_for_another_message_is_none),
        TEST(a_receipt_of_a_refusal_entry_is_none),
        TEST(a_receipt_of_another_ledger_key_is_none),
        TEST(an_entry_that_is_not_in_the_tree_is_no_receipt),
        TEST(a_ledger_that_contradicts_itself_is_not_answered_any_more),
        TEST(what_the_bus_does_not_prove_in_time_ends_answering_until_it_does),
        TEST(a_restart_forgets_nothing_that_was_not_proven),
        TEST(a_peer_that_has_seen_another_ledger_is_evidence),
        TEST(a_bus_that_cannot_continue_what_was_accepted_is_not_talked_to),
        TEST(a_request_signed_by_another_member_is_refused),
        TEST(a_request_whose_signature_does_not_fit_is_refused),
        TEST(a_revoked_certificate_is_refused),
        TEST(a_request_out_of_its_time_is_refused),
        TEST(a_request_from_the_future_is_refused),
        TEST(a_request_that_lives_too_long_is_refused),
        TEST(a_body_that_is_not_the_one_signed_is_refused),
        TEST(a_list_of_slots_that_is_not_the_one_signed_is_refused),
        TEST(a_body_sealed_to_another_key_is_refused),
        TEST(no_grant_no_answer),
        TEST(a_path_that_the_grant_does_not_permit_is_refused),
        TEST(another_operation_than_the_header_names_is_refused),
        TEST(another_person_in_the_path_than_declared_is_refused),
        TEST(a_question_about_nobody_is_refused),
        TEST(a_declared_person_of_another_type_than_the_path_asks_about_is_refused),
        TEST(a_query_that_no_request_line_can_carry_is_refused),
        TEST(nothing_is_run_whose_answer_could_not_be_sealed),
    };
    int result = cmocka_run_group_tests_name("core-provider", tests, NULL, NULL);
    country_end();
    return result;
}
