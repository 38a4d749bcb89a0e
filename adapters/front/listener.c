#include "front/listener.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/unix_socket.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024 /* connections that wait to be accepted while a burst comes in */

static bool address_parse(const char *address, bool any, struct sockaddr_storage *out, socklen_t *len)
{
    char host[INET6_ADDRSTRLEN + 2];
    const char *colon = strrchr(address, ':');
    uint64_t port;

    memset(out, 0, sizeof *out);
    if (colon == NULL || (size_t)(colon - address) >= sizeof host ||
        !decimal_parse(bytes_of_string(colon + 1), &port) || port > 65535)
        return false;
    size_t host_len = (size_t)(colon - address);
    if (address[0] == '[' && host_len > 2 && address[host_len - 1] == ']') {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
        snprintf(host, sizeof host, "%.*s", (int)host_len - 2, address + 1);
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        *len = sizeof *in6;
        return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 &&
               (any || memcmp(&in6->sin6_addr, &in6addr_loopback, sizeof in6addr_loopback) == 0);
    }
    struct sockaddr_in *in = (struct sockaddr_in *)out;
    snprintf(host, sizeof host, "%.*s", (int)host_len, address);
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)port);
    *len = sizeof *in;
    return inet_pton(AF_INET, host, &in->sin_addr) == 1 &&
           (any || in->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
}

bool listener_address_valid(const char *address, bool any)
{
    struct sockaddr_storage storage;
    socklen_t len;
    return address_parse(address, any, &storage, &len);
}

static void address_format(const struct sockaddr_storage *storage, char bound[LISTENER_ADDRESS_MOST])
{
    char host[INET6_ADDRSTRLEN] = "";

    if (storage->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)storage;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(bound, LISTENER_ADDRESS_MOST, "%s:%u", host, ntohs(in->sin_port));
    } else {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)storage;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        snprintf(bound, LISTENER_ADDRESS_MOST, "[%s]:%u", host, ntohs(in6->sin6_port));
    }
}

int listener_open_tcp(const char *address, bool any, char bound[LISTENER_ADDRESS_MOST], struct error *e)
{
    struct sockaddr_storage storage;
    socklen_t len = 0;
    int one = 1;

    if (!address_parse(address, any, &storage, &len))
        return error_set(
            e, ERROR_CONFIG,
            any ? "listener %s: not ADDRESS:PORT or [ADDRESS]:PORT"
                : "listener %s: without TLS only 127.0.0.1:PORT and [::1]:PORT are served over TCP",
            address);
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set(e, ERROR_IO, "listener %s: no socket: %s", address, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (storage.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&storage, len) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&storage, &len) != 0) {
        error_set(e, ERROR_IO, "listener %s: %s%s", address, strerror(errno),
                  errno == EADDRINUSE ? "; another program is on this port" : "");
        close(fd);
        return -1;
    }
    address_format(&storage, bound);
    return fd;
}

int listener_open_unix(const char *path, mode_t mode, char bound[LISTENER_ADDRESS_MOST], struct error *e)
{
    int fd = unix_socket_listen(path, mode, BACKLOG, e);
    if (fd >= 0)
        snprintf(bound, LISTENER_ADDRESS_MOST, "unix:%s", path);
    return fd;
}
