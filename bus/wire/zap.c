#include "zap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/error.h"
#include "wire/link.h"

#define ENDPOINT           "inproc://zeromq.zap.01"
#define PROBE_MICROSECONDS (2 * MICROSECONDS)

struct zap {
    void *socket;
    int stop_fd; /* readable: stop */
    zap_allowed allowed;
    void *arg;
    pthread_t thread;
    bool finished; /* written and read by the handler's thread only */
};

/* The fields of a request (RFC 27). REP has taken the routing frames off. */
enum field { VERSION, REQUEST_ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, FIELDS };

struct request {
    uint8_t id[256], key[32];
    size_t id_len;
    bool curve; /* version 1.0, mechanism CURVE, a key of 32 bytes, and nothing else */
};

/* Reads one request whole. 0; 1: there was none; -1: errno says why. */
static int receive_request(void *socket, struct request *out)
{
    size_t count = 0;
    bool good = true, more = true;
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    memset(out, 0, sizeof *out);
    while (more) {
        if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) < 0) {
            int code = errno;
            if (code == EINTR)
                continue;
            zmq_msg_close(&frame);
            errno = code;
            return code == EAGAIN && count == 0 ? 1 : -1;
        }
        struct bytes b = bytes_make(zmq_msg_data(&frame), zmq_msg_size(&frame));
        switch (count) {
        case VERSION:
            good = good && bytes_equal_string(b, "1.0");
            break;
        case REQUEST_ID:
            out->id_len = b.len <= sizeof out->id ? b.len : 0;
            memcpy(out->id, b.data, out->id_len);
            break;
        case MECHANISM:
            good = good && bytes_equal_string(b, "CURVE");
            break;
        case CREDENTIALS:
            good = good && b.len == sizeof out->key;
            memcpy(out->key, b.data, good ? sizeof out->key : 0);
            break;
        default: /* domain, address and the identity that the peer claims decide nothing */
            break;
        }
        count++;
        more = zmq_msg_more(&frame);
    }
    zmq_msg_close(&frame);
    out->curve = good && count == FIELDS;
    return 0;
}

static int reply(void *socket, const struct request *request, bool welcome)
{
    char user[65] = "";
    if (welcome)
        hex_encode(request->key, sizeof request->key, user);
    if (zmq_send(socket, "1.0", 3, ZMQ_SNDMORE) < 0 ||
        zmq_send(socket, request->id, request->id_len, ZMQ_SNDMORE) < 0 ||
        zmq_send(socket, welcome ? "200" : "400", 3, ZMQ_SNDMORE) < 0 ||
        zmq_send(socket, "", 0, ZMQ_SNDMORE) < 0 || zmq_send(socket, user, strlen(user), ZMQ_SNDMORE) < 0 ||
        zmq_send(socket, "", 0, 0) < 0)
        return -1;
    return 0;
}

/* Runs when the thread ends, however it ends. */
static void must_have_finished(void *arg)
{
    struct zap *zap = arg;
    if (zap->finished)
        return;
    fputs("bug: the ZAP handler ended while the context lives: without it any key would be let in\n", stderr);
    abort();
}

/* Answers until it is told to stop or the context ends; both are the only good ends. */
static void serve(struct zap *zap)
{
    zmq_pollitem_t items[] = {{zap->socket, -1, ZMQ_POLLIN, 0}, {NULL, zap->stop_fd, ZMQ_POLLIN, 0}};
    for (;;) {
        struct request request;
        int result = zmq_poll(items, 2, -1) < 0 ? -1 : 0;
        if (result == 0 && items[1].revents != 0)
            break;
        if (result == 0)
            result = receive_request(zap->socket, &request);
        if (result == 0) {
            bool welcome = request.curve && zap->allowed(zap->arg, request.key);
            result = reply(zap->socket, &request, welcome);
        }
        if (result < 0 && errno == ETERM)
            break;
        if (result < 0 && errno != EINTR)
            return;
    }
    zap->finished = true;
}

static void *handler(void *arg)
{
    struct zap *zap = arg;
    pthread_setname_np(pthread_self(), "zap");
    pthread_cleanup_push(must_have_finished, zap);
    serve(zap);
    pthread_cleanup_pop(1);
    zmq_close(zap->socket);
    return NULL;
}

/* Signals are for the thread that has the loop. */
static int start_thread(struct zap *zap)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int code = pthread_create(&zap->thread, NULL, handler, zap);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

struct zap *zap_start(void *zmq_context, zap_allowed allowed, void *arg, struct error *e)
{
    int linger = 0, code;
    struct zap *zap = memory_zeroed(1, sizeof *zap);
    zap->allowed = allowed;
    zap->arg = arg;
    zap->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (zap->stop_fd < 0) {
        error_set(e, ERROR_IO, "cannot make the ZAP handler: %s", strerror(errno));
        goto failed;
    }
    /* Bound here and not on the thread: when this returns, no key gets in unasked. */
    zap->socket = zmq_socket(zmq_context, ZMQ_REP);
    if (zap->socket == NULL || zmq_setsockopt(zap->socket, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_bind(zap->socket, ENDPOINT) != 0) {
        error_set(e, ERROR_IO, "cannot bind the ZAP handler: %s", zmq_strerror(errno));
        goto failed_socket;
    }
    code = start_thread(zap);
    if (code != 0) {
        error_set(e, ERROR_IO, "cannot start the ZAP handler: %s", strerror(code));
        goto failed_socket;
    }
    return zap;
failed_socket:
    if (zap->socket != NULL)
        zmq_close(zap->socket);
    close(zap->stop_fd);
failed:
    free(zap);
    return NULL;
}

void zap_stop(struct zap *zap)
{
    if (zap == NULL)
        return;
    BUG_ON(eventfd_write(zap->stop_fd, 1) != 0);
    pthread_join(zap->thread, NULL);
    close(zap->stop_fd);
    free(zap);
}

/* The probe */

/* The number of the next event of a monitor, or 0: none until the deadline. */
static unsigned next_event(void *monitor, uint64_t deadline)
{
    for (;;) {
        uint8_t event[6];
        uint16_t number;
        uint64_t now = clock_monotonic();
        long wait = now < deadline ? (long)((deadline - now + 999) / 1000) : 0;
        zmq_pollitem_t item = {monitor, -1, ZMQ_POLLIN, 0};
        int ready = zmq_poll(&item, 1, wait);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0 || zmq_recv(monitor, event, sizeof event, ZMQ_DONTWAIT) != (int)sizeof event)
            return 0;
        zmq_recv(monitor, NULL, 0, ZMQ_DONTWAIT); /* the address */
        memcpy(&number, event, sizeof number);
        return number;
    }
}

static int judge(void *monitor, const char *endpoint, struct error *e)
{
    uint64_t deadline = clock_monotonic() + PROBE_MICROSECONDS;
    for (;;) {
        switch (next_event(monitor, deadline)) {
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            return 0;
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
            return error_set(e, ERROR_INTEGRITY,
                             "%s lets in a key that nobody knows: the ZAP handler is gone; stop the bus",
                             endpoint);
        case 0:
            return error_set(e, ERROR_IO,
                             "nobody at %s answered a probe with an unknown key within two seconds",
                             endpoint);
        default:
            break;
        }
    }
}

int zap_probe(void *zmq_context, const char *endpoint, const uint8_t server_public[32], struct error *e)
{
    static atomic_uint probes;
    char address[64];
    struct link_key stranger;
    int linger = 0, result = -1, v6 = 1;
    void *socket = NULL, *monitor = NULL;
    if (link_key_generate(&stranger, e) != 0)
        return -1;
    snprintf(address, sizeof address, "inproc://wasl-zap-probe-%u", atomic_fetch_add(&probes, 1));
    socket = zmq_socket(zmq_context, ZMQ_DEALER);
    monitor = zmq_socket(zmq_context, ZMQ_PAIR);
    if (socket == NULL || monitor == NULL ||
        zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_setsockopt(monitor, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_setsockopt(socket, ZMQ_IPV6, &v6, sizeof v6) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_public, 32) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, stranger.public_key, 32) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, stranger.secret_key, 32) != 0 ||
        zmq_socket_monitor(socket, address,
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) != 0 ||
        zmq_connect(monitor, address) != 0 || zmq_connect(socket, endpoint) != 0)
        error_set(e, ERROR_IO, "cannot probe %s: %s", endpoint, zmq_strerror(errno));
    else
        result = judge(monitor, endpoint, e);
    if (socket != NULL) {
        zmq_socket_monitor(socket, NULL, 0);
        zmq_close(socket);
    }
    if (monitor != NULL)
        zmq_close(monitor);
    link_key_clear(&stranger);
    return result;
}
