/* The rest connector and a system that is not there, is not who it should be, is slow, or hangs up. */
#include "provider.h"
#include "rest_call.h"
#include "base/clock.h"
#include "base/error.h"
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* --- a name server that does not answer: libcurl asks here, in a thread of its own --- */

#define NAMES_SLOW 4 /* seconds */

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    (void)service, (void)hints, (void)out;
    if (strcmp(name, "slow.example") == 0)
        sleep(NAMES_SLOW);
    return EAI_NONAME;
}

/* --- making --- */

static struct connector *made(struct rest_options options)
{
    struct error e = {0};

    options.name = "TN/GOV/MI/civil/person";
    struct connector *connector = connector_rest_new(&options, &e);
    if (connector == NULL)
        fail_msg("%s", e.text);
    return connector;
}

static struct rest_options at(const char *scheme, const char *place)
{
    static char text[4][128];
    static unsigned next;
    char *url = text[next++ % 4];

    snprintf(url, sizeof text[0], "%s://127.0.0.1:%s", scheme, provider_place(place));
    return (struct rest_options){.url = url};
}

static struct rest_options secure(const char *place, const char *client)
{
    struct rest_options options = at("https", place);
    char name[32];

    options.ca = provider_file("ca.pem");
    if (client != NULL) {
        snprintf(name, sizeof name, "%s.pem", client);
        options.certificate = provider_file(name);
        snprintf(name, sizeof name, "%s.key.pem", client);
        options.key = provider_file(name);
    }
    return options;
}

static void end(struct connector *connector)
{
    connector->operations->free(connector);
}

static unsigned count_of(struct connector *connector, const char *path)
{
    unsigned count = 0;

    assert_int_equal(sscanf(answer_of(connector, "GET", path, true, ""), "200 %u", &count), 1);
    return count;
}

/* What became of one call to a system with these options. */
static enum refusal tried(struct rest_options options, const char *path, bool safe)
{
    struct connector *c = made(options);
    enum refusal refusal = refusal_of(c, safe ? "GET" : "POST", path, safe);

    end(c);
    return refusal;
}

/* --- who is there --- */

static void both_sides_prove_who_they_are(void **state)
{
    (void)state;
    assert_int_equal(tried(secure("tls", "client"), "/json", true), REFUSAL_NONE);
    assert_int_equal(tried(secure("anyone", NULL), "/json", true), REFUSAL_NONE);
    assert_int_equal(tried(secure("wrong-host", NULL), "/json", true), REFUSAL_PROVIDER_UNREACHABLE);
    assert_int_equal(tried(secure("expired", NULL), "/json", true), REFUSAL_PROVIDER_UNREACHABLE);
    assert_int_equal(tried(secure("foreign", NULL), "/json", true), REFUSAL_PROVIDER_UNREACHABLE);
    assert_int_equal(tried(secure("old-tls", NULL), "/json", true), REFUSAL_PROVIDER_UNREACHABLE);
    assert_int_equal(tried(secure("plain", NULL), "/json", true), REFUSAL_PROVIDER_UNREACHABLE);
    /* TLS 1.3 lets a client speak before it is judged. */
    assert_int_equal(tried(secure("tls", NULL), "/json", true), REFUSAL_PROVIDER_FAILED);
    assert_int_equal(tried(secure("tls", "stranger"), "/json", true), REFUSAL_PROVIDER_FAILED);
    /* Nothing of what is not safe was sent to the wrong one. */
    assert_int_equal(tried(secure("foreign", NULL), "/json", false), REFUSAL_PROVIDER_UNREACHABLE);
}

static void the_authorities_of_the_machine_are_not_believed(void **state)
{
    struct rest_options options = secure("anyone", NULL);

    (void)state;
    assert_int_equal(setenv("CURL_CA_BUNDLE", options.ca, 1), 0);
    assert_int_equal(setenv("SSL_CERT_FILE", options.ca, 1), 0);
    options.ca = provider_file("other-ca.pem");
    assert_int_equal(tried(options, "/json", true), REFUSAL_PROVIDER_UNREACHABLE);
    unsetenv("CURL_CA_BUNDLE");
    unsetenv("SSL_CERT_FILE");
}

static void identities_do_not_share_connections(void **state)
{
    struct connector *known = made(secure("tls", "client"));
    struct connector *nobody = made(secure("tls", NULL));

    (void)state;
    assert_int_equal(refusal_of(known, "GET", "/json", true), REFUSAL_NONE);
    assert_int_equal(refusal_of(nobody, "GET", "/json", true), REFUSAL_PROVIDER_FAILED);
    assert_int_equal(refusal_of(known, "GET", "/json", true), REFUSAL_NONE);
    end(known);
    end(nobody);
}

static void the_environment_sends_no_call_elsewhere(void **state)
{
    (void)state;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:9", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "socks5://127.0.0.1:9", 1), 0);
    assert_int_equal(tried(at("http", "plain"), "/json", true), REFUSAL_NONE);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

static void a_unix_socket_is_reached(void **state)
{
    (void)state;
    assert_int_equal(tried((struct rest_options){.url = "http://system", .unix_path = provider_place("unix")},
                           "/json", true),
                     REFUSAL_NONE);
    assert_int_equal(
        tried((struct rest_options){.url = "http://system", .unix_path = "/nonexistent/s"}, "/json", true),
        REFUSAL_PROVIDER_UNREACHABLE);
}

static void a_system_that_is_not_there_has_run_nothing(void **state)
{
    (void)state;
    assert_int_equal(tried((struct rest_options){.url = "http://127.0.0.1:9"}, "/json", true),
                     REFUSAL_PROVIDER_UNREACHABLE);
    assert_int_equal(tried((struct rest_options){.url = "http://127.0.0.1:9"}, "/json", false),
                     REFUSAL_PROVIDER_UNREACHABLE);
    struct rest_options options = secure("anyone", NULL);
    options.url = "https://nowhere.example";
    assert_int_equal(tried(options, "/json", false), REFUSAL_PROVIDER_UNREACHABLE);
}

/* --- connections --- */

static void a_connection_is_used_again_by_what_is_safe_alone(void **state)
{
    struct connector *c = made(secure("tls", "client"));

    (void)state;
    unsigned before = count_of(c, "/connections");
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(refusal_of(c, "GET", "/json", true), REFUSAL_NONE);
    assert_int_equal(count_of(c, "/connections"), before);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(refusal_of(c, "POST", "/json", false), REFUSAL_NONE);
    assert_int_equal(count_of(c, "/connections"), before + 5);
    end(c);
}

static void what_is_not_safe_is_sent_once(void **state)
{
    struct connector *c = made(at("http", "plain"));

    (void)state;
    /* On a connection that was used before, libcurl sends again what got no answer: here what is safe. */
    assert_int_equal(refusal_of(c, "GET", "/second-close/safe", true), REFUSAL_NONE);
    assert_int_equal(refusal_of(c, "GET", "/second-close/safe", true), REFUSAL_NONE);
    assert_int_equal(count_of(c, "/count/second-close/safe"), 3);
    /* A connection to use again, closed by the system as soon as it has read a second request. */
    assert_int_equal(refusal_of(c, "GET", "/second-close/other", true), REFUSAL_NONE);
    assert_int_equal(refusal_of(c, "POST", "/close/once", false), REFUSAL_OUTCOME_UNKNOWN);
    assert_int_equal(count_of(c, "/count/close/once"), 1);
    /* On a fresh connection nothing is sent twice. */
    struct connector *fresh = made(at("http", "plain"));
    assert_int_equal(refusal_of(fresh, "GET", "/close/safe", true), REFUSAL_PROVIDER_FAILED);
    assert_int_equal(count_of(c, "/count/close/safe"), 1);
    end(fresh);
    end(c);
}

static void an_answer_to_nobodys_question_is_given_to_nobody(void **state)
{
    struct connector *c = made(at("http", "plain"));

    (void)state;
    assert_string_equal(answer_of(c, "GET", "/early", true, ""), "200 for the one who asked");
    usleep(300 * 1000);
    assert_string_equal(
        answer_of(c, "POST", "/raw", true, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine"), "200 mine");
    end(c);
}

static void no_more_connections_than_configured(void **state)
{
    struct rest_options options = at("http", "plain");
    struct asked *asked[9];

    (void)state;
    options.connections = 3;
    struct connector *c = made(options);
    uint64_t before = clock_monotonic();
    for (unsigned i = 0; i < 9; i++) {
        asked[i] = asked_new("POST", "/slow/200", i % 2 == 0);
        asked_start(c, asked[i]);
    }
    for (unsigned i = 0; i < 9; i++) {
        assert_int_equal(asked_wait(asked[i])->refusal, REFUSAL_NONE);
        asked_free(asked[i]);
    }
    assert_true(clock_monotonic() - before >= 600 * 1000); /* three at a time */
    end(c);
}

/* --- time --- */

/* The least is what may not be undercut; the most is far from what a mistake would take, and a busy machine
 * does not reach it. */
static uint64_t took(struct connector *c, const char *path, bool safe, uint64_t time, enum refusal wanted)
{
    struct asked *a = asked_new(safe ? "GET" : "POST", path, safe);
    uint64_t before = clock_monotonic();

    a->call.deadline = clock_wall() + time;
    assert_string_equal(refusal_name(ask(c, a)->refusal), refusal_name(wanted));
    asked_free(a);
    return clock_monotonic() - before;
}

static void a_system_that_does_not_answer_ends_with_the_call(void **state)
{
    struct connector *c = made(at("http", "plain"));

    (void)state;
    assert_in_range(took(c, "/hold", true, 300 * 1000, REFUSAL_PROVIDER_TIMEOUT), 250 * 1000,
                    10 * MICROSECONDS);
    assert_in_range(took(c, "/hold", false, 300 * 1000, REFUSAL_OUTCOME_UNKNOWN), 250 * 1000,
                    10 * MICROSECONDS);
    assert_in_range(took(c, "/json", true, 0, REFUSAL_PROVIDER_TIMEOUT), 0, 10 * MICROSECONDS);
    end(c);
}

static void a_drip_does_not_hold_a_connection(void **state)
{
    struct rest_options options = at("http", "plain");

    (void)state;
    options.slow_seconds = 1;
    struct connector *c = made(options);
    assert_true(took(c, "/drip", true, 40 * MICROSECONDS, REFUSAL_PROVIDER_TIMEOUT) < 20 * MICROSECONDS);
    assert_true(took(c, "/drip-head", true, 40 * MICROSECONDS, REFUSAL_PROVIDER_TIMEOUT) < 20 * MICROSECONDS);
    /* A control: thinking before the first byte is no drip. */
    assert_true(took(c, "/slow/2500", true, 15 * MICROSECONDS, REFUSAL_NONE) >= 2500 * 1000);
    end(c);
}

static void a_name_server_that_does_not_answer_holds_nobody_up(void **state)
{
    struct rest_options options = secure("anyone", NULL);

    (void)state;
    options.url = "https://slow.example";
    struct connector *c = made(options);
    struct asked *first = asked_new("GET", "/json", true);
    asked_start(c, first);
    assert_true(took(c, "/json", true, 500 * 1000, REFUSAL_PROVIDER_UNREACHABLE) < NAMES_SLOW * MICROSECONDS);
    assert_int_equal(asked_wait(first)->refusal, REFUSAL_PROVIDER_UNREACHABLE);
    asked_free(first);
    end(c);
}

/* --- bounds and end --- */

static unsigned answered(struct asked *const *asked, unsigned count)
{
    unsigned answered = 0;
    for (unsigned i = 0; i < count; i++) {
        int done;
        sem_getvalue(&asked[i]->done, &done);
        answered += done > 0;
    }
    return answered;
}

static void what_waits_is_bounded_and_refused_in_time(void **state)
{
    struct rest_options options = at("http", "plain");
    enum { MANY = 300 };
    struct asked *asked[MANY];
    unsigned busy = 0, late = 0;

    (void)state;
    options.connections = 1;
    struct connector *c = made(options);
    uint64_t before = clock_monotonic();
    for (unsigned i = 0; i < MANY; i++) {
        asked[i] = asked_new("GET", "/hold", true);
        asked[i]->call.deadline = clock_wall() + 2 * MICROSECONDS;
        asked_start(c, asked[i]);
    }
    /* Who finds no room hears so before its start returns. */
    assert_in_range(answered(asked, MANY), MANY - 256 - 1, MANY - 256); /* one may run already */
    for (unsigned i = 0; i < MANY; i++) {
        enum refusal refusal = asked_wait(asked[i])->refusal;
        busy += refusal == REFUSAL_PROVIDER_BUSY;
        late += refusal == REFUSAL_PROVIDER_TIMEOUT;
        asked_free(asked[i]);
    }
    assert_true(clock_monotonic() - before < 20 * MICROSECONDS);
    assert_true(late >= 1 && busy + late == MANY);
    /* So do bytes. */
    struct asked *large[3];
    for (unsigned i = 0; i < 3; i++) {
        large[i] = asked_new("POST", "/hold", true);
        large[i]->call.deadline = clock_wall() + 2 * MICROSECONDS;
        if (i > 0)
            memset(buffer_extend(&large[i]->call.body, 9 << 20), 'x', 9 << 20);
        asked_start(c, large[i]);
        usleep(20 * 1000);
    }
    assert_int_equal(sem_trywait(&large[2]->done), 0);
    assert_int_equal(large[2]->call.reply.refusal, REFUSAL_PROVIDER_BUSY);
    for (unsigned i = 0; i < 3; i++) {
        if (i < 2)
            asked_wait(large[i]);
        asked_free(large[i]);
    }
    end(c);
}

static void ending_answers_every_call(void **state)
{
    struct rest_options options = at("http", "plain");
    static const struct {
        const char *path;
        bool safe;
        enum refusal wanted;
    } cases[] = {{"/slow/500", true, REFUSAL_NONE},        {"/slow/500", false, REFUSAL_NONE},
                 {"/hold", true, REFUSAL_STOPPED},         {"/hold", false, REFUSAL_OUTCOME_UNKNOWN},
                 {"/slow/0/waits", true, REFUSAL_STOPPED}, {"/slow/0/waits", false, REFUSAL_STOPPED}};
    struct asked *asked[6];

    (void)state;
    options.connections = 4;
    struct connector *c = made(options);
    uint64_t before = clock_monotonic();
    for (unsigned i = 0; i < 6; i++) {
        asked[i] = asked_new("POST", cases[i].path, cases[i].safe);
        asked_start(c, asked[i]);
        usleep(20 * 1000);
    }
    end(c); /* after those of half a second, which were under way, and not after those that never end */
    assert_in_range(clock_monotonic() - before, 500 * 1000, REST_END_MOST + 20 * MICROSECONDS);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(sem_trywait(&asked[i]->done), 0);
        assert_string_equal(refusal_name(asked[i]->call.reply.refusal), refusal_name(cases[i].wanted));
        asked_free(asked[i]);
    }
    /* With nothing under way it takes no time. */
    c = made(at("http", "plain"));
    assert_int_equal(refusal_of(c, "GET", "/json", true), REFUSAL_NONE);
    before = clock_monotonic();
    end(c);
    assert_true(clock_monotonic() - before < REST_END_MOST / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_prove_who_they_are),
        cmocka_unit_test(the_authorities_of_the_machine_are_not_believed),
        cmocka_unit_test(identities_do_not_share_connections),
        cmocka_unit_test(the_environment_sends_no_call_elsewhere),
        cmocka_unit_test(a_unix_socket_is_reached),
        cmocka_unit_test(a_system_that_is_not_there_has_run_nothing),
        cmocka_unit_test(a_connection_is_used_again_by_what_is_safe_alone),
        cmocka_unit_test(what_is_not_safe_is_sent_once),
        cmocka_unit_test(an_answer_to_nobodys_question_is_given_to_nobody),
        cmocka_unit_test(no_more_connections_than_configured),
        cmocka_unit_test(a_system_that_does_not_answer_ends_with_the_call),
        cmocka_unit_test(a_drip_does_not_hold_a_connection),
        cmocka_unit_test(a_name_server_that_does_not_answer_holds_nobody_up),
        cmocka_unit_test(what_waits_is_bounded_and_refused_in_time),
        cmocka_unit_test(ending_answers_every_call),
    };
    provider_start();
    int failed = cmocka_run_group_tests_name("rest: the system", tests, NULL, NULL);
    provider_stop();
    return failed;
}
