/* The front over real sockets, with a core that answers from a thread of its own. */
#include "base/error.h"
#include "base/queue.h"
#include "front/front.h"
#include "front/listener.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#define CLIENT "X-Road-Client: TN/GOV/MEN/enrolment\r\n"
#define PERSON "/r1/TN/GOV/MI/civil/person"

/* --- a core that answers with the ask's own body, or with what the path says --- */

static struct queue *asks;
static pthread_t core_thread;
static atomic_uint asked;
static atomic_bool full;

static void answer_one(struct ask *ask)
{
    struct answer answer = {.status = 200};
    struct http_headers headers = {0};

    memset(ask->exchange_id, 0xab, sizeof ask->exchange_id);
    http_headers_add(&headers, "Content-Type", "text/plain");
    http_headers_add(&headers, "X-Provider", "yes");
    http_headers_add(&headers, "Server", "secret");
    http_headers_add(&headers, "Content-Length", "999");
    http_headers_add(&headers, "x-road-id", "forged");
    http_headers_add(&headers, "Wasl-Refusal", "forged");
    http_headers_add(&headers, "X_Road_Error", "forged"); /* the same variable behind CGI */
    http_headers_add(&headers, "Keep_Alive", "forged");
    http_headers_add(&headers, "Date", "Sun, 22 Nov 2026 05:55:56 GMT");
    answer.headers = &headers;
    answer.body = buffer_bytes(&ask->body);
    if (ask->front_refusal != REFUSAL_NONE)
        answer.refusal = ask->front_refusal;
    else if (bytes_equal_string(buffer_bytes(&ask->path), "/expired"))
        answer.refusal = REFUSAL_GRANT_EXPIRED;
    else if (bytes_equal_string(buffer_bytes(&ask->path), "/teapot"))
        answer.status = 418;
    else if (bytes_equal_string(buffer_bytes(&ask->path), "/raw%2e/%41"))
        answer.body = buffer_bytes(&ask->query);
    if (answer.refusal != REFUSAL_NONE) {
        answer.words = "Words of the core.";
        answer.headers = NULL;
        answer.body = (struct bytes){0};
    }
    ask->done(ask, &answer);
    http_headers_free(&headers);
    ask_free(ask);
}

static void *core_work(void *arg)
{
    struct ask *ask;

    (void)arg;
    while ((ask = queue_wait(asks, UINT64_MAX)) != NULL)
        answer_one(ask);
    return NULL;
}

static bool fake_ask(void *arg, struct ask *ask)
{
    (void)arg;
    if (atomic_load(&full))
        return false;
    atomic_fetch_add(&asked, 1);
    return queue_put(asks, ask);
}

static void fake_status(void *arg, struct core_status *out)
{
    (void)arg;
    *out = (struct core_status){.linked = true, .checkpoint_size = 42, .asked = 7};
}

/* --- fixture --- */

struct fixture {
    char folder[32], path[64];
    struct front *front;
};

static struct front *front_of(struct fixture *f, struct error *e)
{
    static const char *const subsystems[] = {"TN/GOV/MEN/enrolment"};
    const struct front_listener listeners[] = {
        {.address = "127.0.0.1:0", .subsystems = subsystems, .subsystem_count = 1},
        {.unix_path = f->path, .mode = 0660, .subsystems = subsystems, .subsystem_count = 1},
        {.address = "[::1]:0", .subsystems = subsystems, .subsystem_count = 1},
    };
    const struct front_options options = {.member = "TN/GOV/MEN",
                                          .listeners = listeners,
                                          .listener_count = 3,
                                          .core = {.ask = fake_ask, .status = fake_status},
                                          .most_body = 1000,
                                          .most_connections = 8,
                                          .idle_seconds = 2,
                                          .head_seconds = 2,
                                          .body_seconds = 2};
    return front_new(&options, e);
}

static int setup(void **state)
{
    struct fixture *f = memory_zeroed(1, sizeof *f);
    struct error e;

    strcpy(f->folder, "/tmp/wasl-front-XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        return -1;
    snprintf(f->path, sizeof f->path, "%s/front.sock", f->folder);
    asks = queue_new(64);
    atomic_store(&asked, 0);
    atomic_store(&full, false);
    pthread_create(&core_thread, NULL, core_work, NULL);
    f->front = front_of(f, &e);
    if (f->front == NULL) {
        fprintf(stderr, "%s\n", e.text);
        return -1;
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->front != NULL)
        front_stop(f->front);
    queue_close(asks);
    pthread_join(core_thread, NULL);
    front_free(f->front);
    queue_free(asks);
    rmdir(f->folder);
    free(f);
    return 0;
}

/* --- a client --- */

static int dial_tcp(const struct fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_port = htons((uint16_t)atoi(strrchr(front_address(f->front, 0), ':') + 1));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int dial_unix(const struct fixture *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(address.sun_path, f->path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the front has closed: what it said is still to be read */
        text += n;
        len -= (size_t)n;
    }
}

/* Everything until the front closes; a text, freed by the caller. */
static char *receive(int fd)
{
    struct buffer all = {0};
    char block[4096];
    ssize_t n;

    while ((n = recv(fd, block, sizeof block, 0)) > 0)
        buffer_append(&all, block, (size_t)n);
    buffer_append(&all, "", 1);
    close(fd);
    return (char *)all.data;
}

static char *get(int fd, const char *target, const char *headers)
{
    struct buffer text = {0};

    buffer_printf(&text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", target, headers);
    buffer_append(&text, "", 1);
    send_text(fd, (char *)text.data);
    buffer_free(&text);
    return receive(fd);
}

static char *post(int fd, const char *target, const char *headers, const char *body)
{
    struct buffer text = {0};

    buffer_printf(&text,
                  "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n%s",
                  target, strlen(body), headers, body);
    buffer_append(&text, "", 1);
    send_text(fd, (char *)text.data);
    buffer_free(&text);
    return receive(fd);
}

static int status_of(const char *response)
{
    int status = 0;
    assert_int_equal(sscanf(response, "HTTP/1.1 %d", &status), 1);
    return status;
}

/* How often a header line begins like this (without case). */
static unsigned lines(const char *response, const char *begin)
{
    const char *end = strstr(response, "\r\n\r\n");
    unsigned count = 0;

    for (const char *p = strstr(response, "\r\n"); p != NULL && p < end; p = strstr(p + 2, "\r\n"))
        count += strncasecmp(p + 2, begin, strlen(begin)) == 0;
    return count;
}

static const char *body_of(const char *response)
{
    const char *end = strstr(response, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

/* --- tests --- */

static void a_body_goes_there_and_back_over_tcp_and_unix(void **state)
{
    for (int i = 0; i < 2; i++) {
        char *r =
            post(i == 0 ? dial_tcp(*state) : dial_unix(*state), PERSON, CLIENT "X-Road-Id: q1\r\n", "hello");
        assert_int_equal(status_of(r), 200);
        assert_string_equal(body_of(r), "hello");
        assert_int_equal(lines(r, "x-road-id: q1"), 1);
        assert_int_equal(lines(r, "x-road-id:"), 1);
        assert_int_equal(lines(r, "x-road-client: TN/GOV/MEN/enrolment"), 1);
        assert_int_equal(lines(r, "x-road-service: TN/GOV/MI/civil/person"), 1);
        assert_int_equal(lines(r, "x-road-request-id: abababab-"), 1);
        assert_int_equal(lines(r, "x-road-request-hash: "), 1);
        assert_int_equal(lines(r, "wasl-exchange: abababab-"), 1);
        assert_int_equal(lines(r, "wasl-refusal"), 0);
        assert_int_equal(lines(r, "x-road-error"), 0);
        assert_int_equal(lines(r, "x_road_error"), 0);
        assert_int_equal(lines(r, "keep_alive"), 0);
        assert_int_equal(lines(r, "x-provider: yes"), 1);
        assert_int_equal(lines(r, "content-type: text/plain"), 1);
        assert_int_equal(lines(r, "date:"), 1);
        assert_int_equal(lines(r, "server:"), 0);
        assert_int_equal(lines(r, "content-length:"), 1);
        assert_non_null(strstr(r, "x-road-id: q1")); /* lower case on the wire */
        free(r);
    }
}

static void path_and_query_reach_the_core_as_they_were_sent(void **state)
{
    char *r = get(dial_tcp(*state), PERSON "/raw%2e/%41?a=%2F&b=+%26&a=%2f", CLIENT);
    assert_string_equal(body_of(r), "a=%2F&b=+%26&a=%2f");
    free(r);
}

static void a_providers_own_error_passes_without_x_road_error(void **state)
{
    char *r = get(dial_tcp(*state), PERSON "/teapot", CLIENT);
    assert_int_equal(status_of(r), 418);
    assert_int_equal(lines(r, "x-road-error"), 0);
    free(r);
}

static void a_refusal_has_its_code_its_words_and_its_exchange(void **state)
{
    char *r = get(dial_unix(*state), PERSON "/expired", CLIENT);
    assert_int_equal(status_of(r), 500);
    assert_int_equal(lines(r, "x-road-error: server.serverproxy.access_denied"), 1);
    assert_int_equal(lines(r, "wasl-refusal: grant_expired"), 1);
    assert_int_equal(lines(r, "wasl-exchange: abababab-abab-abab-abab-abababababab"), 1);
    assert_int_equal(lines(r, "content-type: application/json"), 1);
    assert_non_null(
        strstr(body_of(r), "\"message\":\"Words of the core. Ask the authority to renew the grant.\""));
    assert_non_null(strstr(body_of(r), "\"detail\":\"abababab-abab-abab-abab-abababababab\""));
    free(r);
    r = get(dial_unix(*state), PERSON "/expired", CLIENT "Accept: text/xml\r\n");
    assert_int_equal(lines(r, "content-type: text/xml;charset=utf-8"), 1);
    assert_memory_equal(body_of(r), "<error><type>server.serverproxy.access_denied</type>", 40);
    free(r);
}

static void what_the_front_refuses_is_recorded_by_the_core(void **state)
{
    char *r = get(dial_tcp(*state), PERSON, CLIENT "Wasl-Subject: IUC:0123456789\r\n");
    assert_int_equal(lines(r, "wasl-refusal: subject_length"), 1);
    assert_int_equal(atomic_load(&asked), 1);
    free(r);
    /* Nobody can sign for this one. */
    r = get(dial_tcp(*state), PERSON, "X-Road-Client: TN/GOV/MI/civil\r\n");
    assert_int_equal(lines(r, "wasl-refusal: client_not_allowed"), 1);
    assert_int_equal(lines(r, "wasl-exchange: "), 1);
    assert_int_equal(atomic_load(&asked), 1);
    free(r);
}

static void a_body_over_the_limit_is_refused_and_recorded(void **state)
{
    char body[1102];
    memset(body, 'x', sizeof body - 1);
    body[1000] = 0;
    char *r = post(dial_tcp(*state), PERSON, CLIENT, body);
    assert_int_equal(status_of(r), 200);
    free(r);
    body[1000] = 'x';
    body[1001] = 0;
    r = post(dial_tcp(*state), PERSON, CLIENT, body);
    assert_int_equal(lines(r, "wasl-refusal: too_large"), 1);
    assert_int_equal(atomic_load(&asked), 2);
    free(r);
}

static void a_chunked_body_is_bounded_too(void **state)
{
    int fd = dial_tcp(*state);
    send_text(fd, "POST " PERSON " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" CLIENT
                  "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\n, w\r\n0\r\n\r\n");
    char *r = receive(fd);
    assert_string_equal(body_of(r), "hello, w");
    free(r);
    fd = dial_tcp(*state);
    send_text(fd, "POST " PERSON " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" CLIENT
                  "Transfer-Encoding: chunked\r\n\r\n");
    char chunk[600];
    snprintf(chunk, sizeof chunk, "200\r\n%0512d\r\n", 0);
    for (int i = 0; i < 4; i++)
        send_text(fd, chunk);
    send_text(fd, "0\r\n\r\n");
    r = receive(fd);
    assert_int_equal(lines(r, "wasl-refusal: too_large"), 1);
    free(r);
}

static void an_announced_flood_is_refused_at_once(void **state)
{
    int fd = dial_tcp(*state);
    send_text(fd, "POST " PERSON " HTTP/1.1\r\nHost: x\r\n" CLIENT "Content-Length: 99999999999\r\n\r\n");
    char *r = receive(fd);
    assert_int_equal(lines(r, "wasl-refusal: too_large"), 1);
    assert_int_equal(atomic_load(&asked), 0);
    free(r);
}

static void connections_are_kept_and_requests_on_them_do_not_mix(void **state)
{
    int fd = dial_tcp(*state);
    send_text(fd, "POST " PERSON " HTTP/1.1\r\nHost: x\r\n" CLIENT
                  "X-Road-Id: one\r\nContent-Length: 3\r\n\r\nabc"
                  "GET " PERSON "/teapot HTTP/1.1\r\nHost: x\r\n" CLIENT
                  "X-Road-Id: two\r\nConnection: close\r\n\r\n");
    char *r = receive(fd);
    const char *second = strstr(r + 5, "HTTP/1.1 418");
    assert_non_null(second);
    assert_non_null(strstr(r, "x-road-id: one"));
    assert_true(strstr(r, "x-road-id: one") < second);
    assert_non_null(strstr(second, "x-road-id: two"));
    free(r);
}

static void broken_and_cut_requests_reach_nobody_and_leave_nothing(void **state)
{
    static const char *const broken[] = {
        "GET " PERSON " HTTP/1.1\r\n" CLIENT "\r\n", /* no Host */
        "GET " PERSON " HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n",
        "GET " PERSON " x HTTP/1.1\r\nHost: x\r\n" CLIENT "\r\n",
        "POST " PERSON " HTTP/1.1\r\nHost: x\r\n" CLIENT "Content-Length: -1\r\n\r\n",
        "POST " PERSON " HTTP/1.1\r\nHost: x\r\n" CLIENT "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST " PERSON " HTTP/1.1\r\nHost: x\r\n" CLIENT "Content-Length: 10\r\n\r\nabc",
        "\r\n\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        int fd = dial_unix(*state);
        send_text(fd, broken[i]);
        shutdown(fd, SHUT_WR);
        char *r = receive(fd);
        assert_int_not_equal(strncmp(r, "HTTP/1.1 200", 12), 0);
        free(r);
    }
    assert_int_equal(atomic_load(&asked), 0);
    char *r = get(dial_unix(*state), PERSON, CLIENT);
    assert_int_equal(status_of(r), 200);
    free(r);
}

static void a_full_core_is_said(void **state)
{
    atomic_store(&full, true);
    char *r = get(dial_tcp(*state), PERSON, CLIENT);
    assert_int_equal(lines(r, "wasl-refusal: too_many"), 1);
    free(r);
}

static void status_tells_counts(void **state)
{
    char *r = get(dial_unix(*state), "/wasl/status", "");
    assert_int_equal(status_of(r), 200);
    assert_non_null(strstr(body_of(r), "\"linked\":true"));
    assert_non_null(strstr(body_of(r), "\"checkpoint_size\":42"));
    assert_non_null(strstr(body_of(r), "\"trouble\":null"));
    free(r);
}

static void a_stopping_front_answers_what_is_open_and_takes_nothing_new(void **state)
{
    struct fixture *f = *state;
    int idle = dial_tcp(f);
    char *r = get(dial_tcp(f), PERSON, CLIENT);
    assert_int_equal(status_of(r), 200);
    free(r);
    unsigned before = atomic_load(&asked);
    front_stop(f->front);
    send_text(idle, "GET " PERSON " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" CLIENT "\r\n");
    r = receive(idle);
    if (*r != 0)
        assert_int_equal(lines(r, "wasl-refusal: stopped"), 1);
    assert_int_equal(atomic_load(&asked), before);
    free(r);
    struct stat st;
    front_free(f->front);
    f->front = NULL;
    assert_int_equal(stat(f->path, &st), -1);
}

static void the_unix_socket_has_its_mode_and_a_stale_one_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    struct error e;
    char bound[LISTENER_ADDRESS_MOST], stale[80];

    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_int_equal(listener_open_unix(f->path, 0600, bound, &e), -1); /* somebody listens */

    snprintf(stale, sizeof stale, "%s/stale", f->folder);
    int fd = listener_open_unix(stale, 0600, bound, &e);
    assert_true(fd >= 0);
    close(fd); /* the file stays, nobody listens */
    fd = listener_open_unix(stale, 0600, bound, &e);
    assert_true(fd >= 0);
    close(fd);
    unlink(stale);
    FILE *file = fopen(stale, "w");
    fclose(file);
    assert_int_equal(listener_open_unix(stale, 0600, bound, &e), -1); /* not a socket: not ours to remove */
    assert_int_equal(stat(stale, &st), 0);
    unlink(stale);
}

static void only_loopback_is_listened_on(void **state)
{
    (void)state;
    assert_true(listener_address_valid("127.0.0.1:0", false));
    assert_true(listener_address_valid("[::1]:65535", false));
    assert_false(listener_address_valid("0.0.0.0:80", false));
    assert_false(listener_address_valid("[::]:80", false));
    assert_false(listener_address_valid("127.0.0.2:80", false));
    assert_false(listener_address_valid("localhost:80", false));
    assert_false(listener_address_valid("127.0.0.1:65536", false));
    assert_false(listener_address_valid("127.0.0.1:", false));
    assert_false(listener_address_valid("127.0.0.1", false));
}

static void a_taken_port_is_said_in_words(void **state)
{
    struct fixture *f = *state;
    struct error e;
    char bound[LISTENER_ADDRESS_MOST];

    assert_int_equal(listener_open_tcp(front_address(f->front, 0), false, bound, &e), -1);
    assert_int_equal(e.kind, ERROR_IO);
    assert_non_null(strstr(e.text, front_address(f->front, 0)));
}

struct many {
    struct fixture *fixture;
    unsigned good;
};

static void *ask_often(void *arg)
{
    struct many *m = arg;
    char body[32];

    for (unsigned i = 0; i < 100; i++) {
        snprintf(body, sizeof body, "%p-%u", arg, i);
        char *r = post(dial_unix(m->fixture), PERSON, CLIENT, body);
        m->good += *r != 0 && strcmp(body_of(r), body) == 0;
        free(r);
    }
    return NULL;
}

static void many_at_once_each_get_their_own_answer(void **state)
{
    struct many many[6];
    pthread_t threads[6];

    for (int i = 0; i < 6; i++) {
        many[i] = (struct many){.fixture = *state};
        pthread_create(&threads[i], NULL, ask_often, &many[i]);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(many[i].good, 100);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_goes_there_and_back_over_tcp_and_unix),
        TEST(path_and_query_reach_the_core_as_they_were_sent),
        TEST(a_providers_own_error_passes_without_x_road_error),
        TEST(a_refusal_has_its_code_its_words_and_its_exchange),
        TEST(what_the_front_refuses_is_recorded_by_the_core),
        TEST(a_body_over_the_limit_is_refused_and_recorded),
        TEST(a_chunked_body_is_bounded_too),
        TEST(an_announced_flood_is_refused_at_once),
        TEST(connections_are_kept_and_requests_on_them_do_not_mix),
        TEST(broken_and_cut_requests_reach_nobody_and_leave_nothing),
        TEST(a_full_core_is_said),
        TEST(status_tells_counts),
        TEST(a_stopping_front_answers_what_is_open_and_takes_nothing_new),
        TEST(the_unix_socket_has_its_mode_and_a_stale_one_is_replaced),
        TEST(a_taken_port_is_said_in_words),
        TEST(many_at_once_each_get_their_own_answer),
        cmocka_unit_test(only_loopback_is_listened_on),
    };
    return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
