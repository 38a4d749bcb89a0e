#include "wire/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "peers.h"

static void send_ping(void *socket)
{
    wait_for(socket, ZMQ_POLLOUT);
    assert_int_equal(link_send(socket, NOTHING, VERB_PING, S("p"), NOTHING), 0);
}

/* The next message that the bus gets is a ping of this key. */
static void expect_ping(const struct link_key *key)
{
    struct frame_message m;
    assert_int_equal(receive(house.bus, true, &m), FRAME_OK);
    assert_int_equal(m.verb, VERB_PING);
    assert_memory_equal(m.peer, key->public_key, 32);
    frame_message_free(&m);
}

static void a_message_arrives_with_the_key_of_its_sender_and_the_answer_finds_back(void **state)
{
    (void)state;
    struct frame_message m, answer;
    void *a = adapter(&house, &house.known[0]), *b = adapter(&house, &house.known[1]);
    wait_for(a, ZMQ_POLLOUT);
    assert_int_equal(link_send(a, NOTHING, VERB_SUBMIT, S("message"), S("payload")), 0);
    assert_int_equal(receive(house.bus, true, &m), FRAME_OK);
    assert_int_equal(m.version, 1);
    assert_int_equal(m.verb, VERB_SUBMIT);
    assert_memory_equal(m.peer, house.known[0].public_key, 32);
    assert_true(bytes_equal_string(m.message, "message"));
    assert_true(bytes_equal_string(m.payload, "payload"));
    assert_int_equal(link_receive(house.bus, true, &answer), FRAME_NONE);

    assert_int_equal(
        link_send(house.bus, bytes_make(m.routing_id, m.routing_id_len), VERB_RECEIPT, S("r"), NOTHING), 0);
    assert_int_equal(receive(a, false, &answer), FRAME_OK);
    assert_int_equal(answer.verb, VERB_RECEIPT);
    assert_true(bytes_equal_string(answer.message, "r"));
    assert_int_equal(answer.payload.len, 0);
    frame_message_free(&answer);
    frame_message_free(&answer);
    frame_message_free(&m);
    assert_int_equal(link_receive(b, false, &answer), FRAME_NONE);
    send_ping(b);
    expect_ping(&house.known[1]);
}

static void the_largest_message_and_payload_arrive_whole_and_one_byte_more_is_bad(void **state)
{
    (void)state;
    struct frame_message m;
    void *a = adapter(&house, &house.known[0]);
    uint8_t *big = malloc(LINK_PAYLOAD_MOST + 1);
    for (size_t i = 0; i <= LINK_PAYLOAD_MOST; i++)
        big[i] = (uint8_t)(i * 7 + i / 256);
    wait_for(a, ZMQ_POLLOUT);
    assert_int_equal(link_send(a, NOTHING, VERB_CHUNK, bytes_make(big, LINK_MESSAGE_MOST),
                               bytes_make(big, LINK_PAYLOAD_MOST)),
                     0);
    assert_int_equal(receive(house.bus, true, &m), FRAME_OK);
    assert_int_equal(m.message.len, LINK_MESSAGE_MOST);
    assert_memory_equal(m.message.data, big, LINK_MESSAGE_MOST);
    assert_int_equal(m.payload.len, LINK_PAYLOAD_MOST);
    assert_memory_equal(m.payload.data, big, LINK_PAYLOAD_MOST);
    frame_message_free(&m);

    send_raw(a, "\x01\x07", 2, true);
    send_raw(a, big, LINK_MESSAGE_MOST + 1, true);
    send_raw(a, "", 0, false);
    assert_int_equal(receive(house.bus, true, &m), FRAME_BAD);
    assert_memory_equal(m.peer, house.known[0].public_key, 32);
    frame_message_free(&m);
    send_raw(a, "\x01\x07", 2, true);
    send_raw(a, "", 0, true);
    send_raw(a, big, LINK_PAYLOAD_MOST + 1, false);
    assert_int_equal(receive(house.bus, true, &m), FRAME_BAD);
    send_ping(a);
    expect_ping(&house.known[0]);
    free(big);
}

static void any_other_number_of_frames_is_bad_and_eaten_whole(void **state)
{
    (void)state;
    static const int counts[] = {1, 2, 4, 5, 2000};
    void *a = adapter(&house, &house.known[0]);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct frame_message m;
        for (int n = 1; n <= counts[i]; n++)
            send_raw(a, "\x01\x0c", 2, n < counts[i]);
        send_ping(a);
        assert_int_equal(receive(house.bus, true, &m), FRAME_BAD);
        assert_memory_equal(m.peer, house.known[0].public_key, 32);
        expect_ping(&house.known[0]);
    }
}

static void a_head_of_another_length_version_or_verb_is_bad(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        size_t len;
    } heads[] = {{"", 0},         {"\x01", 1},     {"\x01\x0c\x00", 3}, {"\x02\x0c", 2},
                 {"\x00\x0c", 2}, {"\x01\x00", 2}, {"\x01\x11", 2}};
    void *a = adapter(&house, &house.known[0]);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct frame_message m;
        send_raw(a, heads[i].head, heads[i].len, true);
        send_raw(a, "", 0, true);
        send_raw(a, "", 0, false);
        assert_int_equal(receive(house.bus, true, &m), FRAME_BAD);
        assert_null(m.frames);
    }
    send_ping(a);
    expect_ping(&house.known[0]);
}

static void a_bad_message_from_the_bus_is_bad_for_the_adapter_too(void **state)
{
    (void)state;
    struct frame_message m, got;
    void *a = adapter(&house, &house.known[0]);
    send_ping(a);
    assert_int_equal(receive(house.bus, true, &m), FRAME_OK);
    send_raw(house.bus, m.routing_id, m.routing_id_len, true);
    send_raw(house.bus, "\x01\x0d", 2, false);
    assert_int_equal(receive(a, false, &got), FRAME_BAD);
    frame_message_free(&m);
}

static void a_frame_above_the_limit_breaks_the_connection_and_is_never_seen(void **state)
{
    (void)state;
    void *a = raw_adapter(&house, &house.known[0]);
    void *monitor =
        monitor_of(&house, a, "inproc://m", ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED);
    char *big = calloc(1, LINK_FRAME_MOST + 1);
    assert_int_equal(zmq_connect(a, house.endpoint), 0);
    expect_event(monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    send_raw(a, "\x01\x07", 2, true);
    send_raw(a, "", 0, true);
    send_raw(a, big, LINK_FRAME_MOST + 1, false);
    expect_event(monitor, ZMQ_EVENT_DISCONNECTED);
    expect_event(monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    send_ping(a);
    expect_ping(&house.known[0]);
    free(big);
}

static void nobody_takes_over_a_connection_by_choosing_its_routing_id(void **state)
{
    (void)state;
    struct frame_message m;
    void *first = raw_adapter(&house, &house.known[0]), *second = raw_adapter(&house, &house.known[1]);
    void *monitor = monitor_of(&house, second, "inproc://m", ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    zmq_setsockopt(first, ZMQ_ROUTING_ID, "same", 4);
    zmq_setsockopt(second, ZMQ_ROUTING_ID, "same", 4);
    assert_int_equal(zmq_connect(first, house.endpoint), 0);
    send_ping(first);
    expect_ping(&house.known[0]);
    assert_int_equal(zmq_connect(second, house.endpoint), 0);
    expect_event(monitor, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    send_ping(second);
    for (int i = 0; i < 20; i++) { /* time enough for the second one's message to arrive, if it did */
        send_ping(first);
        expect_ping(&house.known[0]);
        assert_int_equal(link_send(house.bus, S("same"), VERB_PONG, S("x"), NOTHING), 0);
        assert_int_equal(receive(first, false, &m), FRAME_OK);
        frame_message_free(&m);
    }
}

static void sending_to_nobody_is_told_at_once(void **state)
{
    (void)state;
    struct error e = {0};
    assert_int_equal(link_send(house.bus, S("nobody"), VERB_PONG, S("x"), NOTHING), 1);
    /* An adapter without a connection queues nothing either: what would lie there is out of date when it is
     * sent. */
    void *lonely =
        link_connect(house.context, "tcp://127.0.0.1:9", &house.known[0], house.bus_key.public_key, &e);
    keep(&house, lonely);
    assert_int_equal(link_send(lonely, NOTHING, VERB_PING, S("x"), NOTHING), 1);
}

static void a_peer_that_does_not_read_costs_a_bounded_queue(void **state)
{
    (void)state;
    struct frame_message m;
    static uint8_t chunk[LINK_PAYLOAD_MOST / 8];
    int result = 0, sent = 0;
    void *a = adapter(&house, &house.known[0]);
    send_ping(a);
    assert_int_equal(receive(house.bus, true, &m), FRAME_OK);
    while (result == 0 && sent < 20000) {
        result = link_send(house.bus, bytes_make(m.routing_id, m.routing_id_len), VERB_CHUNK, S("x"),
                           bytes_make(chunk, sizeof chunk));
        sent += result == 0;
    }
    assert_int_equal(result, 1);
    assert_true(sent >= LINK_SEND_QUEUE);
    frame_message_free(&m);
}

static void last_words_are_sent_before_the_context_ends(void **state)
{
    (void)state;
    struct frame_message m;
    void *a = adapter(&house, &house.known[0]);
    wait_for(a, ZMQ_POLLOUT);
    assert_int_equal(link_send(a, NOTHING, VERB_BYE, S("bye"), NOTHING), 0);
    close_early(&house, a, PATIENCE);
    assert_int_equal(receive(house.bus, true, &m), FRAME_OK);
    assert_int_equal(m.verb, VERB_BYE);
    frame_message_free(&m);
}

static void an_endpoint_that_is_none_is_refused_in_words(void **state)
{
    (void)state;
    struct error e = {0};
    char bound[256];
    assert_null(link_bind(house.context, "nonsense", &house.bus_key, bound, &e));
    assert_int_equal(e.kind, ERROR_IO);
    assert_null(link_bind(house.context, house.endpoint, &house.bus_key, bound, &e));
    assert_non_null(strstr(e.text, house.endpoint));
    assert_null(link_connect(house.context, "nonsense", &house.known[0], house.bus_key.public_key, &e));
    link_close(NULL);
}

static void every_verb_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(verb_name(VERB_HELLO), "hello");
    assert_string_equal(verb_name(VERB_CREDIT), "credit");
    assert_string_equal(verb_name(VERB_BYE), "bye");
    assert_string_equal(verb_name(0), "unknown");
    assert_string_equal(verb_name(17), "unknown");
}

/* Plain TCP, without ZeroMQ */

static int tcp(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE / 1000};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_port = htons((uint16_t)atoi(strrchr(house.endpoint, ':') + 1));
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

/* Reads until the other side hangs up. */
static void expect_hang_up(int fd)
{
    char trash[256];
    ssize_t n;
    while ((n = recv(fd, trash, sizeof trash, 0)) > 0)
        continue;
    if (n < 0 && errno != ECONNRESET)
        fail_msg("the connection stays open: %s", strerror(errno));
    close(fd);
}

static void a_peer_that_announces_a_huge_frame_before_the_handshake_is_cut_off(void **state)
{
    (void)state;
    uint8_t greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1, 'C', 'U', 'R', 'V', 'E'};
    static const uint8_t command[9] = {0x06, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff};
    uint64_t start = clock_monotonic();
    int fd = tcp();
    assert_int_equal(send(fd, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
    assert_int_equal(send(fd, command, sizeof command, MSG_NOSIGNAL), sizeof command);
    expect_hang_up(fd);
    assert_true(clock_monotonic() - start < 3 * MICROSECONDS); /* not by the handshake's time-out */
}

static void a_peer_that_does_not_shake_hands_is_cut_off(void **state)
{
    (void)state;
    uint64_t start = clock_monotonic();
    expect_hang_up(tcp());
    assert_true(clock_monotonic() - start < 25 * MICROSECONDS); /* libzmq's default is 30 s */
}

static void an_endpoint_has_a_host_and_a_port_that_exists(void **state)
{
    (void)state;
    assert_true(link_endpoint_valid("tcp://bus.example.tn:7400", false));
    assert_true(link_endpoint_valid("tcp://[::1]:7400", false));
    assert_true(link_endpoint_valid("tcp://127.0.0.1:*", true));
    const char *const bad[] = {
        "tcp://127.0.0.1:*", "tcp://127.0.0.1:99999", "tcp://127.0.0.1:0", "tcp://127.0.0.1",
        "tcp://:7400",       "ipc:///tmp/x",          "tcp://h:7400/path", "",
        "tcp://a b:7400",    "tcp://bus\x01.tn:7400"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (link_endpoint_valid(bad[i], false))
            fail_msg("%s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_endpoint_has_a_host_and_a_port_that_exists),
        in_house(a_message_arrives_with_the_key_of_its_sender_and_the_answer_finds_back),
        in_house(the_largest_message_and_payload_arrive_whole_and_one_byte_more_is_bad),
        in_house(any_other_number_of_frames_is_bad_and_eaten_whole),
        in_house(a_head_of_another_length_version_or_verb_is_bad),
        in_house(a_bad_message_from_the_bus_is_bad_for_the_adapter_too),
        in_house(a_frame_above_the_limit_breaks_the_connection_and_is_never_seen),
        in_house(nobody_takes_over_a_connection_by_choosing_its_routing_id),
        in_house(sending_to_nobody_is_told_at_once),
        in_house(a_peer_that_does_not_read_costs_a_bounded_queue),
        in_house(last_words_are_sent_before_the_context_ends),
        in_house(an_endpoint_that_is_none_is_refused_in_words),
        cmocka_unit_test(every_verb_has_a_name),
        in_house(a_peer_that_announces_a_huge_frame_before_the_handshake_is_cut_off),
        in_house(a_peer_that_does_not_shake_hands_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
