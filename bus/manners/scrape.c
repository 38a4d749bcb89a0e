#include "manners/scrape.h"

#include "base/error.h"
#include "base/unix_socket.h"
#include "manners/readers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MOST 16U
#define UNDER_WAY_MOST   ((uint64_t)4 << 20)

struct scrape {
    struct scrape_options options;
    struct readers *readers;
    char address[SCRAPE_ADDRESS_MOST];
    char *unix_path; /* ours to remove; NULL */
};

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

/* --- the address --- */

static bool port_parse(const char *text, in_port_t *port)
{
    uint64_t value;
    if (!decimal_parse(bytes_of_string(text), &value) || value > 65535)
        return false;
    *port = htons((uint16_t)value);
    return true;
}

/* Loopback by its number only: what a name leads to is decided by somebody else. */
static bool address_parse(const char *text, union any_address *out, socklen_t *len)
{
    memset(out, 0, sizeof(*out));
    if (strncmp(text, "127.0.0.1:", 10) == 0) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *len = sizeof(out->v4);
        return port_parse(text + 10, &out->v4.sin_port);
    }
    if (strncmp(text, "[::1]:", 6) == 0) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_addr = in6addr_loopback;
        *len = sizeof(out->v6);
        return port_parse(text + 6, &out->v6.sin6_port);
    }
    if (strncmp(text, "unix:/", 6) != 0 || strlen(text + 5) >= sizeof(out->local.sun_path))
        return false;
    out->local.sun_family = AF_UNIX;
    strcpy(out->local.sun_path, text + 5);
    *len = sizeof(out->local);
    return true;
}

bool scrape_address_valid(const char *address)
{
    union any_address parsed;
    socklen_t len;
    return address_parse(address, &parsed, &len);
}

static int open_tcp(const char *text, union any_address *address, socklen_t len, struct error *e)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set(e, ERROR_IO, "metrics %s: no socket: %s", text, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, &address->any, len) != 0 || listen(fd, READERS_BACKLOG) != 0 ||
        getsockname(fd, &address->any, &len) != 0) {
        error_set(e, ERROR_IO, "metrics %s: %s; is another program on this address?", text, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

static int open_socket(struct scrape *scrape, struct error *e)
{
    union any_address address;
    socklen_t len = 0;
    const char *text = scrape->options.address;
    if (!address_parse(text, &address, &len))
        return error_set(e, ERROR_CONFIG, "metrics %s: must be 127.0.0.1:PORT, \"[::1]:PORT\" or unix:/PATH",
                         text);
    if (address.any.sa_family == AF_UNIX) {
        int fd = unix_socket_listen(address.local.sun_path, 0660, READERS_BACKLOG, e);
        if (fd >= 0)
            scrape->unix_path = string_copy(address.local.sun_path);
        return fd;
    }
    int fd = open_tcp(text, &address, len, e);
    if (fd >= 0)
        snprintf(scrape->address, sizeof(scrape->address), "%s:%u",
                 address.any.sa_family == AF_INET ? "127.0.0.1" : "[::1]",
                 ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port));
    return fd;
}

/* --- answers --- */

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url)
{
    struct scrape *scrape = arg;
    struct buffer text = {0};
    if (strcmp(url, "/metrics") != 0)
        return readers_words(connection, MHD_HTTP_NOT_FOUND, "There is /metrics here, and nothing else.\n");
    if (scrape->options.refresh != NULL)
        scrape->options.refresh(scrape->options.arg);
    metrics_write(scrape->options.side, &text);
    return readers_bytes(connection, &text, "text/plain; version=0.0.4; charset=utf-8", "no-store");
}

struct scrape *scrape_start(const struct scrape_options *options, struct error *e)
{
    struct scrape *scrape = memory_zeroed(1, sizeof(*scrape));
    scrape->options = *options;
    snprintf(scrape->address, sizeof(scrape->address), "%s", options->address);
    int fd = open_socket(scrape, e);
    if (fd < 0)
        goto failed;
    scrape->options.address = NULL; /* the caller's */
    scrape->readers = readers_start(&(struct readers_options){.socket = fd,
                                                              .most = CONNECTIONS_MOST,
                                                              .answer_most = UNDER_WAY_MOST,
                                                              .answer = answer,
                                                              .arg = scrape},
                                    e);
    if (scrape->readers == NULL) {
        error_prefix(e, "metrics %s: ", scrape->address);
        goto failed;
    }
    return scrape;

failed:
    scrape_stop(scrape);
    return NULL;
}

const char *scrape_address(const struct scrape *scrape)
{
    return scrape->address;
}

void scrape_stop(struct scrape *scrape)
{
    if (scrape == NULL)
        return;
    readers_stop(scrape->readers);
    if (scrape->unix_path != NULL)
        unlink(scrape->unix_path);
    free(scrape->unix_path);
    free(scrape);
}
