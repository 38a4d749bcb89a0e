/* wasl-bench limits: what this machine can do at most. The yardsticks that the benchmark's ratios are read
 * by, so they call the libraries themselves, in the plainest way: a change to Wasl does not move them. */
#include "wasl-bench/commands.h"

#include "base/bytes.h"
#include "wasl-bench/limits_parts.h"

#include <argp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct limit {
    const char *name;
    int (*measure)(const struct limits_options *options, struct error *e);
} limits[] = {
    {"fdatasync", limits_fdatasync}, {"sign", limits_sign},           {"verify", limits_verify},
    {"hash", limits_hash},           {"zmq_curve", limits_zmq_curve},
};
#define LIMITS (sizeof limits / sizeof limits[0])

struct arguments {
    struct limits_options options;
    const char *only;
};

enum { KEY_SECONDS = 's', KEY_STATE = 'd', KEY_ONLY = 'o' };

static const struct argp_option argp_options[] = {
    {"seconds", KEY_SECONDS, "SECONDS", 0, "How long each limit is measured (default 0.5)", 0},
    {"state", KEY_STATE, "FOLDER", 0, "Where fdatasync is measured: a file is made there and removed", 0},
    {"only", KEY_ONLY, "NAME", 0, "One of fdatasync, sign, verify, hash, zmq_curve", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    char *end;

    switch (key) {
    case KEY_SECONDS: {
        double seconds = strtod(arg, &end);
        if (end == arg || *end != '\0' || !(seconds >= 0.01 && seconds <= 60))
            argp_error(state, "--seconds must be between 0.01 and 60");
        a->options.microseconds = (uint64_t)(seconds * 1e6);
        break;
    }
    case KEY_STATE:
        a->options.folder = arg;
        break;
    case KEY_ONLY:
        a->only = arg;
        break;
    case ARGP_KEY_END:
        if (a->options.folder == NULL && (a->only == NULL || strcmp(a->only, "fdatasync") == 0))
            argp_error(state, "--state must name a folder on the disk whose fdatasync is measured");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

void limits_print(const char *name, double value, const char *unit, const char *at, uint64_t n)
{
    printf("{\"name\":\"limit.%s\",\"value\":%.6g,\"unit\":\"%s\"", name, value, unit);
    if (at != NULL)
        printf(",\"at\":{%s}", at);
    printf(",\"n\":%llu}\n", (unsigned long long)n);
}

int command_limits(int argc, char **argv)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .doc = "What this machine can do at most: fdatasync of 4 KiB, P-256 signatures, SHA-256, and bare "
               "libzmq "
               "with CURVE. One JSON object a line.",
    };
    struct arguments a = {.options = {.microseconds = 500000}};
    struct error e = {0};
    bool found = false;

    argp_parse(&argp, argc, argv, 0, NULL, &a);
    for (size_t i = 0; i < LIMITS; i++) {
        if (a.only != NULL && strcmp(a.only, limits[i].name) != 0)
            continue;
        found = true;
        if (limits[i].measure(&a.options, &e) < 0)
            return bench_failed(&e);
    }
    if (!found) {
        error_set(&e, ERROR_USAGE, "there is no limit %s; see wasl-bench limits --help", a.only);
        return bench_failed(&e);
    }
    return BENCH_GOOD;
}
