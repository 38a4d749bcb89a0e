/* What becomes of messages: each exchange has exactly one terminal entry, whatever comes, twice or out of
 * turn. */
#include "fixture.h"

static void an_answered_exchange_is_two_entries_and_both_receipts_hold(void **state)
{
    struct fixture *f = *state;
    struct message request, response;
    struct buffer entry_bytes = {0}, proof = {0};
    struct entry entry;
    struct entry_hold hold;
    struct checkpoint checkpoint;
    struct error e = {0};

    message_request(f, 1, &request);
    struct ledger_result asked = put_alone(f, &request);
    assert_int_equal(asked.type, ENTRY_ADMITTED);
    assert_int_equal(asked.index, 0);
    assert_false(asked.old);
    assert_true(asked.terminal == UINT64_MAX);
    message_response(f, &request, &response);
    struct ledger_result answered = put_alone(f, &response);
    assert_int_equal(answered.type, ENTRY_ADMITTED);
    assert_int_equal(answered.index, 1);

    const struct message *both[2] = {&request, &response};
    for (unsigned i = 0; i < 2; i++) {
        buffer_clear(&entry_bytes);
        buffer_clear(&proof);
        assert_int_equal(ledger_receipt(f->ledger, i, &entry_bytes, &proof, &e), 0);
        assert_int_equal(receipt_check(buffer_bytes(&entry_bytes), buffer_bytes(&proof), ENTRY_ADMITTED,
                                       both[i]->leaf, &f->signer.verifier, 1, &entry, &hold, &checkpoint),
                         REFUSAL_NONE);
        assert_true(bytes_equal(entry.context, buffer_bytes(&both[i]->context)));
        assert_true(bytes_equal(entry.body, buffer_bytes(&both[i]->body)));
        assert_int_equal(checkpoint.size, 2);
        entry_release(&hold);
        assert_int_equal(receipt_check(buffer_bytes(&entry_bytes), buffer_bytes(&proof), ENTRY_ADMITTED,
                                       both[1 - i]->leaf, &f->signer.verifier, 1, &entry, &hold, &checkpoint),
                         REFUSAL_NO_RECEIPT);
    }
    buffer_free(&entry_bytes);
    buffer_free(&proof);
    message_free(&request);
    message_free(&response);
}

static void an_entry_that_is_not_on_disk_has_no_receipt(void **state)
{
    struct fixture *f = *state;
    struct message request;
    struct buffer entry = {0}, proof = {0};
    struct error e = {0};

    message_request(f, 1, &request);
    begin(f);
    put(f, &request);
    assert_int_equal(ledger_receipt(f->ledger, 0, &entry, &proof, &e), -1);
    assert_int_equal(ledger_read_entry(f->ledger, 0, &entry, &e), 0);
    assert_int_equal(entry.len + proof.len, 0);
    commit(f);
    assert_int_equal(ledger_receipt(f->ledger, 0, &entry, &proof, &e), 0);
    buffer_free(&entry);
    buffer_free(&proof);
    message_free(&request);
}

static void the_same_request_again_gets_its_old_entry(void **state)
{
    struct fixture *f = *state;
    struct message request, response;
    struct ledger_result again;

    message_request(f, 1, &request);
    begin(f);
    put(f, &request);
    again = put(f, &request); /* also within one batch */
    assert_true(again.old);
    assert_int_equal(again.type, 0);
    assert_int_equal(again.index, 0);
    assert_true(again.terminal == UINT64_MAX);
    commit(f);
    message_response(f, &request, &response);
    put_alone(f, &response);
    fixture_close(f);
    fixture_open(f); /* and across a restart */
    again = put_alone(f, &request);
    assert_true(again.old);
    assert_int_equal(again.index, 0);
    assert_int_equal(again.terminal, 1);
    assert_int_equal(again.reason, REFUSAL_NONE);
    assert_int_equal(ledger_size(f->ledger), 2);
    message_free(&request);
    message_free(&response);
}

static void the_same_id_with_another_header_is_refused_and_leaves_the_exchange_alone(void **state)
{
    struct fixture *f = *state;
    struct message request, other, response;

    message_request(f, 1, &request);
    put_alone(f, &request);
    message_request(f, 1, &other);
    strcpy(other.header.purpose, "other");
    message_encode(&other);
    struct ledger_result refused = put_alone(f, &other);
    assert_int_equal(refused.type, ENTRY_REFUSED);
    assert_int_equal(refused.reason, REFUSAL_REPLAYED_ID);
    assert_entry(f, 1, ENTRY_REFUSED, REFUSAL_REPLAYED_ID);
    message_response(f, &request, &response);
    assert_int_equal(put_alone(f, &response).type, ENTRY_ADMITTED);
    message_free(&request);
    message_free(&other);
    message_free(&response);
}

static void a_refused_request_has_ended_and_its_retry_gets_that_refusal(void **state)
{
    struct fixture *f = *state;
    struct message request, response;

    message_request(f, 1, &request);
    request.put.reason = REFUSAL_NO_GRANT;
    struct ledger_result refused = put_alone(f, &request);
    assert_int_equal(refused.type, ENTRY_REFUSED);
    assert_int_equal(refused.reason, REFUSAL_NO_GRANT);
    /* Even when the registry has changed in between. */
    request.put.reason = REFUSAL_NONE;
    struct ledger_result again = put_alone(f, &request);
    assert_true(again.old);
    assert_int_equal(again.index, 0);
    assert_int_equal(again.terminal, 0);
    assert_int_equal(again.reason, REFUSAL_NO_GRANT);
    /* Nobody can answer what was never passed on. */
    message_response(f, &request, &response);
    assert_int_equal(put_alone(f, &response).reason, REFUSAL_RESPONSE_MISMATCH);
    message_free(&request);
    message_free(&response);
}

static void a_message_whose_signer_is_not_proven_cannot_take_anybodys_id(void **state)
{
    static const enum refusal reasons[] = {REFUSAL_WRONG_SIGNER, REFUSAL_BAD_SIGNATURE,
                                           REFUSAL_UNKNOWN_CERTIFICATE, REFUSAL_CERTIFICATE_REVOKED};
    struct fixture *f = *state;
    struct message forged, request;

    message_request(f, 1, &request);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        message_request(f, 1, &forged);
        forged.put.reason = reasons[i];
        struct ledger_result refused = put_alone(f, &forged);
        assert_int_equal(refused.type, ENTRY_REFUSED);
        assert_int_equal(refused.reason, reasons[i]);
        message_free(&forged);
    }
    struct ledger_result admitted = put_alone(f, &request);
    assert_int_equal(admitted.type, ENTRY_ADMITTED);
    /* Nor be shown what became of it. */
    message_request(f, 1, &forged);
    forged.put.reason = REFUSAL_WRONG_SIGNER;
    assert_false(put_alone(f, &forged).old);
    message_free(&forged);
    message_free(&request);
}

static void a_refusal_without_valid_header_keeps_only_its_hash(void **state)
{
    struct fixture *f = *state;
    struct message request;
    struct entry_hold hold;

    message_request(f, 1, &request);
    request.put.reason = REFUSAL_MALFORMED;
    request.put.keep_header = false;
    put_alone(f, &request);
    struct entry entry = entry_at(f, 0, &hold);
    assert_int_equal(entry.type, ENTRY_REFUSED);
    assert_int_equal(entry.context.len + entry.body.len + entry.signature.len, 0);
    assert_memory_equal(entry.leaf, request.leaf, HASH_SIZE);
    assert_true(bytes_equal_string(entry.member, "TN/GOV/MEN"));
    entry_release(&hold);
    message_free(&request);
}

static void what_could_not_be_read_back_is_not_written(void **state)
{
    struct fixture *f = *state;
    struct message request;
    struct ledger_result result;
    struct entry_hold hold;
    struct error e = {0};
    char note[NOTE_WORDS_MOST + 2];
    uint8_t signature[SIGNATURE_BLOCK_MOST + 1] = {0};

    message_request(f, 1, &request);
    request.put.reason = REFUSAL_MALFORMED;
    request.put.signature = bytes_make(signature, sizeof(signature));
    put_alone(f, &request);
    struct entry entry = entry_at(f, 0, &hold);
    assert_int_equal(entry.context.len + entry.signature.len, 0);
    assert_memory_equal(entry.leaf, request.leaf, HASH_SIZE);
    entry_release(&hold);
    memset(note, 'n', sizeof(note));
    note[sizeof(note) - 1] = '\0';
    begin(f);
    assert_int_equal(ledger_put_administration(f->ledger, note, &result, &e), -1);
    assert_int_equal(e.kind, ERROR_USAGE);
    note[sizeof(note) - 2] = '\0';
    assert_int_equal(ledger_put_administration(f->ledger, note, &result, &e), 0);
    commit(f);
    entry = entry_at(f, 1, &hold);
    assert_int_equal(entry.note.len, NOTE_WORDS_MOST);
    entry_release(&hold);
    fixture_close(f);
    fixture_open(f);
    message_free(&request);
}

static void a_response_after_the_end_is_late_and_does_not_end_it_again(void **state)
{
    struct fixture *f = *state;
    struct message request, response, other;
    struct ledger_result result;
    struct error e = {0};

    message_request(f, 1, &request);
    put_alone(f, &request);
    begin(f);
    assert_int_equal(ledger_put_end(f->ledger, request.header.exchange_id, ENTRY_TIMED_OUT,
                                    REFUSAL_PROVIDER_TIMEOUT, &result, &e),
                     0);
    commit(f);
    assert_int_equal(result.type, ENTRY_TIMED_OUT);
    assert_false(result.old);
    struct entry_hold hold;
    struct entry entry = entry_at(f, 1, &hold);
    assert_memory_equal(entry.leaf, request.leaf, HASH_SIZE);
    assert_memory_equal(entry.exchange_id, request.header.exchange_id, 16);
    entry_release(&hold);

    message_response(f, &request, &response);
    assert_int_equal(put_alone(f, &response).type, ENTRY_LATE);
    struct ledger_result again = put_alone(f, &response);
    assert_true(again.old);
    assert_int_equal(again.index, 2);
    struct ledger_result asked = put_alone(f, &request);
    assert_int_equal(asked.terminal, 1);
    assert_int_equal(asked.reason, REFUSAL_PROVIDER_TIMEOUT);

    message_response(f, &request, &other);
    other.header.outcome = REFUSAL_UNKNOWN_SUBJECT;
    message_encode(&other);
    assert_int_equal(put_alone(f, &other).type, ENTRY_LATE);

    /* And the end is not written twice either. */
    begin(f);
    assert_int_equal(ledger_put_end(f->ledger, request.header.exchange_id, ENTRY_REFUSED,
                                    REFUSAL_PROVIDER_UNAVAILABLE, &result, &e),
                     0);
    commit(f);
    assert_true(result.old);
    assert_int_equal(result.index, 1);
    assert_int_equal(ledger_size(f->ledger), 4);
    message_free(&request);
    message_free(&response);
    message_free(&other);
}

static void the_same_response_again_is_old_and_a_second_one_is_late(void **state)
{
    struct fixture *f = *state;
    struct message request, response, second;

    message_request(f, 1, &request);
    put_alone(f, &request);
    message_response(f, &request, &response);
    put_alone(f, &response);
    struct ledger_result again = put_alone(f, &response);
    assert_true(again.old);
    assert_int_equal(again.type, 0);
    assert_int_equal(again.index, 1);
    message_response(f, &request, &second);
    second.header.sealed_length++;
    message_encode(&second);
    assert_int_equal(put_alone(f, &second).type, ENTRY_LATE);
    message_free(&request);
    message_free(&response);
    message_free(&second);
}

static void a_response_that_differs_from_what_was_asked_is_refused_and_the_exchange_stays_open(void **state)
{
    struct fixture *f = *state;
    struct message request, response;

    message_request(f, 1, &request);
    put_alone(f, &request);
    for (int fault = 0; fault < 8; fault++) {
        message_response(f, &request, &response);
        struct header *h = &response.header;
        switch (fault) {
        case 0:
            h->request_leaf[31] ^= 1;
            break;
        case 1:
            strcpy(h->provider, "TN/GOV/MAS/social");
            break;
        case 2:
            strcpy(h->consumer, "TN/GOV/MEN/exams");
            break;
        case 3:
            strcpy(h->service, "persons");
            break;
        case 4:
            strcpy(h->operation, "list");
            break;
        case 5:
            strcpy(h->purpose, "other");
            break;
        case 6:
            h->exchange_id[15] ^= 1;
            break;
        default:
            break;
        }
        message_encode(&response);
        if (fault == 7) /* over somebody else's link */
            response.put.member = bytes_of_string("TN/GOV/MAS");
        struct ledger_result refused = put_alone(f, &response);
        assert_int_equal(refused.type, ENTRY_REFUSED);
        assert_int_equal(refused.reason, REFUSAL_RESPONSE_MISMATCH);
        message_free(&response);
    }
    message_response(f, &request, &response);
    assert_int_equal(put_alone(f, &response).type, ENTRY_ADMITTED);
    message_free(&response);
    message_free(&request);
}

static void a_refused_response_leaves_the_exchange_open(void **state)
{
    struct fixture *f = *state;
    struct message request, response;

    message_request(f, 1, &request);
    put_alone(f, &request);
    message_response(f, &request, &response);
    response.put.reason = REFUSAL_RESPONSE_TOO_LARGE;
    assert_int_equal(put_alone(f, &response).reason, REFUSAL_RESPONSE_TOO_LARGE);
    response.put.reason = REFUSAL_NONE;
    assert_int_equal(put_alone(f, &response).type, ENTRY_ADMITTED);
    message_free(&response);
    message_free(&request);
}

static void what_was_open_at_a_crash_is_interrupted_once(void **state)
{
    struct fixture *f = *state;
    struct message request[3], response;
    struct error e = {0};

    begin(f);
    for (uint32_t i = 0; i < 3; i++) {
        message_request(f, i, &request[i]);
        put(f, &request[i]);
    }
    commit(f);
    message_response(f, &request[1], &response);
    put_alone(f, &response);
    fixture_close(f);
    fixture_open(f);
    begin(f);
    assert_int_equal(ledger_put_interrupted(f->ledger, &e), 2);
    assert_int_equal(ledger_put_interrupted(f->ledger, &e), 0);
    commit(f);
    assert_entry(f, 4, ENTRY_INTERRUPTED, REFUSAL_INTERRUPTED);
    assert_entry(f, 5, ENTRY_INTERRUPTED, REFUSAL_INTERRUPTED);
    assert_int_equal(ledger_size(f->ledger), 6);
    struct ledger_result again = put_alone(f, &request[0]);
    assert_int_equal(again.terminal, 4);
    assert_int_equal(again.reason, REFUSAL_INTERRUPTED);
    for (int i = 0; i < 3; i++)
        message_free(&request[i]);
    message_free(&response);
}

static void a_members_own_refusal_is_recorded_with_its_outcome(void **state)
{
    struct fixture *f = *state;
    struct message refusal;
    struct entry_hold hold;

    message_request(f, 1, &refusal);
    refusal.header.kind = MESSAGE_REFUSAL;
    refusal.header.has_body = false;
    refusal.header.outcome = REFUSAL_SUBJECT_LENGTH;
    message_encode(&refusal);
    struct ledger_result result = put_alone(f, &refusal);
    assert_int_equal(result.type, ENTRY_REFUSED);
    assert_int_equal(result.reason, REFUSAL_SUBJECT_LENGTH);
    struct entry entry = entry_at(f, 0, &hold);
    assert_int_equal(entry.reason, REFUSAL_SUBJECT_LENGTH);
    assert_true(bytes_equal(entry.context, buffer_bytes(&refusal.context)));
    entry_release(&hold);
    assert_true(put_alone(f, &refusal).old);
    message_free(&refusal);
}

static void objects_take_effect_once_and_other_entries_say_what_they_are(void **state)
{
    const uint8_t hash[HASH_SIZE] = {1}, certificate[HASH_SIZE] = {2};
    struct fixture *f = *state;
    struct ledger_result result;
    struct entry_hold hold;
    struct error e = {0};

    ledger_set_registry(f->ledger, 42, hash);
    begin(f);
    assert_int_equal(ledger_put_object(f->ledger, 2, hash, certificate, &result, &e), 0);
    assert_false(result.old);
    assert_int_equal(ledger_put_object(f->ledger, 3, hash, NULL, &result, &e), 0);
    assert_false(result.old);
    assert_int_equal(ledger_put_object(f->ledger, 2, hash, certificate, &result, &e), 0);
    assert_true(result.old);
    assert_int_equal(result.index, 0);
    assert_int_equal(ledger_put_administration(f->ledger, "start", &result, &e), 0);
    assert_int_equal(ledger_put_refused_many(f->ledger, bytes_of_string("TN/GOV/MAS"), REFUSAL_BAD_SIGNATURE,
                                             17, hash, &result, &e),
                     0);
    commit(f);
    struct entry entry = entry_at(f, 0, &hold);
    assert_int_equal(entry.type, ENTRY_REGISTRY);
    assert_int_equal(entry.object_kind, 2);
    assert_memory_equal(entry.object, hash, HASH_SIZE);
    assert_memory_equal(entry.certificate, certificate, HASH_SIZE);
    assert_int_equal(entry.registry_version, 42);
    assert_memory_equal(entry.registry_hash, hash, HASH_SIZE);
    entry_release(&hold);
    entry = entry_at(f, 2, &hold);
    assert_int_equal(entry.type, ENTRY_ADMINISTRATION);
    assert_true(bytes_equal_string(entry.note, "start"));
    entry_release(&hold);
    entry = entry_at(f, 3, &hold);
    assert_int_equal(entry.count, 17);
    assert_true(bytes_equal_string(entry.member, "TN/GOV/MAS"));
    entry_release(&hold);
}

static void kinds_without_rules_are_refused(void **state)
{
    struct fixture *f = *state;
    struct message document;

    message_request(f, 1, &document);
    document.header.kind = MESSAGE_DOCUMENT;
    message_encode(&document);
    assert_int_equal(put_alone(f, &document).reason, REFUSAL_UNSUPPORTED_VERSION);
    message_free(&document);
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(an_answered_exchange_is_two_entries_and_both_receipts_hold),
        LEDGER_TEST(an_entry_that_is_not_on_disk_has_no_receipt),
        LEDGER_TEST(the_same_request_again_gets_its_old_entry),
        LEDGER_TEST(the_same_id_with_another_header_is_refused_and_leaves_the_exchange_alone),
        LEDGER_TEST(a_refused_request_has_ended_and_its_retry_gets_that_refusal),
        LEDGER_TEST(a_message_whose_signer_is_not_proven_cannot_take_anybodys_id),
        LEDGER_TEST(a_refusal_without_valid_header_keeps_only_its_hash),
        LEDGER_TEST(what_could_not_be_read_back_is_not_written),
        LEDGER_TEST(a_response_after_the_end_is_late_and_does_not_end_it_again),
        LEDGER_TEST(the_same_response_again_is_old_and_a_second_one_is_late),
        LEDGER_TEST(a_response_that_differs_from_what_was_asked_is_refused_and_the_exchange_stays_open),
        LEDGER_TEST(a_refused_response_leaves_the_exchange_open),
        LEDGER_TEST(what_was_open_at_a_crash_is_interrupted_once),
        LEDGER_TEST(a_members_own_refusal_is_recorded_with_its_outcome),
        LEDGER_TEST(objects_take_effect_once_and_other_entries_say_what_they_are),
        LEDGER_TEST(kinds_without_rules_are_refused),
    };
    return cmocka_run_group_tests_name("ledger-exchange", tests, NULL, NULL);
}
