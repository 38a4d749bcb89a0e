/* wasl-bench load: exchanges through a consumer's adapter core, without HTTP. */
#include "wasl-bench/commands.h"

#include "base/clock.h"
#include "base/log.h"
#include "wasl-bench/consumer.h"
#include "wasl-bench/cputime.h"
#include "wasl-bench/flight.h"

#include <argp.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { WATCHED_MOST = 8, LINK_WAIT_S = 30 };

/* A process whose CPU time and memory belong to the result. */
struct watched {
    char name[32];
    pid_t pid;
    struct cpu_reading before, after;
    uint64_t anonymous;
};
struct load {
    struct consumer_options consumer;
    struct flight_options flight;
    struct watched watched[WATCHED_MOST]; /* the first is this process */
    size_t watched_count;
    struct error failure; /* of a reading; kind is ERROR_NONE when there was none */
};

enum {
    KEY_BUS = 256,
    KEY_BUS_KEY,
    KEY_INSTANCE,
    KEY_MEMBER,
    KEY_KEYS,
    KEY_STATE,
    KEY_AUTHORITY,
    KEY_CLIENT,
    KEY_SERVICE,
    KEY_PURPOSE,
    KEY_METHOD,
    KEY_PATH,
    KEY_BYTES,
    KEY_SECONDS,
    KEY_EXCHANGES,
    KEY_WARM_UP,
    KEY_WATCH,
};
static const struct argp_option option_list[] = {
    {NULL, 0, NULL, 0, "Whom it plays:", 1},
    {"bus", KEY_BUS, "ENDPOINT", 0, "The bus, tcp://HOST:PORT", 1},
    {"bus-key", KEY_BUS_KEY, "HEX", 0, "Its public key", 1},
    {"authority", KEY_AUTHORITY, "VKEY", 0, "Who may sign the first registry", 1},
    {"instance", KEY_INSTANCE, "NAME", 0, "Default: TN", 1},
    {"member", KEY_MEMBER, "ID", 0, "The consumer; its own daemon must not run", 1},
    {"keys", KEY_KEYS, "FOLDER", 0, "Its keys, as make-pki and wasl member init write them", 1},
    {"state", KEY_STATE, "FOLDER", 0, "Its state; made where it is missing", 1},
    {NULL, 0, NULL, 0, "What it asks:", 2},
    {"client", KEY_CLIENT, "ID", 0, "Subsystem that asks", 2},
    {"service", KEY_SERVICE, "ID", 0, "Service that echoes", 2},
    {"purpose", KEY_PURPOSE, "CODE", 0, "Default: the one that is granted", 2},
    {"method", KEY_METHOD, "WORD", 0, "Default: POST", 2},
    {"path", KEY_PATH, "PATH", 0, "Default: /echo", 2},
    {"bytes", KEY_BYTES, "N", 0, "Of body, both ways; default 1024, at least 8", 2},
    {NULL, 0, NULL, 0, "How much:", 3},
    {"in-flight", 'n', "N", 0, "Exchanges at once, 1 to 1024; default 64", 3},
    {"seconds", KEY_SECONDS, "S", 0, "Length of what is counted; default 5", 3},
    {"exchanges", KEY_EXCHANGES, "N", 0, "End after so many instead", 3},
    {"warm-up", KEY_WARM_UP, "S", 0, "Before it counts; default 1", 3},
    {"watch", KEY_WATCH, "NAME=PID", 0, "Also say what this process used; several are possible", 3},
    {0}};

static uint64_t whole_number(struct argp_state *state, const char *what, const char *text, uint64_t least,
                             uint64_t most)
{
    uint64_t value = 0;

    if (!decimal_parse(bytes_of_string(text), &value) || value < least || value > most)
        argp_error(state, "%s must be %" PRIu64 " to %" PRIu64 ", and is \"%s\"", what, least, most, text);
    return value;
}

static uint64_t seconds(struct argp_state *state, const char *what, const char *text)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= 0 && value <= 3600))
        argp_error(state, "%s must be 0 to 3600 seconds, and is \"%s\"", what, text);
    return (uint64_t)(value * (double)MICROSECONDS);
}

static void watch(struct argp_state *state, struct load *load, const char *text)
{
    const char *equals = strchr(text, '=');
    struct watched *w = &load->watched[load->watched_count];

    if (equals == NULL || equals == text || (size_t)(equals - text) >= sizeof w->name)
        argp_error(state, "--watch wants NAME=PID, and got \"%s\"", text);
    else if (load->watched_count == WATCHED_MOST)
        argp_error(state, "--watch at most %d times", WATCHED_MOST - 1);
    else {
        memcpy(w->name, text, (size_t)(equals - text));
        w->pid = (pid_t)whole_number(state, "a process id", equals + 1, 1, INT32_MAX);
        load->watched_count++;
    }
}

static void demand(struct argp_state *state, const char *value, const char *option)
{
    if (value == NULL)
        argp_error(state, "--%s is needed", option);
}

static void check(struct argp_state *state, const struct load *load)
{
    demand(state, load->consumer.bus_endpoint, "bus");
    demand(state, load->consumer.bus_public_key, "bus-key");
    demand(state, load->consumer.authority, "authority");
    demand(state, load->consumer.member, "member");
    demand(state, load->consumer.keys, "keys");
    demand(state, load->consumer.state, "state");
    demand(state, load->flight.consumer, "client");
    demand(state, load->flight.service, "service");
    if (load->flight.duration == 0 && load->flight.exchanges == 0)
        argp_error(state, "neither --seconds nor --exchanges says when it ends");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct load *load = state->input;
    struct consumer_options *consumer = &load->consumer;
    struct flight_options *flight = &load->flight;

    switch (key) {
    case KEY_BUS:
        consumer->bus_endpoint = arg;
        return 0;
    case KEY_BUS_KEY:
        consumer->bus_public_key = arg;
        return 0;
    case KEY_AUTHORITY:
        consumer->authority = arg;
        return 0;
    case KEY_INSTANCE:
        consumer->instance = arg;
        return 0;
    case KEY_MEMBER:
        consumer->member = arg;
        return 0;
    case KEY_KEYS:
        consumer->keys = arg;
        return 0;
    case KEY_STATE:
        consumer->state = arg;
        return 0;
    case KEY_CLIENT:
        flight->consumer = arg;
        return 0;
    case KEY_SERVICE:
        flight->service = arg;
        return 0;
    case KEY_PURPOSE:
        flight->purpose = arg;
        return 0;
    case KEY_METHOD:
        flight->method = arg;
        return 0;
    case KEY_PATH:
        flight->path = arg;
        return 0;
    case KEY_BYTES:
        flight->bytes = (size_t)whole_number(state, "--bytes", arg, 8, 1 << 20);
        return 0;
    case 'n':
        flight->in_flight = (unsigned)whole_number(state, "--in-flight", arg, 1, FLIGHT_MOST);
        return 0;
    case KEY_SECONDS:
        flight->duration = seconds(state, "--seconds", arg);
        return 0;
    case KEY_EXCHANGES:
        flight->exchanges = whole_number(state, "--exchanges", arg, 1, 100 * MICROSECONDS);
        flight->duration = 0;
        return 0;
    case KEY_WARM_UP:
        flight->warm_up = seconds(state, "--warm-up", arg);
        return 0;
    case KEY_WATCH:
        watch(state, load, arg);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument \"%s\"", arg);
        return 0;
    case ARGP_KEY_END:
        check(state, load);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}
static const struct argp argp = {
    .options = option_list,
    .parser = parse,
    .doc =
        "Keeps exchanges in flight through an adapter core in this process, a bus and a provider's adapter "
        "whose service echoes. Every answer is compared with what was asked.\vPrints one JSON object; times "
        "are microseconds. Exit status 1: something was refused or wrong, so it is no result."};

/* --- what the processes used --- */

static void begun(void *arg)
{
    struct load *load = arg;

    for (size_t i = 0; i < load->watched_count; i++)
        if (cpu_read(load->watched[i].pid, &load->watched[i].before, &load->failure) != 0)
            return;
}

static void ended(void *arg)
{
    struct load *load = arg;

    for (size_t i = 0; i < load->watched_count; i++) {
        struct watched *w = &load->watched[i];
        if (cpu_read(w->pid, &w->after, &load->failure) != 0 ||
            memory_anonymous(w->pid, &w->anonymous, &load->failure) != 0)
            return;
    }
}

/* --- the result --- */

static json_t *refusals_of(const struct flight_result *r)
{
    json_t *out = json_object();

    for (unsigned i = 0; i < FLIGHT_REFUSALS; i++)
        if (r->by_refusal[i] > 0)
            json_object_set_new(out, refusal_name(i), json_integer((json_int_t)r->by_refusal[i]));
    return out;
}

static json_t *object_of(const struct load *load, const struct flight_result *r)
{
    json_t *cpu = json_object(), *memory = json_object();
    double length = (double)r->duration / (double)MICROSECONDS;

    for (size_t i = 0; i < load->watched_count; i++) {
        const struct watched *w = &load->watched[i];
        json_object_set_new(cpu, w->name, cpu_between(&w->before, &w->after));
        json_object_set_new(memory, w->name, json_integer((json_int_t)w->anonymous));
    }
    return json_pack(
        "{s:s, s:i, s:I, s:I, s:f, s:f, s:{s:I, s:I, s:I, s:I}, s:I, s:I, s:I, s:I, s:o, s:o, s:o}",
        "command", "load", "in_flight", (int)load->flight.in_flight, "bytes", (json_int_t)load->flight.bytes,
        "exchanges", (json_int_t)r->exchanges, "seconds", length, "rate",
        length > 0 ? (double)r->exchanges / length : 0.0, "latency_us", "p50",
        (json_int_t)samples_percentile(&r->times, 50), "p90", (json_int_t)samples_percentile(&r->times, 90),
        "p99", (json_int_t)samples_percentile(&r->times, 99), "max",
        (json_int_t)samples_percentile(&r->times, 100), "asked", (json_int_t)r->asked, "answered",
        (json_int_t)r->answered, "refused", (json_int_t)r->refused, "wrong", (json_int_t)r->wrong, "refusals",
        refusals_of(r), "cpu_us", cpu, "rss_anon", memory);
}

static int print_result(const struct load *load, const struct flight_result *r)
{
    json_t *object = object_of(load, r);

    BUG_ON(object == NULL);
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(object);
    if (r->refused + r->wrong == 0 && r->exchanges > 0)
        return BENCH_GOOD;
    fprintf(stderr,
            "wasl-bench: no result: %" PRIu64 " of %" PRIu64 " exchanges were refused and %" PRIu64
            " came back wrong\n",
            r->refused, r->asked, r->wrong);
    return BENCH_NO_RESULT;
}

static int run(struct load *load)
{
    struct error e = {0};
    int code = BENCH_IO;
    struct flight *flight = flight_new(&load->flight);
    struct consumer *consumer = consumer_start(&load->consumer, LINK_WAIT_S * MICROSECONDS, &e);

    if (consumer == NULL || flight_run(flight, consumer_core(consumer), &e) != 0)
        code = bench_failed(&e);
    else if (load->failure.kind != ERROR_NONE)
        code = bench_failed(&load->failure);
    else
        code = print_result(load, flight_result(flight));
    consumer_stop(consumer);
    flight_free(flight);
    return code;
}

int command_load(int argc, char **argv)
{
    struct load load = {
        .consumer = {.instance = "TN", .most_asks = 2 * FLIGHT_MOST},
        .flight = {.purpose = "",
                   .method = "POST",
                   .path = "/echo",
                   .bytes = 1024,
                   .in_flight = 64,
                   .duration = 5 * MICROSECONDS,
                   .warm_up = MICROSECONDS,
                   .begun = begun,
                   .ended = ended,
                   .arg = &load},
        .watched = {{.name = "wasl-bench", .pid = getpid()}},
        .watched_count = 1,
    };

    argp_parse(&argp, argc, argv, 0, NULL, &load);
    log_open("wasl-bench", LOG_WARN_);
    int code = run(&load);
    for (size_t i = 0; i < load.watched_count; i++) {
        cpu_free(&load.watched[i].before);
        cpu_free(&load.watched[i].after);
    }
    return code;
}
