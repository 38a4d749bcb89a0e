#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/error.h"

/* What happened, one letter each. */
static char events[256];
static struct loop *loop;
static struct error failure;

/* How often the loop asked. */
static unsigned polls;

int __real_zmq_poll(zmq_pollitem_t *items, int count, long timeout);
int __wrap_zmq_poll(zmq_pollitem_t *items, int count, long timeout);
int __wrap_zmq_poll(zmq_pollitem_t *items, int count, long timeout)
{
    polls++;
    return __real_zmq_poll(items, count, timeout);
}

static void note(char c)
{
    size_t n = strlen(events);
    if (n + 1 < sizeof events) {
        events[n] = c;
        events[n + 1] = '\0';
    }
}

/* Arguments of callbacks. */
static char letter_a[] = "a", letter_b[] = "b", letter_c[] = "c", letter_x[] = "x";

static void note_letter(void *arg)
{
    note(*(const char *)arg);
}

static void stop(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static int make(void **state)
{
    (void)state;
    events[0] = '\0';
    loop = loop_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void run(void)
{
    if (loop_run(loop, &failure) != 0)
        fail_msg("%s", failure.text);
}

static void timers_fire_in_the_order_of_their_times(void **state)
{
    (void)state;
    enum { N = 5000 };
    static struct loop_timer *timers[N];
    uint64_t now = clock_monotonic();
    struct loop_timer *finish = loop_timer_new(loop, stop, NULL);
    struct loop_timer *letters[3] = {loop_timer_new(loop, note_letter, letter_a),
                                     loop_timer_new(loop, note_letter, letter_b),
                                     loop_timer_new(loop, note_letter, letter_c)};
    srandom(7);
    for (int i = 0; i < N; i++) { /* many others around them, most of them stopped or moved again */
        timers[i] = loop_timer_new(loop, note_letter, letter_x);
        loop_timer_set(timers[i], now + (uint64_t)(random() % 5000));
    }
    loop_timer_set(letters[2], now + 3000);
    loop_timer_set(letters[0], now + 1000);
    loop_timer_set(letters[1], now + 2000);
    loop_timer_set(finish, now + 4000);
    for (int i = 0; i < N; i++) {
        loop_timer_set(timers[i], now + 1000000000 + (uint64_t)(random() % 5000));
        if (i % 3 == 0)
            loop_timer_stop(timers[i]);
    }
    run();
    assert_string_equal(events, "abc");
    for (int i = 0; i < N; i++)
        loop_timer_free(timers[i]);
    for (int i = 0; i < 3; i++)
        loop_timer_free(letters[i]);
    loop_timer_free(finish);
}

static uint64_t last_deadline;
static int fired;

struct timed {
    struct loop_timer *timer;
    uint64_t at;
};

static void check_order(void *arg)
{
    struct timed *t = arg;
    assert_true(t->at >= last_deadline);
    assert_true(loop_now_monotonic(loop) >= t->at);
    last_deadline = t->at;
    fired++;
}

static void a_thousand_random_timers_keep_their_order(void **state)
{
    (void)state;
    enum { N = 1000 };
    static struct timed timed[N];
    uint64_t now = clock_monotonic();
    int expected = 0;
    srandom(11);
    last_deadline = 0;
    fired = 0;
    for (int i = 0; i < N; i++) {
        timed[i].timer = loop_timer_new(loop, check_order, &timed[i]);
        timed[i].at = now + (uint64_t)(random() % 20000);
        loop_timer_set(timed[i].timer, timed[i].at);
    }
    for (int i = 0; i < N; i++) {
        if (random() % 3 == 0) {
            loop_timer_stop(timed[i].timer);
        } else {
            timed[i].at = now + (uint64_t)(random() % 20000);
            loop_timer_set(timed[i].timer, timed[i].at);
            expected++;
        }
    }
    struct loop_timer *finish = loop_timer_new(loop, stop, NULL);
    loop_timer_set(finish, now + 20001);
    run();
    assert_int_equal(fired, expected);
    for (int i = 0; i < N; i++)
        loop_timer_free(timed[i].timer);
    loop_timer_free(finish);
}

static struct loop_timer *own, *other;
static int fd_calls;

static void again(void *arg)
{
    (void)arg;
    note('t');
    loop_timer_set(own, 0);
}

static void read_a_few(void *arg)
{
    char c;
    assert_int_equal(read(*(int *)arg, &c, 1), 1);
    note('f');
    if (++fd_calls == 3)
        loop_stop(loop);
}

static void a_timer_that_rearms_itself_does_not_starve_the_descriptors(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(write(pair[1], "abc", 3), 3);
    own = loop_timer_new(loop, again, NULL);
    loop_timer_set(own, 0);
    fd_calls = 0;
    loop_add_fd(loop, pair[0], read_a_few, &pair[0]);
    run();
    assert_int_equal(fd_calls, 3);
    assert_non_null(strchr(events, 't'));
    loop_timer_free(own);
    close(pair[0]);
    close(pair[1]);
}

static void free_both(void *arg)
{
    (void)arg;
    note('1');
    loop_timer_free(own);
    loop_timer_free(other);
    loop_stop(loop);
}

static void a_timer_may_free_itself_and_others_that_are_due(void **state)
{
    (void)state;
    own = loop_timer_new(loop, free_both, NULL);
    other = loop_timer_new(loop, note_letter, letter_x);
    loop_timer_set(own, 1);
    loop_timer_set(other, 2);
    run();
    assert_string_equal(events, "1");
}

static struct loop_source *sources[2];

static void remove_both(void *arg)
{
    note(*(const char *)arg);
    loop_remove(loop, sources[0]);
    loop_remove(loop, sources[1]);
}

static void a_source_removed_by_another_of_the_same_turn_is_not_called(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(write(pair[0], "x", 1), 1);
    assert_int_equal(write(pair[1], "x", 1), 1);
    sources[0] = loop_add_fd(loop, pair[0], remove_both, letter_a);
    sources[1] = loop_add_fd(loop, pair[1], remove_both, letter_a);
    struct loop_timer *finish = loop_timer_new(loop, stop, NULL);
    loop_timer_set(finish, clock_monotonic() + 3000);
    run();
    assert_string_equal(events, "a");
    loop_timer_free(finish);
    close(pair[0]);
    close(pair[1]);
}

static struct loop_source *paused;
static int paused_fd;

static void resume(void *arg)
{
    (void)arg;
    note('r');
    loop_set_reading(paused, true);
}

static void drain_and_stop(void *arg)
{
    char c;
    (void)arg;
    assert_int_equal(read(paused_fd, &c, 1), 1);
    note('f');
    loop_stop(loop);
}

static void a_paused_source_is_left_alone_until_it_is_resumed(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    close(pair[1]); /* hung up as well: must not spin */
    paused_fd = pair[0];
    paused = loop_add_fd(loop, pair[0], drain_and_stop, NULL);
    loop_set_reading(paused, false);
    struct loop_timer *t = loop_timer_new(loop, resume, NULL);
    loop_timer_set(t, clock_monotonic() + 3000);
    polls = 0;
    run();
    assert_string_equal(events, "rf");
    assert_true(polls < 5);
    loop_timer_free(t);
    close(pair[0]);
}

static void *push, *pull;

static void write_once(void *arg)
{
    (void)arg;
    note('w');
    assert_int_equal(zmq_send(push, "m", 1, ZMQ_DONTWAIT), 1);
    loop_set_writable(sources[0], NULL);
}

static void receive_and_stop(void *arg)
{
    char c;
    (void)arg;
    note('m');
    assert_int_equal(zmq_recv(pull, &c, 1, ZMQ_DONTWAIT), 1);
    loop_stop(loop);
}

static void zeromq_sockets_are_asked_for_reading_and_writing(void **state)
{
    (void)state;
    void *context = zmq_ctx_new();
    push = zmq_socket(context, ZMQ_PUSH);
    pull = zmq_socket(context, ZMQ_PULL);
    assert_int_equal(zmq_bind(pull, "inproc://t"), 0);
    assert_int_equal(zmq_connect(push, "inproc://t"), 0);
    sources[0] = loop_add_socket(loop, push, NULL, NULL);
    loop_set_writable(sources[0], write_once);
    loop_add_socket(loop, pull, receive_and_stop, NULL);
    run();
    assert_string_equal(events, "wm");
    zmq_close(push);
    zmq_close(pull);
    zmq_ctx_term(context);
}

static void terminate(void *arg)
{
    (void)arg;
    note('h');
    kill(getpid(), SIGTERM);
}

static void a_hangup_is_told_and_a_termination_ends_the_loop(void **state)
{
    (void)state;
    assert_int_equal(loop_handle_signals(loop, terminate, NULL, &failure), 0);
    kill(getpid(), SIGHUP);
    run();
    assert_string_equal(events, "h");
}

static void a_loop_with_nothing_to_wait_for_says_so(void **state)
{
    (void)state;
    assert_int_equal(loop_run(loop, &failure), -1);
    assert_int_equal(failure.kind, ERROR_USAGE);
}

#define in_loop(test) cmocka_unit_test_setup_teardown(test, make, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_loop(timers_fire_in_the_order_of_their_times),
        in_loop(a_thousand_random_timers_keep_their_order),
        in_loop(a_timer_that_rearms_itself_does_not_starve_the_descriptors),
        in_loop(a_timer_may_free_itself_and_others_that_are_due),
        in_loop(a_source_removed_by_another_of_the_same_turn_is_not_called),
        in_loop(a_paused_source_is_left_alone_until_it_is_resumed),
        in_loop(zeromq_sockets_are_asked_for_reading_and_writing),
        in_loop(a_hangup_is_told_and_a_termination_ends_the_loop),
        in_loop(a_loop_with_nothing_to_wait_for_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
