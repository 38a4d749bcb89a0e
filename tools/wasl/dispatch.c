#include "wasl/command.h"

#include "base/bytes.h"

#include <string.h>

struct choice {
    const struct subcommand *list, *chosen;
    int at; /* where in argv the chosen command stands */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct choice *choice = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        for (const struct subcommand *s = choice->list; s->name != NULL; s++)
            if (strcmp(s->name, arg) == 0)
                choice->chosen = s;
        if (choice->chosen == NULL)
            argp_error(state, "there is no command '%s'", arg);
        /* What follows are the command's own words. */
        choice->at = state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_dispatch(const struct subcommand *list, const char *about, int argc, char **argv)
{
    struct choice choice = {.list = list};
    struct buffer doc = {0}, name = {0};
    buffer_printf(&doc, "%s\vCommands (each has a --help of its own):\n", about);
    for (const struct subcommand *s = list; s->name != NULL; s++)
        buffer_printf(&doc, "  %-10s %s\n", s->name, s->words);
    buffer_append(&doc, "", 1);
    const struct argp argp = {NULL, parse, "COMMAND [WORDS...]", (const char *)doc.data, NULL, NULL, NULL};
    int result = WASL_USAGE;
    if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice) == 0 && choice.chosen != NULL) {
        buffer_printf(&name, "%s %s", argv[0], choice.chosen->name);
        buffer_append(&name, "", 1);
        argv[choice.at] = (char *)name.data;
        result = choice.chosen->run(argc - choice.at, argv + choice.at);
    }
    buffer_free(&name);
    buffer_free(&doc);
    return result;
}

error_t command_one_file(int key, char *argument, const struct argp_state *state, const char **file)
{
    switch (key) {
    case ARGP_KEY_ARG:
        if (*file != NULL)
            argp_usage(state);
        *file = argument;
        return 0;
    case ARGP_KEY_END:
        if (*file == NULL)
            argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_failed(const struct error *e)
{
    fprintf(stderr, "wasl: %s\n", e->text);
    switch (e->kind) {
    case ERROR_USAGE:
        return WASL_USAGE;
    case ERROR_CONFIG:
        return WASL_REFUSED;
    case ERROR_INTEGRITY:
    case ERROR_CRYPTO:
        return WASL_INTEGRITY;
    default:
        return WASL_IO;
    }
}
