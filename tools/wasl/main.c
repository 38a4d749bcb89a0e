/* wasl: the command of operators and of ministry developers. */
#include "wasl/command.h"

#include <argp.h>
#include <locale.h>

const char *argp_program_version = "wasl 0.1.0";

int main(int argc, char **argv)
{
    static const struct subcommand commands[] = {
        {"registry", "check, sign, show, explain the registry; revoke a member", command_registry},
        {"service", "print the registry's view of an OpenAPI document", command_service},
        {"member", "make a new member's keys, certificate request and registry fragment", command_member},
        {"call", "ask a service of another member through an adapter", command_call},
        {"keys", "what keys a folder holds, and whether they fit", command_keys},
        {"status", "how a bus and adapters are", command_status},
        {"refusals", "what a refusal means, and what to do about it", command_refusals},
        {NULL, NULL, NULL},
    };
    static char name[] = "wasl";
    setlocale(LC_CTYPE, "");
    argp_err_exit_status = WASL_USAGE;
    argv[0] = name; /* the same words in every message, wherever the program was started from */
    int result =
        command_dispatch(commands, "Wasl: exchange between ministries, with a receipt for each.", argc, argv);
    if (fflush(stdout) != 0 && result == WASL_GOOD) {
        fprintf(stderr, "wasl: standard output: %m\n");
        result = WASL_IO;
    }
    return result;
}
