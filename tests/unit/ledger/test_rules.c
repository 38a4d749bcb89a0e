/* Rules that the ledger itself judges by: day keys, quotas, expiry, bus time. */
#include "fixture.h"

static void a_pseudonym_needs_the_escrowed_key_of_its_member_and_day(void **state)
{
    struct fixture *f = *state;
    struct message request, key, response;
    struct error e = {0};

    message_request(f, 1, &request);
    request.header.has_subject = true;
    message_encode(&request);
    assert_int_equal(put_alone(f, &request).reason, REFUSAL_SUBJECT_KEY_MISSING);
    assert_int_equal(ledger_keeps(f->ledger, request.leaf, &e), 0);
    message_free(&request);

    /* A day key that was refused is not kept. */
    message_subject_key(f, 20, "TN/GOV/MEN", &key);
    key.put.reason = REFUSAL_BAD_SEAL;
    put_alone(f, &key);
    assert_int_equal(ledger_keeps(f->ledger, key.leaf, &e), 0);
    message_free(&key);

    /* Another member's key does not serve, nor one whose name begins alike, nor that of another day. */
    message_subject_key(f, 2, "TN/GOV/MENX", &key);
    assert_int_equal(put_alone(f, &key).type, ENTRY_SUBJECT_KEY);
    message_free(&key);
    f->now -= DAY_MICROSECONDS;
    message_subject_key(f, 3, "TN/GOV/MEN", &key);
    f->now += DAY_MICROSECONDS;
    key.header.expires = f->now + 60 * MICROSECONDS;
    message_encode(&key);
    assert_int_equal(put_alone(f, &key).type, ENTRY_SUBJECT_KEY);
    message_free(&key);
    message_request(f, 4, &request);
    request.header.has_agent = true;
    message_encode(&request);
    assert_int_equal(put_alone(f, &request).reason, REFUSAL_SUBJECT_KEY_MISSING);
    message_free(&request);
    assert_int_equal(ledger_has_subject_key(f->ledger, bytes_of_string("TN/GOV/MEN"), clock_day(f->now), &e),
                     0);

    message_subject_key(f, 5, "TN/GOV/MEN", &key);
    assert_int_equal(put_alone(f, &key).type, ENTRY_SUBJECT_KEY);
    assert_true(put_alone(f, &key).old);
    assert_int_equal(ledger_keeps(f->ledger, key.leaf, &e), 1);
    key.leaf[0] ^= 1;
    assert_int_equal(ledger_keeps(f->ledger, key.leaf, &e), 0);
    message_free(&key);
    assert_int_equal(ledger_has_subject_key(f->ledger, bytes_of_string("TN/GOV/MEN"), clock_day(f->now), &e),
                     1);
    message_request(f, 6, &request);
    request.header.has_subject = true;
    message_encode(&request);
    assert_int_equal(put_alone(f, &request).type, ENTRY_ADMITTED);

    /* The provider's pseudonym is under the provider's key. */
    message_response(f, &request, &response);
    response.header.has_subject = true;
    message_encode(&response);
    assert_int_equal(put_alone(f, &response).reason, REFUSAL_SUBJECT_KEY_MISSING);
    message_subject_key(f, 7, "TN/GOV/MI", &key);
    put_alone(f, &key);
    assert_int_equal(put_alone(f, &response).type, ENTRY_ADMITTED);
    message_free(&key);
    message_free(&request);
    message_free(&response);
}

static void what_may_not_be_written_is_told_and_counts_for_nothing(void **state)
{
    const uint8_t grant[32] = {7};
    struct fixture *f = *state;
    struct message request, other, response, late;

    message_request(f, 1, &request);
    request.put.quota_key = grant;
    request.put.quota_per_day = 1;
    request.put.only_ends = true;
    struct ledger_result result = put_alone(f, &request);
    assert_int_equal(result.index, UINT64_MAX);
    assert_int_equal(result.type, 0);
    request.put.only_ends = false;
    request.put.no_refusals = true;
    assert_int_equal(put_alone(f, &request).type, ENTRY_ADMITTED); /* the quota was not touched */
    const uint64_t size = ledger_size(f->ledger);

    message_request(f, 1, &other);
    other.header.created++;
    message_encode(&other);
    other.put.no_refusals = true;
    result = put_alone(f, &other);
    assert_int_equal(result.index, UINT64_MAX);
    assert_int_equal(result.reason, REFUSAL_REPLAYED_ID);
    message_free(&other);
    message_request(f, 2, &other);
    other.put.no_refusals = true;
    for (unsigned reason = REFUSAL_MALFORMED; reason <= REFUSAL_NO_GRANT; reason += REFUSAL_NO_GRANT - 1) {
        other.put.reason = reason;
        other.put.keep_header = reason != REFUSAL_MALFORMED;
        assert_int_equal(put_alone(f, &other).reason, reason);
    }
    request.put.only_ends = true; /* the same bytes are found all the same */
    assert_true(put_alone(f, &request).old);
    message_response(f, &request, &response);
    message_response(f, &request, &late);
    late.header.created++;
    message_encode(&late);
    response.put.only_ends = late.put.only_ends = true;
    assert_int_equal(ledger_size(f->ledger), size);
    assert_int_equal(put_alone(f, &response).type, ENTRY_ADMITTED);
    assert_int_equal(put_alone(f, &late).index, UINT64_MAX);
    assert_int_equal(ledger_size(f->ledger), size + 1);
    message_free(&request);
    message_free(&other);
    message_free(&response);
    message_free(&late);
}

static void a_quota_is_counted_by_day_and_only_for_what_is_admitted(void **state)
{
    const uint8_t grant[32] = {7}, other[32] = {8};
    struct fixture *f = *state;
    struct message request;

    f->now = UINT64_C(1795384800) * MICROSECONDS; /* 22:00 UTC: 23:00 in Tunis */
    for (uint32_t i = 0; i < 5; i++) {
        message_request(f, i, &request);
        request.put.quota_key = grant;
        request.put.quota_per_day = 2;
        struct ledger_result result = put_alone(f, &request);
        assert_int_equal(result.reason, i < 2 ? REFUSAL_NONE : REFUSAL_QUOTA_EXCEEDED);
        if (i == 0)
            assert_true(put_alone(f, &request).old); /* a retry is not counted */
        message_free(&request);
    }
    message_request(f, 10, &request);
    request.put.quota_key = other;
    request.put.quota_per_day = 1;
    assert_int_equal(put_alone(f, &request).type, ENTRY_ADMITTED);
    message_free(&request);
    f->now += 3600 * MICROSECONDS; /* 23:00 UTC is midnight in Tunis */
    for (uint32_t i = 20; i < 23; i++) {
        message_request(f, i, &request);
        request.put.quota_key = grant;
        request.put.quota_per_day = 2;
        assert_int_equal(put_alone(f, &request).reason, i < 22 ? REFUSAL_NONE : REFUSAL_QUOTA_EXCEEDED);
        message_free(&request);
    }
}

static void an_id_is_remembered_until_well_past_its_expiry_and_never_admitted_after(void **state)
{
    struct fixture *f = *state;
    struct message request, fresh;

    message_request(f, 1, &request);
    request.put.reason = REFUSAL_NO_GRANT;
    put_alone(f, &request);
    request.put.reason = REFUSAL_NONE;
    f->now = request.header.expires;
    assert_true(put_alone(f, &request).old);
    /* A copy that was long on its way gets the old receipt: its exchange has its one end already. */
    f->now = request.header.expires + 300 * MICROSECONDS - 1;
    assert_true(put_alone(f, &request).old);
    /* In the end it is forgotten: then its time is long over, also for a message judged just before. */
    f->now += 2 * MICROSECONDS;
    struct ledger_result result = put_alone(f, &request);
    assert_true(result.old || result.reason == REFUSAL_EXPIRED);
    f->now += MICROSECONDS;
    result = put_alone(f, &request);
    assert_false(result.old);
    assert_int_equal(result.reason, REFUSAL_EXPIRED);
    /* A clock that is set back does not bring it back either. */
    f->now -= 30 * MICROSECONDS;
    assert_int_equal(put_alone(f, &request).reason, REFUSAL_EXPIRED);
    message_request(f, 2, &fresh);
    assert_int_equal(put_alone(f, &fresh).type, ENTRY_ADMITTED);
    message_free(&fresh);
    message_free(&request);
}

static void an_open_exchange_is_not_forgotten_when_it_expires(void **state)
{
    struct fixture *f = *state;
    struct message request, response;

    message_request(f, 1, &request);
    put_alone(f, &request);
    for (int i = 0; i < 5; i++) {
        f->now += 120 * MICROSECONDS;
        begin(f);
        commit(f);
    }
    message_response(f, &request, &response);
    assert_int_equal(put_alone(f, &response).type, ENTRY_ADMITTED);
    f->now += 120 * MICROSECONDS;
    begin(f);
    commit(f);
    /* Now it is over. */
    assert_int_equal(put_alone(f, &response).reason, REFUSAL_RESPONSE_MISMATCH);
    message_free(&request);
    message_free(&response);
}

static void bus_time_strictly_rises_whatever_the_clock_does(void **state)
{
    struct fixture *f = *state;
    struct message request;
    uint64_t last = 0;

    for (uint32_t i = 0; i < 20; i++) {
        message_request(f, i, &request);
        request.header.expires += 3600 * MICROSECONDS;
        message_encode(&request);
        put_alone(f, &request);
        f->now = i % 3 == 0 ? f->now - 5 * MICROSECONDS : i % 3 == 1 ? f->now : f->now + MICROSECONDS;
        if (i == 10) {
            fixture_close(f);
            fixture_open(f);
            assert_true(ledger_last_time(f->ledger) == last + 1);
        }
        struct entry_hold hold;
        struct entry entry = entry_at(f, i, &hold);
        assert_true(entry.time > last);
        last = entry.time;
        entry_release(&hold);
        message_free(&request);
        assert_true(ledger_last_time(f->ledger) == last);
        if (i == 9)
            f->now = NOW - DAY_MICROSECONDS / 24; /* the next one can only be previous + 1 */
    }
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(a_pseudonym_needs_the_escrowed_key_of_its_member_and_day),
        LEDGER_TEST(what_may_not_be_written_is_told_and_counts_for_nothing),
        LEDGER_TEST(a_quota_is_counted_by_day_and_only_for_what_is_admitted),
        LEDGER_TEST(an_id_is_remembered_until_well_past_its_expiry_and_never_admitted_after),
        LEDGER_TEST(an_open_exchange_is_not_forgotten_when_it_expires),
        LEDGER_TEST(bus_time_strictly_rises_whatever_the_clock_does),
    };
    return cmocka_run_group_tests_name("ledger-rules", tests, NULL, NULL);
}
