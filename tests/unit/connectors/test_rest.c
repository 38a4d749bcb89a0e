/* The rest connector against a real HTTP system, over TLS and without. */
#include "provider.h"
#include "rest_call.h"
#include "base/clock.h"
#include "base/error.h"
#include "connectors/rest_answer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* Static memory: one at a time. */
static const char *url(const char *scheme, const char *place, const char *base)
{
    static char text[128];

    snprintf(text, sizeof text, "%s://127.0.0.1:%s%s", scheme, provider_place(place), base);
    return text;
}

static struct connector *made(struct rest_options options)
{
    struct error e = {0};

    options.name = "TN/GOV/MI/civil/person";
    struct connector *connector = connector_rest_new(&options, &e);
    if (connector == NULL)
        fail_msg("%s", e.text);
    return connector;
}

static struct connector *plain(void)
{
    return made((struct rest_options){.url = url("http", "plain", "")});
}

static void end(struct connector *connector)
{
    connector->operations->free(connector);
}

static unsigned count_of(struct connector *connector, const char *name)
{
    char path[64];
    unsigned count = 0;

    snprintf(path, sizeof path, "/%s", name);
    assert_int_equal(sscanf(answer_of(connector, "GET", path, true, ""), "200 %u", &count), 1);
    return count;
}

/* --- requests --- */

static void path_and_query_go_to_the_system_byte_for_byte(void **state)
{
    static const struct {
        const char *base, *path, *line;
    } cases[] = {
        {"/echo", "", "GET /echo HTTP/1.1\r\n"},
        {"/echo", "/", "GET /echo/ HTTP/1.1\r\n"},
        {"", "/echo", "GET /echo HTTP/1.1\r\n"},
        {"/echo/v1", "/persons/01234567890", "GET /echo/v1/persons/01234567890 HTTP/1.1\r\n"},
        {"/echo", "?a=1&b=%2F%2e%2E/..//&c=[x]{y}|z^`\"<>\\",
         "GET /echo?a=1&b=%2F%2e%2E/..//&c=[x]{y}|z^`\"<>\\ HTTP/1.1\r\n"},
        {"/echo", "/a/../b/./c//d/%41%2f%5c%zz;p=1/é",
         "GET /echo/a/../b/./c//d/%41%2f%5c%zz;p=1/é HTTP/1.1\r\n"},
        {"/echo", "/x?y?z=/?", "GET /echo/x?y?z=/? HTTP/1.1\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct connector *c = made((struct rest_options){.url = url("http", "plain", cases[i].base)});
        struct asked *a = asked_new("GET", cases[i].path, true);
        const struct reply *reply = ask(c, a);
        assert_int_equal(reply->refusal, REFUSAL_NONE);
        if (strncmp((const char *)reply->body.data, cases[i].line, strlen(cases[i].line)) != 0)
            fail_msg("%.80s instead of %s", (const char *)reply->body.data, cases[i].line);
        asked_free(a);
        end(c);
    }
}

static void what_would_end_the_request_line_is_refused(void **state)
{
    static const char *const paths[] = {"/echo/a b", "/echo/a\r\nX: y", "/echo/a\tb", "echo",      "/echo#f",
                                        "/echo?a b", "/echo?a\nb",      "/echo?#f",   "/echo/\x7f"};
    struct connector *c = plain();

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_int_equal(refusal_of(c, "GET", paths[i], true), REFUSAL_BAD_PARAMETER);
    struct asked *a = asked_new("GET", "/echo", true);
    buffer_append_string(&a->call.path, "?q"); /* in the path, where no operation was matched */
    assert_int_equal(ask(c, a)->refusal, REFUSAL_BAD_PARAMETER);
    asked_free(a);
    end(c);
}

static void every_verb_goes_out_with_and_without_a_body(void **state)
{
    static const char *const verbs[] = {"GET", "DELETE", "OPTIONS", "TRACE", "PATCH", "POST", "PUT"};
    struct connector *c = plain();
    char start[64];

    (void)state;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        for (unsigned with = 0; with < 2; with++) {
            struct asked *a = asked_new(verbs[i], "/echo", true);
            if (with)
                asked_body(a, "{\"a\": 1}");
            const struct reply *reply = ask(c, a);
            snprintf(start, sizeof start, "%s /echo HTTP/1.1\r\n", verbs[i]);
            assert_int_equal(reply->refusal, REFUSAL_NONE);
            assert_memory_equal(reply->body.data, start, strlen(start));
            bool takes = verbs[i][0] == 'P';
            assert_int_equal(holds(&reply->body, "\r\n\r\n{\"a\": 1}"), takes && with);
            assert_int_equal(holds(&reply->body, "Content-Length: 8\r\n"), takes && with);
            assert_int_equal(holds(&reply->body, "Content-Length: 0\r\n"), takes && !with);
            asked_free(a);
        }
    }
    assert_string_equal(answer_of(c, "HEAD", "/json", true, ""), "200 ");
    assert_int_equal(refusal_of(c, "CONNECT", "/echo", true), REFUSAL_METHOD_NOT_SERVED);
    assert_int_equal(refusal_of(c, "get", "/echo", true), REFUSAL_METHOD_NOT_SERVED);
    assert_int_equal(refusal_of(c, "GET /x HTTP/1.1\r\nA:", "/echo", true), REFUSAL_METHOD_NOT_SERVED);
    end(c);
}

/* Everything that stands in the header of a plain GET, and nothing more. */
static void the_header_of_a_request_is_exactly_this(void **state)
{
    struct connector *c = plain();
    struct asked *a = asked_new("GET", "/echo", true);
    char wanted[512];

    (void)state;
    http_headers_add(&a->call.headers, "X-Road-Id", "TN-1");
    http_headers_add(&a->call.headers, "X-Empty", "");
    http_headers_add(&a->call.headers, "Authorization", "Bearer t");
    const struct reply *reply = ask(c, a);
    snprintf(wanted, sizeof wanted,
             "GET /echo HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nX-Road-Id: TN-1\r\nX-Empty:\r\nAuthorization: "
             "Bearer t\r\n"
             "X-Road-Client: TN/GOV/MEN/enrolment\r\nX-Road-Service: TN/GOV/MI/civil/person\r\n"
             "X-Road-Request-Id: 01020304-0506-4708-890a-0b0c0d0e0f10\r\nAccept-Encoding: identity\r\n\r\n",
             provider_place("plain"));
    assert_int_equal(reply->body.len, strlen(wanted));
    assert_memory_equal(reply->body.data, wanted, strlen(wanted));
    asked_free(a);
    end(c);
}

static void a_consumer_speaks_neither_for_the_connection_nor_for_the_bus(void **state)
{
    static const char *const never[] = {"Host",
                                        "connection",
                                        "Keep-Alive",
                                        "TE",
                                        "Trailer",
                                        "Upgrade",
                                        "Transfer-Encoding",
                                        "content-length",
                                        "Expect",
                                        "Proxy-Authorization",
                                        "Proxy-Connection",
                                        "HTTP2-Settings",
                                        "User-Agent",
                                        "Accept-Encoding",
                                        "X-Road-Client",
                                        "x-road-service",
                                        "X-Road-Request-Id",
                                        "X-Road-Request-Hash",
                                        "Idempotency-Key",
                                        "traceparent",
                                        "Wasl-Purpose",
                                        "wasl-subject",
                                        "Uxp-Purpose-Ids",
                                        "tracestate",
                                        "X_Road_Client",
                                        "WASL_SUBJECT",
                                        "uxp_purpose-ids",
                                        "Idempotency_Key",
                                        "Content_Length"};
    struct connector *c = plain();
    struct asked *a = asked_new("POST", "/echo", false);

    (void)state;
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        http_headers_add(&a->call.headers, never[i], "evil-value, X-Mine");
    http_headers_add(&a->call.headers, "X-Mine", "also evil-value: Connection names it");
    http_headers_add(&a->call.headers, "X-Passes", "a control");
    strcpy(a->call.purpose, "SCHOOL-ENROLMENT");
    strcpy(a->call.subject, "IUC:01234567890");
    asked_body(a, "body");
    const struct reply *reply = ask(c, a);
    assert_int_equal(reply->refusal, REFUSAL_NONE);
    assert_false(holds(&reply->body, "evil-value"));
    assert_true(holds(&reply->body, "X-Passes: a control\r\n"));
    assert_true(holds(&reply->body, "X-Road-Client: TN/GOV/MEN/enrolment\r\n"));
    assert_true(holds(&reply->body, "Wasl-Purpose: SCHOOL-ENROLMENT\r\nUxp-Purpose-Ids: SCHOOL-ENROLMENT\r\n"
                                    "Wasl-Subject: IUC:01234567890\r\nIdempotency-Key"));
    assert_true(holds(&reply->body, "Idempotency-Key: 01020304-0506-4708-890a-0b0c0d0e0f10\r\n"));
    asked_free(a);
    end(c);
}

static void a_field_that_is_none_or_names_another_request_is_refused(void **state)
{
    static const char *const fields[][2] = {{"X-A", "b\r\nX-Evil: c"},
                                            {"X A", "b"},
                                            {"X-A: b\r\nX-Evil", "c"},
                                            {"", "b"},
                                            {"X-A", "b\x01"},
                                            {"X-HTTP-Method-Override", "DELETE"},
                                            {"X-HTTP-Method", "PUT"},
                                            {"x-method-override", "PUT"},
                                            {"X-Original-URL", "/admin"},
                                            {"X-Rewrite-URL", "/admin"},
                                            {"X_HTTP_Method_Override", "DELETE"}};
    struct connector *c = plain();

    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct asked *a = asked_new("GET", "/echo", true);
        http_headers_add(&a->call.headers, fields[i][0], fields[i][1]);
        assert_int_equal(ask(c, a)->refusal, REFUSAL_BAD_PARAMETER);
        asked_free(a);
    }
    end(c);
}

/* --- answers --- */

static void status_fields_and_body_come_back(void **state)
{
    struct connector *c = plain();
    struct asked *a = asked_new("GET", "/json", true);
    const struct reply *reply = ask(c, a);
    size_t cookies = 0;

    (void)state;
    assert_int_equal(reply->status, 200);
    assert_true(holds(&reply->body, "\"Amel\""));
    for (size_t i = 0; i < reply->headers.count; i++)
        cookies += strcmp(reply->headers.items[i].name, "Set-Cookie") == 0;
    assert_int_equal(cookies, 2);
    assert_null(http_headers_get(&reply->headers, "content-length"));
    asked_free(a);
    end(c);
}

static void a_systems_own_errors_and_redirects_are_passed_back(void **state)
{
    struct connector *c = plain();

    (void)state;
    assert_string_equal(
        answer_of(c, "POST", "/raw", true, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"),
        "404 no");
    assert_string_equal(
        answer_of(c, "POST", "/raw", false, "HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nlater"),
        "503 later");
    assert_string_equal(answer_of(c, "POST", "/raw-close", true, "HTTP/1.0 200 OK\r\n\r\nto the end"),
                        "200 to the end");
    assert_string_equal(answer_of(c, "POST", "/raw", true, "HTTP/1.1 204 No Content\r\n\r\n"), "204 ");
    struct asked *a = asked_new("POST", "/raw", true);
    asked_body(a, "HTTP/1.1 302 Found\r\nLocation: /hold\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(ask(c, a)->status, 302);
    assert_string_equal(http_headers_get(&a->call.reply.headers, "location"), "/hold");
    asked_free(a);
    assert_int_equal(count_of(c, "count/hold"), 0);
    end(c);
}

static void what_a_system_may_not_say_to_a_consumer_stays_here(void **state)
{
    struct connector *c = plain();
    struct asked *a = asked_new("POST", "/raw", true);

    (void)state;
    asked_body(
        a, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Road-Error: evil\r\nx-road-request-id: evil\r\n"
           "Wasl-Refusal: evil\r\nServer: evil\r\nConnection: X-Hop\r\nX-Hop: evil\r\nX-Fine: fine\r\n\r\n");
    assert_int_equal(ask(c, a)->refusal, REFUSAL_NONE);
    assert_int_equal(a->call.reply.headers.count, 1);
    assert_string_equal(a->call.reply.headers.items[0].value, "fine");
    asked_free(a);
    end(c);
}

static void an_encoded_body_comes_as_it_is(void **state)
{
    struct connector *c = plain();
    struct asked *a = asked_new("GET", "/gzip", true);

    (void)state;
    a->call.most_response = 1 << 20;
    const struct reply *reply = ask(c, a);
    assert_int_equal(reply->refusal, REFUSAL_NONE);
    assert_string_equal(http_headers_get(&reply->headers, "content-encoding"), "gzip");
    assert_true(reply->body.len < 100000); /* of 32 MiB */
    asked_free(a);
    end(c);
}

/* --- hostile answers --- */

#define OK "HTTP/1.1 200 OK\r\n"

static void an_answer_that_is_none_is_not_passed_on(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 999 Much\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "not http at all\r\n\r\n",
        "<html>0.9</html>",
        OK "X-A: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
        OK "X A: b\r\nContent-Length: 0\r\n\r\n",
        OK "X-A : b\r\nContent-Length: 0\r\n\r\n",
        OK "no colon\r\nContent-Length: 0\r\n\r\n",
        OK ": nameless\r\nContent-Length: 0\r\n\r\n",
        OK "X-A: b\rX-Evil: c\r\nContent-Length: 0\r\n\r\n",
        OK "X-A: \x01\r\nContent-Length: 0\r\n\r\n",
        OK "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        OK "Content-Length: 2, 2\r\n\r\nab",
        OK "Content-Length: -1\r\n\r\nab",
        OK "Content-Length: +2\r\n\r\nab",
        OK "Content-Length: 0x2\r\n\r\nab",
        OK "Content-Length: 99999999999999999999999\r\n\r\nab",
        OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        OK "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        OK "Transfer-Encoding: gzip\r\n\r\nab",
        OK "Transfer-Encoding: identity\r\n\r\nab",
        OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\nxyz\r\nab\r\n0\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nab",
        OK "Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        OK "Content-Length: 100\r\n\r\ncut",
        OK "X-A: cut",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "",
    };
    struct connector *c = plain();

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const char *got = answer_of(c, "POST", "/raw-close", true, answers[i]);
        if (strcmp(got, "provider_failed") != 0)
            fail_msg("%s gave %s", answers[i], got);
        /* Whether it was carried out is then not known. */
        got = answer_of(c, "POST", "/raw-close", false, answers[i]);
        if (strcmp(got, "outcome_unknown") != 0)
            fail_msg("%s gave %s", answers[i], got);
    }
    end(c);
}

static void what_is_odd_but_clear_is_taken(void **state)
{
    static const char *const answers[][2] = {
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n" OK
         "Content-Length: 2\r\n\r\nab",
         "200 ab"},
        {"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab", "200 ab"},
        {OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", "200 ab"},
        {"HTTP/1.1 200 OK\nContent-Length:2\n\nab", "200 ab"},
        {OK "Transfer-Encoding: Chunked\r\n\r\n2;x=y\r\nab\r\n0\r\nTrailer: t\r\n\r\n", "200 ab"},
        {OK "X-\xc3\xa9: no\r\n\r\n", "provider_failed"}, /* a control: names are ASCII */
        {OK "X-A: \xc3\xa9\r\nContent-Length: 2\r\n\r\nab", "200 ab"},
    };
    struct connector *c = plain();

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        assert_string_equal(answer_of(c, "POST", "/raw-close", true, answers[i][0]), answers[i][1]);
    end(c);
}

static void endless_and_announced_sizes_are_cut_off_early(void **state)
{
    static const char *const floods[] = {"/flood/100",  "/flood/head",  "/flood/line",   "/flood/fields",
                                         "/flood/body", "/flood/close", "/flood/trailer"};
    struct connector *c = plain();

    (void)state;
    for (size_t i = 0; i < sizeof floods / sizeof floods[0]; i++) {
        uint64_t before = clock_monotonic();
        /* libcurl itself ends one line that is too long. */
        enum refusal wanted =
            strcmp(floods[i], "/flood/line") == 0 ? REFUSAL_PROVIDER_FAILED : REFUSAL_RESPONSE_TOO_LARGE;
        assert_string_equal(refusal_name(refusal_of(c, "GET", floods[i], true)), refusal_name(wanted));
        assert_true(clock_monotonic() - before < 5 * MICROSECONDS);
    }
    /* It never sends what it announces. */
    assert_string_equal(answer_of(c, "POST", "/raw", true, OK "Content-Length: 20001\r\n\r\n"),
                        "response_too_large");
    assert_string_equal(answer_of(c, "POST", "/raw", true, OK "Content-Length: 9999999999999\r\n\r\n"),
                        "response_too_large");
    /* A control: what HEAD announces does not come. */
    struct asked *a = asked_new("GET", "/json", true);
    a->call.most_response = 20;
    assert_int_equal(ask(c, a)->refusal, REFUSAL_RESPONSE_TOO_LARGE);
    asked_free(a);
    a = asked_new("HEAD", "/json", true);
    a->call.most_response = 20;
    assert_int_equal(ask(c, a)->refusal, REFUSAL_NONE);
    asked_free(a);
    end(c);
}

/* What libcurl would not let through is judged here all the same. */
static void a_header_is_judged_line_by_line(void **state)
{
    static const char *const lines[] = {"HTTP/2 200 OK\r\n",
                                        "HTTP/1.2 200 OK\r\n",
                                        "http/1.1 200 OK\r\n",
                                        "HTTP/1.1  200\r\n",
                                        "HTTP/1.1 20x OK\r\n",
                                        "HTTP/1.1 200OK\r\n",
                                        "HTTP/1.1 099 OK\r\n",
                                        "\r\n",
                                        ""};
    struct rest_answer a;
    struct reply reply = {0};

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        rest_answer_init(&a, &reply, 100, false);
        assert_false(rest_answer_line(&a, bytes_of_string(lines[i])));
        assert_int_equal(a.refusal, REFUSAL_PROVIDER_FAILED);
        rest_answer_free(&a);
    }
    for (unsigned fields = REST_FIELDS_MOST; fields <= REST_FIELDS_MOST + 1; fields++) {
        rest_answer_init(&a, &reply, 100, false);
        assert_true(rest_answer_line(&a, bytes_of_string("HTTP/1.1 200 OK\r\n")));
        bool good = true;
        for (unsigned i = 0; i < fields; i++)
            good = rest_answer_line(&a, bytes_of_string("a: b\r\n"));
        assert_int_equal(good, fields == REST_FIELDS_MOST);
        rest_answer_free(&a);
    }
    rest_answer_init(&a, &reply, 100, false);
    assert_false(rest_answer_body(&a, bytes_of_string("x"))); /* before a header */
    rest_answer_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_and_query_go_to_the_system_byte_for_byte),
        cmocka_unit_test(what_would_end_the_request_line_is_refused),
        cmocka_unit_test(every_verb_goes_out_with_and_without_a_body),
        cmocka_unit_test(the_header_of_a_request_is_exactly_this),
        cmocka_unit_test(a_consumer_speaks_neither_for_the_connection_nor_for_the_bus),
        cmocka_unit_test(a_field_that_is_none_or_names_another_request_is_refused),
        cmocka_unit_test(status_fields_and_body_come_back),
        cmocka_unit_test(a_systems_own_errors_and_redirects_are_passed_back),
        cmocka_unit_test(what_a_system_may_not_say_to_a_consumer_stays_here),
        cmocka_unit_test(an_encoded_body_comes_as_it_is),
        cmocka_unit_test(an_answer_that_is_none_is_not_passed_on),
        cmocka_unit_test(what_is_odd_but_clear_is_taken),
        cmocka_unit_test(endless_and_announced_sizes_are_cut_off_early),
        cmocka_unit_test(a_header_is_judged_line_by_line),
    };
    provider_start();
    int failed = cmocka_run_group_tests_name("rest: requests and answers", tests, NULL, NULL);
    provider_stop();
    return failed;
}
