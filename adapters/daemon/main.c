/*
 * wasl-adapter: a member's place on the bus. main only composes: options, configuration, keys, connectors,
 * core, front, loop; README.md has the order and its reasons.
 */
#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/store.h"
#include "connectors/connectors.h"
#include "core/core.h"
#include "daemon/config.h"
#include "daemon/identity.h"
#include "front/front.h"
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { EXIT_OK = 0, EXIT_USAGE = 2, EXIT_IO = 6 };

#ifndef WASL_VERSION
#error "the build passes WASL_VERSION"
#endif
const char *argp_program_version = "wasl-adapter " WASL_VERSION;

struct options {
    const char *config;
    bool check;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'c':
        options->config = argument;
        return 0;
    case 'n':
        options->check = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument \"%s\"", argument);
        return 0;
    case ARGP_KEY_END:
        if (options->config == NULL)
            argp_error(state, "--config is needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"config", 'c', "FILE", 0, "The configuration file (YAML)", 0},
    {"check", 'n', NULL, 0, "Check configuration and keys, say every fault with its line, and exit", 0},
    {0}};
static const struct argp argp = {.options = option_list,
                                 .parser = parse_option,
                                 .doc = "Puts a member's information systems on the bus.\vExit status: 0 "
                                        "ended in order, 2 usage or configuration, "
                                        "6 a file, socket or database folder."};

struct adapter {
    struct config *config;
    struct identity *identity;
    bool locked; /* the state folder is ours */
    struct loop *loop;
    void *zmq;
    struct connector **connectors;
    size_t connector_count;
    struct core_service *services;
    struct core_options core_options; /* outlives the core */
    struct core *core;
    struct front *front;
};

/* --- the front's ways into the core --- */

static bool front_ask(void *arg, struct ask *ask)
{
    return core_ask(arg, ask);
}

static bool front_describe(void *arg, const char *service, core_described done, void *done_arg)
{
    return core_describe(arg, service, done, done_arg);
}

static struct registry *front_registry(void *arg)
{
    return core_registry(arg);
}

static void front_status(void *arg, struct core_status *out)
{
    core_status(arg, out);
}

/* --- opening, in this order --- */

/* Two adapters on one folder would each think the accepted checkpoint and the marks of begun operations
 * theirs. The lock ends with the process. */
static int lock_state(const char *folder, struct error *e)
{
    char *path = NULL;

    BUG_ON(asprintf(&path, "%s/lock", folder) < 0);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int result = 0;
    if (fd < 0)
        result = error_set(e, ERROR_IO, "%s: %s", path, strerror(errno));
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        result = error_set(e, ERROR_IO, "state folder %s: another wasl-adapter uses it", folder);
    free(path);
    return result;
}

static int open_state(const char *folder, struct error *e)
{
    struct stat st;

    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return error_set(e, ERROR_IO, "state folder %s: %s", folder, strerror(errno));
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        return error_set(e, ERROR_IO, "state folder %s: not a folder", folder);
    return lock_state(folder, e);
}

static int open_connectors(struct adapter *a, struct error *e)
{
    const struct config *c = a->config;

    a->connectors = memory_zeroed(c->service_count + 1, sizeof(struct connector *));
    a->services = memory_zeroed(c->service_count + 1, sizeof *a->services);
    for (size_t i = 0; i < c->service_count; i++) {
        struct connector *connector = strcmp(c->services[i].connector, "sql") == 0
                                          ? connector_sql_new(&c->services[i].sql, e)
                                          : connector_echo_new();
        if (connector == NULL)
            return error_prefix(e, "service %s: ", c->services[i].service);
        a->connectors[a->connector_count++] = connector;
        a->services[i] = (struct core_service){.service = c->services[i].service, .connector = connector};
    }
    return 0;
}

static int open_core(struct adapter *a, struct error *e)
{
    const struct config *c = a->config;

    a->core_options = (struct core_options){
        .instance = c->instance,
        .member = c->member,
        .state = c->state,
        .bus_endpoint = c->bus_endpoint,
        .link_key = a->identity->link_key,
        .subject_keys = a->config->subject_keys,
        .sealing_keys = a->identity->sealing_keys,
        .sealing_key_count = a->identity->sealing_key_count,
        .signer = a->identity->signer,
        .chain = a->identity->chain,
        .authority = c->authority,
        .registry_file = c->registry,
        .services = a->services,
        .service_count = c->service_count,
        .most_asks = c->most_asks,
        .most_ask_bytes = c->most_ask_bytes,
        .request_timeout = c->request_timeout,
        .unproven_most = c->unproven_most,
        .clock_skew = c->clock_skew,
        .crl_grace = c->crl_grace,
    };
    memcpy(a->core_options.bus_public_key, c->bus_public_key, sizeof a->core_options.bus_public_key);
    a->core = core_new(a->loop, a->zmq, &a->core_options, e);
    return a->core != NULL ? 0 : -1;
}

static int open_front(struct adapter *a, struct error *e)
{
    const struct config *c = a->config;
    struct front_options options = {
        .member = c->member,
        .listeners = c->listeners,
        .listener_count = c->listener_count,
        .core = {.ask = front_ask,
                 .status = front_status,
                 .registry = front_registry,
                 .describe = front_describe,
                 .arg = a->core},
        .spelling = c->fault_spelling,
        .most_body_bytes = c->most_body_bytes,
        .most_connections = c->most_connections,
        .idle_seconds = c->idle_seconds,
    };

    a->front = front_new(&options, e);
    return a->front != NULL ? 0 : -1;
}

/* Who waits for this file knows that every listener is open. */
static int announce(struct adapter *a, struct error *e)
{
    struct buffer file = {0}, line = {0};
    char *path = NULL;
    const char *address;

    BUG_ON(asprintf(&path, "%s/listeners", a->config->state) < 0);
    for (size_t i = 0; (address = front_address(a->front, i)) != NULL; i++) {
        buffer_printf(&file, "%s\n", address);
        buffer_printf(&line, "%s%s", i > 0 ? "," : "", address);
    }
    buffer_append(&line, "", 1);
    int result = file_write_atomically(path, buffer_bytes(&file), 0644, e);
    if (result == 0)
        log_info("READY", "member=%s listeners=%s", a->config->member, (const char *)line.data);
    buffer_free(&file);
    buffer_free(&line);
    free(path);
    return result;
}

static void remove_announcement(const struct config *config)
{
    char *path = NULL;

    BUG_ON(asprintf(&path, "%s/listeners", config->state) < 0);
    unlink(path);
    free(path);
}

static int open_all(struct adapter *a, struct error *e)
{
    if (open_state(a->config->state, e) != 0)
        return -1;
    a->locked = true;
    remove_announcement(a->config);
    /* Signals are blocked before any thread is there to receive them. */
    a->loop = loop_new();
    if (loop_handle_signals(a->loop, NULL, NULL, e) != 0)
        return -1;
    a->zmq = zmq_ctx_new();
    if (a->zmq == NULL)
        return error_set(e, ERROR_IO, "no ZeroMQ context: %s", zmq_strerror(zmq_errno()));
    if (open_connectors(a, e) != 0 || open_core(a, e) != 0 || open_front(a, e) != 0)
        return -1;
    return announce(a, e);
}

/* Nothing new comes in; providers' calls end; every open ask is answered; the answers leave; then the rest.
 */
static void close_all(struct adapter *a)
{
    if (a->front != NULL)
        front_stop(a->front);
    for (size_t i = 0; i < a->connector_count; i++)
        a->connectors[i]->operations->free(a->connectors[i]);
    core_free(a->core);
    link_key_clear(&a->core_options.link_key);
    front_free(a->front);
    if (a->zmq != NULL)
        zmq_ctx_term(a->zmq);
    loop_free(a->loop);
    free(a->connectors);
    free(a->services);
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct adapter adapter = {0};
    struct faults faults = {0};
    struct error e = {0};
    int code = EXIT_USAGE;

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    /* Bodies pass through this memory: no core file of it. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    umask(077);
    store_say_lost_pages(EXIT_IO);

    adapter.config = config_load(options.config, &faults);
    if (adapter.config != NULL)
        adapter.identity = identity_load(adapter.config, &faults);
    if (faults.count > 0) {
        fprintf(stderr, "%.*s", (int)faults.text.len, (const char *)faults.text.data);
        goto done;
    }
    if (options.check) {
        printf("%s: no fault found\n", options.config);
        code = EXIT_OK;
        goto done;
    }

    log_open("wasl-adapter", adapter.config->log_level);
    code = EXIT_IO;
    if (open_all(&adapter, &e) == 0 && loop_run(adapter.loop, &e) == 0)
        code = EXIT_OK;
    else
        log_error("stopped", "why=%s", e.text);
    if (adapter.locked)
        remove_announcement(adapter.config);
    close_all(&adapter);
    if (code == EXIT_OK)
        log_info("ended", "member=%s", adapter.config->member);

done:
    identity_free(adapter.identity);
    config_free(adapter.config);
    faults_free(&faults);
    return code;
}
