#ifndef WASL_TOOL_COMMAND_H
#define WASL_TOOL_COMMAND_H
/*
 * The commands of `wasl`, one file each. A command gets its own words: argv[0] is "wasl registry", the rest
 * what follows. It prints what was asked for on standard output, everything else on standard error, and
 * returns an exit code.
 */
#include "base/error.h"

#include <argp.h>

/* Scripts rely on these. */
enum wasl_exit {
    WASL_GOOD = 0,
    WASL_REFUSED = 1,   /* refused, or the file has faults */
    WASL_USAGE = 2,     /* the words on the command line are off */
    WASL_INTEGRITY = 3, /* what was read is not what was signed */
    WASL_PARTIAL = 4,   /* done, but for what standard error says */
    WASL_IO = 6,        /* file, socket, disk */
};

int command_registry(int argc, char **argv);
int command_service(int argc, char **argv);
int command_member(int argc, char **argv);
int command_call(int argc, char **argv);
int command_keys(int argc, char **argv);
int command_status(int argc, char **argv);
int command_refusals(int argc, char **argv);

/* Prints "wasl: ..." on standard error; the exit code of that kind of failure. */
int command_failed(const struct error *e);

/* Of a command that takes exactly one file: its parser passes on what it does not know itself, ARGP_KEY_END
 * always. Puts the word into *file, which is argv's and must be NULL at first; none or two of them end in the
 * usage. Returns what an argp parser returns. */
error_t command_one_file(int key, char *argument, const struct argp_state *state, const char **file);

/* A command of a command: `wasl registry check`. */
struct subcommand {
    const char *name;
    const char *words; /* for the list of commands */
    int (*run)(int argc, char **argv);
};
/* Finds the command that argv[1] names and runs it with argv[0] made "<argv[0]> <argv[1]>"; answers --help
 * with the list. list ends with a NULL name. */
int command_dispatch(const struct subcommand *list, const char *about, int argc, char **argv);

#endif
