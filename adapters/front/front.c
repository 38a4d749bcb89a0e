#include "front/front.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "front/exchange.h"
#include "front/listener.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MOST  ((size_t)64 * 1024) /* request line and header fields of one connection */
#define FLUSH_MOST (1 * MICROSECONDS)  /* how long front_free lets open answers leave */

struct open_listener {
    struct front_door door;
    struct MHD_Daemon *daemon;
    char address[LISTENER_ADDRESS_MOST];
    char *unix_path;
    char **subsystems;
    size_t subsystem_count;
};
struct front {
    struct front_shared shared;
    char *member;
    struct open_listener *listeners;
    size_t listener_count;
};

/* Paths stay as the client wrote them. */
static size_t unescape_nothing(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg, (void)connection;
    return strlen(text);
}

static int listener_start(struct front *front, struct open_listener *l, const struct front_options *options,
                          const struct front_listener *wanted, struct error *e)
{
    int fd =
        wanted->address != NULL
            ? listener_open_tcp(wanted->address, l->address, e)
            : listener_open_unix(wanted->unix_path, wanted->mode != 0 ? wanted->mode : 0600, l->address, e);

    if (fd < 0)
        return -1;
    if (wanted->address == NULL)
        l->unix_path = string_copy(wanted->unix_path);
    l->subsystems = memory_zeroed(wanted->subsystem_count + 1, sizeof *l->subsystems);
    for (; l->subsystem_count < wanted->subsystem_count; l->subsystem_count++)
        l->subsystems[l->subsystem_count] = string_copy(wanted->subsystems[l->subsystem_count]);
    l->door.shared = &front->shared;
    l->door.speaker.member = front->member;
    l->door.speaker.subsystems = (const char *const *)l->subsystems;
    l->door.speaker.subsystem_count = l->subsystem_count;
    l->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, exchange_step, &l->door,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, &l->door,
        MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing, NULL, MHD_OPTION_NOTIFY_COMPLETED, exchange_end,
        &l->door, MHD_OPTION_CONNECTION_LIMIT,
        options->most_connections != 0 ? options->most_connections : 512U, MHD_OPTION_CONNECTION_TIMEOUT,
        options->idle_seconds != 0 ? options->idle_seconds : 30U, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        HEAD_MOST, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (l->daemon == NULL) {
        close(fd);
        return error_set(e, ERROR_IO, "listener %s: the HTTP server does not start", l->address);
    }
    log_info("listening", "address=%s subsystems=%zu", l->address, l->subsystem_count);
    return 0;
}

static void listener_end(struct open_listener *l)
{
    if (l->daemon != NULL)
        MHD_stop_daemon(l->daemon);
    if (l->unix_path != NULL)
        unlink(l->unix_path);
    for (size_t i = 0; i < l->subsystem_count; i++)
        free(l->subsystems[i]);
    free(l->subsystems);
    free(l->unix_path);
}

struct front *front_new(const struct front_options *options, struct error *e)
{
    struct front *front = memory_zeroed(1, sizeof *front);

    front->shared.core = options->core;
    front->shared.spelling = options->spelling;
    front->shared.most_body = options->most_body != 0 ? options->most_body : (uint64_t)1 << 20;
    front->shared.most_body_bytes =
        options->most_body_bytes != 0 ? options->most_body_bytes : (uint64_t)64 << 20;
    pthread_rwlock_init(&front->shared.lock, NULL);
    front->member = string_copy(options->member);
    front->listeners = memory_zeroed(options->listener_count + 1, sizeof *front->listeners);
    for (size_t i = 0; i < options->listener_count; i++) {
        front->listener_count = i + 1;
        if (listener_start(front, &front->listeners[i], options, &options->listeners[i], e) != 0) {
            front_stop(front);
            front_free(front);
            return NULL;
        }
    }
    return front;
}

const char *front_address(const struct front *front, size_t i)
{
    return i < front->listener_count ? front->listeners[i].address : NULL;
}

void front_stop(struct front *front)
{
    pthread_rwlock_wrlock(&front->shared.lock);
    front->shared.stopping = true;
    pthread_rwlock_unlock(&front->shared.lock);
    for (size_t i = 0; i < front->listener_count; i++) {
        if (front->listeners[i].daemon == NULL)
            continue;
        MHD_socket fd = MHD_quiesce_daemon(front->listeners[i].daemon);
        if (fd != MHD_INVALID_SOCKET)
            close(fd);
    }
}

void front_free(struct front *front)
{
    if (front == NULL)
        return;
    uint64_t until = clock_monotonic() + FLUSH_MOST;
    while (atomic_load(&front->shared.open) > 0 && clock_monotonic() < until)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    for (size_t i = 0; i < front->listener_count; i++)
        listener_end(&front->listeners[i]);
    pthread_rwlock_destroy(&front->shared.lock);
    free(front->listeners);
    free(front->member);
    free(front);
}
