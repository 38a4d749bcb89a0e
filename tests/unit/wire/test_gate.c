/* Connections that make libzmq grow, and those that must not notice that there is a gate. */
#include "wire/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <linux/tcp.h>
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
static int last_fd;       /* of the connection that the last one came over */
/* The gate's time: since opened it goes so many times as fast as ours. 0: it stands, and only the test moves
 * it, where a time is what is tested. */
static uint64_t gate_time, opened;
static unsigned speed;

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

static uint64_t now(void)
{
    return gate_time + speed * (clock_monotonic() - opened);
}

/* Nobody has to be quicker than the machine: only the gate ends a connection, not libzmq's own three seconds
 * for a handshake. */
static void open_gate(const struct gate_limits *with)
{
    struct error e = {0};
    int patience = 3 * PATIENCE;
    house.bus = link_router(house.context, &house.bus_key, &e);
    if (house.bus == NULL)
        fail_msg("%s", e.text);
    assert_int_equal(zmq_setsockopt(house.bus, ZMQ_HANDSHAKE_IVL, &patience, sizeof patience), 0);
    gate = gate_new(house.context, house.bus, with, note_cut, NULL, &e);
    if (gate == NULL || link_listen(house.bus, "tcp://127.0.0.1:*", house.endpoint, &e) != 0)
        fail_msg("%s", e.text);
}

static int open_all(void **state)
{
    memset(cuts, 0, sizeof cuts);
    messages = 0;
    speed = 1;
    gate_time = opened = clock_monotonic();
    open_house(state);
    link_close(house.bus); /* this one is bound already */
    house.bus = NULL;
    return 0;
}

static int close_all(void **state)
{
    gate_free(gate);
    gate = NULL;
    return close_house(state);
}

/* One turn of the bus's loop. reading false: as when its pipeline is full. */
static void turn(bool reading)
{
    zmq_pollitem_t items[] = {{gate_socket(gate), -1, ZMQ_POLLIN, 0}, {house.bus, -1, ZMQ_POLLIN, 0}};
    zmq_poll(items, reading ? 2 : 1, 5);
    gate_read(gate, now());
    for (int i = 0; reading && i < 256; i++) {
        struct frame_message m;
        enum frame_status status = link_receive(house.bus, true, &m);
        if (status == FRAME_NONE) {
            gate_drained(gate);
            break;
        }
        gate_received(gate, &m, now());
        messages += status == FRAME_OK;
        last_fd = m.fd;
        frame_message_free(&m);
    }
    gate_tick(gate, now(), reading);
}

static void turns(unsigned count, bool reading)
{
    for (unsigned i = 0; i < count; i++)
        turn(reading);
}

/* Turns until it is so. */
#define run_until_(reading, condition)                                                                       \
    for (uint64_t given_up = clock_monotonic() + PATIENCE * 1000ULL; !(condition); turn(reading))            \
        if (clock_monotonic() > given_up)                                                                    \
    fail_msg("never: %s", #condition)
#define run_until(condition)        run_until_(true, condition)
#define run_unread_until(condition) run_until_(false, condition)

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

static void *raw_adapter_once(unsigned known)
{
    int never = -1;
    void *socket = raw_adapter(&house, &house.known[known]);
    zmq_setsockopt(socket, ZMQ_RECONNECT_IVL, &never, sizeof never);
    zmq_connect(socket, house.endpoint);
    return socket;
}

static void ping(void *socket)
{
    wait_for(socket, ZMQ_POLLOUT);
    assert_int_equal(link_send(socket, NOTHING, VERB_PING, S("p"), NOTHING), 0);
}

static void send_chunks(void *socket, unsigned count)
{
    static uint8_t zeros[65536];
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(link_send(socket, NOTHING, VERB_CHUNK, S("m"), bytes_make(zeros, sizeof zeros)), 0);
}

static uint64_t received_by_kernel(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info.tcpi_bytes_received;
}

static void a_message_without_measure_is_cut_and_others_go_on(void **state)
{
    (void)state;
    open_gate(&limits);
    void *bad = raw_adapter_once(0), *good = adapter(&house, &house.known[1]);
    ping(good);
    run_until(messages == 1);
    wait_for(bad, ZMQ_POLLOUT);
    send_large(bad, 65536, 1000);
    run_until(cuts[GATE_BYTES] != 0);
    assert_false(last_named); /* it never finished a message */
    ping(good);
    run_until(messages == 2);
    assert_int_equal(cuts[GATE_BYTES], 1);
}

static void who_has_spoken_is_named_when_it_is_cut(void **state)
{
    (void)state;
    open_gate(&limits);
    void *bad = raw_adapter_once(0);
    ping(bad);
    run_until(messages == 1);
    send_large(bad, 0, 300000); /* empty frames: each costs more inside than on the wire */
    run_until(cuts[GATE_BYTES] != 0);
    assert_true(last_named);
    assert_memory_equal(last_peer, house.known[0].public_key, 32);
}

/* The sizes are those around every change of form on the wire. */
static uint8_t zeros[LINK_PAYLOAD_MOST];
static const size_t sizes[] = {0, 1, 33, 34, 221, 222, 223, 255, 256, 8192, 65536, LINK_PAYLOAD_MOST};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void what_came_out_is_what_came_in(void **state)
{
    (void)state;
    struct gate_limits roomy = limits;
    roomy.stranger_bytes = limits.session_bytes; /* a whole round may be on its way */
    open_gate(&roomy);
    void *a = adapter(&house, &house.known[0]);
    for (unsigned round = 1; round <= 40; round++) {
        for (size_t i = 0; i < SIZES; i++) {
            wait_for(a, ZMQ_POLLOUT);
            struct bytes payload = bytes_make(zeros, sizes[i]);
            assert_int_equal(link_send(a, NOTHING, VERB_CHUNK, S("m"), payload), 0);
        }
        run_until(messages == round * SIZES);
    }
    turn(true);
    assert_int_equal(messages, 40 * SIZES);
    /* More than the handshake is never forgiven: one frame too few on our side would show. */
    assert_int_equal(gate_counters(gate)->waiting_bytes, 0);
    assert_int_equal(gate_counters(gate)->cut_bytes, 0);
}

/* Byte for byte, one message after the other. A heartbeat may fall between two: then once more. */
static void each_message_has_the_size_that_the_kernel_counted(void **state)
{
    (void)state;
    struct frame_message m;
    open_gate(&limits);
    void *a = adapter(&house, &house.known[0]);
    ping(a);
    run_until(messages == 1);
    uint64_t before = received_by_kernel(last_fd);
    for (size_t i = 0; i < SIZES; i++) {
        uint64_t counted = 0, told = 1;
        for (int attempt = 0; attempt < 10 && counted != told; attempt++) {
            assert_int_equal(link_send(a, NOTHING, VERB_CHUNK, S("m"), bytes_make(zeros, sizes[i])), 0);
            assert_int_equal(receive(house.bus, true, &m), FRAME_OK);
            uint64_t after = received_by_kernel(m.fd);
            counted = after - before;
            told = m.wire_bytes;
            before = after;
            frame_message_free(&m);
        }
        assert_int_equal(told, counted);
    }
}

static void a_session_may_have_more_waiting_than_a_stranger(void **state)
{
    (void)state;
    open_gate(&limits);
    struct frame_message m;
    void *a = adapter(&house, &house.known[0]);
    ping(a);
    wait_for(house.bus, ZMQ_POLLIN);
    gate_read(gate, now());
    assert_int_equal(link_receive(house.bus, true, &m), FRAME_OK);
    uint64_t id = gate_received(gate, &m, now());
    frame_message_free(&m);
    assert_int_not_equal(id, 0);
    gate_session(gate, id, true, now());
    send_chunks(a, 10);
    run_unread_until(gate_counters(gate)->waiting_bytes >= 10 * 65536);
    turn(false);
    assert_int_equal(cuts[GATE_BYTES], 0);
    run_until(messages == 10);
    send_chunks(a, 20);
    run_unread_until(cuts[GATE_BYTES] != 0);
    assert_int_equal(cuts[GATE_BYTES], 1);
}

static void of_many_half_open_the_oldest_make_room(void **state)
{
    (void)state;
    enum { MANY = 200 };
    int fd[MANY];
    unsigned cut_ = 0;
    open_gate(&limits);
    for (unsigned i = 0; i < MANY; i++) {
        fd[i] = tcp();
        if (i % 16 == 15)
            run_until(gate_counters(gate)->accepted == i + 1);
    }
    run_until(gate_counters(gate)->accepted == MANY);
    assert_int_equal(cuts[GATE_HALF_OPEN], MANY - limits.half_open_of_source);
    run_until(gate_counters(gate)->connections == limits.half_open_of_source);
    for (; cut_ < MANY && is_cut(fd[cut_]); cut_++)
        ;
    assert_int_equal(cut_, MANY - limits.half_open_of_source);
    for (unsigned i = cut_; i < MANY; i++)
        assert_false(is_cut(fd[i]));
    /* A member comes in, and its coming makes room for nobody's fall. */
    void *a = adapter(&house, &house.known[0]);
    ping(a);
    run_until(messages == 1);
    assert_int_equal(gate_counters(gate)->half_open, limits.half_open_of_source - 1);
    for (int i = 0; i < MANY; i++)
        close(fd[i]);
    run_until(gate_counters(gate)->connections == 1);
    assert_int_equal(gate_counters(gate)->half_open, 0);
}

static void who_says_nothing_in_time_is_cut(void **state)
{
    (void)state;
    speed = 0;
    uint64_t start = gate_time;
    struct gate_limits patient = limits;
    patient.silence = 3 * limits.first_time;
    open_gate(&patient);
    int stranger = tcp();
    void *a = adapter(&house, &house.known[0]);
    ping(a);
    run_until(messages == 1 && gate_counters(gate)->connections == 2);
    gate_time = start + limits.first_time - 1;
    turns(3, true);
    assert_int_equal(cuts[GATE_SLOW], 0);
    assert_false(is_cut(stranger));
    gate_time = start + limits.first_time;
    turn(true);
    assert_int_equal(cuts[GATE_SLOW], 1);
    run_until(is_cut(stranger));
    close(stranger);
    gate_time = start + patient.silence - 1;
    turns(3, true);
    assert_int_equal(cuts[GATE_SILENT], 0);
    gate_time = start + patient.silence;
    turn(true);
    assert_int_equal(cuts[GATE_SILENT], 1);
    assert_memory_equal(last_peer, house.known[0].public_key, 32);
}

/* While nothing is read, silence is ours. */
static void who_is_not_listened_to_is_not_called_silent(void **state)
{
    (void)state;
    speed = 0;
    open_gate(&limits);
    void *a = adapter(&house, &house.known[0]);
    ping(a);
    run_until(messages == 1);
    for (int i = 0; i < 5; i++) {
        gate_time += limits.silence;
        turn(false);
    }
    gate_time += limits.silence - 1;
    turns(3, true);
    assert_int_equal(cuts[GATE_SILENT], 0);
    gate_time++;
    turn(true);
    assert_int_equal(cuts[GATE_SILENT], 1);
}

static void one_key_has_few_connections(void **state)
{
    (void)state;
    open_gate(&limits);
    for (unsigned i = 1; i <= 4; i++) {
        ping(raw_adapter_once(0));
        run_until(messages == i);
        assert_int_equal(cuts[GATE_MANY], i <= limits.of_peer ? 0 : i - limits.of_peer);
    }
    run_until(gate_counters(gate)->connections == limits.of_peer);
}

/* Each below its own bound, all together above theirs: the largest goes first. */
static void all_together_have_a_bound_too(void **state)
{
    (void)state;
    struct gate_limits small = limits;
    small.stranger_bytes = 1 << 20;
    small.total_bytes = 1 << 20;
    open_gate(&small);
    void *a = raw_adapter_once(0), *b = adapter(&house, &house.known[1]);
    ping(a);
    ping(b);
    run_until(messages == 2);
    send_chunks(a, 12);
    send_chunks(b, 6);
    run_unread_until(cuts[GATE_TOTAL] != 0);
    assert_memory_equal(last_peer, house.known[0].public_key, 32);
    /* What it had sent whole is still there when it is gone, and counts until it is read. */
    run_unread_until(gate_counters(gate)->connections == 1);
    turns(3, false);
    assert_int_equal(cuts[GATE_TOTAL], 1);
    assert_true(gate_counters(gate)->waiting_bytes > small.total_bytes);
    run_until(messages >= 2 + 6 && gate_counters(gate)->waiting_bytes == 0);
}

/* Its first message may be there before anybody has looked at what libzmq tells of connections: a bus in the
 * middle of a long turn. A session without a connection would be held to a stranger's bound. */
static void a_message_finds_its_connection_though_its_coming_was_not_read_yet(void **state)
{
    (void)state;
    struct frame_message m;
    open_gate(&limits);
    void *a = adapter(&house, &house.known[0]);
    ping(a);
    wait_for(house.bus, ZMQ_POLLIN);
    assert_int_equal(link_receive(house.bus, true, &m), FRAME_OK);
    assert_int_not_equal(gate_received(gate, &m, now()), 0);
    frame_message_free(&m);
    assert_int_equal(gate_counters(gate)->half_open, 0);
}

/* libzmq does not notice that a connection was cut as long as the room for its messages is full: what it
 * holds of those counts too, or whoever comes again and again while nothing is read would have no bound. */
static void what_was_cut_and_is_still_held_counts_for_those_that_come(void **state)
{
    (void)state;
    enum { EACH = 300, SIZE = 1000 };
    struct gate_limits small = limits;
    /* More than there is room for inside of libzmq: who is cut has filled that. */
    small.stranger_bytes = 160 << 10;
    assert_true(small.stranger_bytes > (LINK_RECEIVE_QUEUE + 20) * link_wire_size(SIZE));
    small.total_bytes = 600 << 10;
    small.of_peer = 100;
    open_gate(&small);
    unsigned came = 0;
    for (; came < sizeof house.sockets / sizeof house.sockets[0]; came++) {
        void *a = raw_adapter_once(0);
        run_unread_until(gate_counters(gate)->accepted == came + 1);
        if (cuts[GATE_TOTAL] != 0)
            break;
        for (int n = 0; n < EACH; n++)
            assert_int_equal(zmq_send(a, zeros, SIZE, ZMQ_DONTWAIT), SIZE);
        run_unread_until(cuts[GATE_BYTES] == came + 1);
    }
    turn(false);
    assert_int_equal(cuts[GATE_TOTAL], 1);
    assert_in_range(came, 2, small.total_bytes / small.stranger_bytes + 1);
    /* libzmq has noticed none of the cuts: they are all there yet, and the last may have brought all that it
     * had between two looks. */
    assert_true(gate_counters(gate)->connections >= came);
    assert_in_range(gate_counters(gate)->waiting_bytes, small.total_bytes,
                    small.total_bytes + EACH * link_wire_size(SIZE));
}

/* Another implementation may beat more often than ours does, for weeks: that is no flood. Ten times a second,
 * in a time that goes ten times as fast: a machine that is late makes it fewer. */
static void heartbeats_are_not_taken_for_what_waits(void **state)
{
    (void)state;
    int often = 10, patience = 3 * PATIENCE;
    speed = 10;
    struct gate_limits patient = limits;
    patient.silence = patient.first_time = 3600 * MICROSECONDS;
    open_gate(&patient);
    void *a = raw_adapter(&house, &house.known[0]);
    zmq_setsockopt(a, ZMQ_HEARTBEAT_IVL, &often, sizeof often);
    zmq_setsockopt(a, ZMQ_HEARTBEAT_TIMEOUT, &patience, sizeof patience);
    zmq_connect(a, house.endpoint);
    ping(a);
    run_until(messages == 1);
    uint64_t before = received_by_kernel(last_fd);
    run_until(received_by_kernel(last_fd) >= before + 5 * 430);
    turn(true);
    assert_int_equal(messages, 1);
    assert_int_equal(gate_counters(gate)->connections, 1);
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
        gated(each_message_has_the_size_that_the_kernel_counted),
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
