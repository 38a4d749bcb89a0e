/* wasl-bench http: exchanges as information systems ask for them: requests over kept connections to an
 * adapter's front, one under way on each, every answer compared with the one that is right. */
#include "wasl-bench/commands.h"
#include "wasl-bench/http_line.h"
#include "wasl-bench/http_wish.h"
#include "wasl-bench/round_options.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { WAIT = 200, EVENTS = 64 }; /* milliseconds */

struct caller {
    struct http_line line;
    const struct http_wish *wish; /* under way; NULL: none */
    uint64_t since;
};

struct http_bench {
    struct round_options loop;
    struct round round;
    const char *where, *file;
    struct http_words words;
    struct http_wishes wishes;
    struct caller *callers;
    int epoll;
    uint64_t opened; /* connections */
    /* The first wrong answer, for whoever has to find out why: its status (0: none came) and refusal. */
    unsigned wrong_status;
    char wrong_refusal[HTTP_REFUSAL_SIZE];
};

static int open_line(struct http_bench *b, struct caller *c, struct error *e)
{
    if (http_line_open(&c->line, b->where, e) != 0)
        return -1;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(b->epoll, EPOLL_CTL_ADD, c->line.fd, &event) != 0)
        return error_set(e, ERROR_IO, "epoll: %s", strerror(errno));
    b->opened++;
    return 0;
}

static int begin(struct http_bench *b, struct caller *c, struct error *e)
{
    if (c->line.fd < 0 && open_line(b, c, e) != 0)
        return -1;
    c->wish = &b->wishes.all[b->round.begun % b->wishes.count];
    c->since = clock_monotonic();
    round_begun(&b->round);
    if (!http_line_send(&c->line, buffer_bytes(&c->wish->request)))
        return error_set(e, ERROR_IO, "%s: the connection was closed before it was used", b->where);
    return 0;
}

static bool right(const struct caller *c)
{
    if (c->line.status != 200)
        return false;
    json_t *answer = json_loadb((const char *)c->line.body.data, c->line.body.len,
                                JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    bool same = answer != NULL && json_equal(answer, c->wish->answer);
    json_decref(answer);
    return same;
}

static int take(struct http_bench *b, struct caller *c, uint64_t now, struct error *e)
{
    enum http_received what = http_line_receive(&c->line);
    if (what == HTTP_PART)
        return 0;
    if (c->wish == NULL) { /* a kept connection that the front has closed between two requests */
        http_line_close(&c->line);
        return 0;
    }
    bool good = what == HTTP_ANSWERED && right(c);
    if (!good && b->round.wrong == 0) {
        b->wrong_status = what == HTTP_ANSWERED ? c->line.status : 0;
        snprintf(b->wrong_refusal, sizeof b->wrong_refusal, "%s",
                 what == HTTP_ANSWERED ? c->line.refusal : "");
    }
    c->wish = NULL;
    round_ended(&b->round, c->since, now, good);
    if (what == HTTP_BROKEN || c->line.closing)
        http_line_close(&c->line);
    if (round_turn(&b->round, now, e) != 0)
        return -1;
    return round_wants_more(&b->round) ? begin(b, c, e) : 0;
}

static int loop(struct http_bench *b, struct error *e)
{
    if (round_turn(&b->round, clock_monotonic(), e) != 0)
        return -1;
    for (unsigned i = 0; i < b->loop.in_flight && round_wants_more(&b->round); i++)
        if (begin(b, &b->callers[i], e) != 0)
            return -1;
    while (!round_over(&b->round)) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(b->epoll, events, EVENTS, WAIT);
        if (count < 0 && errno != EINTR)
            return error_set(e, ERROR_IO, "epoll: %s", strerror(errno));
        for (int i = 0; i < count; i++)
            if (take(b, events[i].data.ptr, clock_monotonic(), e) != 0)
                return -1;
        uint64_t now = clock_monotonic();
        if (round_turn(&b->round, now, e) != 0)
            return -1;
        if (round_lost(&b->round, now))
            return error_set(e, ERROR_IO, "%s: %llu requests got no answer", b->where,
                             (unsigned long long)(b->round.begun - b->round.ended));
    }
    return 0;
}

static json_t *result(struct http_bench *b)
{
    json_t *object = round_result(&b->round, "http", b->loop.in_flight);
    json_object_set_new(object, "connections", json_integer((json_int_t)b->opened));
    if (b->round.wrong > 0)
        json_object_set_new(
            object, "first_wrong",
            json_pack("{s:i, s:s}", "status", (int)b->wrong_status, "refusal", b->wrong_refusal));
    return object;
}

static int run(struct http_bench *b)
{
    struct error e = {0};
    round_set(&b->round, &b->loop);
    round_watch(&b->round, "generator", getpid());
    b->callers = memory_zeroed(b->loop.in_flight, sizeof *b->callers);
    for (unsigned i = 0; i < b->loop.in_flight; i++)
        b->callers[i].line.fd = -1;
    b->epoll = epoll_create1(EPOLL_CLOEXEC);
    int code;
    if (b->epoll < 0) {
        error_set(&e, ERROR_IO, "epoll: %s", strerror(errno));
        code = bench_failed(&e);
    } else if (http_wishes_read(b->file, &b->words, &b->wishes, &e) != 0 || loop(b, &e) != 0) {
        code = bench_failed(&e);
    } else {
        code = round_print(&b->round, result(b));
    }
    for (unsigned i = 0; i < b->loop.in_flight; i++)
        http_line_free(&b->callers[i].line);
    free(b->callers);
    if (b->epoll >= 0)
        close(b->epoll);
    http_wishes_free(&b->wishes);
    round_free(&b->round);
    return code;
}

static const struct argp_option options[] = {
    {"adapter", 'a', "WHERE", 0, "The front's listener: unix:/PATH or 127.0.0.1:PORT", 1},
    {"requests", 'r', "FILE", 0,
     "A line for each request, taken in turn: {\"path\", \"subject\", \"answer\"}", 1},
    {"client", 'c', "SUBSYSTEM", 0, "X-Road-Client", 1},
    {"service", 'S', "SERVICE", 0, "Whose operations the paths are", 1},
    {"purpose", 'p', "CODE", 0, "Wasl-Purpose", 1},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct http_bench *b = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &b->loop;
        return 0;
    case 'a':
        b->where = argument;
        return 0;
    case 'r':
        b->file = argument;
        return 0;
    case 'c':
        b->words.client = argument;
        return 0;
    case 'S':
        b->words.service = argument;
        return 0;
    case 'p':
        b->words.purpose = argument;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s: there are options only", argument);
        return 0;
    case ARGP_KEY_END:
        if (b->where == NULL || b->file == NULL || b->words.client == NULL || b->words.service == NULL ||
            b->words.purpose == NULL)
            argp_error(state, "say --adapter, --requests, --client, --service and --purpose");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_http(int argc, char **argv)
{
    static const struct argp_child children[] = {{&round_argp, 0, NULL, 3}, {0}};
    static const struct argp argp = {options,
                                     parse,
                                     NULL,
                                     "Keeps requests in flight at an adapter's front, one on each "
                                     "connection, and compares every answer with the right "
                                     "one.",
                                     children,
                                     NULL,
                                     NULL};
    struct http_bench b = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &b);
    return run(&b);
}
