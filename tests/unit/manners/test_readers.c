/* Who is silent, drips or does not read, on a real socket; the clock stands still and is put forward. */
#include "manners/readers.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/unix_socket.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define MOST    16
#define LARGE   ((size_t)4 << 20) /* more than a socket takes for who does not read */
#define NOBODY  65534
#define PATIENT 5 /* seconds, of this test with the server */

static struct {
    char folder[64], path[96];
    struct readers *readers;
    int fds[8 * MOST];
    size_t count;
} all;

static atomic_uint_fast64_t the_time = 1000 * MICROSECONDS;

uint64_t __wrap_clock_monotonic(void);

uint64_t __wrap_clock_monotonic(void)
{
    return atomic_load(&the_time);
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url)
{
    struct buffer bytes = {0};
    (void)arg;
    if (strcmp(url, "/large") == 0)
        for (size_t i = 0; i < LARGE / 8; i++)
            buffer_append(&bytes, "01234567", 8);
    else if (strcmp(url, "/small") == 0)
        buffer_append_string(&bytes, "small");
    else
        return readers_words(connection, MHD_HTTP_NOT_FOUND, "not here");
    return readers_bytes(connection, &bytes, "text/plain", "no-store");
}

static int begin(void **state)
{
    struct error e = {0};
    (void)state;
    memset(&all, 0, sizeof(all));
    strcpy(all.folder, "/tmp/wasl-readers-XXXXXX");
    assert_non_null(mkdtemp(all.folder));
    assert_int_equal(chmod(all.folder, 0755), 0);
    snprintf(all.path, sizeof(all.path), "%s/socket", all.folder);
    struct readers_options options = {.most = MOST, .answer_most = 2 * LARGE + 1, .answer = answer};
    options.socket = unix_socket_listen(all.path, 0666, MOST, &e);
    assert_true(options.socket >= 0);
    all.readers = readers_start(&options, &e);
    assert_non_null(all.readers);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    for (size_t i = 0; i < all.count; i++)
        close(all.fds[i]);
    readers_stop(all.readers);
    unlink(all.path);
    rmdir(all.folder);
    return 0;
}

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, all.path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = PATIENT}, sizeof(struct timeval));
    return fd;
}

static int open_one(void)
{
    int fd = dial();
    assert_true(fd >= 0 && all.count < sizeof(all.fds) / sizeof(all.fds[0]));
    all.fds[all.count++] = fd;
    return fd;
}

static void say(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Status of the answer to a whole request; 0: none came in time. All of the answer is read. */
static unsigned ask(int fd, const char *target)
{
    char head[4096] = "", *end;
    size_t len = 0, body;
    snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    say(fd, head);
    memset(head, 0, sizeof(head));
    while ((end = strstr(head, "\r\n\r\n")) == NULL) {
        ssize_t got = recv(fd, head + len, sizeof(head) - 1 - len, 0);
        if (got <= 0)
            return 0;
        len += (size_t)got;
    }
    assert_non_null(strstr(head, "Content-Length: "));
    body = strtoul(strstr(head, "Content-Length: ") + 16, NULL, 10);
    for (len -= (size_t)(end + 4 - head); len < body;) {
        static char more[65536];
        ssize_t got = recv(fd, more, sizeof(more), 0);
        if (got <= 0)
            return 0;
        len += (size_t)got;
    }
    return (unsigned)strtoul(head + 9, NULL, 10);
}

/* Soon, and what was sent before is read away. */
static bool is_closed(int fd)
{
    for (int i = 0; i < 1000; i++) {
        static char bytes[65536];
        ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return true;
        if (got < 0)
            usleep(10000);
    }
    return false;
}

static bool is_open(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

static void forward(unsigned seconds)
{
    atomic_fetch_add(&the_time, seconds * MICROSECONDS);
}

static void requests_are_answered_one_after_another_on_a_connection(void **state)
{
    (void)state;
    int fd = open_one();
    assert_int_equal(ask(fd, "/small"), 200);
    assert_int_equal(ask(fd, "/none"), 404);
    assert_int_equal(ask(fd, "/large"), 200);
    say(fd, "POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(ask(open_one(), "/small"), 200);
}

static void silent_and_dripping_connections_keep_nobody_out(void **state)
{
    (void)state;
    uint64_t before = metric_sum(METRIC_READERS_CUT_OFF);
    for (int i = 0; i < 2 * MOST; i++)
        open_one();
    for (int i = 0; i < 2 * MOST; i++)
        say(open_one(), "GET /small HTT");
    for (int i = 0; i < 4 * MOST; i++)
        say(all.fds[i], "G");
    int fd = open_one();
    assert_int_equal(ask(fd, "/small"), 200);
    for (int i = 0; i < 4 * MOST; i++)
        say(all.fds[i], "E");
    assert_int_equal(ask(fd, "/small"), 200); /* and it stays, though it is not the newest any more */
    for (int i = 0; i < MOST; i++)
        assert_true(is_closed(all.fds[i]));
    assert_true(metric_sum(METRIC_READERS_CUT_OFF) - before >= 3 * MOST);
}

static void who_sends_its_head_byte_by_byte_is_cut_off_in_time(void **state)
{
    (void)state;
    int dripping = open_one(), silent = open_one(), body = open_one(), other = open_one();
    assert_int_equal(ask(other, "/small"), 200);
    say(body, "GET /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n");
    for (unsigned i = 0; i < READERS_HEAD_SECONDS - 1; i++) {
        say(dripping, "G");
        forward(1);
        usleep(10000);
    }
    usleep(600000);
    assert_true(is_open(dripping) && is_open(silent) && is_open(body)); /* control */
    forward(1);
    assert_true(is_closed(dripping) && is_closed(silent) && is_closed(body));
    assert_int_equal(ask(other, "/small"), 200); /* between two requests there is more time */
    /* Again, should the server have noted the end of the answer only now. */
    bool closed = false;
    for (int i = 0; i < 20 && !closed; i++) {
        forward(READERS_IDLE_SECONDS);
        usleep(100000);
        closed = !is_open(other);
    }
    assert_true(closed);
}

static void who_does_not_read_its_answer_makes_room_and_is_cut_off_in_time(void **state)
{
    (void)state;
    int slow[2], fd = open_one();
    for (int i = 0; i < 2; i++) {
        slow[i] = open_one();
        say(slow[i], "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
        char byte;
        assert_int_equal(recv(slow[i], &byte, 1, 0), 1);
    }
    assert_int_equal(ask(fd, "/large"), 503);
    assert_int_equal(ask(fd, "/small"), 200); /* what is small is answered always */
    forward(READERS_HEAD_SECONDS);
    fd = open_one();
    assert_int_equal(ask(fd, "/large"), 200);
    /* One of the two made room, the other one's time ends later. */
    forward(READERS_ANSWER_SECONDS + LARGE / READERS_RATE);
    usleep(600000); /* before anything of them is read, which would let the answer go on */
    assert_true(is_closed(slow[0]) && is_closed(slow[1]));
}

static void a_user_who_holds_the_most_places_makes_room_first(void **state)
{
    int ready[2], status;
    char byte;
    (void)state;
    if (geteuid() != 0)
        skip();
    int ours = open_one(); /* the longest of all in line */
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(4 * PATIENT); /* whatever becomes of the test */
        if (setresuid(NOBODY, NOBODY, NOBODY) != 0)
            _exit(1);
        for (int i = 0; i < MOST - 1; i++)
            if (dial() < 0)
                _exit(2);
        (void)!write(ready[1], "", 1);
        pause();
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    for (int i = 0; i < MOST / 2 - 1; i++)
        assert_int_equal(ask(open_one(), "/small"), 200);
    assert_true(is_open(ours));
    assert_int_equal(ask(ours, "/small"), 200);
    kill(child, SIGTERM);
    waitpid(child, &status, 0);
    close(ready[0]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(requests_are_answered_one_after_another_on_a_connection),
        T(silent_and_dripping_connections_keep_nobody_out),
        T(who_sends_its_head_byte_by_byte_is_cut_off_in_time),
        T(who_does_not_read_its_answer_makes_room_and_is_cut_off_in_time),
        T(a_user_who_holds_the_most_places_makes_room_first),
    };
    return cmocka_run_group_tests_name("manners-readers", tests, NULL, NULL);
}
