#include "front/connections.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

TAILQ_HEAD(line, connection);

struct connection {
    TAILQ_ENTRY(connection) place; /* in one of the lines, but for WORK and after shutdown */
    bool in_line;
    bool served; /* has had an answer: goes after those that have not */
    bool shut;
    enum connection_phase phase;
    uint64_t since; /* monotonic */
    int fd;
    char key[CALLER_KEY_MOST];
};
struct connections {
    pthread_mutex_t mutex;
    struct line strangers, served; /* who keeps us waiting, the longest first */
    struct tally *clients;
    size_t count; /* without those that were shut down and wait for MHD to notice */
    size_t open;  /* with them */
};

struct connections *connections_new(void)
{
    struct connections *connections = memory_zeroed(1, sizeof *connections);

    pthread_mutex_init(&connections->mutex, NULL);
    TAILQ_INIT(&connections->strangers);
    TAILQ_INIT(&connections->served);
    connections->clients = tally_new();
    return connections;
}

void connections_free(struct connections *connections)
{
    if (connections == NULL)
        return;
    BUG_ON(connections->open > 0);
    tally_free(connections->clients);
    pthread_mutex_destroy(&connections->mutex);
    free(connections);
}

static struct line *line_of(struct connections *connections, const struct connection *connection)
{
    return connection->served ? &connections->served : &connections->strangers;
}

static void step_out(struct connections *connections, struct connection *connection)
{
    if (connection->in_line)
        TAILQ_REMOVE(line_of(connections, connection), connection, place);
    connection->in_line = false;
}

/* From here on it counts no more: only MHD still has to notice. */
static void shut(struct connections *connections, struct connection *connection)
{
    step_out(connections, connection);
    connection->shut = true;
    shutdown(connection->fd, SHUT_RDWR);
    tally_give(connections->clients, connection->key);
    connections->count--;
}

/* Who has kept us waiting for longest, of all or of one client. */
static struct connection *longest(struct connections *connections, const char *key)
{
    struct line *const lines[] = {&connections->strangers, &connections->served};
    struct connection *c;

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        for (c = TAILQ_FIRST(lines[i]); c != NULL; c = TAILQ_NEXT(c, place))
            if (key == NULL || strcmp(c->key, key) == 0)
                return c;
    return NULL;
}

static bool make_room(struct connections *connections, const char *key)
{
    struct connection *c = longest(connections, key);

    if (c == NULL)
        return false;
    shut(connections, c);
    metric_add(METRIC_FRONT_DISPLACED, 1);
    return true;
}

struct connection *connections_admit(struct connections *connections, const struct rules *rules, int fd,
                                     const char *key, uint64_t now)
{
    struct connection *c = NULL;

    pthread_mutex_lock(&connections->mutex);
    bool room = tally_take(connections->clients, key, rules->limits.most_client_connections) ||
                (make_room(connections, key) &&
                 tally_take(connections->clients, key, rules->limits.most_client_connections));
    if (room && connections->count >= rules->limits.most_connections && !make_room(connections, NULL)) {
        tally_give(connections->clients, key);
        room = false;
    }
    if (room) {
        c = memory_zeroed(1, sizeof *c);
        c->fd = fd;
        c->since = now;
        strcpy(c->key, key);
        c->in_line = true;
        TAILQ_INSERT_TAIL(&connections->strangers, c, place);
        connections->count++;
        connections->open++;
        metric_change(METRIC_FRONT_CONNECTIONS, 1);
    }
    pthread_mutex_unlock(&connections->mutex);
    return c;
}

void connections_leave(struct connections *connections, struct connection *connection)
{
    pthread_mutex_lock(&connections->mutex);
    step_out(connections, connection);
    if (!connection->shut) {
        tally_give(connections->clients, connection->key);
        connections->count--;
    }
    connections->open--;
    metric_change(METRIC_FRONT_CONNECTIONS, -1);
    pthread_mutex_unlock(&connections->mutex);
    free(connection);
}

void connections_enter(struct connections *connections, struct connection *connection,
                       enum connection_phase phase, uint64_t now)
{
    pthread_mutex_lock(&connections->mutex);
    if (!connection->shut) {
        step_out(connections, connection);
        if (phase == CONNECTION_IDLE)
            connection->served = true;
        connection->phase = phase;
        connection->since = now;
        connection->in_line = phase != CONNECTION_WORK;
        if (connection->in_line)
            TAILQ_INSERT_TAIL(line_of(connections, connection), connection, place);
    }
    pthread_mutex_unlock(&connections->mutex);
}

size_t connections_expire(struct connections *connections, const struct front_options *limits, uint64_t now)
{
    const unsigned seconds[CONNECTION_PHASES] = {
        [CONNECTION_NEW] = limits->head_seconds,      [CONNECTION_HEAD] = limits->head_seconds,
        [CONNECTION_BODY] = limits->body_seconds,     [CONNECTION_WORK] = 0,
        [CONNECTION_ANSWER] = limits->answer_seconds, [CONNECTION_IDLE] = limits->idle_seconds,
    };
    struct line *const lines[] = {&connections->strangers, &connections->served};
    struct connection *c, *next;
    size_t expired = 0;

    pthread_mutex_lock(&connections->mutex);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        for (c = TAILQ_FIRST(lines[i]); c != NULL; c = next) {
            next = TAILQ_NEXT(c, place);
            if (now < c->since + seconds[c->phase] * MICROSECONDS)
                continue;
            /* The end of an idle connection is its ordinary one. */
            if (c->phase != CONNECTION_IDLE)
                metric_add(METRIC_FRONT_OVERDUE, 1);
            shut(connections, c);
            expired++;
        }
    }
    pthread_mutex_unlock(&connections->mutex);
    return expired;
}

size_t connections_shed(struct connections *connections, enum connection_phase phase, uint64_t age,
                        size_t most, uint64_t now)
{
    struct line *const lines[] = {&connections->strangers, &connections->served};
    struct connection *c, *next;
    size_t gone = 0;

    pthread_mutex_lock(&connections->mutex);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        for (c = TAILQ_FIRST(lines[i]); c != NULL && gone < most; c = next) {
            next = TAILQ_NEXT(c, place);
            if (c->phase != phase || now < c->since + age)
                continue;
            shut(connections, c);
            gone++;
        }
    }
    pthread_mutex_unlock(&connections->mutex);
    return gone;
}

size_t connections_count(struct connections *connections)
{
    pthread_mutex_lock(&connections->mutex);
    size_t open = connections->open;
    pthread_mutex_unlock(&connections->mutex);
    return open;
}
