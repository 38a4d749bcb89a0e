#include "front/front.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "front/exchange.h"
#include "front/listener.h"
#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FLUSH_MOST  (1 * MICROSECONDS) /* how long front_free lets open answers leave */
#define WATCH_EVERY (MICROSECONDS / 5)
/* Answers that clients leave unread for longer make room when there is little of it. */
#define UNREAD_MOST (1 * MICROSECONDS)
#define SHED_MOST   16 /* connections in one turn of the watch */

struct open_listener {
    struct front_door door;
    struct MHD_Daemon *daemon;
    char address[LISTENER_ADDRESS_MOST];
    char *wanted; /* address or path as it was configured: what a reload knows it by */
    char *unix_path;
    struct open_listener *next;
};
struct front {
    struct front_shared shared;
    pthread_mutex_t mutex; /* over both lists, against the watch */
    struct open_listener
        *listeners; /* in the order of the configuration; only the daemon's thread changes it */
    struct open_listener *leaving; /* take nothing new; the watch ends each with its last connection */
    pthread_t watch;
    pthread_cond_t wake;
    bool watching;
};

/* Paths stay as the client wrote them. */
static size_t unescape_nothing(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg, (void)connection;
    return strlen(text);
}

/* MHD wants a certificate or somebody to ask for one. Each session has the credentials of its listener's
 * rules (tls_begin) instead: a session without them gets no further than here. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *names, int name_count,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                          gnutls_pcert_st **certificate, unsigned *certificate_count, gnutls_privkey_t *key)
{
    (void)session, (void)names, (void)name_count, (void)algorithms, (void)algorithm_count;
    (void)certificate, (void)certificate_count, (void)key;
    return -1;
}

/* --- a listener --- */

static const char *name_of(const struct front_listener *wanted)
{
    return wanted->address != NULL ? wanted->address : wanted->unix_path;
}

static unsigned mode_of(const struct front_listener *wanted)
{
    return wanted->mode != 0 ? wanted->mode : 0600;
}

static void listener_free(struct open_listener *l)
{
    if (l->daemon != NULL)
        MHD_stop_daemon(l->daemon);
    if (l->unix_path != NULL)
        unlink(l->unix_path);
    connections_free(l->door.connections);
    rules_release(l->door.rules);
    pthread_mutex_destroy(&l->door.mutex);
    free(l->unix_path);
    free(l->wanted);
    free(l);
}

static int start_daemon(struct open_listener *l, int fd, struct error *e)
{
    bool tls = l->door.rules->kind == RULES_TLS;
    struct MHD_OptionItem tls_options[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, (intptr_t)no_certificate, NULL},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_priorities},
        {MHD_OPTION_END, 0, NULL},
    };

    tls_options[0].ptr_value = (void *)(uintptr_t)no_certificate;
    /* Connections and their times are bounded by connections.c, which knows whom to close; MHD's own limit
     * would refuse the newest. */
    l->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL,
        exchange_step, &l->door, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, exchange_begin,
        &l->door, MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        exchange_end, &l->door, MHD_OPTION_NOTIFY_CONNECTION, door_notify, &l->door,
        MHD_OPTION_CONNECTION_LIMIT, FRONT_MOST_CONNECTIONS + 1024U, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, EXCHANGE_HEADS_MOST, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_ARRAY, tls ? tls_options : tls_options + 2, MHD_OPTION_END);
    if (l->daemon == NULL)
        return error_set(e, ERROR_IO, "listener %s: the HTTP server does not start", l->address);
    return 0;
}

static void say_listening(const struct open_listener *l)
{
    static const char *const kinds[] = {"loopback", "unix", "tls"};
    const struct rules *rules = l->door.rules;

    log_info("listening", "address=%s kind=%s callers=%zu subsystems=%zu", l->address, kinds[rules->kind],
             rules->caller_count, rules->everybody.subsystem_count);
    if (rules->kind == RULES_TLS && tls_valid_until(rules->tls) < clock_wall())
        log_error("listener_certificate_expired", "address=%s", l->address);
}

/* NULL with e set. */
static struct open_listener *listener_new(struct front *front, const struct front_options *options,
                                          const struct front_listener *wanted, struct error *e)
{
    struct open_listener *l = memory_zeroed(1, sizeof *l);

    pthread_mutex_init(&l->door.mutex, NULL);
    l->door.shared = &front->shared;
    l->door.connections = connections_new();
    l->door.address = l->address;
    l->wanted = string_copy(name_of(wanted));
    l->door.rules = rules_new(options, wanted, e);
    if (l->door.rules == NULL) {
        error_prefix(e, "listener %s: ", l->wanted);
        goto failed;
    }
    int fd = wanted->address != NULL
                 ? listener_open_tcp(wanted->address, l->door.rules->kind == RULES_TLS, l->address, e)
                 : listener_open_unix(wanted->unix_path, mode_of(wanted), l->address, e);
    if (fd < 0)
        goto failed;
    if (wanted->address == NULL)
        l->unix_path = string_copy(wanted->unix_path);
    if (start_daemon(l, fd, e) != 0) {
        close(fd);
        goto failed;
    }
    say_listening(l);
    return l;

failed:
    listener_free(l);
    return NULL;
}

/* No new connections from here on. */
static void listener_quiesce(struct open_listener *l)
{
    MHD_socket fd = MHD_quiesce_daemon(l->daemon);

    if (fd != MHD_INVALID_SOCKET)
        close(fd);
}

/* --- the watch: closes what keeps us waiting for too long, and listeners that have ended --- */

static void watch_doors(struct front *front)
{
    uint64_t now = clock_monotonic();
    bool crowded =
        atomic_load(&front->shared.answer_bytes) > atomic_load(&front->shared.most_answer_bytes) / 4 * 3;

    for (struct open_listener *l = front->listeners; l != NULL; l = l->next) {
        struct rules *rules = door_rules(&l->door);
        connections_expire(l->door.connections, &rules->limits, now);
        if (crowded)
            connections_shed(l->door.connections, CONNECTION_ANSWER, UNREAD_MOST, SHED_MOST, now);
        rules_release(rules);
    }
    for (struct open_listener *l = front->leaving; l != NULL; l = l->next) {
        connections_expire(l->door.connections, &l->door.rules->limits, now);
        connections_shed(l->door.connections, CONNECTION_NEW, 0, FRONT_MOST_CONNECTIONS, now);
        connections_shed(l->door.connections, CONNECTION_IDLE, 0, FRONT_MOST_CONNECTIONS, now);
    }
}

/* One that has no connection left, taken off the list. */
static struct open_listener *take_ended(struct front *front)
{
    for (struct open_listener **at = &front->leaving; *at != NULL; at = &(*at)->next) {
        struct open_listener *l = *at;
        if (connections_count(l->door.connections) == 0) {
            *at = l->next;
            return l;
        }
    }
    return NULL;
}

static void *watch(void *arg)
{
    struct front *front = arg;
    struct open_listener *ended;

    pthread_setname_np(pthread_self(), "front-watch");
    pthread_mutex_lock(&front->mutex);
    while (front->watching) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)WATCH_EVERY * 1000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&front->wake, &front->mutex, &until);
        watch_doors(front);
        while ((ended = take_ended(front)) != NULL) {
            pthread_mutex_unlock(&front->mutex);
            log_info("listener_closed", "address=%s", ended->address);
            listener_free(ended);
            pthread_mutex_lock(&front->mutex);
        }
    }
    pthread_mutex_unlock(&front->mutex);
    return NULL;
}

static void watch_start(struct front *front)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&front->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    front->watching = true;
    BUG_ON(pthread_create(&front->watch, NULL, watch, front) != 0);
}

static void watch_stop(struct front *front)
{
    pthread_mutex_lock(&front->mutex);
    front->watching = false;
    pthread_cond_signal(&front->wake);
    pthread_mutex_unlock(&front->mutex);
    pthread_join(front->watch, NULL);
    pthread_cond_destroy(&front->wake);
}

/* --- the front --- */

static void take_shared(struct front_shared *shared, const struct front_options *options)
{
    uint64_t otherwise = (uint64_t)64 << 20;

    atomic_store(&shared->spelling, options->spelling);
    atomic_store(&shared->most_body_bytes,
                 options->most_body_bytes != 0 ? options->most_body_bytes : otherwise);
    atomic_store(&shared->most_answer_bytes,
                 options->most_answer_bytes != 0 ? options->most_answer_bytes : otherwise);
}

static void free_list(struct open_listener *list)
{
    while (list != NULL) {
        struct open_listener *l = list;
        list = l->next;
        listener_free(l);
    }
}

struct front *front_new(const struct front_options *options, struct error *e)
{
    struct front *front = memory_zeroed(1, sizeof *front);
    struct open_listener **tail = &front->listeners;

    front->shared.core = options->core;
    front->shared.requests = tally_new();
    take_shared(&front->shared, options);
    pthread_rwlock_init(&front->shared.lock, NULL);
    pthread_mutex_init(&front->mutex, NULL);
    watch_start(front);
    for (size_t i = 0; i < options->listener_count; i++) {
        struct open_listener *l = listener_new(front, options, &options->listeners[i], e);
        if (l == NULL) {
            front_stop(front);
            front_free(front);
            return NULL;
        }
        pthread_mutex_lock(&front->mutex);
        *tail = l;
        pthread_mutex_unlock(&front->mutex);
        tail = &l->next;
    }
    return front;
}

const char *front_address(const struct front *front, size_t i)
{
    const struct open_listener *l = front->listeners;

    while (l != NULL && i-- > 0)
        l = l->next;
    return l != NULL ? l->address : NULL;
}

void front_stop(struct front *front)
{
    pthread_rwlock_wrlock(&front->shared.lock);
    front->shared.stopping = true;
    pthread_rwlock_unlock(&front->shared.lock);
    for (struct open_listener *l = front->listeners; l != NULL; l = l->next)
        listener_quiesce(l);
}

void front_free(struct front *front)
{
    if (front == NULL)
        return;
    uint64_t until = clock_monotonic() + FLUSH_MOST;
    while (atomic_load(&front->shared.open) > 0 && clock_monotonic() < until)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    watch_stop(front);
    free_list(front->listeners);
    free_list(front->leaving);
    tally_free(front->shared.requests);
    pthread_rwlock_destroy(&front->shared.lock);
    pthread_mutex_destroy(&front->mutex);
    free(front);
}

/* --- reload: everything is made before anything is changed --- */

struct change {
    struct open_listener *kept; /* NULL: fresh */
    struct rules *rules;        /* of kept */
    struct open_listener *fresh;
};

/* The system chooses the port of ":0": two such addresses are two places. */
static bool same_place(const struct open_listener *l, const struct front_listener *wanted)
{
    size_t len = strlen(l->wanted);
    bool chosen = wanted->address != NULL && len > 2 && strcmp(l->wanted + len - 2, ":0") == 0;
    bool same_kind = (l->door.rules->kind == RULES_TLS) == (wanted->tls_certificate != NULL);

    return (l->unix_path != NULL) == (wanted->unix_path != NULL) && strcmp(l->wanted, name_of(wanted)) == 0 &&
           (same_kind || !chosen);
}

static struct open_listener *find_kept(struct front *front, const struct front_listener *wanted,
                                       const struct change *changes, size_t count)
{
    for (struct open_listener *l = front->listeners; l != NULL; l = l->next) {
        bool taken = false;
        for (size_t i = 0; i < count; i++)
            taken = taken || changes[i].kept == l;
        if (!taken && same_place(l, wanted))
            return l;
    }
    return NULL;
}

static int prepare(struct front *front, const struct front_options *options,
                   const struct front_listener *wanted, struct change *change, struct error *e)
{
    if (change->kept == NULL) {
        change->fresh = listener_new(front, options, wanted, e);
        return change->fresh != NULL ? 0 : -1;
    }
    change->rules = rules_new(options, wanted, e);
    if (change->rules == NULL)
        return error_prefix(e, "listener %s: ", change->kept->wanted);
    if (change->rules->kind != change->kept->door.rules->kind)
        return error_set(e, ERROR_CONFIG, "listener %s: TLS is switched on or off by a restart only",
                         change->kept->wanted);
    return 0;
}

static void take_up(struct change *change, const struct front_listener *wanted)
{
    struct open_listener *l = change->kept;

    if (l == NULL)
        return;
    if (l->unix_path != NULL && chmod(l->unix_path, mode_of(wanted)) != 0)
        log_error("listener_mode", "address=%s why=%s", l->address, strerror(errno));
    door_set_rules(&l->door, change->rules);
    say_listening(l);
}

/* Takes nothing new; the watch ends it with its last connection. The mutex is held. */
static void leave(struct front *front, struct open_listener *l)
{
    log_info("listener_leaves", "address=%s", l->address);
    listener_quiesce(l);
    if (l->unix_path != NULL)
        unlink(l->unix_path);
    free(l->unix_path);
    l->unix_path = NULL;
    l->next = front->leaving;
    front->leaving = l;
}

int front_reload(struct front *front, const struct front_options *options, struct error *e)
{
    struct change *changes = memory_zeroed(options->listener_count + 1, sizeof *changes);
    size_t count = options->listener_count;

    for (size_t i = 0; i < count; i++) {
        changes[i].kept = find_kept(front, &options->listeners[i], changes, i);
        if (prepare(front, options, &options->listeners[i], &changes[i], e) != 0)
            goto failed;
    }
    take_shared(&front->shared, options);
    pthread_mutex_lock(&front->mutex);
    struct open_listener *before = front->listeners, **tail = &front->listeners;
    for (size_t i = 0; i < count; i++)
        take_up(&changes[i], &options->listeners[i]);
    /* Those that nobody wants any more leave; the others stand in the new order. */
    while (before != NULL) {
        struct open_listener *l = before;
        bool kept = false;
        before = l->next;
        for (size_t i = 0; i < count; i++)
            kept = kept || changes[i].kept == l;
        if (kept)
            continue;
        leave(front, l);
    }
    for (size_t i = 0; i < count; i++) {
        *tail = changes[i].kept != NULL ? changes[i].kept : changes[i].fresh;
        tail = &(*tail)->next;
    }
    *tail = NULL;
    pthread_mutex_unlock(&front->mutex);
    free(changes);
    return 0;

failed:
    pthread_mutex_lock(&front->mutex);
    for (size_t i = 0; i < count; i++) {
        rules_release(changes[i].rules);
        if (changes[i].fresh != NULL)
            leave(front, changes[i].fresh);
    }
    pthread_mutex_unlock(&front->mutex);
    free(changes);
    return -1;
}
