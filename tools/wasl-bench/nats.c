/* wasl-bench nats: the same exchange through NATS, for comparison: a consumer's process, nats-server, a
 * provider's process. A request is published into a JetStream stream, the provider takes it from there and
 * publishes its answer into a second one, the consumer takes that. An exchange has ended when the answer has
 * come out of its stream and the server has acknowledged the request. */
#include "wasl-bench/commands.h"
#include "wasl-bench/nats_provider.h"
#include "wasl-bench/round_options.h"

#include "base/clock.h"

#include <argp.h>
#include <string.h>
#include <unistd.h>

enum { WAIT = 200, TAG_SIZE = 4 }; /* milliseconds; the slot's number, then the exchange's, lead a body */
enum { BODY_LEAST = 16, BODY_MOST = 1 << 20 };

struct settings {
    struct nats_account account;
    struct round_options loop;
    unsigned body;
    uint64_t spoil;
    struct round round;
};

/* One exchange under way: its body is random and its own, so that an answer to another one is a wrong one. */
struct slot {
    uint64_t since;
    bool busy, acknowledged, answered, right;
    uint8_t *body;
};

struct nats_bench {
    struct settings *settings;
    struct nats_link *link;
    struct slot *slots;
};

static int begin(struct nats_bench *b, unsigned tag, struct error *e)
{
    struct slot *slot = &b->slots[tag];
    slot->since = clock_monotonic();
    slot->acknowledged = slot->answered = slot->right = false;
    put_u64be(slot->body + TAG_SIZE, b->settings->round.begun);
    if (nats_link_publish(b->link, NATS_REQUESTS, tag, bytes_make(slot->body, b->settings->body), e) != 0)
        return -1;
    slot->busy = true;
    round_begun(&b->settings->round);
    return 0;
}

static int fill(struct nats_bench *b, struct error *e)
{
    for (unsigned i = 0; i < b->settings->loop.in_flight && round_wants_more(&b->settings->round); i++)
        if (!b->slots[i].busy && begin(b, i, e) != 0)
            return -1;
    return 0;
}

static int ended(struct nats_bench *b, unsigned tag, uint64_t now, struct error *e)
{
    struct slot *slot = &b->slots[tag];
    if (!slot->acknowledged || !slot->answered)
        return 0;
    slot->busy = false;
    round_ended(&b->settings->round, slot->since, now, slot->right);
    if (round_turn(&b->settings->round, now, e) != 0)
        return -1;
    return round_wants_more(&b->settings->round) ? begin(b, tag, e) : 0;
}

static int take(struct nats_bench *b, const struct nats_arrival *came, uint64_t now, struct error *e)
{
    const struct settings *s = b->settings;
    unsigned tag = came->tag;
    if (came->kind == NATS_MESSAGE)
        tag = came->body.len >= TAG_SIZE ? get_u32be(came->body.data) : s->loop.in_flight;
    if (tag >= s->loop.in_flight || !b->slots[tag].busy)
        return error_set(e, ERROR_INTEGRITY, "NATS delivered an answer to no question");
    struct slot *slot = &b->slots[tag];
    if (came->kind == NATS_MESSAGE) {
        slot->answered = true;
        slot->right = bytes_equal(came->body, bytes_make(slot->body, s->body));
    } else {
        slot->acknowledged = true;
    }
    return ended(b, tag, now, e);
}

static int loop(struct nats_bench *b, struct error *e)
{
    struct round *round = &b->settings->round;
    if (round_turn(round, clock_monotonic(), e) != 0 || fill(b, e) != 0)
        return -1;
    while (!round_over(round)) {
        struct nats_arrival came;
        if (nats_link_next(b->link, WAIT, &came, e) != 0)
            return -1;
        uint64_t now = clock_monotonic();
        if (round_turn(round, now, e) != 0)
            return -1;
        if (round_lost(round, now))
            return error_set(e, ERROR_IO, "NATS: %llu exchanges got no answer",
                             (unsigned long long)(round->begun - round->ended));
        if (came.kind == NATS_REFUSED)
            return error_set(e, ERROR_IO, "NATS did not store a request");
        if (came.kind != NATS_NOTHING && take(b, &came, now, e) != 0)
            return -1;
    }
    return 0;
}

/* Two records for each exchange, no more and no fewer. before: what the streams held at the start. */
static int count_records(struct nats_bench *b, const uint64_t before[2], struct error *e)
{
    for (enum nats_stream i = NATS_REQUESTS; i <= NATS_RESPONSES; i++) {
        uint64_t now;
        if (nats_link_records(b->link, i, &now, e) != 0)
            return -1;
        if (now - before[i] != b->settings->round.begun)
            return error_set(e, ERROR_INTEGRITY, "NATS holds %llu records of %llu exchanges",
                             (unsigned long long)(now - before[i]),
                             (unsigned long long)b->settings->round.begun);
    }
    return 0;
}

static int consume(struct nats_bench *b, pid_t provider, struct error *e)
{
    struct settings *s = b->settings;
    uint64_t before[2];
    b->link = nats_link_new(&s->account, "consumer", e);
    if (b->link == NULL || nats_link_take(b->link, NATS_RESPONSES, e) != 0 ||
        nats_link_records(b->link, NATS_REQUESTS, &before[NATS_REQUESTS], e) != 0 ||
        nats_link_records(b->link, NATS_RESPONSES, &before[NATS_RESPONSES], e) != 0)
        return -1;
    round_watch(&s->round, "consumer", getpid());
    round_watch(&s->round, "provider", provider);
    return loop(b, e) == 0 ? count_records(b, before, e) : -1;
}

static int run(struct settings *s)
{
    struct error e = {0};
    struct nats_provider provider;
    if (nats_provider_start(&provider, &s->account, s->spoil, &e) != 0)
        return bench_failed(&e);
    struct nats_bench b = {.settings = s, .slots = memory_zeroed(s->loop.in_flight, sizeof *b.slots)};
    for (unsigned i = 0; i < s->loop.in_flight; i++) {
        b.slots[i].body = memory_zeroed(1, s->body);
        bytes_random(b.slots[i].body, s->body);
        put_u32be(b.slots[i].body, i);
    }
    int result = consume(&b, provider.pid, &e);
    struct error second = {0};
    if (nats_provider_stop(&provider, &second) != 0 && result == 0) {
        e = second;
        result = -1;
    }
    nats_link_free(b.link);
    for (unsigned i = 0; i < s->loop.in_flight; i++)
        free(b.slots[i].body);
    free(b.slots);
    if (result != 0)
        return bench_failed(&e);
    json_t *object = round_result(&s->round, "nats", s->loop.in_flight);
    json_object_set_new(object, "bytes", json_integer(s->body));
    json_object_set_new(object, "records", json_integer((json_int_t)(2 * s->round.begun)));
    return round_print(&s->round, object);
}

enum { OPTION_CA = 0x1000, OPTION_CERTIFICATE, OPTION_KEY, OPTION_SPOIL };

static const struct argp_option options[] = {
    {"url", 'u', "URL", 0, "nats-server: nats://127.0.0.1:PORT", 1},
    {"ca", OPTION_CA, "FILE", 0, "PEM: who may certify the server", 1},
    {"certificate", OPTION_CERTIFICATE, "FILE", 0, "PEM: what both sides show to the server", 1},
    {"key", OPTION_KEY, "FILE", 0, "PEM: its key", 1},
    {"bytes", 'b', "N", 0, "Of body, both ways (1024)", 2},
    {"spoil", OPTION_SPOIL, "N", 0, "Let the Nth answer be a wrong one: to see the check fail", 4},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct settings *s = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &s->loop;
        return 0;
    case 'u':
        s->account.url = argument;
        return 0;
    case OPTION_CA:
        s->account.authorities = argument;
        return 0;
    case OPTION_CERTIFICATE:
        s->account.certificate = argument;
        return 0;
    case OPTION_KEY:
        s->account.key = argument;
        return 0;
    case 'b':
        s->body = (unsigned)round_number(state, argument, BODY_LEAST, BODY_MOST);
        return 0;
    case OPTION_SPOIL:
        s->spoil = round_number(state, argument, 1, UINT32_MAX);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s: there are options only", argument);
        return 0;
    case ARGP_KEY_END:
        if (s->account.url == NULL || s->account.authorities == NULL || s->account.certificate == NULL ||
            s->account.key == NULL)
            argp_error(state, "say --url, --ca, --certificate and --key");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_nats(int argc, char **argv)
{
    static const struct argp_child children[] = {{&round_argp, 0, NULL, 3}, {0}};
    static const struct argp argp = {
        options,
        parse,
        NULL,
        "Keeps exchanges in flight through NATS: a consumer's process, nats-server, a provider's process "
        "that answers what "
        "it was asked. TLS both ways, two JetStream records for each exchange, on file storage.",
        children,
        NULL,
        NULL};
    struct settings s = {.body = 1024};
    argp_parse(&argp, argc, argv, 0, NULL, &s);
    s.account.at_once = s.loop.in_flight == 1;
    round_set(&s.round, &s.loop);
    int result = run(&s);
    round_free(&s.round);
    return result;
}
