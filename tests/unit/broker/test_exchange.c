/* Whole exchanges through door, verifiers, writer and dispatch, without sockets: how they go and how they
 * end. */
#include "desk.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

static const struct bytes nothing = {(const uint8_t *)"", 0};

static void a_request_is_delivered_with_the_receipt_of_itself(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, a;
    desk_ask(d, &q);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    assert_delivered(delivered, &q, NULL);
    letter_response(&a, &q, 50);
    desk_submit(d, MI, 1, &a);
    desk_settle(d);
    AWAIT(receipt, VERB_RECEIPT, MI, 1);
    AWAIT(answered, VERB_DELIVER, MEN, 1);
    assert_delivered(answered, &a, &q);
    assert_int_equal(exchanges_count(d->io.exchanges), 0);
    struct peer *men = peers_find(d->io.peers, country()->link[MEN].public_key);
    assert_int_equal(men->asking.messages, 0);
    assert_int_equal(men->asking.bytes, 0);
    sent_free(delivered);
    sent_free(receipt);
    sent_free(answered);
    letter_free(&q);
    letter_free(&a);
    desk_close(d);
}

static void an_exchange_has_one_terminal_entry(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, a, b;
    desk_ask(d, &q);
    letter_response(&a, &q, 50);
    letter_response(&b, &q, 60);
    desk_submit(d, MI, 1, &a);
    desk_submit(d, MI, 1, &b);
    desk_submit(d, MI, 1, &a);
    desk_settle(d);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_ADMITTED), 2); /* request and one response */
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_LATE), 1);
    AWAIT(answered, VERB_DELIVER, MEN, 1);
    NOT_SENT(VERB_DELIVER, MEN, 1);
    sent_free(answered);
    letter_free(&q);
    letter_free(&a);
    letter_free(&b);
    desk_close(d);
}

static void the_same_request_again_is_answered_as_before(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, a;
    desk_ask(d, &q);
    desk_submit(d, MEN, 1, &q); /* while it is open: once delivered, once answered */
    desk_settle(d);
    AWAIT(delivered, VERB_DELIVER, MI, 1);
    NOT_SENT(VERB_DELIVER, MI, 1);
    letter_response(&a, &q, 50);
    desk_submit(d, MI, 1, &a);
    desk_settle(d);
    AWAIT(answered, VERB_DELIVER, MEN, 1);
    desk_hello(d, MEN, 2, 2, 64); /* the consumer comes back on another connection */
    desk_submit(d, MEN, 2, &q);
    desk_settle(d);
    AWAIT(again, VERB_DELIVER, MEN, 2);
    assert_true(bytes_equal(buffer_bytes(&again->message), buffer_bytes(&answered->message)));
    cache_expire(d->io.cache, UINT64_MAX); /* the body is gone: its entry is what is left */
    desk_submit(d, MEN, 2, &q);
    desk_settle(d);
    assert_refused(d, MEN, 2, REFUSAL_INTERRUPTED);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_ADMITTED), 2);
    sent_free(delivered);
    sent_free(answered);
    sent_free(again);
    letter_free(&q);
    letter_free(&a);
    desk_close(d);
}

static void another_request_with_a_known_id_is_refused(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, other;
    desk_ask(d, &q);
    letter_request(&other, 100);
    memcpy(other.header.exchange_id, q.header.exchange_id, 16);
    letter_seal(&other, MEN, MI, 100);
    desk_submit(d, MEN, 1, &other);
    desk_settle(d);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_REPLAYED_ID);
    struct peer *men = peers_find(d->io.peers, country()->link[MEN].public_key);
    assert_int_equal(men->asking.messages, 1); /* the first is still open, the second holds nothing */
    letter_free(&q);
    letter_free(&other);
    desk_close(d);
}

static void a_provider_that_does_not_answer_is_timed_out_once(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, a;
    desk_ask(d, &q);
    letter_response(&a, &q, 50);
    d->io.now = dispatch_next_deadline(&d->io);
    dispatch_deadlines(&d->io);
    dispatch_deadlines(&d->io);
    desk_settle(d);
    assert_refused(d, MEN, 1, REFUSAL_PROVIDER_TIMEOUT);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), 0);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_TIMED_OUT), 1);
    desk_submit(d, MI, 1, &a); /* too late: kept, receipted, not delivered */
    desk_settle(d);
    AWAIT(receipt, VERB_RECEIPT, MI, 1);
    NOT_SENT(VERB_DELIVER, MEN, 1);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_LATE), 1);
    desk_submit(d, MEN, 1, &q); /* asked again: the same end */
    desk_settle(d);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_PROVIDER_TIMEOUT);
    sent_free(receipt);
    letter_free(&q);
    letter_free(&a);
    desk_close(d);
}

static void a_response_that_came_first_beats_the_time_out(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q, a;
    desk_ask(d, &q);
    letter_response(&a, &q, 50);
    desk_submit(d, MI, 1, &a);
    /* The response is written, its result not taken yet. */
    struct pollfd written = {queue_event_fd(pipeline_results(d->io.pipeline)), POLLIN, 0};
    assert_int_equal(poll(&written, 1, 20000), 1);
    d->io.now = dispatch_next_deadline(&d->io);
    dispatch_deadlines(&d->io);
    desk_settle(d);
    AWAIT(answered, VERB_DELIVER, MEN, 1);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), 0);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_TIMED_OUT), 0);
    assert_int_equal(exchanges_count(d->io.exchanges), 0);
    sent_free(answered);
    letter_free(&q);
    letter_free(&a);
    desk_close(d);
}

static void a_provider_that_comes_back_gets_the_request_again(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    desk_ask(d, &q);
    AWAIT(first, VERB_DELIVER, MI, 1);
    desk_hello(d, MI, 2, 2, 64);
    assert_int_equal(desk_bye(d, MI, 1), REFUSAL_SUPERSEDED);
    AWAIT(second, VERB_DELIVER, MI, 2);
    assert_true(bytes_equal(buffer_bytes(&first->message), buffer_bytes(&second->message)));
    desk_say_raw(d, MI, 1, VERB_PING, bytes_make("\x08\x01", 2), nothing);
    assert_int_equal(desk_bye(d, MI, 1), REFUSAL_NOT_WELCOME);
    sent_free(first);
    sent_free(second);
    letter_free(&q);
    desk_close(d);
}

static void an_exchange_open_at_a_crash_is_interrupted_at_the_next_start(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    char folder[96];
    desk_ask(d, &q);
    strcpy(folder, d->state);
    desk_close(d);
    d = desk_open_on(folder, &country()->ledger);
    assert_int_equal(desk_entries(d, q.header.exchange_id, ENTRY_INTERRUPTED), 1);
    desk_hello(d, MEN, 1, 1, 64);
    desk_submit(d, MEN, 1, &q);
    desk_settle(d);
    assert_int_equal(desk_refused(d, MEN, 1, NULL), REFUSAL_INTERRUPTED);
    letter_free(&q);
    desk_close(d);
}

static void a_large_body_comes_in_chunks(void **state)
{
    (void)state;
    struct desk *d = desk_linked();
    struct letter q;
    letter_request(&q, 700000);
    assert_int_equal(q.sealed.chunk_count, 3);
    desk_submit(d, MEN, 1, &q);
    desk_settle(d);
    AWAIT(first, VERB_DELIVER, MI, 1);
    AWAIT(second, VERB_CHUNK, MI, 1);
    AWAIT(third, VERB_CHUNK, MI, 1);
    assert_true(bytes_equal(buffer_bytes(&second->payload), buffer_bytes(&q.sealed.chunks[1])));
    assert_true(bytes_equal(buffer_bytes(&third->payload), buffer_bytes(&q.sealed.chunks[2])));
    sent_free(first);
    sent_free(second);
    sent_free(third);
    letter_free(&q);
    desk_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_delivered_with_the_receipt_of_itself),
        cmocka_unit_test(an_exchange_has_one_terminal_entry),
        cmocka_unit_test(the_same_request_again_is_answered_as_before),
        cmocka_unit_test(another_request_with_a_known_id_is_refused),
        cmocka_unit_test(a_provider_that_does_not_answer_is_timed_out_once),
        cmocka_unit_test(a_response_that_came_first_beats_the_time_out),
        cmocka_unit_test(a_provider_that_comes_back_gets_the_request_again),
        cmocka_unit_test(an_exchange_open_at_a_crash_is_interrupted_at_the_next_start),
        cmocka_unit_test(a_large_body_comes_in_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, country_teardown);
}
