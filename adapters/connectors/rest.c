#include "connectors/connectors.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "connectors/rest_answer.h"
#include "connectors/rest_outcome.h"
#include "connectors/rest_request.h"
#include "connectors/rest_site.h"
#include "connectors/rest_socket.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MOST       256           /* calls that wait for a connection */
#define WAITING_BYTES_MOST (16ULL << 20) /* of their bodies */
#define CONNECTIONS        16
#define LEAST_SPEED        64
#define SLOW_SECONDS       10
#define TURN_MOST          (1 * MICROSECONDS) /* the longest wait of a turn */
/* A call that has waited in vain is refused a little before its time, so that it is told apart from one that
 * may have been carried out. */
#define WAIT_MARGIN (MICROSECONDS / 10)

struct rest;

struct transfer {
    struct rest *rest;
    struct call *call;
    struct transfer *next;
    uint64_t until; /* monotonic */
    CURL *easy;     /* NULL: does not run */
    struct rest_request request;
    struct rest_answer answer;
    struct rest_socket_use use;
    bool sent;    /* from here on the system may have seen the request */
    bool spoiled; /* the connection that it was to go out on holds something already */
    bool fresh;   /* wants a connection that nobody used */
    bool paced;
};
struct rest {
    struct connector connector;
    struct rest_options options;
    struct rest_site *site;
    CURLM *multi;
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t lock; /* of these: */
    struct transfer *inbox, **inbox_end;
    size_t waiting_count;
    uint64_t waiting_bytes;
    bool stopping;

    /* of the thread alone: */
    struct transfer *waiting, **waiting_end;
    struct transfer *running;
    unsigned running_count;
    struct rest_sockets sockets;
    uint64_t end_at; /* monotonic; 0: not ending */
    enum { NOTHING_TOLD, REACHED, UNREACHABLE } told;
};

/* --- giving back --- */

static void transfer_free(struct transfer *t)
{
    rest_request_free(&t->request);
    rest_answer_free(&t->answer);
    free(t);
}

static void give_back(struct transfer *t, enum refusal refusal, const char *why)
{
    struct call *call = t->call;

    call->reply.refusal = refusal;
    if (refusal != REFUSAL_NONE && why != NULL)
        log_warn("rest_failed", "service=%s operation=%s refusal=%s why=%s", t->rest->options.name,
                 call->match.operation->code, refusal_name(refusal), why);
    transfer_free(t);
    call->done(call);
}

static void tell_reached(struct rest *r)
{
    if (r->told != REACHED)
        log_info("rest_reached", "service=%s", r->options.name);
    r->told = REACHED;
}

static void tell_unreachable(struct rest *r, const char *why)
{
    if (r->told != UNREACHABLE)
        log_warn("rest_unreachable", "service=%s why=%s", r->options.name, why);
    r->told = UNREACHABLE;
}

static void take_off(struct transfer *t)
{
    struct rest *r = t->rest;
    struct transfer **at = &r->running;

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    r->running_count--;
    BUG_ON(curl_multi_remove_handle(r->multi, t->easy) != CURLM_OK);
    curl_easy_cleanup(t->easy);
    t->easy = NULL;
}

/* --- a call's beginning --- */

static int before_sending(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct transfer *t = arg;

    (void)peer, (void)local, (void)peer_port;
    t->spoiled = !t->use.opened && rest_socket_spoiled(t->use.sockets, local_port);
    if (t->spoiled)
        return CURL_PREREQFUNC_ABORT;
    t->sent = true;
    return CURL_PREREQFUNC_OK;
}

static void apply_call(struct transfer *t, uint64_t now)
{
    uint64_t left = t->until > now ? t->until - now : 0, most = t->rest->options.timeout;

    REST_SET(t->easy, CURLOPT_PRIVATE, t);
    REST_SET(t->easy, CURLOPT_TIMEOUT_MS, (long)((most != 0 && most < left ? most : left) / 1000 + 1));
    REST_SET(t->easy, CURLOPT_PREREQFUNCTION, before_sending);
    REST_SET(t->easy, CURLOPT_PREREQDATA, t);
    REST_SET(t->easy, CURLOPT_FRESH_CONNECT, t->fresh ? 1L : 0L);
    rest_socket_apply(&t->use, t->easy);
    rest_request_apply(&t->request, t->call, t->easy);
    rest_answer_apply(&t->answer, t->easy);
}

static void run(struct transfer *t, uint64_t now)
{
    struct rest *r = t->rest;

    rest_answer_init(&t->answer, &t->call->reply, t->call->most_response,
                     strcmp(t->request.method, "HEAD") == 0);
    t->easy = curl_easy_init();
    BUG_ON(t->easy == NULL); /* no memory: fatal by decision */
    rest_site_apply(r->site, t->easy);
    apply_call(t, now);
    t->next = r->running;
    r->running = t;
    r->running_count++;
    BUG_ON(curl_multi_add_handle(r->multi, t->easy) != CURLM_OK);
}

static void begin(struct transfer *t, uint64_t now)
{
    struct rest *r = t->rest;
    enum refusal refusal = rest_request_make(t->call, rest_site_base(r->site), r->options.name, &t->request);

    if (refusal != REFUSAL_NONE) {
        give_back(t, refusal, "a request that cannot be passed on as it is");
        return;
    }
    /* libcurl sends any request again when a connection that it used before turns out to be closed. It may
     * have been closed after the request was read: what must not be run twice gets a connection that nobody
     * used. */
    t->fresh = !t->call->match.operation->safe;
    t->use.sockets = &r->sockets;
    run(t, now);
}

/* --- a call's end --- */

static void ended(struct transfer *t, CURLcode code)
{
    struct rest *r = t->rest;
    bool safe = t->call->match.operation->safe;
    enum refusal refusal = code == CURLE_OK ? rest_answer_finish(&t->answer) : REFUSAL_NONE;
    const char *why = NULL;

    if (t->spoiled) { /* and nothing was sent: once more, on a connection of its own */
        take_off(t);
        t->spoiled = false;
        t->fresh = true;
        run(t, clock_monotonic());
        return;
    }
    if (code != CURLE_OK || refusal != REFUSAL_NONE) {
        refusal = rest_outcome(code, t->sent, safe, t->answer.refusal);
        why = t->answer.why != NULL ? t->answer.why : rest_outcome_words(code, t->sent, t->easy);
    }
    if (t->sent)
        tell_reached(r);
    else
        tell_unreachable(r, why);
    take_off(t);
    give_back(t, refusal, t->sent ? why : NULL);
}

/* --- the thread --- */

static bool take_inbox(struct rest *r)
{
    pthread_mutex_lock(&r->lock);
    if (r->inbox != NULL) {
        *r->waiting_end = r->inbox;
        r->waiting_end = r->inbox_end;
        r->inbox = NULL;
        r->inbox_end = &r->inbox;
    }
    bool stopping = r->stopping;
    pthread_mutex_unlock(&r->lock);
    return stopping;
}

static struct transfer *take_waiting(struct rest *r, struct transfer **at)
{
    struct transfer *t = *at;

    *at = t->next;
    if (*at == NULL)
        r->waiting_end = at;
    t->next = NULL;
    pthread_mutex_lock(&r->lock);
    r->waiting_count--;
    r->waiting_bytes -= t->call->body.len;
    pthread_mutex_unlock(&r->lock);
    return t;
}

/* Refuses those whose time is over, begins what there is room for. Returns the next deadline. */
static uint64_t serve_waiting(struct rest *r, uint64_t now)
{
    unsigned most = r->options.connections != 0 ? r->options.connections : CONNECTIONS;
    uint64_t next = UINT64_MAX;

    for (struct transfer **at = &r->waiting; *at != NULL;) {
        uint64_t until = (*at)->until - WAIT_MARGIN;
        if (r->end_at != 0) {
            give_back(take_waiting(r, at), REFUSAL_STOPPED, NULL);
        } else if (now >= until) {
            give_back(take_waiting(r, at), REFUSAL_PROVIDER_BUSY, NULL);
        } else if (r->running_count < most) {
            begin(take_waiting(r, at), now);
        } else {
            next = until < next ? until : next;
            at = &(*at)->next;
        }
    }
    return next;
}

static void take_ended(struct rest *r)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(r->multi, &left)) != NULL) {
        struct transfer *t = NULL;
        CURLcode code = message->data.result;
        BUG_ON(message->msg != CURLMSG_DONE ||
               curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t) != CURLE_OK);
        ended(t, code);
    }
}

/* How long an answer takes to begin is the call's own time; once it has begun, a drip does not hold a
 * connection.
 */
static void pace(struct rest *r)
{
    uint64_t least = r->options.least_speed != 0 ? r->options.least_speed : LEAST_SPEED;
    unsigned seconds = r->options.slow_seconds != 0 ? r->options.slow_seconds : SLOW_SECONDS;

    for (struct transfer *t = r->running; t != NULL; t = t->next)
        if (!t->paced && rest_answer_begun(&t->answer)) {
            t->paced = true;
            REST_SET(t->easy, CURLOPT_LOW_SPEED_LIMIT, (long)least);
            REST_SET(t->easy, CURLOPT_LOW_SPEED_TIME, (long)seconds);
        }
}

static void cut_off(struct rest *r)
{
    while (r->running != NULL) {
        struct transfer *t = r->running;
        bool unknown = t->sent && !t->call->match.operation->safe;
        take_off(t);
        give_back(t, unknown ? REFUSAL_OUTCOME_UNKNOWN : REFUSAL_STOPPED, "the adapter is stopping");
    }
}

static void turn(struct rest *r)
{
    uint64_t now = clock_monotonic(), wait = TURN_MOST;
    int running;

    if (take_inbox(r) && r->end_at == 0)
        r->end_at = now + REST_END_MOST;
    if (r->end_at != 0 && now >= r->end_at)
        cut_off(r);
    uint64_t next = serve_waiting(r, now);
    BUG_ON(curl_multi_perform(r->multi, &running) != CURLM_OK);
    unsigned before = r->running_count;
    take_ended(r);
    pace(r);
    if (r->running_count < before && r->waiting != NULL)
        return; /* a place became free */
    if (next != UINT64_MAX && next - now < wait)
        wait = next - now;
    if (r->end_at != 0 && (r->running == NULL || r->end_at - now < wait))
        wait = r->running == NULL ? 0 : r->end_at - now;
    BUG_ON(curl_multi_poll(r->multi, NULL, 0, (int)(wait / 1000), NULL) != CURLM_OK);
}

static void *work(void *arg)
{
    struct rest *r = arg;

    pthread_setname_np(pthread_self(), "rest");
    while (r->end_at == 0 || r->running != NULL || r->waiting != NULL)
        turn(r);
    return NULL;
}

/* --- the connector --- */

static bool put(struct rest *r, struct transfer *t)
{
    pthread_mutex_lock(&r->lock);
    bool room = !r->stopping && r->waiting_count < WAITING_MOST &&
                r->waiting_bytes + t->call->body.len <= WAITING_BYTES_MOST;
    if (room) {
        *r->inbox_end = t;
        r->inbox_end = &t->next;
        r->waiting_count++;
        r->waiting_bytes += t->call->body.len;
    }
    pthread_mutex_unlock(&r->lock);
    return room;
}

static void rest_start(struct connector *connector, struct call *call)
{
    struct rest *r = (struct rest *)connector;
    uint64_t wall = clock_wall();
    struct transfer *t = memory_zeroed(1, sizeof *t);

    t->rest = r;
    t->call = call;
    if (wall >= call->deadline) {
        give_back(t, REFUSAL_PROVIDER_TIMEOUT, NULL);
        return;
    }
    t->until = clock_monotonic() + (call->deadline - wall);
    if (!put(r, t))
        give_back(t, REFUSAL_PROVIDER_BUSY, NULL);
    else
        curl_multi_wakeup(r->multi);
}

static void rest_free(struct connector *connector)
{
    struct rest *r = (struct rest *)connector;

    if (r->has_thread) {
        pthread_mutex_lock(&r->lock);
        r->stopping = true;
        pthread_mutex_unlock(&r->lock);
        curl_multi_wakeup(r->multi);
        pthread_join(r->thread, NULL);
    }
    if (r->multi != NULL)
        curl_multi_cleanup(r->multi);
    rest_site_free(r->site);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static CURLM *make_multi(unsigned connections)
{
    CURLM *multi = curl_multi_init();
    long most = connections != 0 ? (long)connections : CONNECTIONS;

    BUG_ON(multi == NULL);
    /* Where a fresh connection would be one too many, one that nobody uses makes room. */
    BUG_ON(curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, most) != CURLM_OK);
    BUG_ON(curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, most) != CURLM_OK);
    BUG_ON(curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) != CURLM_OK);
    return multi;
}

/* OpenSSL writes to sockets without MSG_NOSIGNAL: a system that closes one must not end the adapter. */
static int start_thread(struct rest *r)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&r->thread, NULL, work, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    r->has_thread = result == 0;
    return result;
}

struct connector *connector_rest_new(const struct rest_options *options, struct error *e)
{
    static const struct connector_operations operations = {
        .kind = "rest", .start = rest_start, .free = rest_free};
    struct rest *r = memory_zeroed(1, sizeof *r);
    const char *key;

    r->connector.operations = &operations;
    r->options = *options;
    r->inbox_end = &r->inbox;
    r->waiting_end = &r->waiting;
    pthread_mutex_init(&r->lock, NULL);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(e, ERROR_MEMORY, "libcurl does not start");
        goto failed;
    }
    r->site = rest_site_new(&r->options, &key, e);
    if (r->site == NULL) {
        error_prefix(e, "%s: ", key);
        goto failed;
    }
    r->multi = make_multi(options->connections);
    if (start_thread(r) != 0) {
        error_set(e, ERROR_MEMORY, "no thread for the rest connector");
        goto failed;
    }
    return &r->connector;

failed:
    rest_free(&r->connector);
    return NULL;
}
