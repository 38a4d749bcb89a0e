#include "wasl-bench/http_line.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int open_unix(const char *path, struct error *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return error_set(e, ERROR_USAGE, "%s: longer than a socket's path may be", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    error_set(e, ERROR_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int open_loopback(const char *where, struct error *e)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint64_t port;
    if (strncmp(where, "127.0.0.1:", 10) != 0 || !decimal_parse(bytes_of_string(where + 10), &port) ||
        port == 0 || port > UINT16_MAX)
        return error_set(e, ERROR_USAGE, "%s: unix:/PATH or 127.0.0.1:PORT is meant", where);
    address.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0)
        return fd;
    error_set(e, ERROR_IO, "%s: %s", where, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

int http_line_open(struct http_line *line, const char *where, struct error *e)
{
    buffer_clear(&line->in);
    line->fd = strncmp(where, "unix:", 5) == 0 ? open_unix(where + 5, e) : open_loopback(where, e);
    if (line->fd < 0)
        return -1;
    if (fcntl(line->fd, F_SETFL, O_NONBLOCK) == 0)
        return 0;
    error_set(e, ERROR_IO, "%s: %s", where, strerror(errno));
    http_line_close(line);
    return -1;
}

void http_line_close(struct http_line *line)
{
    if (line->fd >= 0)
        close(line->fd);
    line->fd = -1;
}

void http_line_free(struct http_line *line)
{
    http_line_close(line);
    buffer_free(&line->in);
}

bool http_line_send(struct http_line *line, struct bytes request)
{
    buffer_clear(&line->in);
    return send(line->fd, request.data, request.len, MSG_NOSIGNAL) == (ssize_t)request.len;
}

/* The value of a field of a head that ends with an empty line; NULL when it is not there. */
static const char *field(const char *head, const char *end, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = head; p < end;) {
        const char *eol = memmem(p, (size_t)(end - p), "\r\n", 2);
        if ((size_t)(eol - p) > len && p[len] == ':' && strncasecmp(p, name, len) == 0) {
            p += len + 1;
            while (*p == ' ')
                p++;
            return p;
        }
        p = eol + 2;
    }
    return NULL;
}

static enum http_received judge(struct http_line *line)
{
    const char *data = (const char *)line->in.data;
    const char *end = memmem(data, line->in.len, "\r\n\r\n", 4);
    if (end == NULL)
        return line->in.len > HTTP_ANSWER_MOST ? HTTP_BROKEN : HTTP_PART;
    end += 2; /* the empty line's own end; each line before it has one */
    if (strncmp(data, "HTTP/1.1 ", 9) != 0)
        return HTTP_BROKEN;
    line->status = (unsigned)strtoul(data + 9, NULL, 10);
    const char *length = field(data, end, "Content-Length"), *value;
    if (length == NULL)
        return HTTP_BROKEN;
    size_t body = strtoul(length, NULL, 10), before = (size_t)(end + 2 - data);
    if (body > HTTP_ANSWER_MOST || line->in.len > before + body)
        return HTTP_BROKEN;
    if (line->in.len < before + body)
        return HTTP_PART;
    line->body = bytes_make(data + before, body);
    line->refusal[0] = '\0';
    if ((value = field(data, end, "Wasl-Refusal")) != NULL)
        snprintf(line->refusal, sizeof line->refusal, "%.*s", (int)strcspn(value, "\r"), value);
    value = field(data, end, "Connection");
    line->closing = value != NULL && strncasecmp(value, "close", 5) == 0;
    return HTTP_ANSWERED;
}

enum http_received http_line_receive(struct http_line *line)
{
    uint8_t part[16384];
    for (;;) {
        ssize_t len = recv(line->fd, part, sizeof part, 0);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno == EAGAIN)
            return HTTP_PART;
        if (len <= 0)
            return HTTP_BROKEN;
        buffer_append(&line->in, part, (size_t)len);
        enum http_received what = judge(line);
        if (what != HTTP_PART)
            return what;
    }
}
