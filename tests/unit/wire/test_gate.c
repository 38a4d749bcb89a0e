/* Connections that make libzmq grow, and those that must not notice that there is a gate. */
#include "wire/gate.h"

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

static struct gate *gate;
static unsigned cuts[GATE_ASKED + 1];
static bool last_named;
static uint8_t last_peer[32];
static uint64_t messages; /* that came out, of good form */

static void note_cut(void *arg, const struct gate_cut *cut)
{
    (void)arg;
    cuts[cut->reason]++;
    last_named = cut->peer != NULL;
    if (cut->peer != NULL)
        memcpy(last_peer, cut->peer, sizeof last_peer);
    assert_string_equal(cut->source, "127.0.0.1");
}

static const struct gate_limits limits = {
    .half_open = 64,
    .half_open_of_source = 32,
    .of_peer = 2,
    .stranger_bytes = 64 << 10,
    .session_bytes = 1 << 20,
    .total_bytes = 3 << 20,
    .first_time = 60 * MICROSECONDS,
    .silence = 60 * MICROSECONDS,
};

static void open_gate(const struct gate_limits *with)
{
    struct error e = {0};
    gate = gate_new(house.context, house.bus, with, note_cut, NULL, &e);
    if (gate == NULL)
        fail_msg("%s", e.text);
}

static int open_all(void **state)
{
    memset(cuts, 0, sizeof cuts);
    messages = 0;
    return open_house(state);
}

static int close_all(void **state)
{
    gate_free(gate);
    gate = NULL;
    return close_house(state);
}

/* What the bus's loop does, for some time. reading false: as when its pipeline is full. */
static void run(unsigned milliseconds, bool reading)
{
    uint64_t until = clock_monotonic() + milliseconds * 1000ULL, tick = clock_monotonic() + GATE_PERIOD;
    do {
        zmq_pollitem_t items[] = {{gate_socket(gate), -1, ZMQ_POLLIN, 0}, {house.bus, -1, ZMQ_POLLIN, 0}};
        zmq_poll(items, reading ? 2 : 1, 5);
        uint64_t now = clock_monotonic();
        gate_read(gate, now);
        for (int i = 0; reading && i < 256; i++) {
            struct frame_message m;
            enum frame_status status = link_receive(house.bus, true, &m);
            if (status == FRAME_NONE) {
                gate_drained(gate);
                break;
            }
            gate_received(gate, &m, now);
            messages += status == FRAME_OK;
            frame_message_free(&m);
        }
        if (now >= tick) {
            gate_tick(gate, now, reading);
            tick = now + GATE_PERIOD;
        }
    } while (clock_monotonic() < until);
}

static void run_until(const unsigned *counter)
{
    for (int i = 0; i < 200 && *counter == 0; i++)
        run(50, true);
    assert_int_not_equal(*counter, 0);
}

static int tcp(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a.sin_port = htons((uint16_t)atoi(strrchr(house.endpoint, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
    return fd;
}

static bool is_cut(int fd)
{
    char byte[128];
    ssize_t got;
    while ((got = recv(fd, byte, sizeof byte, MSG_DONTWAIT)) > 0)
        ;
    return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

/* One message of so many frames: a peer like any other sends it when it is whole, and here its size is what
 * matters. tests/e2e/test_hostile_peers.py has one that never ends. */
static void send_large(void *socket, size_t frame, unsigned frames)
{
    static const uint8_t zeros[65536];
    for (unsigned i = 0; i < frames; i++)
        assert_int_equal(zmq_send(socket, zeros, frame, i + 1 < frames ? ZMQ_SNDMORE : 0), (int)frame);
}

static void a_message_without_measure_is_cut_and_others_go_on(void **state)
{
    (void)state;
    open_gate(&limits);
    void *bad = raw_adapter(&house, &house.known[0]), *good = adapter(&house, &house.known[1]);
    int never = -1;
    zmq_setsockopt(bad, ZMQ_RECONNECT_IVL, &never, sizeof never);
    zmq_connect(bad, house.endpoint);
    wait_for(good, ZMQ_POLLOUT);
    assert_int_equal(link_send(good, NOTHING, VERB_PING, S("p"), NOTHING), 0);
    run(200, true);
    wait_for(bad, ZMQ_POLLOUT);
    send_large(bad, 65536, 1000);
    run_until(&cuts[GATE_BYTES]);
    assert_false(last_named); /* it never finished a message */
    assert_int_equal(link_send(good, NOTHING, VERB_PING, S("p"), NOTHING), 0);
    run(200, true);
    assert_int_equal(messages, 2);
    assert_int_equal(cuts[GATE_BYTES], 1);
}

static void who_has_spoken_is_named_when_it_is_cut(void **state)
{
    (void)state;
    open_gate(&limits);
    void *bad = raw_adapter(&house, &house.known[0]);
    int never = -1;
    zmq_setsockopt(bad, ZMQ_RECONNECT_IVL, &never, sizeof never);
    zmq_connect(bad, house.endpoint);
    wait_for(bad, ZMQ_POLLOUT);
    assert_int_equal(link_send(bad, NOTHING, VERB_PING, S("p"), NOTHING), 0);
    run(200, true);
    assert_int_equal(messages, 1);
    send_large(bad, 0, 300000); /* empty frames: each costs more inside than on the wire */
    run_until(&cuts[GATE_BYTES]);
    assert_true(last_named);
    assert_memory_equal(last_peer, house.known[0].public_key, 32);
}

/* Byte for byte: the sizes are those around every change of form on the wire. */
static void what_came_out_is_what_came_in(void **state)
{
    (void)state;
    static uint8_t zeros[LINK_PAYLOAD_MOST];
    static const size_t sizes[] = {0, 1, 33, 34, 221, 222, 223, 255, 256, 8192, 65536, LINK_PAYLOAD_MOST};
    open_gate(&limits);
    void *a = adapter(&house, &house.known[0]);
    for (int round = 0; round < 40; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            wait_for(a, ZMQ_POLLOUT);
            struct bytes payload = bytes_make(zeros, sizes[i]);
            assert_int_equal(link_send(a, NOTHING, VERB_CHUNK, S("m"), payload), 0);
        }
        run(30, true);
        gate_session(gate, 0, true, clock_monotonic());
    }
    run(300, true);
    assert_int_equal(messages, 40 * (sizeof sizes / sizeof sizes[0]));
    assert_int_equal(gate_counters(gate)->waiting_bytes, 0);
    /* More than the handshake is never forgiven: one frame too few on our side would show. */
    assert_int_equal(gate_counters(gate)->cut_bytes, 0);
}

static void a_session_may_have_more_waiting_than_a_stranger(void **state)
{
    (void)state;
    static uint8_t zeros[65536];
    open_gate(&limits);
    struct frame_message m;
    void *a = adapter(&house, &house.known[0]);
    wait_for(a, ZMQ_POLLOUT);
    assert_int_equal(link_send(a, NOTHING, VERB_PING, S("p"), NOTHING), 0);
    wait_for(house.bus, ZMQ_POLLIN);
    gate_read(gate, clock_monotonic());
    assert_int_equal(link_receive(house.bus, true, &m), FRAME_OK);
    uint64_t id = gate_received(gate, &m, clock_monotonic());
    frame_message_free(&m);
    assert_int_not_equal(id, 0);
    gate_session(gate, id, true, clock_monotonic());
    for (int i = 0; i < 10; i++)
        assert_int_equal(link_send(a, NOTHING, VERB_CHUNK, S("m"), bytes_make(zeros, sizeof zeros)), 0);
    run(300, false);
    assert_int_equal(cuts[GATE_BYTES], 0);
    assert_true(gate_counters(gate)->waiting_bytes > limits.stranger_bytes);
    run(100, true);
    assert_int_equal(messages, 10);
    for (int i = 0; i < 20; i++)
        assert_int_equal(link_send(a, NOTHING, VERB_CHUNK, S("m"), bytes_make(zeros, sizeof zeros)), 0);
    run(300, false);
    assert_int_equal(cuts[GATE_BYTES], 1);
}

static void of_many_half_open_the_oldest_make_room(void **state)
{
    (void)state;
    enum { MANY = 200 };
    int fd[MANY];
    unsigned open_ = 0;
    open_gate(&limits);
    for (int i = 0; i < MANY; i++) {
        fd[i] = tcp();
        if (i % 16 == 15)
            run(10, true);
    }
    run(200, true);
    for (int i = 0; i < MANY; i++)
        open_ += !is_cut(fd[i]);
    assert_int_equal(open_, limits.half_open_of_source);
    assert_true(is_cut(fd[0]));
    assert_false(is_cut(fd[MANY - 1]));
    /* A member comes in, and its coming makes room for nobody's fall. */
    void *a = adapter(&house, &house.known[0]);
    wait_for(a, ZMQ_POLLOUT);
    assert_int_equal(link_send(a, NOTHING, VERB_PING, S("p"), NOTHING), 0);
    run(200, true);
    assert_int_equal(messages, 1);
    assert_int_equal(gate_counters(gate)->half_open, limits.half_open_of_source - 1);
    for (int i = 0; i < MANY; i++)
        close(fd[i]);
    run(200, true);
    assert_int_equal(gate_counters(gate)->half_open, 0);
    assert_int_equal(gate_counters(gate)->connections, 1);
}

static void who_says_nothing_in_time_is_cut(void **state)
{
    (void)state;
    struct gate_limits impatient = limits;
    impatient.first_time = MICROSECONDS / 5;
    impatient.silence = MICROSECONDS / 2;
    open_gate(&impatient);
    int stranger = tcp();
    void *a = adapter(&house, &house.known[0]);
    wait_for(a, ZMQ_POLLOUT);
    assert_int_equal(link_send(a, NOTHING, VERB_PING, S("p"), NOTHING), 0);
    run(300, true);
    assert_true(is_cut(stranger));
    assert_int_equal(cuts[GATE_SLOW], 1);
    assert_int_equal(cuts[GATE_SILENT], 0);
    run_until(&cuts[GATE_SILENT]);
    assert_memory_equal(last_peer, house.known[0].public_key, 32);
    close(stranger);
}

/* While nothing is read, silence is ours. */
static void who_is_not_listened_to_is_not_called_silent(void **state)
{
    (void)state;
    struct gate_limits impatient = limits;
    impatient.silence = MICROSECONDS / 5;
    open_gate(&impatient);
    void *a = adapter(&house, &house.known[0]);
    wait_for(a, ZMQ_POLLOUT);
    assert_int_equal(link_send(a, NOTHING, VERB_PING, S("p"), NOTHING), 0);
    run(100, true);
    run(600, false);
    assert_int_equal(cuts[GATE_SILENT], 0);
    run_until(&cuts[GATE_SILENT]);
}

static void one_key_has_few_connections(void **state)
{
    (void)state;
    open_gate(&limits);
    for (int i = 0; i < 4; i++) {
        void *a = raw_adapter(&house, &house.known[0]);
        int never = -1;
        zmq_setsockopt(a, ZMQ_RECONNECT_IVL, &never, sizeof never);
        zmq_connect(a, house.endpoint);
        wait_for(a, ZMQ_POLLOUT);
        assert_int_equal(link_send(a, NOTHING, VERB_PING, S("p"), NOTHING), 0);
        run(100, true);
    }
    run(100, true);
    assert_int_equal(messages, 4);
    assert_int_equal(cuts[GATE_MANY], 2);
    assert_int_equal(gate_counters(gate)->connections, limits.of_peer);
}

/* Each below its own bound, all together above theirs: the largest goes first. */
static void all_together_have_a_bound_too(void **state)
{
    (void)state;
    static uint8_t zeros[65536];
    struct gate_limits small = limits;
    small.stranger_bytes = 1 << 20;
    small.total_bytes = 1 << 20;
    open_gate(&small);
    void *a = adapter(&house, &house.known[0]), *b = adapter(&house, &house.known[1]);
    wait_for(a, ZMQ_POLLOUT);
    wait_for(b, ZMQ_POLLOUT);
    assert_int_equal(link_send(a, NOTHING, VERB_PING, S("p"), NOTHING), 0);
    assert_int_equal(link_send(b, NOTHING, VERB_PING, S("p"), NOTHING), 0);
    run(200, true);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(link_send(a, NOTHING, VERB_CHUNK, S("m"), bytes_make(zeros, sizeof zeros)), 0);
        if (i < 6)
            assert_int_equal(link_send(b, NOTHING, VERB_CHUNK, S("m"), bytes_make(zeros, sizeof zeros)), 0);
    }
    run(300, false);
    assert_int_equal(cuts[GATE_TOTAL], 1);
    assert_memory_equal(last_peer, house.known[0].public_key, 32);
    /* What it had sent whole is still there, and counts until it is read. */
    assert_true(gate_counters(gate)->waiting_bytes > 6 * sizeof zeros);
    run(300, true);
    assert_int_equal(gate_counters(gate)->waiting_bytes, 0);
    assert_true(messages >= 2 + 6);
}

/* Its first message may be there before anybody has looked at what libzmq tells of connections: a bus in the
 * middle of a long turn. A session without a connection would be held to a stranger's bound. */
static void a_message_finds_its_connection_though_its_coming_was_not_read_yet(void **state)
{
    (void)state;
    struct frame_message m;
    open_gate(&limits);
    void *a = adapter(&house, &house.known[0]);
    wait_for(a, ZMQ_POLLOUT);
    assert_int_equal(link_send(a, NOTHING, VERB_PING, S("p"), NOTHING), 0);
    wait_for(house.bus, ZMQ_POLLIN);
    assert_int_equal(link_receive(house.bus, true, &m), FRAME_OK);
    assert_int_not_equal(gate_received(gate, &m, clock_monotonic()), 0);
    frame_message_free(&m);
    assert_int_equal(gate_counters(gate)->half_open, 0);
}

/* libzmq does not notice that a connection was cut as long as the room for its messages is full: what it
 * holds of those counts too, or whoever comes again and again while nothing is read would have no bound. */
static void what_was_cut_and_is_still_held_counts_for_those_that_come(void **state)
{
    (void)state;
    static uint8_t zeros[1000];
    struct gate_limits small = limits;
    small.total_bytes = 300 << 10;
    small.of_peer = 100;
    open_gate(&small);
    for (int i = 0; i < 7 && cuts[GATE_TOTAL] == 0; i++) {
        void *a = raw_adapter(&house, &house.known[0]);
        int never = -1;
        zmq_setsockopt(a, ZMQ_RECONNECT_IVL, &never, sizeof never);
        zmq_connect(a, house.endpoint);
        run(100, false);
        for (int n = 0; n < 300;
             n++) /* more messages than there is room for, of more than it may have waiting */
            zmq_send(a, zeros, sizeof zeros, ZMQ_DONTWAIT);
        run(100, false);
    }
    assert_int_not_equal(cuts[GATE_TOTAL], 0);
    assert_true(gate_counters(gate)->waiting_bytes < small.total_bytes + 4 * small.stranger_bytes);
}

/* Another implementation may beat more often than ours does, for weeks: that is no flood. */
static void heartbeats_are_not_taken_for_what_waits(void **state)
{
    (void)state;
    int often = 100;
    open_gate(&limits);
    void *a = raw_adapter(&house, &house.known[0]);
    zmq_setsockopt(a, ZMQ_HEARTBEAT_IVL, &often, sizeof often);
    zmq_connect(a, house.endpoint);
    wait_for(a, ZMQ_POLLOUT);
    assert_int_equal(link_send(a, NOTHING, VERB_PING, S("p"), NOTHING), 0);
    run(5000, true);
    assert_int_equal(messages, 1);
    /* Those of the last second: it is forgiven when it is over. Without that it would be thrice as much. */
    assert_true(gate_counters(gate)->waiting_bytes < 512);
}

int main(void)
{
#define gated(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)
    const struct CMUnitTest tests[] = {
        gated(a_message_without_measure_is_cut_and_others_go_on),
        gated(who_has_spoken_is_named_when_it_is_cut),
        gated(what_came_out_is_what_came_in),
        gated(a_session_may_have_more_waiting_than_a_stranger),
        gated(of_many_half_open_the_oldest_make_room),
        gated(who_says_nothing_in_time_is_cut),
        gated(who_is_not_listened_to_is_not_called_silent),
        gated(one_key_has_few_connections),
        gated(all_together_have_a_bound_too),
        gated(heartbeats_are_not_taken_for_what_waits),
        gated(a_message_finds_its_connection_though_its_coming_was_not_read_yet),
        gated(what_was_cut_and_is_still_held_counts_for_those_that_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
