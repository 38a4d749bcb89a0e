#include "connectors/sql_session.h"
#include "base/clock.h"
#include "base/log.h"
#include "connectors/sql_parameter.h"
#include "connectors/sql_row.h"
#include "connectors/sql_serverlog.h"
#include "connectors/sql_state.h"
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_LEAST (100 * 1000ULL)
#define PAUSE_MOST  (10 * MICROSECONDS)
#define SETUP_MOST  (10 * MICROSECONDS) /* for settings and preparing, after the connection is there */
#define CLIENT_MARGIN                                                                                        \
    (2 * MICROSECONDS) /* how much longer than statement_timeout we wait for the server's own end */

struct prepared {
    bool ready;
    unsigned types[SQL_PARAMETERS_MOST];
};
struct sql_session {
    const struct sql_options *options;
    struct sql_told *told;
    uint64_t timeout, most_rows;
    PGconn *conn;
    struct prepared *prepared;
    uint64_t retry_at, pause;
};

struct sql_session *sql_session_new(const struct sql_options *options, struct sql_told *told)
{
    struct sql_session *s = memory_zeroed(1, sizeof *s);

    s->options = options;
    s->told = told;
    s->timeout = options->timeout != 0 ? options->timeout : 5 * MICROSECONDS;
    s->most_rows = options->most_rows != 0 ? options->most_rows : 1000;
    s->prepared = memory_zeroed(options->statement_count + 1, sizeof *s->prepared);
    return s;
}

static void drop(struct sql_session *s)
{
    PQfinish(s->conn);
    s->conn = NULL;
    for (size_t i = 0; i < s->options->statement_count; i++)
        s->prepared[i].ready = false;
}

void sql_session_free(struct sql_session *s)
{
    if (s == NULL)
        return;
    drop(s);
    free(s->prepared);
    free(s);
}

uint64_t sql_session_retry_at(const struct sql_session *s)
{
    return s->conn != NULL ? 0 : s->retry_at;
}

/* --- waiting: the socket never blocks, so that every wait has an end --- */

static bool wait_socket(struct sql_session *s, short events, uint64_t until)
{
    struct pollfd fd = {.fd = PQsocket(s->conn), .events = events};

    for (;;) {
        uint64_t now = clock_monotonic();
        if (now >= until || fd.fd < 0)
            return false;
        int n = poll(&fd, 1, (int)((until - now) / 1000 + 1));
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

static bool flush(struct sql_session *s, uint64_t until)
{
    int left;

    while ((left = PQflush(s->conn)) > 0) {
        if (!wait_socket(s, POLLIN | POLLOUT, until) || PQconsumeInput(s->conn) == 0)
            return false;
    }
    return left == 0;
}

enum step { STEP_RESULT, STEP_END, STEP_LATE, STEP_LOST };

static enum step next_result(struct sql_session *s, uint64_t until, PGresult **result)
{
    *result = NULL;
    while (PQisBusy(s->conn)) {
        if (!wait_socket(s, POLLIN, until))
            return clock_monotonic() >= until ? STEP_LATE : STEP_LOST;
        if (PQconsumeInput(s->conn) == 0)
            return STEP_LOST;
    }
    *result = PQgetResult(s->conn);
    if (*result != NULL)
        return STEP_RESULT;
    return PQstatus(s->conn) == CONNECTION_OK ? STEP_END : STEP_LOST;
}

/* One command without rows. True when it succeeded. */
static bool command(struct sql_session *s, const char *text, uint64_t until)
{
    PGresult *result;
    enum step step = STEP_LOST;

    if (PQsendQuery(s->conn, text) != 1 || !flush(s, until))
        return false;
    /* To the end, also after a failure: only then is the transaction's status known. */
    bool good = true;
    while ((step = next_result(s, until, &result)) == STEP_RESULT) {
        ExecStatusType status = PQresultStatus(result);
        good = good && (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK);
        PQclear(result);
    }
    return good && step == STEP_END;
}

/* --- opening --- */

/* PostgreSQL's notices may quote data: they go nowhere. */
static void no_notice(void *arg, const PGresult *result)
{
    (void)arg, (void)result;
}

static PGconn *connect_database(const char *connection)
{
    /* What stands before dbname is a default that the connection string may change; what stands after is
     * ours. */
    static const char *const names[] = {"connect_timeout",
                                        "keepalives_idle",
                                        "tcp_user_timeout",
                                        "application_name",
                                        "dbname",
                                        "client_encoding",
                                        NULL};
    const char *const values[] = {"5", "10", "15000", "wasl-adapter", connection, "UTF8", NULL};

    return PQconnectdbParams(names, values, 1);
}

static const char *encoding_trouble(PGconn *conn)
{
    const char *encoding = PQparameterStatus(conn, "server_encoding");

    if (encoding == NULL || strcmp(encoding, "SQL_ASCII") == 0)
        return "the database's encoding is SQL_ASCII: what its bytes mean is not known";
    encoding = PQparameterStatus(conn, "client_encoding");
    return encoding != NULL && strcmp(encoding, "UTF8") == 0 ? NULL : "the connection is not in UTF-8";
}

static bool session_settings(struct sql_session *s)
{
    struct buffer text = {0};
    unsigned long long ms = s->timeout / 1000 > 0 ? s->timeout / 1000 : 1;

    buffer_printf(
        &text,
        "SET default_transaction_read_only = on; SET statement_timeout = %llu; SET lock_timeout = %llu; "
        "SET idle_in_transaction_session_timeout = %llu; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; "
        "SET IntervalStyle = 'iso_8601'; SET bytea_output = 'hex'; SET extra_float_digits = 1; "
        "SET client_min_messages = error; SET log_parameter_max_length_on_error = 0",
        ms, ms, ms + CLIENT_MARGIN / 1000);
    buffer_append(&text, "", 1);
    bool good = command(s, (const char *)text.data, clock_monotonic() + SETUP_MOST);
    buffer_free(&text);
    return good;
}

/* Columns of one row must have names of their own: they become the keys of an object. */
static const char *columns_trouble(const PGresult *description)
{
    int columns = PQnfields(description);

    if (columns == 0)
        return "it returns no columns: add RETURNING";
    for (int i = 0; i < columns; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(PQfname(description, i), PQfname(description, k)) == 0)
                return "two of its columns have the same name";
    return NULL;
}

static const char *describe(struct sql_session *s, size_t i)
{
    const struct sql_statement *statement = &s->options->statements[i];
    PGresult *description = PQdescribePrepared(s->conn, statement->operation);
    const char *trouble = NULL;

    if (PQresultStatus(description) != PGRES_COMMAND_OK)
        trouble = "it cannot be described";
    else if ((size_t)PQnparams(description) != statement->parameter_count)
        trouble = "PostgreSQL counts another number of parameters";
    else
        trouble = columns_trouble(description);
    for (int p = 0; trouble == NULL && p < PQnparams(description); p++) {
        s->prepared[i].types[p] = PQparamtype(description, p);
        if (!sql_parameter_type_known(s->prepared[i].types[p]))
            trouble = "a parameter is of a type that is not checked here: cast it, as in $1::text";
    }
    PQclear(description);
    return trouble;
}

static bool prepare(struct sql_session *s, size_t i)
{
    const struct sql_statement *statement = &s->options->statements[i];
    const char *trouble = NULL;
    char state[6] = "";

    if (s->prepared[i].ready)
        return true;
    PGresult *result = PQprepare(s->conn, statement->operation, statement->text, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        snprintf(state, sizeof state, "%s", code != NULL ? code : "");
        trouble = sql_state_words(state);
    }
    PQclear(result);
    if (trouble == NULL && (trouble = describe(s, i)) != NULL) {
        char *name = PQescapeIdentifier(s->conn, statement->operation, strlen(statement->operation));
        struct buffer text = {0};
        buffer_printf(&text, "DEALLOCATE %s", name != NULL ? name : "ALL");
        buffer_append(&text, "", 1);
        command(s, (const char *)text.data, clock_monotonic() + SETUP_MOST);
        buffer_free(&text);
        PQfreemem(name);
    }
    if (atomic_exchange(&s->told->statements[i], trouble != NULL) == false && trouble != NULL)
        log_error("sql_statement_unusable", "service=%s operation=%s sqlstate=%s why=%s", s->options->name,
                  statement->operation, state, trouble);
    s->prepared[i].ready = trouble == NULL;
    return s->prepared[i].ready;
}

static bool open_failed(struct sql_session *s, const char *why)
{
    s->pause = s->pause == 0 ? PAUSE_LEAST : s->pause * 2;
    if (s->pause > PAUSE_MOST)
        s->pause = PAUSE_MOST;
    if (atomic_exchange(&s->told->database, 2) != 2)
        log_warn("sql_unreachable", "service=%s why=%s", s->options->name, why);
    drop(s);
    s->retry_at = clock_monotonic() + s->pause;
    return false;
}

bool sql_session_open(struct sql_session *s)
{
    const char *trouble;

    if (s->conn != NULL)
        return true;
    if (clock_monotonic() < s->retry_at)
        return false;
    s->conn = connect_database(s->options->connection);
    /* libpq's words may name user and host, nothing of the data; ours are enough. */
    if (PQstatus(s->conn) != CONNECTION_OK)
        return open_failed(s, "no connection to the database: is it up, and may this user connect?");
    PQsetNoticeReceiver(s->conn, no_notice, NULL);
    if ((trouble = encoding_trouble(s->conn)) != NULL)
        return open_failed(s, trouble);
    if (PQsetnonblocking(s->conn, 1) != 0 || !session_settings(s))
        return open_failed(s, "the session's settings were not accepted");
    sql_serverlog_restrain(s->conn, atomic_load(&s->told->database) != 1 ? s->options->name : NULL);
    for (size_t i = 0; i < s->options->statement_count; i++)
        prepare(s, i);
    if (PQstatus(s->conn) != CONNECTION_OK)
        return open_failed(s, "the connection broke while statements were prepared");
    s->pause = 0;
    s->retry_at = 0;
    if (atomic_exchange(&s->told->database, 1) != 1)
        log_info("sql_connected", "service=%s server_version=%d", s->options->name, PQserverVersion(s->conn));
    return true;
}

/* --- running --- */

struct run {
    const struct sql_statement *statement;
    struct call *call;
    uint64_t until; /* monotonic */
    uint64_t rows;
    bool drop; /* the connection has something left in it */
    bool lost;
    char sqlstate[6];
    const char *trouble;
};

static void refuse(struct run *r, enum refusal refusal, const char *trouble)
{
    if (r->call->reply.refusal != REFUSAL_NONE)
        return;
    r->call->reply.refusal = refusal;
    r->trouble = trouble;
}

static void take_row(struct run *r, const PGresult *result)
{
    struct buffer *out = &r->call->reply.body;

    r->rows++;
    if (r->statement->one && r->rows > 1) {
        refuse(r, REFUSAL_PROVIDER_FAILED, "more than one row where one was expected");
        r->drop = true;
        return;
    }
    if (!r->statement->one)
        buffer_append_string(out, r->rows == 1 ? "[" : ",");
    if (!sql_row_json(result, 0, out, &r->trouble)) {
        refuse(r, REFUSAL_PROVIDER_FAILED, r->trouble);
        r->drop = true;
    }
}

static void take_result(struct sql_session *s, struct run *r, PGresult *result)
{
    const char *state;

    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
        take_row(r, result);
        if (r->call->reply.body.len > r->call->most_response || r->rows > s->most_rows) {
            refuse(r, REFUSAL_RESPONSE_TOO_LARGE, "more rows or bytes than permitted");
            r->drop = true;
        }
        break;
    case PGRES_TUPLES_OK: /* the end of the rows */
    case PGRES_COMMAND_OK:
        break;
    default:
        state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        if (state == NULL) {
            r->lost = true;
            break;
        }
        snprintf(r->sqlstate, sizeof r->sqlstate, "%s", state);
        refuse(r, sql_state_refusal(state), sql_state_words(state));
        r->lost = r->lost || sql_state_connection(state);
    }
}

/* Sends the statement and takes its rows. */
static void execute(struct sql_session *s, struct run *r, const struct sql_values *values)
{
    PGresult *result;
    enum step step = STEP_LOST;

    if (PQsendQueryPrepared(s->conn, r->statement->operation, (int)values->count,
                            (const char *const *)values->items, NULL, NULL, 0) == 1 &&
        PQsetSingleRowMode(s->conn) == 1 && flush(s, r->until)) {
        while (!r->drop && (step = next_result(s, r->until, &result)) == STEP_RESULT) {
            take_result(s, r, result);
            PQclear(result);
        }
    }
    if (r->drop)
        return;
    if (step == STEP_LATE) {
        /* The server ends the statement by its own statement_timeout; we do not wait for it. */
        refuse(r, REFUSAL_PROVIDER_TIMEOUT, "the database did not answer in time");
        r->drop = true;
    }
    r->lost = r->lost || step == STEP_LOST;
}

static void finish_body(struct run *r)
{
    struct reply *reply = &r->call->reply;

    if (reply->refusal == REFUSAL_NONE && r->statement->one && r->rows == 0)
        refuse(r, REFUSAL_UNKNOWN_SUBJECT, NULL);
    if (reply->refusal == REFUSAL_NONE && !r->statement->one)
        buffer_append_string(&reply->body, r->rows == 0 ? "[]" : "]");
    if (reply->refusal == REFUSAL_NONE && reply->body.len > r->call->most_response)
        refuse(r, REFUSAL_RESPONSE_TOO_LARGE, "more rows or bytes than permitted");
}

static void finish(struct sql_session *s, struct run *r)
{
    struct reply *reply = &r->call->reply;

    if (reply->refusal != REFUSAL_NONE) {
        buffer_free(&reply->body);
        if (r->trouble != NULL)
            log_warn("sql_failed", "service=%s operation=%s refusal=%s sqlstate=%s why=%s", s->options->name,
                     r->statement->operation, refusal_name(reply->refusal), r->sqlstate, r->trouble);
    } else {
        reply->status = 200;
        http_headers_add(&reply->headers, "Content-Type", "application/json");
    }
    if (r->drop || r->lost)
        drop(s);
}

static void run_reading(struct sql_session *s, struct run *r, const struct sql_values *values)
{
    execute(s, r, values);
    finish_body(r);
}

/* Nothing takes effect before COMMIT is sent: until then a loss is only a loss. */
static void run_writing(struct sql_session *s, struct run *r, const struct sql_values *values)
{
    if (!command(s, "BEGIN READ WRITE", r->until)) {
        r->lost = true;
        return;
    }
    execute(s, r, values);
    if (r->lost || r->drop)
        return;
    finish_body(r);
    if (r->call->reply.refusal == REFUSAL_NONE && clock_monotonic() >= r->until)
        refuse(r, REFUSAL_PROVIDER_TIMEOUT, "the time of the call was over before COMMIT");
    if (r->call->reply.refusal != REFUSAL_NONE) {
        r->drop = !command(s, "ROLLBACK", r->until);
    } else if (!command(s, "COMMIT", r->until)) {
        /* A deferred constraint that failed is known to have undone everything; anything else is not known.
         */
        bool undone = PQstatus(s->conn) == CONNECTION_OK && PQtransactionStatus(s->conn) == PQTRANS_IDLE;
        refuse(r, undone ? REFUSAL_PROVIDER_FAILED : REFUSAL_OUTCOME_UNKNOWN,
               "no word of success after COMMIT");
        r->drop = true;
    }
}

enum sql_outcome sql_session_run(struct sql_session *s, size_t statement, struct call *call)
{
    struct run r = {.statement = &s->options->statements[statement], .call = call};
    struct sql_values values;
    uint64_t wall = clock_wall();

    if (!prepare(s, statement)) {
        if (PQstatus(s->conn) != CONNECTION_OK) {
            drop(s);
            return SQL_LOST;
        }
        call->reply.refusal = REFUSAL_PROVIDER_FAILED;
        return SQL_ANSWERED;
    }
    if (wall >= call->deadline) {
        call->reply.refusal = REFUSAL_PROVIDER_TIMEOUT;
        return SQL_ANSWERED;
    }
    call->reply.refusal = sql_values_gather(r.statement, s->prepared[statement].types, call, &values);
    if (call->reply.refusal != REFUSAL_NONE)
        return SQL_ANSWERED;

    uint64_t left = call->deadline - wall, most = s->timeout + CLIENT_MARGIN;
    r.until = clock_monotonic() + (left < most ? left : most);
    if (r.statement->writes)
        run_writing(s, &r, &values);
    else
        run_reading(s, &r, &values);
    sql_values_free(&values);
    if (r.lost && (r.call->reply.refusal == REFUSAL_NONE || sql_state_connection(r.sqlstate))) {
        buffer_free(&call->reply.body);
        call->reply.refusal = REFUSAL_NONE;
        drop(s);
        return SQL_LOST;
    }
    finish(s, &r);
    return SQL_ANSWERED;
}
