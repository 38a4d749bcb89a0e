#include "connectors/connectors.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/queue.h"
#include "connectors/sql_session.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MOST 256 /* calls that wait for a thread; their deadlines bound how long */

struct sql_connector {
    struct connector connector;
    struct sql_options options;
    struct queue *queue;
    struct sql_told told;
    atomic_bool stopping;
    pthread_t *threads;
    unsigned thread_count;
};

/* The index of an operation's statement; the count when there is none. */
static size_t statement_of(const struct sql_connector *sql, const char *operation)
{
    size_t i = 0;

    while (i < sql->options.statement_count && strcmp(sql->options.statements[i].operation, operation) != 0)
        i++;
    return i;
}

static void run(struct sql_connector *sql, struct sql_session *session, struct call *call)
{
    size_t statement = statement_of(sql, call->match.operation->code);

    if (statement == sql->options.statement_count) {
        log_error("sql_no_statement", "service=%s operation=%s", sql->options.name,
                  call->match.operation->code);
        call->reply.refusal = REFUSAL_PROVIDER_FAILED;
        return;
    }
    /* A connection that went stale while nobody used it is found out by the first call, which then gets a
     * fresh one. */
    for (int attempt = 0; attempt < 2; attempt++) {
        if (!sql_session_open(session))
            break;
        if (sql_session_run(session, statement, call) == SQL_ANSWERED)
            return;
    }
    call->reply.refusal = REFUSAL_PROVIDER_FAILED;
}

static void serve(struct sql_connector *sql, struct sql_session *session, struct call *call)
{
    if (atomic_load(&sql->stopping))
        call->reply.refusal = REFUSAL_STOPPED;
    else if (clock_wall() >= call->deadline)
        call->reply.refusal = REFUSAL_PROVIDER_TIMEOUT;
    else
        run(sql, session, call);
    call->done(call);
}

static void *work(void *arg)
{
    struct sql_connector *sql = arg;
    struct sql_session *session = sql_session_new(&sql->options, &sql->told);

    pthread_setname_np(pthread_self(), "sql");
    while (!atomic_load(&sql->stopping)) {
        sql_session_open(session);
        /* Without a connection it wakes up to try again; calls that come in between are answered at once. */
        uint64_t retry = sql_session_retry_at(session), now = clock_monotonic();
        struct call *call = queue_wait(sql->queue, retry == 0 ? UINT64_MAX : retry > now ? retry - now : 1);
        if (call != NULL)
            serve(sql, session, call);
    }
    for (struct call *call; (call = queue_take(sql->queue)) != NULL;)
        serve(sql, session, call);
    sql_session_free(session);
    return NULL;
}

static void sql_start(struct connector *connector, struct call *call)
{
    struct sql_connector *sql = (struct sql_connector *)connector;

    if (!queue_put(sql->queue, call)) {
        call->reply.refusal = REFUSAL_PROVIDER_BUSY;
        call->done(call);
    }
}

static void sql_free(struct connector *connector)
{
    struct sql_connector *sql = (struct sql_connector *)connector;

    atomic_store(&sql->stopping, true);
    queue_close(sql->queue);
    for (unsigned i = 0; i < sql->thread_count; i++)
        pthread_join(sql->threads[i], NULL);
    queue_free(sql->queue);
    free(sql->threads);
    free(sql->told.statements);
    free(sql);
}

static int check(const struct sql_options *options, struct error *e)
{
    if (connector_sql_check_connection(options->connection, e) != 0)
        return -1;
    for (size_t i = 0; i < options->statement_count; i++)
        if (connector_sql_check(&options->statements[i], e) != 0)
            return error_prefix(e, "statement of %s: ", options->statements[i].operation);
    return 0;
}

struct connector *connector_sql_new(const struct sql_options *options, struct error *e)
{
    static const struct connector_operations operations = {
        .kind = "sql", .start = sql_start, .free = sql_free};

    if (check(options, e) != 0)
        return NULL;
    struct sql_connector *sql = memory_zeroed(1, sizeof *sql);
    unsigned threads = options->threads != 0 ? options->threads : 4;
    sql->connector.operations = &operations;
    sql->options = *options;
    if (sql->options.name == NULL)
        sql->options.name = "sql";
    sql->told.statements = memory_zeroed(options->statement_count + 1, sizeof *sql->told.statements);
    sql->queue = queue_new(WAITING_MOST);
    sql->threads = memory_zeroed(threads, sizeof *sql->threads);
    for (; sql->thread_count < threads; sql->thread_count++) {
        if (pthread_create(&sql->threads[sql->thread_count], NULL, work, sql) != 0) {
            error_set(e, ERROR_MEMORY, "no thread for the sql connector");
            sql_free(&sql->connector);
            return NULL;
        }
    }
    return &sql->connector;
}
