#ifndef WASL_BENCH_HTTP_LINE_H
#define WASL_BENCH_HTTP_LINE_H
/* One kept HTTP connection, one request at a time. Not libcurl: a load generator on the machine that it
 * measures must cost little, and libcurl polls each of its transfers at each turn. It knows only what a front
 * sends: a status line, fields, Content-Length. Anything else is an answer that is none. */
#include "base/bytes.h"

#include <stdbool.h>

struct error;

#define HTTP_REFUSAL_SIZE 48
#define HTTP_ANSWER_MOST  ((size_t)2 << 20)

struct http_line {
    int fd; /* -1: closed */
    struct buffer in;
    /* of the answer, when http_line_receive has returned HTTP_ANSWERED */
    unsigned status;
    char refusal[HTTP_REFUSAL_SIZE]; /* Wasl-Refusal, cut to fit; "" where there is none */
    struct bytes body;               /* valid until the next call */
    bool closing;                    /* the other side will close it after this answer */
};
enum http_received {
    HTTP_PART,     /* not all has come yet */
    HTTP_ANSWERED, /* an answer, and nothing behind it */
    HTTP_BROKEN,   /* closed, or no answer that is understood */
};

/* where: unix:/PATH or 127.0.0.1:PORT. Connects and waits for it; the connection is non-blocking then. 0, or
 * -1 with e set. */
int http_line_open(struct http_line *line, const char *where, struct error *e);
void http_line_close(struct http_line *line); /* fd becomes -1; the buffer stays */
void http_line_free(struct http_line *line);
/* A request is shorter than any socket's buffer: it goes out whole, or the connection is broken (false). */
bool http_line_send(struct http_line *line, struct bytes request);
enum http_received http_line_receive(struct http_line *line);

#endif
