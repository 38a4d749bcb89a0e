#include "manners/readers.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MEMORY                                                                                          \
    ((size_t)16 * 1024)  /* request line and headers; larger ones are refused by the server                  \
                          */
#define HEADROOM     64U /* for those that were shut down and wait for the server to notice */
#define ANSWER_SMALL ((size_t)64 * 1024)
#define LOOK_MS      500 /* how often deadlines are looked at while somebody is connected */

enum phase { HEAD, IDLE, ANSWER }; /* in the order in which they make room */

struct reader {
    TAILQ_ENTRY(reader) place; /* the longest in its phase first, whatever the phase */
    struct readers *readers;
    int fd;
    uid_t user; /* of a unix socket's other end; the same for all others */
    enum phase phase;
    uint64_t since, until; /* monotonic */
    bool shut;
    struct answer *answer; /* under way; NULL */
};
TAILQ_HEAD(line, reader);

struct readers {
    struct readers_options options;
    struct MHD_Daemon *daemon;
    int wake; /* written to for the end */
    pthread_t thread;
    struct line line;
    unsigned count;     /* without those that were shut down */
    uint64_t under_way; /* bytes of answers, likewise */
};

/* An answer's bytes, counted until they are sent or given up. */
struct answer {
    struct readers *readers;
    struct reader *reader; /* NULL: it is gone, or shut */
    struct buffer bytes;
};

/* --- who comes, waits and goes --- */

static void forget_answer(struct reader *reader)
{
    if (reader->answer == NULL)
        return;
    reader->readers->under_way -= reader->answer->bytes.len;
    reader->answer->reader = NULL;
    reader->answer = NULL;
}

static void enter(struct reader *reader, enum phase phase, uint64_t seconds)
{
    struct line *line = &reader->readers->line;
    if (reader->shut)
        return;
    reader->phase = phase;
    reader->since = clock_monotonic();
    reader->until = reader->since + seconds * MICROSECONDS;
    TAILQ_REMOVE(line, reader, place);
    TAILQ_INSERT_TAIL(line, reader, place);
}

/* From here on it counts no more. */
static void shut(struct reader *reader)
{
    TAILQ_REMOVE(&reader->readers->line, reader, place);
    reader->readers->count--;
    reader->shut = true;
    forget_answer(reader);
    shutdown(reader->fd, SHUT_RDWR);
}

static void cut_off(struct reader *reader)
{
    metric_add(METRIC_READERS_CUT_OFF, 1);
    shut(reader);
}

static unsigned places_of(const struct readers *readers, uid_t user)
{
    const struct reader *reader;
    unsigned count = 0;
    TAILQ_FOREACH(reader, &readers->line, place)
    {
        count += reader->user == user ? 1 : 0;
    }
    return count;
}

/* There are few readers, so nothing but the line is kept. */
static struct reader *who_makes_room(const struct readers *readers)
{
    struct reader *reader, *found = NULL;
    unsigned most = 0;
    TAILQ_FOREACH(reader, &readers->line, place)
    {
        unsigned places = places_of(readers, reader->user);
        if (found == NULL || places > most || (places == most && reader->phase < found->phase)) {
            found = reader;
            most = places;
        }
    }
    return found;
}

static uid_t user_of(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof(peer))
        return (uid_t)-1;
    return peer.uid;
}

static struct reader *come_in(struct readers *readers, struct MHD_Connection *connection)
{
    struct reader *reader = memory_zeroed(1, sizeof(*reader));
    if (readers->count == readers->options.most)
        cut_off(who_makes_room(readers));
    reader->readers = readers;
    reader->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    reader->user = user_of(reader->fd);
    TAILQ_INSERT_TAIL(&readers->line, reader, place);
    readers->count++;
    enter(reader, HEAD, READERS_HEAD_SECONDS);
    return reader;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct reader *reader = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = come_in(arg, connection);
    } else if (reader != NULL) {
        *context = NULL;
        if (!reader->shut) {
            TAILQ_REMOVE(&reader->readers->line, reader, place);
            reader->readers->count--;
            forget_answer(reader);
        }
        free(reader);
    }
}

static struct reader *reader_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void on_end_of_request(void *arg, struct MHD_Connection *connection, void **request,
                              enum MHD_RequestTerminationCode code)
{
    (void)arg;
    (void)request;
    if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        enter(reader_of(connection), IDLE, READERS_IDLE_SECONDS);
}

static void look_at_deadlines(struct readers *readers)
{
    uint64_t now = clock_monotonic();
    struct reader *reader, *next;
    for (reader = TAILQ_FIRST(&readers->line); reader != NULL; reader = next) {
        next = TAILQ_NEXT(reader, place);
        if (now < reader->until)
            continue;
        if (reader->phase == IDLE)
            shut(reader); /* the ordinary end of a connection */
        else
            cut_off(reader);
    }
}

/* --- answers --- */

enum MHD_Result readers_words(struct MHD_Connection *connection, unsigned status, const char *words)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(words), (void *)(uintptr_t)words, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, "Retry-After", "1");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static void answer_free(void *arg)
{
    struct answer *answer = arg;
    if (answer->reader != NULL)
        forget_answer(answer->reader);
    buffer_free(&answer->bytes);
    free(answer);
}

/* Room for so many bytes, at the cost of who has been reading for longest, if for long. */
static bool has_room(struct readers *readers, size_t len)
{
    uint64_t now = clock_monotonic();
    while (readers->under_way + len > readers->options.answer_most) {
        struct reader *reader;
        TAILQ_FOREACH(reader, &readers->line, place)
        {
            if (reader->answer != NULL)
                break;
        }
        if (reader == NULL || now < reader->since + READERS_HEAD_SECONDS * MICROSECONDS)
            return len <= ANSWER_SMALL;
        cut_off(reader);
    }
    return true;
}

enum MHD_Result readers_bytes(struct MHD_Connection *connection, struct buffer *bytes, const char *type,
                              const char *cache)
{
    struct reader *reader = reader_of(connection);
    struct readers *readers = reader->readers;
    if (!has_room(readers, bytes->len)) {
        buffer_free(bytes);
        return readers_words(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                             "Too much is being read: try again.\n");
    }
    struct answer *answer = memory_zeroed(1, sizeof(*answer));
    answer->readers = readers;
    answer->bytes = *bytes;
    *bytes = (struct buffer){0};
    if (!reader->shut) {
        answer->reader = reader;
        reader->answer = answer;
        readers->under_way += answer->bytes.len;
        enter(reader, ANSWER, READERS_ANSWER_SECONDS + answer->bytes.len / READERS_RATE);
    }
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        answer->bytes.len, answer->bytes.data, answer_free, answer);
    if (response == NULL) {
        answer_free(answer);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Cache-Control", cache);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request)
{
    static char seen;
    struct readers *readers = arg;
    (void)version;
    (void)upload;
    /* The server calls once for the head and again when all of the request is there: answered is the second,
     * so that the connection stays in step. Whoever sends a body is cut off. */
    if (*request == NULL) {
        *request = &seen;
        return MHD_YES;
    }
    if (*upload_size != 0)
        return MHD_NO;
    enter(reader_of(connection), ANSWER, READERS_ANSWER_SECONDS);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return readers_words(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "This is for reading only.\n");
    return readers->options.answer(readers->options.arg, connection, url);
}

/* Paths are compared as they come: nothing here has a name that needs an escape. */
static size_t leave_escaped(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg;
    (void)connection;
    return strlen(text);
}

/* --- the thread --- */

static int wait_ms(const struct readers *readers)
{
    MHD_UNSIGNED_LONG_LONG ms;
    int most = readers->count > 0 ? LOOK_MS : -1;
    if (MHD_get_timeout(readers->daemon, &ms) != MHD_YES || (most >= 0 && ms > (unsigned)most))
        return most;
    return (int)ms;
}

static void *readers_thread(void *arg)
{
    struct readers *readers = arg;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(readers->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd fds[2] = {{.fd = info->epoll_fd, .events = POLLIN},
                            {.fd = readers->wake, .events = POLLIN}};
    pthread_setname_np(pthread_self(), "readers");
    for (;;) {
        int ready = poll(fds, 2, wait_ms(readers));
        BUG_ON(ready < 0 && errno != EINTR);
        if (ready > 0 && fds[1].revents != 0)
            return NULL;
        MHD_run(readers->daemon);
        look_at_deadlines(readers);
    }
}

struct readers *readers_start(const struct readers_options *options, struct error *e)
{
    struct readers *readers = memory_zeroed(1, sizeof(*readers));
    int code;
    readers->options = *options;
    TAILQ_INIT(&readers->line);
    readers->wake = eventfd(0, EFD_CLOEXEC);
    if (readers->wake < 0) {
        error_set(e, ERROR_IO, "no event descriptor: %s", strerror(errno));
        close(options->socket);
        goto failed;
    }
    /* Connections and their times are bounded here, where it is known whom to close: the server's own limit
     * would refuse the newest, and its own time begins anew with every byte. */
    readers->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, readers, MHD_OPTION_LISTEN_SOCKET, options->socket,
        MHD_OPTION_CONNECTION_LIMIT, options->most + HEADROOM, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        readers, MHD_OPTION_NOTIFY_COMPLETED, on_end_of_request, readers, MHD_OPTION_END);
    if (readers->daemon == NULL) {
        error_set(e, ERROR_IO, "the HTTP server does not start");
        close(options->socket);
        goto failed;
    }
    code = pthread_create(&readers->thread, NULL, readers_thread, readers);
    if (code != 0) {
        error_set(e, ERROR_MEMORY, "its thread cannot be started: %s", strerror(code));
        goto failed;
    }
    return readers;

failed:
    if (readers->daemon != NULL)
        MHD_stop_daemon(readers->daemon);
    if (readers->wake >= 0)
        close(readers->wake);
    free(readers);
    return NULL;
}

void readers_stop(struct readers *readers)
{
    if (readers == NULL)
        return;
    BUG_ON(eventfd_write(readers->wake, 1) != 0);
    pthread_join(readers->thread, NULL);
    MHD_stop_daemon(readers->daemon); /* closes the listening socket and all connections, frees all answers */
    BUG_ON(readers->count > 0 || readers->under_way > 0);
    close(readers->wake);
    free(readers);
}
