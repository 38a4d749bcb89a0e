#include "manners/scrape.h"

#include "base/error.h"
#include "base/unix_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MOST  16U
#define IDLE_SECONDS      15U
#define CONNECTION_MEMORY ((size_t)16 * 1024)
#define BACKLOG           16

struct scrape {
    struct scrape_options options;
    struct MHD_Daemon *daemon;
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
    if (bind(fd, &address->any, len) != 0 || listen(fd, BACKLOG) != 0 ||
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
        int fd = unix_socket_listen(address.local.sun_path, 0660, BACKLOG, e);
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

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const struct buffer *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(text->len, text->data, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type",
                            status == MHD_HTTP_OK ? "text/plain; version=0.0.4; charset=utf-8"
                                                  : "text/plain; charset=utf-8");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request)
{
    static char seen;
    struct scrape *scrape = arg;
    struct buffer text = {0};
    unsigned status = MHD_HTTP_OK;
    (void)version;
    (void)upload;
    /* Once for the head and again when all of the request is there. Whoever sends a body is cut off. */
    if (*request == NULL) {
        *request = &seen;
        return MHD_YES;
    }
    if (*upload_size != 0)
        return MHD_NO;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        status = MHD_HTTP_METHOD_NOT_ALLOWED;
        buffer_append_string(&text, "This is for reading only.\n");
    } else if (strcmp(url, "/metrics") != 0) {
        status = MHD_HTTP_NOT_FOUND;
        buffer_append_string(&text, "There is /metrics here, and nothing else.\n");
    } else {
        if (scrape->options.refresh != NULL)
            scrape->options.refresh(scrape->options.arg);
        metrics_write(scrape->options.side, &text);
    }
    enum MHD_Result result = answer(connection, status, &text);
    buffer_free(&text);
    return result;
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
    scrape->daemon = MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, NULL, NULL, on_request, scrape,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MOST,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (scrape->daemon == NULL) {
        error_set(e, ERROR_IO, "metrics %s: the HTTP server does not start", scrape->address);
        close(fd);
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
    if (scrape->daemon != NULL)
        MHD_stop_daemon(scrape->daemon);
    if (scrape->unix_path != NULL)
        unlink(scrape->unix_path);
    free(scrape->unix_path);
    free(scrape);
}
