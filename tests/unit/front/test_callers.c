/* Heads that can be read in two ways, who may speak, how many, and how long a connection may keep us waiting.
 */
#include "base/clock.h"
#include "base/error.h"
#include "front/connections.h"
#include "front/head.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* --- heads: as libmicrohttpd leaves them, zeroes in place of separators --- */

/* Judges a head of which only the places of its texts matter to it. `text` has '|' where a text ends. */
static const char *judge(const char *text, size_t len)
{
    char *copy = memory_copy(text, len);
    struct head head;
    const char *words;

    for (size_t i = 0; i < len; i++)
        if (copy[i] == '|')
            copy[i] = 0;
    char *target = copy + strlen(copy) + 1, *version = target + strlen(target) + 1;
    head_begin(&head, copy, target, strlen(target), version);
    for (char *at = version + strlen(version) + 2; at < copy + len && *at != 0;) {
        char *value = at + strlen(at) + 1;
        value += strspn(value, " \t");
        head_field(&head, bytes_of_string(at), bytes_of_string(value));
        at = value + strlen(value) + 1;
        at += *at == 0 && at < copy + len; /* the second byte of CRLF, where there is one */
    }
    words = head_judge(&head, len);
    free(copy);
    return words;
}
#define JUDGE(text) judge(text, sizeof(text) - 1)

static void a_head_in_the_one_form_is_taken(void **state)
{
    (void)state;
    assert_null(JUDGE("GET|/r1|HTTP/1.1||Host| x||A|b||||"));
    assert_null(JUDGE("GET|/r1|HTTP/1.1||Host|x||Content-Length|   5||||"));
    assert_null(JUDGE("POST|/|HTTP/1.1||Transfer-Encoding| Chunked||||"));
}

static void a_head_that_can_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    assert_non_null(JUDGE("GET|/r1|HTTP/1.1||Host| x|A| b||||")); /* one byte ends a line */
    assert_non_null(JUDGE("GET|/r1|HTTP/1.1||Host| x||A| b|||")); /* or the last */
    assert_non_null(JUDGE("GET||/r1|HTTP/1.1||Host| x||||"));     /* two blanks */
    assert_non_null(JUDGE("GET|/r1|HTTP/1.2||Host| x||||"));
    assert_non_null(JUDGE("GET|/r1|HTTP/1.1||Content-Length| 5||Content-Length| 5||||"));
    assert_non_null(JUDGE("GET|/r1|HTTP/1.1||content-length| 5,5||||"));
    assert_non_null(JUDGE("GET|/r1|HTTP/1.1||Content-Length| 5||Transfer-Encoding| chunked||||"));
    assert_non_null(JUDGE("GET|/r1|HTTP/1.1||Transfer-Encoding| gzip, chunked||||"));
    assert_non_null(JUDGE("GET|/r1|HTTP/1.1||Transfer-Encoding| chunked||Transfer-Encoding| chunked||||"));
    assert_non_null(JUDGE("GET|/r1|HTTP/1.0||Transfer-Encoding| chunked||||"));
    assert_non_null(JUDGE("GET|/r1|HTTP/1.1||Transfer-Encoding | chunked||||"));
    assert_non_null(JUDGE("GET|/r1|HTTP/1.1||A| b\rc||||"));
}

/* --- callers --- */

static const char *const enrolment[] = {"TN/GOV/MEN/enrolment"}, *const exams[] = {"TN/GOV/MEN/exams"};

static struct rules *rules_of(const struct front_listener *listener, unsigned connections, unsigned each)
{
    struct front_options options = {
        .member = "TN/GOV/MEN", .most_connections = connections, .most_client_connections = each};
    struct error e;
    struct rules *rules = rules_new(&options, listener, &e);
    assert_non_null(rules);
    return rules;
}

static void a_user_speaks_for_its_own_subsystems_and_a_stranger_for_none(void **state)
{
    const struct front_caller callers[] = {{.user = 7, .subsystems = enrolment, .subsystem_count = 1},
                                           {.user = 0, .subsystems = exams, .subsystem_count = 1}};
    struct rules *rules =
        rules_of(&(struct front_listener){.unix_path = "/x", .callers = callers, .caller_count = 2}, 4, 0);
    struct evidence evidence = {.kind = RULES_UNIX, .user = 7};
    struct speaker speaker = {0};

    (void)state;
    assert_int_equal(caller_judge(rules, &evidence, 1, &speaker), CALLER_KNOWN);
    assert_string_equal(speaker.subsystems[0], "TN/GOV/MEN/enrolment");
    evidence.user = 0;
    assert_int_equal(caller_judge(rules, &evidence, 1, &speaker), CALLER_KNOWN);
    assert_string_equal(speaker.subsystems[0], "TN/GOV/MEN/exams");
    evidence.user = 8;
    assert_int_equal(caller_judge(rules, &evidence, 1, &speaker), CALLER_UNKNOWN_);
    rules_release(rules);
}

static void a_certificate_counts_while_it_is_valid_and_nothing_else_counts_behind_tls(void **state)
{
    struct rules rules = {.kind = RULES_TLS, .member = (char *)(uintptr_t) "TN/GOV/MEN"};
    struct front_caller caller = {.certificate = {1, 2, 3}, .subsystems = enrolment, .subsystem_count = 1};
    struct evidence evidence = {.kind = RULES_TLS, .valid_from = 100, .valid_until = 200};
    struct speaker speaker;

    (void)state;
    memcpy(evidence.certificate, caller.certificate, 32);
    assert_int_equal(caller_judge(&rules, &evidence, 150, &speaker),
                     CALLER_UNKNOWN_); /* nobody is everybody */
    rules.callers = &caller;
    rules.caller_count = 1;
    assert_int_equal(caller_judge(&rules, &evidence, 150, &speaker), CALLER_UNKNOWN_); /* none was shown */
    evidence.has_certificate = true;
    assert_int_equal(caller_judge(&rules, &evidence, 150, &speaker), CALLER_KNOWN);
    assert_int_equal(caller_judge(&rules, &evidence, 99, &speaker), CALLER_NOT_YET);
    assert_int_equal(caller_judge(&rules, &evidence, 201, &speaker), CALLER_EXPIRED);
    evidence.certificate[31] ^= 1;
    assert_int_equal(caller_judge(&rules, &evidence, 150, &speaker), CALLER_UNKNOWN_);
}

static void one_host_of_ipv6_is_one_client_whatever_address_it_takes(void **state)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6}, b = a, c = a;
    const struct evidence evidence = {.kind = RULES_TLS};
    char keys[3][CALLER_KEY_MOST];

    (void)state;
    inet_pton(AF_INET6, "2001:db8::1", &a.sin6_addr);
    inet_pton(AF_INET6, "2001:db8::ffff:2", &b.sin6_addr);
    inet_pton(AF_INET6, "2001:db8:0:1::1", &c.sin6_addr);
    caller_connection_key(&evidence, (struct sockaddr *)&a, keys[0]);
    caller_connection_key(&evidence, (struct sockaddr *)&b, keys[1]);
    caller_connection_key(&evidence, (struct sockaddr *)&c, keys[2]);
    assert_string_equal(keys[0], keys[1]);
    assert_string_not_equal(keys[0], keys[2]);
}

/* --- connections --- */

static bool is_shut(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

#define MANY 6
struct fixture {
    struct connections *connections;
    struct rules *rules;
    int fds[MANY][2];
    struct connection *list[MANY];
};

static int setup(void **state)
{
    struct fixture *f = memory_zeroed(1, sizeof *f);

    f->connections = connections_new();
    f->rules = rules_of(
        &(struct front_listener){.unix_path = "/x", .subsystems = enrolment, .subsystem_count = 1}, 3, 2);
    for (int i = 0; i < MANY; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, f->fds[i]) != 0)
            return -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < MANY; i++) {
        if (f->list[i] != NULL)
            connections_leave(f->connections, f->list[i]);
        close(f->fds[i][0]);
        close(f->fds[i][1]);
    }
    connections_free(f->connections);
    rules_release(f->rules);
    free(f);
    return 0;
}

static bool admit(struct fixture *f, int i, const char *key, uint64_t now)
{
    f->list[i] = connections_admit(f->connections, f->rules, f->fds[i][0], key, now);
    return f->list[i] != NULL;
}

static void the_one_that_waited_longest_makes_room_and_one_with_us_never(void **state)
{
    struct fixture *f = *state;

    assert_true(admit(f, 0, "a", 1) && admit(f, 1, "b", 2) && admit(f, 2, "c", 3));
    connections_enter(f->connections, f->list[0], CONNECTION_WORK, 4);
    assert_true(admit(f, 3, "d", 5));
    assert_true(is_shut(f->fds[1][1]));
    assert_false(is_shut(f->fds[0][1]) || is_shut(f->fds[2][1]));
    /* One that had an answer goes after those that never had. */
    connections_enter(f->connections, f->list[2], CONNECTION_IDLE, 4);
    assert_true(admit(f, 4, "e", 6));
    assert_true(is_shut(f->fds[3][1]));
    /* Where all are with us there is no room. */
    connections_enter(f->connections, f->list[2], CONNECTION_WORK, 7);
    connections_enter(f->connections, f->list[4], CONNECTION_WORK, 7);
    assert_false(admit(f, 5, "f", 8));
}

static void a_client_at_its_bound_makes_room_of_its_own(void **state)
{
    struct fixture *f = *state;

    assert_true(admit(f, 0, "a", 1) && admit(f, 1, "b", 2) && admit(f, 2, "b", 3));
    assert_true(admit(f, 3, "b", 4));
    assert_true(is_shut(f->fds[1][1]) && !is_shut(f->fds[0][1]));
}

static void who_keeps_us_waiting_is_closed_and_moving_bytes_do_not_help(void **state)
{
    struct fixture *f = *state;
    const uint64_t second = MICROSECONDS;

    assert_true(admit(f, 0, "a", 0) && admit(f, 1, "b", 0) && admit(f, 2, "c", 0));
    connections_enter(f->connections, f->list[1], CONNECTION_BODY, 0);
    connections_enter(f->connections, f->list[2], CONNECTION_WORK, 0);
    assert_int_equal(connections_expire(f->connections, &f->rules->limits, 10 * second - 1), 0);
    assert_int_equal(connections_expire(f->connections, &f->rules->limits, 10 * second), 1);
    assert_true(is_shut(f->fds[0][1]));
    assert_int_equal(connections_expire(f->connections, &f->rules->limits, 60 * second), 1);
    assert_true(is_shut(f->fds[1][1]));
    assert_int_equal(connections_expire(f->connections, &f->rules->limits, 6000 * second), 0);
}

static void a_tally_counts_to_its_bound_and_forgets_at_nought(void **state)
{
    struct tally *tally = tally_new();

    (void)state;
    assert_true(tally_take(tally, "a", 2) && tally_take(tally, "a", 2) && tally_take(tally, "b", 2));
    assert_false(tally_take(tally, "a", 2));
    assert_int_equal(tally_count(tally, "a"), 2);
    tally_give(tally, "a");
    assert_true(tally_take(tally, "a", 2));
    tally_give(tally, "a");
    tally_give(tally, "a");
    assert_int_equal(tally_count(tally, "a"), 0);
    tally_give(tally, "b");
    tally_free(tally);
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_in_the_one_form_is_taken),
        cmocka_unit_test(a_head_that_can_be_read_in_two_ways_is_refused),
        cmocka_unit_test(a_user_speaks_for_its_own_subsystems_and_a_stranger_for_none),
        cmocka_unit_test(a_certificate_counts_while_it_is_valid_and_nothing_else_counts_behind_tls),
        cmocka_unit_test(one_host_of_ipv6_is_one_client_whatever_address_it_takes),
        WITH(the_one_that_waited_longest_makes_room_and_one_with_us_never),
        WITH(a_client_at_its_bound_makes_room_of_its_own),
        WITH(who_keeps_us_waiting_is_closed_and_moving_bytes_do_not_help),
        cmocka_unit_test(a_tally_counts_to_its_bound_and_forgets_at_nought),
    };
    return cmocka_run_group_tests_name("callers", tests, NULL, NULL);
}
