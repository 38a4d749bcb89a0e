/* wasl member: what a ministry that joins needs. */
#include "base/clock.h"
#include "wasl/command.h"
#include "wasl/member_init.h"

#include <argp.h>
#include <string.h>

struct words {
    const char *folder;
    struct member_init init;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct words *words = state->input;
    uint64_t number;
    switch (key) {
    case 's':
        words->init.subject = arg;
        return 0;
    case 'r':
        words->init.rsa = true;
        return 0;
    case 'd':
        if (!decimal_parse(bytes_of_string(arg), &number) || number < 1 || number > 3660)
            argp_error(state, "--days is a number from 1 to 3660");
        words->init.days = (unsigned)number;
        return 0;
    case 't':
        words->init.trust_anchor = arg;
        return 0;
    case 'A':
        words->init.name_ar = arg;
        return 0;
    case 'F':
        words->init.name_fr = arg;
        return 0;
    case 'E':
        words->init.name_en = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0)
            words->init.member = arg;
        else if (state->arg_num == 1)
            words->folder = arg;
        else
            argp_usage(state);
        return 0;
    case ARGP_KEY_END:
        if (words->folder == NULL)
            argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int run_init(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"subject", 's', "NAME", 0,
         "Subject of the request as RFC 2253 writes it (default: CN=MEMBER,O=Wasl,C=TN)", 0},
        {"rsa", 'r', NULL, 0, "RSA of 2048 bits instead of P-256, where the authority needs it", 0},
        {"days", 'd', "N", 0, "How long the sealing key is to be used (default: 730)", 0},
        {"trust-anchor", 't', "NAME", 0, "Its name in the registry (default: national-root)", 0},
        {"name-ar", 'A', "TEXT", 0, "Name in Arabic", 0},
        {"name-fr", 'F', "TEXT", 0, "Name in French", 0},
        {"name-en", 'E', "TEXT", 0, "Name in English", 0},
        {NULL, 0, NULL, 0, NULL, 0},
    };
    static const struct argp argp = {
        options,
        parse,
        "MEMBER FOLDER",
        "Makes the keys of a member such as TN/GOV/MI in a new folder.\vThe folder must not exist, or be "
        "empty. It gets "
        "the signing, sealing, link and witness keys (0600), request.csr for the certification authority, "
        "and "
        "registry-fragment.yaml, which is printed as well, for the authority of the registry.",
        NULL,
        NULL,
        NULL};
    struct words words = {.init = {.trust_anchor = "national-root", .days = 730, .now = clock_wall()}};
    struct error e = {0};
    struct buffer fragment = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &words);
    int result = WASL_GOOD;
    if (member_init(&words.init, words.folder, &fragment, &e) != 0) {
        result = command_failed(&e);
    } else {
        fwrite(fragment.data, 1, fragment.len, stdout);
        fprintf(stderr,
                "wasl: the keys of %s are in %s. Send request.csr to the certification authority and "
                "registry-fragment.yaml to the registry's; the other files stay here.\n",
                words.init.member, words.folder);
    }
    buffer_free(&fragment);
    return result;
}

int command_member(int argc, char **argv)
{
    static const struct subcommand commands[] = {
        {"init", "make a new member's keys, certificate request and registry fragment", run_init},
        {NULL, NULL, NULL},
    };
    return command_dispatch(commands, "What a ministry that joins needs.", argc, argv);
}
