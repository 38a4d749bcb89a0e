#include "wire/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <zmq.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

#define EVENTS (ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED)
/* What the kernel receives that is no message: the handshake, and heartbeats of both sides (17 bytes a
 * second). */
#define HANDSHAKE_BYTES  1024
#define HEARTBEAT_SECOND 32

struct intake {
    void *socket, *monitor;
    int fd; /* of the connection that stands; -1: none */
    struct sockaddr_storage remote, local;
    uint64_t since;    /* monotonic */
    uint64_t consumed; /* bytes of messages that came out since */
};

struct intake *intake_new(void *zmq_context, void *socket, struct error *e)
{
    struct intake *intake = memory_zeroed(1, sizeof *intake);
    char endpoint[64];
    int linger = 0;
    snprintf(endpoint, sizeof endpoint, "inproc://wasl-intake-%p", socket);
    intake->fd = -1;
    intake->monitor = zmq_socket(zmq_context, ZMQ_PAIR);
    if (intake->monitor == NULL || zmq_setsockopt(intake->monitor, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_socket_monitor(socket, endpoint, EVENTS) != 0)
        goto failed;
    intake->socket = socket;
    if (zmq_connect(intake->monitor, endpoint) != 0)
        goto failed;
    return intake;
failed:
    error_set(e, ERROR_IO, "the connection to the bus cannot be watched: %s", zmq_strerror(errno));
    intake_free(intake);
    return NULL;
}

void intake_free(struct intake *intake)
{
    if (intake == NULL)
        return;
    /* First, or libzmq's thread would wait for somebody to take its next event. */
    if (intake->socket != NULL)
        zmq_socket_monitor(intake->socket, NULL, 0);
    if (intake->monitor != NULL)
        zmq_close(intake->monitor);
    free(intake);
}

static bool ends_of(int fd, struct sockaddr_storage *remote, struct sockaddr_storage *local)
{
    socklen_t len = sizeof *remote;
    memset(remote, 0, sizeof *remote);
    memset(local, 0, sizeof *local);
    if (getpeername(fd, (struct sockaddr *)remote, &len) != 0)
        return false;
    len = sizeof *local;
    return getsockname(fd, (struct sockaddr *)local, &len) == 0;
}

static void read_events(struct intake *intake, uint64_t now)
{
    uint8_t event[6];
    while (zmq_recv(intake->monitor, event, sizeof event, ZMQ_DONTWAIT) == (int)sizeof event) {
        uint16_t number;
        int32_t value;
        zmq_recv(intake->monitor, NULL, 0, ZMQ_DONTWAIT); /* the bus's address */
        memcpy(&number, event, sizeof number);
        memcpy(&value, event + 2, sizeof value);
        intake->fd = -1;
        if (number == ZMQ_EVENT_CONNECTED && ends_of(value, &intake->remote, &intake->local)) {
            intake->fd = value;
            intake->since = now;
            intake->consumed = 0;
        }
    }
}

/* The descriptor may be gone, and another connection of this process may have its number. */
static bool is_ours(const struct intake *intake)
{
    struct sockaddr_storage remote, local;
    return intake->fd >= 0 && ends_of(intake->fd, &remote, &local) &&
           memcmp(&remote, &intake->remote, sizeof remote) == 0 &&
           memcmp(&local, &intake->local, sizeof local) == 0;
}

void intake_received(struct intake *intake, uint64_t wire_bytes, uint64_t now)
{
    /* The connection that it came on is heard of first, or it would not count for that one. */
    read_events(intake, now);
    intake->consumed += wire_bytes;
}

bool intake_floods(struct intake *intake, uint64_t most, uint64_t now)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    read_events(intake, now);
    if (!is_ours(intake) || getsockopt(intake->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return false;
    /* What was still to be read of a connection before this one is no credit for it. */
    if (intake->consumed > info.tcpi_bytes_received)
        intake->consumed = info.tcpi_bytes_received;
    uint64_t known =
        intake->consumed + HANDSHAKE_BYTES + (now - intake->since) / MICROSECONDS * HEARTBEAT_SECOND;
    if (info.tcpi_bytes_received <= known || info.tcpi_bytes_received - known <= most)
        return false;
    shutdown(intake->fd, SHUT_RDWR);
    intake->fd = -1;
    return true;
}
