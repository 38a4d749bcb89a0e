/* What a front holds for its clients, and what one client may use up of it. */
#include "../registry/sample.h"
#include "base/error.h"
#include "front/front.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define PERSON    "/r1/TN/GOV/MI/civil/person"
#define ENROLMENT "TN/GOV/MEN/enrolment"
#define EXAMS     "TN/GOV/MEN/exams"

/* --- a core that keeps an ask until it is told to answer --- */

static struct core_of_test {
    pthread_mutex_t mutex;
    pthread_cond_t came;
    struct ask *held[4];
    unsigned count;
    struct registry *registry;
} core = {.mutex = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};

static bool core_ask_of_test(void *arg, struct ask *ask)
{
    (void)arg;
    pthread_mutex_lock(&core.mutex);
    assert_true(core.count < 4);
    core.held[core.count++] = ask;
    pthread_cond_signal(&core.came);
    pthread_mutex_unlock(&core.mutex);
    return true;
}

static void status_of_test(void *arg, struct core_status *out)
{
    (void)arg;
    *out = (struct core_status){.linked = true};
}

static struct registry *registry_of_test(void *arg)
{
    (void)arg;
    return registry_ref(core.registry);
}

/* The oldest that is held, or waits for one. */
static struct ask *next_ask(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&core.mutex);
    while (core.count == 0)
        if (pthread_cond_timedwait(&core.came, &core.mutex, &until) != 0)
            fail_msg("nobody asks the core");
    struct ask *ask = core.held[0];
    memmove(core.held, core.held + 1, --core.count * sizeof core.held[0]);
    pthread_mutex_unlock(&core.mutex);
    return ask;
}

static void give(struct ask *ask, const char *header_value)
{
    struct http_headers headers = {0};
    struct answer answer = {.status = 200, .headers = &headers, .body = bytes_of_string("good")};

    http_headers_add(&headers, "X-Long", header_value);
    if (ask->front_refusal != REFUSAL_NONE)
        answer = (struct answer){.refusal = ask->front_refusal, .words = "Words.", .headers = &headers};
    ask->done(ask, &answer);
    http_headers_free(&headers);
    ask_free(ask);
}

/* --- a front with a socket for each of two subsystems --- */

struct fixture {
    char folder[32], enrolment[64], exams[64];
    struct front *front;
};

static void open_front(struct fixture *f, uint64_t most_answer_bytes, unsigned most_subsystem_requests)
{
    static const char *const enrolment[] = {ENROLMENT}, *const exams[] = {EXAMS};
    const struct front_listener listeners[] = {
        {.unix_path = f->enrolment, .subsystems = enrolment, .subsystem_count = 1},
        {.unix_path = f->exams, .subsystems = exams, .subsystem_count = 1},
    };
    const struct front_options options = {
        .member = "TN/GOV/MEN",
        .listeners = listeners,
        .listener_count = 2,
        .core = {.ask = core_ask_of_test, .status = status_of_test, .registry = registry_of_test},
        .most_answer_bytes = most_answer_bytes,
        .most_subsystem_requests = most_subsystem_requests};
    struct error e;

    f->front = front_new(&options, &e);
    if (f->front == NULL)
        fail_msg("%s", e.text);
}

static int setup(void **state)
{
    struct fixture *f = memory_zeroed(1, sizeof *f);

    strcpy(f->folder, "/tmp/wasl-front-XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        return -1;
    snprintf(f->enrolment, sizeof f->enrolment, "%s/enrolment", f->folder);
    snprintf(f->exams, sizeof f->exams, "%s/exams", f->folder);
    core.registry = sample_registry();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->front != NULL)
        front_stop(f->front);
    while (core.count > 0)
        give(next_ask(), "x");
    front_free(f->front);
    registry_free(core.registry);
    rmdir(f->folder);
    free(f);
    return 0;
}

static int ask(const char *path, const char *target, const char *client)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(address.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    dprintf(fd, "GET %s HTTP/1.1\r\nHost: x\r\nX-Road-Client: %s\r\nConnection: close\r\n\r\n", target,
            client);
    return fd;
}

/* Of all that comes until the front closes. */
static void answer_has(int fd, const char *status, const char *text)
{
    struct buffer all = {0};
    char block[4096];
    ssize_t n;

    while ((n = recv(fd, block, sizeof block, 0)) > 0)
        buffer_append(&all, block, (size_t)n);
    buffer_append(&all, "", 1);
    close(fd);
    if (all.len < 20 || strncmp((const char *)all.data + strlen("HTTP/1.1 "), status, strlen(status)) != 0 ||
        strstr((const char *)all.data, text) == NULL)
        fail_msg("not %s with \"%s\" but:\n%s", status, text, (const char *)all.data);
    buffer_free(&all);
}

/* --- tests --- */

static void who_may_not_speak_for_a_subsystem_does_not_use_up_its_requests(void **state)
{
    struct fixture *f = *state;

    open_front(f, 0, 1);
    int stranger = ask(f->exams, PERSON, ENROLMENT);
    struct ask *refused = next_ask();
    assert_int_equal(refused->front_refusal, REFUSAL_CLIENT_NOT_ALLOWED);
    int own = ask(f->enrolment, PERSON, ENROLMENT);
    struct ask *asked = next_ask();
    assert_int_equal(asked->front_refusal, REFUSAL_NONE);
    int second = ask(f->enrolment, PERSON, ENROLMENT); /* control: its own requests do count */
    answer_has(second, "500", "too_many");
    give(refused, "x");
    give(asked, "x");
    answer_has(stranger, "500", "client_not_allowed");
    answer_has(own, "200", "good");
}

static void the_header_of_an_answer_counts_as_bytes_that_wait(void **state)
{
    struct fixture *f = *state;
    char value[2001];

    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    open_front(f, 2000, 0);
    int fd = ask(f->enrolment, PERSON, ENROLMENT);
    give(next_ask(), value);
    answer_has(fd, "500", "answers_unread");
    fd = ask(f->enrolment, PERSON, ENROLMENT);
    give(next_ask(), "short");
    answer_has(fd, "200", "good");
}

/* Of `len` bytes; the caller's. */
static char *long_text(const char *begin, size_t len)
{
    char *text = memory_zeroed(len + 1, 1);

    memset(text, 'v', len);
    memcpy(text, begin, strlen(begin));
    return text;
}

static void heads_that_do_not_fit_together_are_refused_not_cut_off(void **state)
{
    static const struct {
        size_t request, answer;
        const char *status, *text;
    } cases[] = {
        {100, 50000, "200", "good"},
        {100, 70000, "500", "response_too_large"},
        {20000, 50000, "500", "response_too_large"},
        {55000, 100, "200", "good"},
    };
    struct fixture *f = *state;

    open_front(f, 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *target = long_text(PERSON "/", cases[i].request), *value = long_text("", cases[i].answer);
        int fd = ask(f->enrolment, target, ENROLMENT);
        give(next_ask(), value);
        answer_has(fd, cases[i].status, cases[i].text);
        free(target);
        free(value);
    }
    /* Nothing is asked whose answer could not be said (the last of them leave no room for a refusal either).
     */
    for (size_t len = 64000; len < 65500; len += 100) {
        char *target = long_text(PERSON "/", len), block[4096];
        int fd = ask(f->enrolment, target, ENROLMENT);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 5}, sizeof(struct timeval));
        while (recv(fd, block, sizeof block, 0) > 0)
            ;
        close(fd);
        assert_int_equal(core.count, 0);
        free(target);
    }
}

static void the_list_of_clients_counts_as_bytes_that_wait(void **state)
{
    struct fixture *f = *state;

    open_front(f, 50, 0);
    answer_has(ask(f->enrolment, "/listClients", ENROLMENT), "500", "answers_unread");
    front_stop(f->front);
    front_free(f->front);
    open_front(f, 0, 0);
    answer_has(ask(f->enrolment, "/listClients", ENROLMENT), "200", "MEMBER");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_may_not_speak_for_a_subsystem_does_not_use_up_its_requests, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_header_of_an_answer_counts_as_bytes_that_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(heads_that_do_not_fit_together_are_refused_not_cut_off, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_list_of_clients_counts_as_bytes_that_wait, setup, teardown),
    };
    return cmocka_run_group_tests_name("front bounds", tests, NULL, NULL);
}
