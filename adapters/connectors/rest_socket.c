#include "connectors/rest_socket.h"
#include "base/error.h"
#include "connectors/rest_site.h"
#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct rest_socket_use *use = arg;
    struct rest_sockets *sockets = use->sockets;

    (void)purpose;
    if (sockets->count == REST_SOCKETS_MOST)
        return CURL_SOCKET_BAD;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    sockets->open[sockets->count++] = fd;
    use->opened = true;
    return fd;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct rest_sockets *sockets = arg;

    for (size_t i = 0; i < sockets->count; i++)
        if (sockets->open[i] == fd) {
            sockets->open[i] = sockets->open[--sockets->count];
            break;
        }
    return close(fd);
}

void rest_socket_apply(struct rest_socket_use *use, CURL *easy)
{
    REST_SET(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    REST_SET(easy, CURLOPT_OPENSOCKETDATA, use);
    REST_SET(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    REST_SET(easy, CURLOPT_CLOSESOCKETDATA,
             use->sockets); /* kept with the connection, longer than the transfer */
}

static int port_of(curl_socket_t fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return -1;
    if (address.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
    return address.ss_family == AF_INET6
               ? ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port)
               : -1;
}

bool rest_socket_spoiled(const struct rest_sockets *sockets, int local_port)
{
    bool known = false;

    for (size_t i = 0; i < sockets->count; i++) {
        struct pollfd fd = {.fd = sockets->open[i], .events = POLLIN};
        if (port_of(fd.fd) != local_port)
            continue;
        known = true;
        if (poll(&fd, 1, 0) != 0)
            return true;
    }
    return !known;
}
