/*
 * The front's state machine, through the HTTP server as it is built in: a client on a unix socket sends the
 * input's bytes, cut in pieces, and listens; a core of the harness answers from a thread. What comes back is
 * a row of HTTP responses and nothing else, no client's byte becomes a header of one, and every ask has its
 * completion.
 */
#include "fuzz.h"

#include "base/error.h"
#include "base/queue.h"
#include "front/fields.h"
#include "front/front.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SEND_PIECES 8

static struct queue *asks;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static atomic_uint answer_form, asked, answered;

/* What the front took for a good request: the end of its target, and its body. */
#define TAKEN_MOST 16
static struct {
    struct buffer end, body;
} taken[TAKEN_MOST];
static atomic_size_t taken_count;

static void remember(const struct ask *ask)
{
    size_t i = atomic_load(&taken_count);
    if (i == TAKEN_MOST)
        return;
    buffer_append_bytes(&taken[i].end, buffer_bytes(&ask->path));
    if (ask->query.len > 0) {
        buffer_append_string(&taken[i].end, "?");
        buffer_append_bytes(&taken[i].end, buffer_bytes(&ask->query));
    }
    buffer_append_bytes(&taken[i].body, buffer_bytes(&ask->body));
    atomic_store(&taken_count, i + 1);
}

static void *core_work(void *arg)
{
    struct ask *ask;
    (void)arg;
    while ((ask = queue_wait(asks, UINT64_MAX)) != NULL) {
        struct http_headers headers = {0};
        struct answer answer = {.status = 200, .headers = &headers, .body = buffer_bytes(&ask->body)};
        unsigned form = atomic_load(&answer_form);
        FUZZ_CHECK(identifier_parts(bytes_of_string(ask->consumer)) == 4);
        FUZZ_CHECK(strcmp(ask->consumer, "TN/GOV/MEN/enrolment") == 0 || ask->front_refusal != REFUSAL_NONE);
        for (size_t i = 0; i < ask->headers.count && ask->front_refusal == REFUSAL_NONE; i++)
            FUZZ_CHECK(http_field_valid(bytes_of_string(ask->headers.items[i].name),
                                        bytes_of_string(ask->headers.items[i].value)) &&
                       !http_field_of_connection(ask->headers.items[i].name));
        http_headers_add(&headers, "Content-Type", "text/plain");
        http_headers_add(&headers, "Content-Length", "7");
        http_headers_add(&headers, "Transfer-Encoding", "chunked");
        http_headers_add(&headers, "X-Split", "a\r\nInjected: yes");
        if ((form & 1) != 0)
            answer.refusal = REFUSAL_NO_GRANT;
        if ((form & 2) != 0)
            answer.status = 100 + form * 2;
        if (ask->front_refusal != REFUSAL_NONE)
            answer.refusal = ask->front_refusal;
        else
            remember(ask);
        ask->done(ask, &answer);
        http_headers_free(&headers);
        ask_free(ask);
        atomic_fetch_add(&answered, 1);
    }
    return NULL;
}

static bool take_ask(void *arg, struct ask *ask)
{
    (void)arg;
    bool room = (atomic_load(&answer_form) & 64) == 0 && atomic_fetch_add(&asked, 1) < UINT_MAX;
    return room && queue_put(asks, ask);
}

static void status(void *arg, struct core_status *out)
{
    (void)arg;
    *out = (struct core_status){.linked = true};
}

static struct registry *no_registry(void *arg)
{
    (void)arg;
    return NULL;
}

void fuzz_setup(void)
{
    static const char *const subsystems[] = {"TN/GOV/MEN/enrolment"};
    struct error e = {0};
    pthread_t thread;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/f", fuzz_folder());
    const struct front_listener listener = {
        .unix_path = address.sun_path, .mode = 0600, .subsystems = subsystems, .subsystem_count = 1};
    const struct front_options options = {
        .member = "TN/GOV/MEN",
        .listeners = &listener,
        .listener_count = 1,
        .core = {.ask = take_ask, .status = status, .registry = no_registry},
        .most_body = 2000,
        .most_connections = 64};
    asks = queue_new(64);
    FUZZ_CHECK(pthread_create(&thread, NULL, core_work, NULL) == 0);
    if (front_new(&options, &e) == NULL) { /* lives as long as the process */
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
}

static void seed(const char *text)
{
    struct buffer b = {0};
    buffer_append(&b, "\x00\x00", 2);
    buffer_append_string(&b, text);
    fuzz_seed(buffer_bytes(&b));
    b.data[0] = 1;
    b.data[1] = 5;
    fuzz_seed(buffer_bytes(&b));
    buffer_free(&b);
}

#define LINE   "/r1/TN/GOV/MI/civil/person"
#define CLIENT "Host: a\r\nX-Road-Client: TN/GOV/MEN/enrolment\r\n"

void fuzz_seeds(void)
{
    seed("GET " LINE "/persons/01234567890?a=b HTTP/1.1\r\n" CLIENT "\r\n");
    seed("POST " LINE " HTTP/1.1\r\n" CLIENT "Content-Length: 5\r\n\r\nhello");
    seed("POST " LINE " HTTP/1.1\r\n" CLIENT
         "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: x\r\n\r\n");
    seed("GET /wasl/status HTTP/1.1\r\nHost: a\r\n\r\nGET " LINE "%2f HTTP/1.0\r\n" CLIENT
         "Accept: text/xml\r\n\r\n");
    seed("POST " LINE " HTTP/1.1\r\n" CLIENT "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
    seed("GET " LINE " HTTP/1.1\r\n" CLIENT "X: a\r\n b\r\nContent-Length: 0\r\nContent-Length: 4\r\n\r\n");
    seed("PUT //r1 HTTP/1.1\r\n\r\n");
}

static int connect_front(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(fd >= 0);
    for (int tries = 0; connect(fd, (struct sockaddr *)&address, sizeof address) != 0; tries++) {
        FUZZ_CHECK(tries < 1000 && (errno == EAGAIN || errno == EINTR));
        usleep(1000);
    }
    return fd;
}

/* Whatever has come so far; false once the front has closed. */
static bool read_some(int fd, struct buffer *out, int wait)
{
    while (fuzz_readable(fd, wait)) {
        uint8_t *room = buffer_extend(out, 4096);
        ssize_t n = read(fd, room, 4096);
        out->len -= 4096 - (n > 0 ? (size_t)n : 0);
        if (n <= 0)
            return false;
        wait = 0;
    }
    return true;
}

static void judge(struct buffer *answer)
{
    buffer_append(answer, "", 1);
    const char *text = (const char *)answer->data;
    if (answer->len == 1)
        return;
    FUZZ_CHECK(strncmp(text, "HTTP/1.1 ", 9) == 0 || strncmp(text, "HTTP/1.0 ", 9) == 0);
    const char *end = strstr(text, "\r\n\r\n");
    FUZZ_CHECK(end != NULL);
    FUZZ_CHECK(memmem(text, (size_t)(end - text), "\nInjected:", 10) == NULL);
    /* Of the fields that only the server may set there is one each. */
    const char *length = strcasestr(text, "\r\nContent-Length:");
    if (length != NULL && length < end) {
        const char *second = strcasestr(length + 2, "\r\nContent-Length:");
        FUZZ_CHECK(second == NULL || second > end);
        const char *chunked = strcasestr(text, "\r\nTransfer-Encoding:");
        FUZZ_CHECK(chunked == NULL || chunked > end);
    }
}

/* --- a second opinion on where requests begin and end: strict, and gives up at the first doubt --- */

struct strict {
    struct bytes target;
    struct buffer body;
};

/* libmicrohttpd leaves nothing by which NUL LF at the end of a line could be told from CR LF
 * (front/README.md). */
static bool take_line(struct bytes *rest, struct bytes *line)
{
    const uint8_t *end = memmem(rest->data, rest->len, "\r\n", 2);
    const uint8_t *other = memmem(rest->data, rest->len, "\0\n", 2);
    end = end == NULL || (other != NULL && other < end) ? other : end;
    if (end == NULL)
        return false;
    *line = bytes_make(rest->data, (size_t)(end - rest->data));
    *rest = bytes_make(end + 2, rest->len - line->len - 2);
    return true;
}

static bool take_chunks(struct bytes *rest, struct buffer *body)
{
    struct bytes line;
    for (;;) {
        uint64_t size = 0;
        size_t digits = 0;
        if (!take_line(rest, &line))
            return false;
        for (; digits < line.len && isxdigit(line.data[digits]) && digits < 8; digits++)
            size = size * 16 + (uint64_t)(isdigit(line.data[digits]) ? line.data[digits] - '0'
                                                                     : (line.data[digits] | 32) - 'a' + 10);
        if (digits == 0 || (digits < line.len && line.data[digits] != ';' && line.data[digits] != ' '))
            return false;
        if (size == 0)
            break;
        if (rest->len <= size)
            return false;
        buffer_append(body, rest->data, size);
        *rest = bytes_make(rest->data + size, rest->len - size);
        /* libmicrohttpd takes LF alone behind a chunk, and shows nobody which it was: a reason why the
         * connection of a request in chunks is closed. */
        if (rest->data[0] != '\n' && (rest->len < 2 || memcmp(rest->data, "\r\n", 2) != 0))
            return false;
        size = rest->data[0] == '\n' ? 1 : 2;
        *rest = bytes_make(rest->data + size, rest->len - size);
    }
    do
        if (!take_line(rest, &line))
            return false;
    while (line.len > 0);
    return true;
}

static bool strict_request(struct bytes *rest, struct strict *out)
{
    struct bytes line;
    uint64_t length = 0;
    bool chunked = false;
    do /* empty lines before a request are nothing; libmicrohttpd takes one that begins with NUL for empty too
        */
        if (!take_line(rest, &line))
            return false;
    while (line.len == 0 || line.data[0] == 0);
    const uint8_t *one = memchr(line.data, ' ', line.len);
    const uint8_t *two = one == NULL ? NULL : memchr(one + 1, ' ', line.len - (size_t)(one + 1 - line.data));
    if (two == NULL)
        return false;
    out->target = bytes_make(one + 1, (size_t)(two - one - 1));
    for (;;) {
        if (!take_line(rest, &line) || memchr(line.data, '\n', line.len) != NULL ||
            memchr(line.data, 0, line.len) != NULL)
            return false;
        if (line.len == 0)
            break;
        const uint8_t *colon = memchr(line.data, ':', line.len);
        if (colon == NULL || memchr(line.data, ' ', (size_t)(colon - line.data)) != NULL)
            return false;
        struct bytes value = bytes_make(colon + 1, line.len - (size_t)(colon + 1 - line.data));
        while (value.len > 0 && (value.data[0] == ' ' || value.data[0] == '\t'))
            value = bytes_make(value.data + 1, value.len - 1);
        while (value.len > 0 && (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t'))
            value.len--;
        if (colon - line.data == 14 && strncasecmp((const char *)line.data, "content-length", 14) == 0 &&
            (length != 0 || !decimal_parse(value, &length)))
            return false;
        chunked = chunked || (colon - line.data == 17 &&
                              strncasecmp((const char *)line.data, "transfer-encoding", 17) == 0);
    }
    if (chunked)
        return length == 0 && take_chunks(rest, &out->body);
    if (length > rest->len)
        return false;
    buffer_append(&out->body, rest->data, length);
    *rest = bytes_make(rest->data + length, rest->len - length);
    return true;
}

static bool whole_request(struct bytes data)
{
    struct strict r = {0};
    bool good = strict_request(&data, &r);
    buffer_free(&r.body);
    return good;
}

/* Every request that the front took stands there for the strict reader too, in that order, with the same
 * body. */
static void judge_taken(struct bytes data)
{
    size_t count = atomic_load(&taken_count), at = 0;
    while (at < count) {
        struct strict r = {0};
        bool good = strict_request(&data, &r);
        FUZZ_CHECK(good);
        size_t end = taken[at].end.len;
        if (end <= r.target.len &&
            bytes_equal(bytes_make(r.target.data + r.target.len - end, end), buffer_bytes(&taken[at].end)) &&
            bytes_equal(buffer_bytes(&r.body), buffer_bytes(&taken[at].body)))
            at++;
        buffer_free(&r.body);
    }
    for (size_t i = 0; i < count; i++) {
        buffer_free(&taken[i].end);
        buffer_free(&taken[i].body);
    }
    atomic_store(&taken_count, 0);
}

/* The front has one thread, so what came before this question has been taken when its answer comes. */
static void let_it_settle(void)
{
    static const char question[] = "GET /wasl/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    struct buffer answer = {0};
    int fd = connect_front();
    FUZZ_CHECK(send(fd, question, strlen(question), MSG_NOSIGNAL) == (ssize_t)strlen(question));
    while (read_some(fd, &answer, 9000))
        FUZZ_CHECK(answer.len > 0);
    close(fd);
    buffer_free(&answer);
    for (int i = 0; atomic_load(&asked) != atomic_load(&answered); i++) {
        FUZZ_CHECK(i < 9000); /* every ask is answered */
        usleep(1000);
    }
}

void fuzz_target(struct fuzz_input *in)
{
    struct buffer answer = {0};
    unsigned form = fuzz_u8(in), pieces = fuzz_u8(in) % SEND_PIECES + 1;
    atomic_store(&answer_form, form);
    struct bytes data = fuzz_rest(in);
    int fd = connect_front();
    bool open = true;
    for (unsigned i = 0; i < pieces && open; i++) {
        size_t from = data.len * i / pieces, to = data.len * (i + 1) / pieces;
        if (to > from && send(fd, data.data + from, to - from, MSG_NOSIGNAL) < 0)
            open = false;
        if (open && pieces > 1)
            open = read_some(fd, &answer, 0);
    }
    shutdown(fd, SHUT_WR);
    /* A request that is whole gets its answer; of one that is not, the server may wait for more until its
     * time is over. */
    bool whole = whole_request(data);
    while (open) {
        size_t before = answer.len;
        open = read_some(fd, &answer, whole && before == 0 ? 9000 : 10);
        FUZZ_CHECK(!whole || !open || answer.len > 0);
        if (answer.len == before)
            break;
    }
    close(fd);
    let_it_settle();
    judge(&answer);
    judge_taken(data);
    buffer_free(&answer);
}
