/* wasl-bench: what the benchmark needs in C. For developers; not installed. */
#include "wasl-bench/commands.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

const char *argp_program_version = "wasl-bench 0.1.0";

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *words;
} commands[] = {
    {"load", command_load, "exchanges through an adapter core, a bus and a provider that echoes"},
    {"limits", command_limits, "what the machine can do at most: fdatasync, signatures, hashes, bare libzmq"},
    {"ledger", command_ledger, "what a ledger takes on disk, by part"},
    {"http", command_http, "exchanges as information systems ask for them, at an adapter's front"},
    {"nats", command_nats, "the same exchange through NATS, for comparison"},
    {NULL, NULL, NULL},
};

static void usage(FILE *out)
{
    fputs("Usage: wasl-bench COMMAND [OPTION...]\n"
          "Measures one thing and prints it as a JSON object on one line (limits: one for each figure).\n\n",
          out);
    for (const struct command *c = commands; c->name != NULL; c++)
        fprintf(out, "  %-8s %s\n", c->name, c->words);
    fputs("\n`wasl-bench COMMAND --help` tells more.\n"
          "Exit status: 0 a result, 1 measured but no result, 2 usage, 6 file, socket or disk.\n",
          out);
}

int bench_failed(const struct error *e)
{
    fprintf(stderr, "wasl-bench: %s\n", e->text);
    return e->kind == ERROR_USAGE || e->kind == ERROR_CONFIG ? BENCH_USAGE : BENCH_IO;
}

int main(int argc, char **argv)
{
    argp_err_exit_status = BENCH_USAGE;
    if (argc < 2) {
        usage(stderr);
        return BENCH_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0) {
        usage(stdout);
        return BENCH_GOOD;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts(argp_program_version);
        return BENCH_GOOD;
    }
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (strcmp(argv[1], c->name) != 0)
            continue;
        char name[32];
        snprintf(name, sizeof name, "wasl-bench %s", c->name);
        argv[1] = name;
        int result = c->run(argc - 1, argv + 1);
        if (fflush(stdout) != 0 && result == BENCH_GOOD) {
            fprintf(stderr, "wasl-bench: standard output: %m\n");
            result = BENCH_IO;
        }
        return result;
    }
    fprintf(stderr, "wasl-bench: there is no command %s\n\n", argv[1]);
    usage(stderr);
    return BENCH_USAGE;
}
