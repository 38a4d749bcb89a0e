#include "wire/zap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peers.h"

static void a_known_key_is_let_in_and_an_unknown_one_is_refused(void **state)
{
    (void)state;
    struct frame_message m;
    void *stranger = raw_adapter(&house, &house.stranger);
    void *monitor = monitor_of(&house, stranger, "inproc://m",
                               ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    assert_int_equal(zmq_connect(stranger, house.endpoint), 0);
    assert_int_equal(link_send(stranger, NOTHING, VERB_PING, S("let me in"), NOTHING), 0);
    expect_event(monitor, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);

    void *a = adapter(&house, &house.known[0]);
    wait_for(a, ZMQ_POLLOUT);
    assert_int_equal(link_send(a, NOTHING, VERB_PING, S("known"), NOTHING), 0);
    assert_int_equal(receive(house.bus, true, &m), FRAME_OK);
    assert_true(bytes_equal_string(m.message, "known"));
    assert_memory_equal(m.peer, house.known[0].public_key, 32);
    frame_message_free(&m);
}

static void a_key_that_is_withdrawn_is_refused_from_then_on(void **state)
{
    (void)state;
    struct frame_message m;
    void *a = adapter(&house, &house.known[0]);
    wait_for(a, ZMQ_POLLOUT);
    assert_int_equal(link_send(a, NOTHING, VERB_PING, S("x"), NOTHING), 0);
    assert_int_equal(receive(house.bus, true, &m), FRAME_OK);
    frame_message_free(&m);
    close_early(&house, a, 0);
    struct link_key withdrawn = house.known[0];
    memset(&house.known[0], 0,
           sizeof house.known[0]); /* no handshake is under way: nobody else reads it now */
    void *again = raw_adapter(&house, &withdrawn);
    void *monitor = monitor_of(&house, again, "inproc://m",
                               ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    assert_int_equal(zmq_connect(again, house.endpoint), 0);
    expect_event(monitor, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
}

static void a_peer_without_curve_is_not_let_in(void **state)
{
    (void)state;
    void *plain = keep(&house, zmq_socket(house.context, ZMQ_DEALER));
    int linger = 0;
    zmq_setsockopt(plain, ZMQ_LINGER, &linger, sizeof linger);
    void *monitor =
        monitor_of(&house, plain, "inproc://m",
                   ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                       ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL);
    assert_int_equal(zmq_connect(plain, house.endpoint), 0);
    uint8_t event[6];
    uint16_t number;
    wait_for(monitor, ZMQ_POLLIN);
    assert_int_equal(zmq_recv(monitor, event, sizeof event, 0), 6);
    memcpy(&number, event, sizeof number);
    assert_int_not_equal(number, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
}

static void the_probe_is_content_while_strangers_are_refused(void **state)
{
    (void)state;
    struct error e = {0};
    for (int i = 0; i < 3; i++)
        if (zap_probe(house.context, house.endpoint, house.bus_key.public_key, &e) != 0)
            fail_msg("%s", e.text);
}

static void the_probe_finds_out_that_there_is_no_handler(void **state)
{
    (void)state;
    struct error e = {0};
    assert_int_equal(zap_probe(house.context, house.endpoint, house.bus_key.public_key, &e), -1);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
}

static void the_probe_finds_out_that_the_handler_went_away(void **state)
{
    (void)state;
    struct error e = {0};
    zap_stop(house.zap);
    house.zap = NULL;
    /* While libzmq is still taking the handler's socket down a question to it stays without answer: no good
     * news either. */
    for (int i = 0; i < 5 && e.kind != ERROR_INTEGRITY; i++)
        assert_int_equal(zap_probe(house.context, house.endpoint, house.bus_key.public_key, &e), -1);
    assert_int_equal(e.kind, ERROR_INTEGRITY);
}

static void a_probe_that_nobody_answers_is_no_good_news(void **state)
{
    (void)state;
    struct error e = {0};
    assert_int_equal(zap_probe(house.context, "tcp://127.0.0.1:9", house.bus_key.public_key, &e), -1);
    assert_int_equal(e.kind, ERROR_IO);
    assert_int_equal(zap_probe(house.context, "nonsense", house.bus_key.public_key, &e), -1);
}

static void a_message_that_nobody_vouched_for_is_anonymous(void **state)
{
    (void)state;
    struct frame_message m;
    void *a = adapter(&house, &house.stranger);
    wait_for(a, ZMQ_POLLOUT);
    assert_int_equal(link_send(a, NOTHING, VERB_HELLO, S("x"), NOTHING), 0);
    assert_int_equal(receive(house.bus, true, &m), FRAME_ANONYMOUS);
    assert_null(m.frames);
    assert_int_equal(link_receive(house.bus, true, &m), FRAME_NONE);
}

static void a_second_handler_in_a_context_is_refused(void **state)
{
    (void)state;
    struct error e = {0};
    assert_null(zap_start(house.context, is_known, &house, &e));
    assert_int_equal(e.kind, ERROR_IO);
    assert_int_equal(zap_probe(house.context, house.endpoint, house.bus_key.public_key, &e), 0);
}

static void the_handler_outlives_nothing_when_the_context_ends_first(void **state)
{
    (void)state;
    house_open(&house, true);
    link_close(house.bus);
    zmq_ctx_term(house.context); /* returns only when the handler has closed its socket by itself */
    zap_stop(house.zap);
}

static bool leave_the_thread(void *arg, const uint8_t key[32])
{
    (void)arg, (void)key;
    pthread_exit(NULL);
}

static void the_process_aborts_when_the_handler_ends_while_the_context_lives(void **state)
{
    (void)state;
    int status;
    pid_t child = fork(); /* no context is open in this process now */
    assert_true(child >= 0);
    if (child == 0) {
        struct error e = {0};
        struct link_key key, other;
        char endpoint[256];
        alarm(PATIENCE / 1000);
        void *context = zmq_ctx_new();
        if (freopen("/dev/null", "w", stderr) == NULL || link_key_generate(&key, &e) != 0 ||
            link_key_generate(&other, &e) != 0 || zap_start(context, leave_the_thread, NULL, &e) == NULL ||
            link_bind(context, "tcp://127.0.0.1:*", &key, endpoint, &e) == NULL ||
            link_connect(context, endpoint, &other, key.public_key, &e) == NULL)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_house(a_known_key_is_let_in_and_an_unknown_one_is_refused),
        in_house(a_key_that_is_withdrawn_is_refused_from_then_on),
        in_house(a_peer_without_curve_is_not_let_in),
        in_house(the_probe_is_content_while_strangers_are_refused),
        in_open_house(the_probe_finds_out_that_there_is_no_handler),
        in_house(the_probe_finds_out_that_the_handler_went_away),
        in_house(a_probe_that_nobody_answers_is_no_good_news),
        in_open_house(a_message_that_nobody_vouched_for_is_anonymous),
        in_house(a_second_handler_in_a_context_is_refused),
        cmocka_unit_test(the_handler_outlives_nothing_when_the_context_ends_first),
        cmocka_unit_test(the_process_aborts_when_the_handler_ends_while_the_context_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
