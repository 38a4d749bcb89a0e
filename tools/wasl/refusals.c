/* wasl refusals: why exchanges are refused, from the table that the daemons are built from
 * (base/refusal.def). */
#include "wasl/command.h"

#include "base/bytes.h"
#include "base/refusal.h"

#include <argp.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct refusals_options {
    const char *which; /* NULL: all of them */
    bool json;
};

static const struct argp_option options[] = {
    {"output", 'o', "FORM", 0, "json: one JSON object a line", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct refusals_options *o = state->input;
    switch (key) {
    case 'o':
        if (strcmp(argument, "json") != 0)
            argp_error(state, "%s: the one other form is json", argument);
        o->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (o->which != NULL)
            argp_error(state, "%s: one at a time", argument);
        o->which = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_json(enum refusal code)
{
    json_t *object =
        json_pack("{s:i, s:s, s:s, s:s, s:s}", "code", (int)code, "name", refusal_name(code), "xroad",
                  refusal_xroad_type(code), "cause", refusal_words(code), "remedy", refusal_remedy(code));
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    if (text != NULL)
        puts(text);
    free(text);
    json_decref(object);
}

static void print(enum refusal code, bool json)
{
    if (json)
        print_json(code);
    else
        printf("%3d %s  (%s)\n    %s\n    %s\n", (int)code, refusal_name(code), refusal_xroad_type(code),
               refusal_words(code), refusal_remedy(code));
}

/* By its number or its name. */
static enum refusal find(const char *which)
{
    uint64_t number;
    if (!decimal_parse(bytes_of_string(which), &number))
        return refusal_by_name(which);
    enum refusal code;
    for (unsigned i = 0; (code = refusal_at(i)) != REFUSAL_NONE; i++)
        if (number == (uint64_t)code)
            return code;
    return REFUSAL_NONE;
}

int command_refusals(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[NAME|NUMBER]",
        .doc = "Tells what a refusal means and what to do about it; without a name, of all of them.\v"
               "Exit status: 0 told, 1 there is no such refusal, 2 usage.",
    };
    struct refusals_options o = {0};
    enum refusal code;
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (o.which != NULL) {
        code = find(o.which);
        if (code == REFUSAL_NONE) {
            fprintf(stderr, "wasl: %s: this version knows no such refusal\n", o.which);
            return WASL_REFUSED;
        }
        print(code, o.json);
        return WASL_GOOD;
    }
    for (unsigned i = 0; (code = refusal_at(i)) != REFUSAL_NONE; i++)
        print(code, o.json);
    return WASL_GOOD;
}
