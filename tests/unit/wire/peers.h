#ifndef WASL_TESTS_WIRE_PEERS_H
#define WASL_TESTS_WIRE_PEERS_H
/* A bus socket with a real ZAP handler, and adapters on real TCP. Everything waits for events, with a limit
 * that only a broken test reaches. Include after cmocka.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "base/error.h"
#include "wire/link.h"
#include "wire/zap.h"

#define PATIENCE 20000 /* milliseconds */

struct house {
    void *context;
    struct zap *zap;
    struct link_key bus_key, known[2], stranger;
    void *bus;
    char endpoint[256];
    /* What the test opened: closed at its end, also when it fails, or the context would never end. */
    void *sockets[8];
    size_t socket_count;
};

static struct house house;

static inline struct link_key fresh_key(void)
{
    struct link_key key;
    struct error e = {0};
    if (link_key_generate(&key, &e) != 0)
        fail_msg("%s", e.text);
    return key;
}

static inline bool is_known(void *arg, const uint8_t key[32])
{
    const struct house *h = arg;
    return memcmp(key, h->known[0].public_key, 32) == 0 || memcmp(key, h->known[1].public_key, 32) == 0;
}

static inline void house_open(struct house *h, bool with_handler)
{
    struct error e = {0};
    memset(h, 0, sizeof *h);
    h->context = zmq_ctx_new();
    h->bus_key = fresh_key();
    h->known[0] = fresh_key();
    h->known[1] = fresh_key();
    h->stranger = fresh_key();
    if (with_handler && (h->zap = zap_start(h->context, is_known, h, &e)) == NULL)
        fail_msg("%s", e.text);
    h->bus = link_bind(h->context, "tcp://127.0.0.1:*", &h->bus_key, h->endpoint, &e);
    if (h->bus == NULL)
        fail_msg("%s", e.text);
}

static inline void *keep(struct house *h, void *socket)
{
    if (socket == NULL || h->socket_count == sizeof h->sockets / sizeof h->sockets[0])
        fail_msg("no socket: %s", zmq_strerror(errno));
    h->sockets[h->socket_count++] = socket;
    return socket;
}

/* Closes one early. */
static inline void close_early(struct house *h, void *socket, int linger)
{
    for (size_t i = 0; i < h->socket_count; i++)
        if (h->sockets[i] == socket)
            h->sockets[i] = NULL;
    link_close_after(socket, linger);
}

static inline void house_close(struct house *h)
{
    for (size_t i = 0; i < h->socket_count; i++) {
        if (h->sockets[i] == NULL)
            continue;
        zmq_socket_monitor(h->sockets[i], NULL, 0);
        link_close(h->sockets[i]);
    }
    link_close(h->bus);
    zap_stop(h->zap);
    zmq_ctx_term(h->context);
}

/* Set-up and teardown for cmocka. */
static inline int open_house(void **state)
{
    (void)state;
    house_open(&house, true);
    return 0;
}

static inline int open_house_without_handler(void **state)
{
    (void)state;
    house_open(&house, false);
    return 0;
}

static inline int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

#define in_house(test)      cmocka_unit_test_setup_teardown(test, open_house, close_house)
#define in_open_house(test) cmocka_unit_test_setup_teardown(test, open_house_without_handler, close_house)

static inline void *adapter(struct house *h, const struct link_key *key)
{
    struct error e = {0};
    void *socket = link_connect(h->context, h->endpoint, key, h->bus_key.public_key, &e);
    if (socket == NULL)
        fail_msg("%s", e.text);
    return keep(h, socket);
}

static inline void wait_for(void *socket, short events)
{
    zmq_pollitem_t item = {socket, -1, events, 0};
    if (zmq_poll(&item, 1, PATIENCE) != 1)
        fail_msg("nothing happened on the socket");
}

static inline enum frame_status receive(void *socket, bool router, struct frame_message *out)
{
    wait_for(socket, ZMQ_POLLIN);
    return link_receive(socket, router, out);
}

/* Tells of the handshakes and breaks of a socket that is to be connected. */
static inline void *monitor_of(struct house *h, void *socket, const char *address, int events)
{
    void *monitor = keep(h, zmq_socket(h->context, ZMQ_PAIR));
    int linger = 0;
    zmq_setsockopt(monitor, ZMQ_LINGER, &linger, sizeof linger);
    if (zmq_socket_monitor(socket, address, events) != 0 || zmq_connect(monitor, address) != 0)
        fail_msg("no monitor: %s", zmq_strerror(errno));
    return monitor;
}

static inline void expect_event(void *monitor, unsigned expected)
{
    uint8_t event[6];
    uint16_t number;
    wait_for(monitor, ZMQ_POLLIN);
    if (zmq_recv(monitor, event, sizeof event, 0) != 6)
        fail_msg("not an event");
    zmq_recv(monitor, NULL, 0, 0);
    memcpy(&number, event, sizeof number);
    assert_int_equal(number, expected);
}

/* A DEALER with CURVE that none of our limits and checks hold back; not yet connected. */
static inline void *raw_adapter(struct house *h, const struct link_key *key)
{
    int linger = 0;
    void *socket = keep(h, zmq_socket(h->context, ZMQ_DEALER));
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, h->bus_key.public_key, 32);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, key->public_key, 32);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, key->secret_key, 32);
    return socket;
}

static inline void send_raw(void *socket, const void *data, size_t len, bool more)
{
    wait_for(socket, ZMQ_POLLOUT);
    if (zmq_send(socket, data, len, more ? ZMQ_SNDMORE : 0) != (int)len)
        fail_msg("not sent: %s", zmq_strerror(errno));
}

#define NOTHING bytes_make(NULL, 0)
#define S(text) bytes_of_string(text)

#endif
