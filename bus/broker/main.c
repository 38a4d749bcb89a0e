/* wasl-bus: options, configuration, and then the broker. Exit codes: broker/broker.h. */
#include "broker/broker.h"

#include "base/error.h"
#include "base/log.h"
#include "base/store.h"
#include "manners/process.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *argp_program_version = "wasl-bus " WASL_VERSION;

struct options {
    const char *config;
    char *user;
    bool check, verbose;
};

static const struct argp_option known[] = {
    {"config", 'c', "FILE", 0, "Configuration (YAML); required", 0},
    {"check", 'n', NULL, 0, "Check configuration and keys, say every fault with its line, and exit", 0},
    {"user", 'u', "NAME", 0,
     "Started as root, become this user for good (instead of the configuration's user)", 0},
    {"verbose", 'v', NULL, 0, "Log more", 0},
    {0},
};

static error_t take_option(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'c':
        options->config = arg;
        return 0;
    case 'n':
        options->check = true;
        return 0;
    case 'u':
        options->user = arg;
        return 0;
    case 'v':
        options->verbose = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument: %s", arg);
        return EINVAL;
    case ARGP_KEY_END:
        if (options->config == NULL)
            argp_error(state, "--config is required");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    known,
    take_option,
    NULL,
    "The bus: admits, records and passes on the exchanges of an instance's members."
    "\vExit codes: 0 stopped in good order; 1 disk, socket or memory failed; 2 options, configuration or "
    "registry; 3 "
    "the ledger is "
    "stopped, damaged or was rolled back; 4 the door let a stranger in.",
    NULL,
    NULL,
    NULL};

int main(int argc, char **argv)
{
    struct options options = {0};
    argp_err_exit_status = BROKER_USAGE;
    argp_parse(&parser, argc, argv, 0, NULL, &options);
    store_say_lost_pages(BROKER_INTEGRITY);
    log_open("wasl-bus", options.verbose ? LOG_DEBUG_ : LOG_INFO_);

    struct error e = {0};
    if (process_harden(&e) != 0) {
        fprintf(stderr, "wasl-bus: %s\n", e.text);
        return BROKER_FAILED;
    }
    struct faults faults = {0};
    struct config_file *file = config_load(options.config, &faults, &e);
    if (faults.count > 0)
        fwrite(faults.text.data, 1, faults.text.len, stderr);
    faults_free(&faults);
    if (file == NULL) {
        fprintf(stderr, "wasl-bus: %s\n", e.text);
        return BROKER_USAGE;
    }
    int code = BROKER_OK;
    enum log_level level;
    struct config config = *config_get(file);
    if (options.user != NULL)
        config.user = options.user;
    if (!options.verbose && config.log_level != NULL && log_level_parse(config.log_level, &level))
        log_set_level(level);
    if (options.check) {
        printf("%s: no fault found\n", options.config);
    } else {
        struct broker *broker = broker_open(&config, &e, &code);
        if (broker == NULL) {
            log_error("start_refused", "reason=%s", e.text);
            fprintf(stderr, "wasl-bus: %s\n", e.text);
        } else {
            code = broker_run(broker);
            broker_close(broker);
        }
    }
    config_free(file);
    return code;
}
