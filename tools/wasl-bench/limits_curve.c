#include "wasl-bench/limits_parts.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#define IN_FLIGHT 256
#define BYTES     1024
#define WAIT_MOST 5000 /* ms that an answer may take before this is an error */
#define ENDPOINT  256
#define CONSUMER  "C"
#define PROVIDER  "P"

/* Who asks, who passes on and who answers: each with a context of its own, so that none has the other's I/O
 * thread. */
struct scene {
    void *asks, *passes, *answers; /* contexts */
    void *consumer, *router, *provider;
    pthread_t passing, answering;
    unsigned threads; /* how many of the two run */
    atomic_bool over;
};

struct curve_keys {
    char public_key[41], secret_key[41];
};

static int zmq_failed(const char *what, struct error *e)
{
    return error_set(e, ERROR_IO, "bare libzmq: cannot %s: %s", what, zmq_strerror(zmq_errno()));
}

static int set_number(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

/* The ROUTER end: any key is let in, which suits a measurement on loopback and nothing else. */
static int open_router(struct scene *s, const struct curve_keys *server, char endpoint[ENDPOINT],
                       struct error *e)
{
    size_t len = ENDPOINT;

    s->router = zmq_socket(s->passes, ZMQ_ROUTER);
    if (s->router == NULL || set_number(s->router, ZMQ_LINGER, 0) != 0 ||
        set_number(s->router, ZMQ_ROUTER_MANDATORY, 1) != 0 ||
        set_number(s->router, ZMQ_CURVE_SERVER, 1) != 0 || set_number(s->router, ZMQ_RCVTIMEO, 100) != 0 ||
        zmq_setsockopt(s->router, ZMQ_CURVE_SECRETKEY, server->secret_key, 40) != 0 ||
        zmq_bind(s->router, "tcp://127.0.0.1:*") != 0 ||
        zmq_getsockopt(s->router, ZMQ_LAST_ENDPOINT, endpoint, &len) != 0)
        return zmq_failed("open a ROUTER on 127.0.0.1", e);
    return 0;
}

static int open_dealer(void *context, const char *name, const char *server_key, const char *endpoint,
                       void **socket, struct error *e)
{
    struct curve_keys own;

    *socket = zmq_socket(context, ZMQ_DEALER);
    if (*socket == NULL || zmq_curve_keypair(own.public_key, own.secret_key) != 0 ||
        set_number(*socket, ZMQ_LINGER, 0) != 0 || set_number(*socket, ZMQ_RCVTIMEO, 100) != 0 ||
        zmq_setsockopt(*socket, ZMQ_ROUTING_ID, name, strlen(name)) != 0 ||
        zmq_setsockopt(*socket, ZMQ_CURVE_SERVERKEY, server_key, 40) != 0 ||
        zmq_setsockopt(*socket, ZMQ_CURVE_PUBLICKEY, own.public_key, 40) != 0 ||
        zmq_setsockopt(*socket, ZMQ_CURVE_SECRETKEY, own.secret_key, 40) != 0 ||
        zmq_connect(*socket, endpoint) != 0)
        return zmq_failed("connect a DEALER with CURVE", e);
    return 0;
}

/* Whatever comes from one side goes to the other, without a look at it. */
static void *pass_on(void *arg)
{
    struct scene *s = arg;
    zmq_msg_t from;
    zmq_msg_t body;

    zmq_msg_init(&from);
    zmq_msg_init(&body);
    while (!atomic_load(&s->over)) {
        if (zmq_msg_recv(&from, s->router, 0) < 0)
            continue; /* nothing for a while */
        bool asked = *(const char *)zmq_msg_data(&from) == *CONSUMER;
        if (zmq_msg_recv(&body, s->router, 0) < 0 ||
            zmq_send(s->router, asked ? PROVIDER : CONSUMER, 1, ZMQ_SNDMORE) != 1)
            break;
        if (zmq_msg_send(&body, s->router, 0) < 0)
            break;
        /* It was moved out of `body`, which is empty again. */
    }
    zmq_msg_close(&body);
    zmq_msg_close(&from);
    return NULL;
}

static void *answer_all(void *arg)
{
    struct scene *s = arg;
    zmq_msg_t body;

    zmq_msg_init(&body);
    while (!atomic_load(&s->over))
        if (zmq_msg_recv(&body, s->provider, 0) >= 0 && zmq_msg_send(&body, s->provider, 0) < 0)
            break;
    zmq_msg_close(&body);
    return NULL;
}

/* Question number n differs from every other that is under way. */
static int ask(struct scene *s, uint64_t n)
{
    uint8_t question[BYTES];

    memset(question, (int)(n & 0xff), sizeof question);
    memcpy(question, &n, sizeof n);
    return zmq_send(s->consumer, question, sizeof question, 0) == BYTES ? 0 : -1;
}

/* The answer to question number n: they come in order, for every hop keeps it. */
static int take(struct scene *s, uint64_t n, struct error *e)
{
    uint8_t answer[BYTES + 1];
    uint64_t number;
    uint64_t until = clock_monotonic() + WAIT_MOST * 1000ULL;
    int len;

    do
        len = zmq_recv(s->consumer, answer, sizeof answer, 0);
    while (len < 0 && zmq_errno() == EAGAIN && clock_monotonic() < until);
    if (len < 0)
        return zmq_failed("get an answer within five seconds", e);
    memcpy(&number, answer, sizeof number);
    if (len != BYTES || number != n || answer[BYTES - 1] != (n & 0xff))
        return error_set(e, ERROR_INTEGRITY, "bare libzmq: an answer is not its question");
    return 0;
}

static int load(struct scene *s, const struct limits_options *options, struct error *e)
{
    uint64_t asked = 0;
    uint64_t answered = 0;
    uint64_t warm = options->microseconds / 4;
    uint64_t begin = clock_monotonic();
    uint64_t now = begin;
    uint64_t first = 0; /* answers before the measured time */
    bool measured = false;

    while (asked < IN_FLIGHT)
        if (ask(s, asked++) < 0)
            return zmq_failed("ask", e);
    while (!measured || now - begin < options->microseconds) {
        if (take(s, answered, e) < 0)
            return -1;
        answered++;
        if (ask(s, asked++) < 0)
            return zmq_failed("ask", e);
        if (answered % 16 != 0)
            continue;
        now = clock_monotonic();
        if (!measured && now - begin >= warm) {
            measured = true;
            first = answered;
            begin = now;
        }
    }
    limits_print("zmq_curve_rate", (double)(answered - first) * 1e6 / (double)(now - begin), "1/s", NULL,
                 answered - first);
    return 0;
}

/* The provider says its name before anybody asks it: a ROUTER knows only who has spoken. */
static int meet(struct scene *s, struct error *e)
{
    struct curve_keys server;
    char endpoint[ENDPOINT];
    char hello[2];
    uint64_t until = clock_monotonic() + WAIT_MOST * 1000ULL;

    s->asks = zmq_ctx_new();
    s->passes = zmq_ctx_new();
    s->answers = zmq_ctx_new();
    if (s->asks == NULL || s->passes == NULL || s->answers == NULL ||
        zmq_curve_keypair(server.public_key, server.secret_key) != 0)
        return zmq_failed("begin (is libzmq built with CURVE?)", e);
    if (open_router(s, &server, endpoint, e) < 0 ||
        open_dealer(s->answers, PROVIDER, server.public_key, endpoint, &s->provider, e) < 0 ||
        open_dealer(s->asks, CONSUMER, server.public_key, endpoint, &s->consumer, e) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        void *dealer = i == 0 ? s->provider : s->consumer;
        int got;
        if (zmq_send(dealer, "", 0, 0) != 0)
            return zmq_failed("send", e);
        do
            got = zmq_recv(s->router, hello, sizeof hello, 0);
        while (got < 0 && zmq_errno() == EAGAIN && clock_monotonic() < until);
        if (got < 0 || zmq_recv(s->router, hello, sizeof hello, 0) != 0)
            return zmq_failed("hear a DEALER within five seconds", e);
    }
    return 0;
}

static int start_threads(struct scene *s, struct error *e)
{
    if (pthread_create(&s->passing, NULL, pass_on, s) != 0)
        return error_set(e, ERROR_IO, "cannot start a thread: %s", strerror(errno));
    s->threads++;
    if (pthread_create(&s->answering, NULL, answer_all, s) != 0)
        return error_set(e, ERROR_IO, "cannot start a thread: %s", strerror(errno));
    s->threads++;
    return 0;
}

static void end(struct scene *s)
{
    void *const sockets[] = {s->consumer, s->provider, s->router};
    void *const contexts[] = {s->asks, s->answers, s->passes};

    atomic_store(&s->over, true);
    if (s->threads > 0)
        pthread_join(s->passing, NULL);
    if (s->threads > 1)
        pthread_join(s->answering, NULL);
    for (size_t i = 0; i < 3; i++)
        if (sockets[i] != NULL)
            zmq_close(sockets[i]);
    for (size_t i = 0; i < 3; i++)
        if (contexts[i] != NULL)
            zmq_ctx_term(contexts[i]);
}

int limits_zmq_curve(const struct limits_options *options, struct error *e)
{
    struct scene s = {0};
    int result = -1;

    if (meet(&s, e) == 0 && start_threads(&s, e) == 0)
        result = load(&s, options, e);
    end(&s);
    return result;
}
