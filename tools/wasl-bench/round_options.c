#include "wasl-bench/round_options.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

enum { OPTION_SECONDS = 0x2000, OPTION_WARM_UP, OPTION_EXCHANGES, OPTION_WATCH };

static const struct argp_option options[] = {
    {"in-flight", 'n', "N", 0, "Exchanges under way at once (64)", 1},
    {"seconds", OPTION_SECONDS, "S", 0, "How long to measure (5); may have a fraction", 1},
    {"warm-up", OPTION_WARM_UP, "S", 0, "How long before that (1)", 1},
    {"exchanges", OPTION_EXCHANGES, "N", 0, "So many, all counted, instead of a time", 1},
    {"watch", OPTION_WATCH, "NAME=PID", 0,
     "Say what this process used of the processor meanwhile (again for more)", 2},
    {0},
};

uint64_t round_number(struct argp_state *state, const char *text, uint64_t least, uint64_t most)
{
    uint64_t value;
    if (!decimal_parse(bytes_of_string(text), &value) || value < least || value > most)
        argp_error(state, "%s: a whole number from %" PRIu64 " to %" PRIu64 " is meant", text, least, most);
    return value;
}

static uint64_t seconds(struct argp_state *state, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value <= 3600))
        argp_error(state, "%s: seconds are meant, at most 3600", text);
    return (uint64_t)(value * (double)MICROSECONDS);
}

static void watch(struct argp_state *state, struct round_options *o, char *text)
{
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        argp_error(state, "%s: NAME=PID is meant", text);
    /* Two places are the command's own. */
    if (o->watched_count == ROUND_WATCHED_MOST - 2)
        argp_error(state, "at most %d processes are watched", ROUND_WATCHED_MOST - 2);
    *equals = '\0';
    o->watched[o->watched_count].name = text;
    o->watched[o->watched_count].pid = (pid_t)round_number(state, equals + 1, 1, INT32_MAX);
    o->watched_count++;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct round_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        *o = (struct round_options){.in_flight = 64, .warm_up = MICROSECONDS, .window = 5 * MICROSECONDS};
        return 0;
    case 'n':
        o->in_flight = (unsigned)round_number(state, argument, 1, IN_FLIGHT_MOST);
        return 0;
    case OPTION_SECONDS:
        o->window = seconds(state, argument);
        return 0;
    case OPTION_WARM_UP:
        o->warm_up = seconds(state, argument);
        return 0;
    case OPTION_EXCHANGES:
        o->exchanges = round_number(state, argument, 1, UINT32_MAX);
        return 0;
    case OPTION_WATCH:
        watch(state, o, argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp round_argp = {options, parse, NULL, NULL, NULL, NULL, NULL};

void round_set(struct round *round, const struct round_options *o)
{
    *round = (struct round){.warm_up = o->warm_up, .window = o->window, .exchanges = o->exchanges};
    for (size_t i = 0; i < o->watched_count; i++)
        round_watch(round, o->watched[i].name, o->watched[i].pid);
}
