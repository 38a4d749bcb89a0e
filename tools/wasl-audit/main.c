/* wasl-audit: the auditor's command line. */
#include "commands.h"

#include "exits.h"

#include <argp.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "wasl-audit 0.1.0";

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *words;
} commands[] = {
    {"log", command_log, "entries as lines: filtered, followed, as CSV or JSON"},
    {"show", command_show, "everything about one exchange or entry, with its signature and proof"},
    {"verify", command_verify, "is the ledger whole, unchanged, and the one seen before?"},
    {"stats", command_stats, "how many exchanges, by purpose, service, pair, outcome, hour or day"},
    {"replay", command_replay,
     "an exchange or a period as a time line: by what was in force then, and by another registry"},
    {"tiles", command_tiles, "a copy of the whole ledger as a folder that anybody can verify"},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static void usage(FILE *out)
{
    fputs("Usage: wasl-audit COMMAND [OPTION...]\n"
          "Reads the ledger of a bus: who asked whom, what, why, when and with what outcome.\n\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].words);
    fputs("\n`wasl-audit COMMAND --help` tells more.\n"
          "Exit status: 0 good, 1 nothing found, 2 usage, 3 the data is not what was signed, 6 input or "
          "output failed.\n",
          out);
}

int main(int argc, char **argv)
{
    argp_err_exit_status = EXIT_USAGE;
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0 || strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return EXIT_GOOD;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts(argp_program_version);
        return EXIT_GOOD;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        char name[32];
        snprintf(name, sizeof name, "wasl-audit %s", commands[i].name);
        argv[1] = name;
        curl_global_init(CURL_GLOBAL_DEFAULT);
        int result = commands[i].run(argc - 1, argv + 1);
        curl_global_cleanup();
        return result;
    }
    fprintf(stderr, "wasl-audit: there is no command %s\n\n", argv[1]);
    usage(stderr);
    return EXIT_USAGE;
}
