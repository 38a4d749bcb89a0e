/*
 * wasl-adapter: a member's place on the bus. main only composes: options, configuration, keys, connectors,
 * core, front, loop; README.md has the order and its reasons.
 */
#include "base/alarm.h"
#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/store.h"
#include "manners/notify.h"
#include "manners/process.h"
#include "manners/scrape.h"
#include "core/core.h"
#include "daemon/descriptors.h"
#include "daemon/generation.h"
#include "daemon/reload.h"
#include "daemon/vitals.h"
#include "front/front.h"
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { EXIT_OK = 0, EXIT_USAGE = 2, EXIT_IO = 6 };

#ifndef WASL_VERSION
#error "the build passes WASL_VERSION"
#endif
const char *argp_program_version = "wasl-adapter " WASL_VERSION;

struct options {
    const char *config, *user;
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
    case 'u':
        options->user = argument;
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
    {"user", 'u', "NAME", 0,
     "Started as root, become this user for good (instead of the configuration's user)", 0},
    {0}};
static const struct argp argp = {.options = option_list,
                                 .parser = parse_option,
                                 .doc = "Puts a member's information systems on the bus.\vExit status: 0 "
                                        "ended in order, 2 usage or configuration, "
                                        "6 a file, socket or database folder."};

struct adapter {
    struct generation *first;   /* what cannot change while it runs is this one's */
    struct generation *current; /* in force; the first one, until there was a reload */
    bool locked;                /* the state folder is ours */
    struct loop *loop;
    void *zmq;
    struct core_options core_options; /* outlives the core */
    struct core *core;
    struct front *front;
    struct scrape *scrape;
    struct vitals *vitals;
    struct reload *reload;
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

static int open_core(struct adapter *a, struct error *e)
{
    generation_core_options(a->current, &a->core_options);
    a->core = core_new(a->loop, a->zmq, &a->core_options, e);
    return a->core != NULL ? 0 : -1;
}

static void front_options_of(const struct adapter *a, const struct config *c, struct front_options *out)
{
    *out = c->front;
    out->core = (struct front_core){.ask = front_ask,
                                    .status = front_status,
                                    .registry = front_registry,
                                    .describe = front_describe,
                                    .arg = a->core};
}

static int open_front(struct adapter *a, struct error *e)
{
    struct front_options options;

    front_options_of(a, a->current->config, &options);
    descriptors_raise(a->current->config);
    a->front = front_new(&options, e);
    return a->front != NULL ? 0 : -1;
}

static int open_metrics(struct adapter *a, struct error *e)
{
    const struct scrape_options options = {.address = a->current->config->metrics,
                                           .side = METRIC_SIDE_ADAPTER,
                                           .refresh = vitals_refresh,
                                           .arg = a->core};

    if (options.address == NULL)
        return 0;
    a->scrape = scrape_start(&options, e);
    return a->scrape != NULL ? 0 : -1;
}

/* --- another configuration --- */

static void reload_asked(void *arg)
{
    struct adapter *a = arg;

    if (a->reload == NULL)
        return;
    log_info("reload_asked", NULL);
    notify_reloading();
    reload_ask(a->reload);
}

/* Who waits for this file knows that every listener is open. */
static int announce(struct adapter *a, bool first, struct error *e)
{
    struct buffer file = {0}, line = {0};
    char *path = NULL;
    const char *address;

    BUG_ON(asprintf(&path, "%s/listeners", a->first->config->state) < 0);
    for (size_t i = 0; (address = front_address(a->front, i)) != NULL; i++) {
        buffer_printf(&file, "%s\n", address);
        buffer_printf(&line, "%s%s", i > 0 ? "," : "", address);
    }
    buffer_append(&line, "", 1);
    int result = file_write_atomically(path, buffer_bytes(&file), 0644, e);
    if (result == 0 && first)
        log_info("READY", "member=%s listeners=%s metrics=%s", a->first->config->member,
                 (const char *)line.data, a->scrape != NULL ? scrape_address(a->scrape) : "none");
    buffer_free(&file);
    buffer_free(&line);
    free(path);
    return result;
}

static void reload_failed(void *arg)
{
    (void)arg;
    log_error("configuration_kept", "what=%s", "the new one has faults; what was in force goes on");
    notify_ready();
}

static void reject(struct adapter *a, struct generation *next, const char *fault)
{
    log_error("configuration_fault", "fault=%s", fault);
    reload_came_to(a->reload, false);
    reload_retire(a->reload, next, false);
    reload_failed(a);
}

/* Whole and good: what may change is swapped between two turns of the loop. */
static void reload_ready(void *arg, struct generation *next)
{
    struct adapter *a = arg;
    struct generation *old = a->current;
    struct front_options front;
    struct error e = {0};

    if (!reload_same_member(a->first->config, next->config)) {
        reject(a, next,
               "instance or member is another: that takes a restart, and nothing of it is taken up before");
        return;
    }
    /* The one step that can fail, and then nothing of it has happened. */
    front_options_of(a, next->config, &front);
    descriptors_raise(next->config);
    if (front_reload(a->front, &front, &e) != 0) {
        reject(a, next, e.text);
        return;
    }
    reload_name_what_waits(a->first->config, next->config);
    generation_core_options(next, &a->core_options);
    core_change(a->core, &a->core_options);
    log_set_level(next->config->log_level);
    a->current = next;
    vitals_change(a->vitals, next);
    reload_retire(a->reload, old, old == a->first);
    if (announce(a, false, &e) != 0)
        log_error("listeners_not_told", "why=%s", e.text);
    reload_came_to(a->reload, true);
    log_info("configuration_in_force", "services=%zu listeners=%zu", next->config->service_count,
             next->config->listener_count);
    notify_ready();
}

static int open_reload(struct adapter *a, const char *path, struct error *e)
{
    const struct reload_events events = {reload_ready, reload_failed, a};

    a->reload = reload_new(a->loop, path, &events, e);
    return a->reload != NULL ? 0 : -1;
}

static void remove_announcement(const struct config *config)
{
    char *path = NULL;

    BUG_ON(asprintf(&path, "%s/listeners", config->state) < 0);
    unlink(path);
    free(path);
}

static int open_all(struct adapter *a, const char *path, struct error *e)
{
    const struct config *c = a->first->config;

    /* Keys have been read, which may be root's own files; nothing after them needs root. */
    if (process_give_folder(c->state, c->user, e) != 0 || process_become(c->user, e) != 0 ||
        open_state(c->state, e) != 0)
        return -1;
    a->locked = true;
    remove_announcement(c);
    /* Signals are blocked before any thread is there to receive them. */
    a->loop = loop_new();
    if (loop_handle_signals(a->loop, reload_asked, a, e) != 0)
        return -1;
    a->zmq = zmq_ctx_new();
    if (a->zmq == NULL)
        return error_set(e, ERROR_IO, "no ZeroMQ context: %s", zmq_strerror(zmq_errno()));
    if (generation_open(a->current, e) != 0 || open_core(a, e) != 0 || open_front(a, e) != 0 ||
        open_metrics(a, e) != 0 || open_reload(a, path, e) != 0)
        return -1;
    a->vitals = vitals_new(a->loop, a->core, a->current);
    if (announce(a, true, e) != 0)
        return -1;
    notify_ready();
    return 0;
}

/* Nothing new comes in; providers' calls end; every open ask is answered; the answers leave; then the rest.
 */
static void close_all(struct adapter *a)
{
    vitals_free(a->vitals);
    scrape_stop(a->scrape);
    if (a->front != NULL)
        front_stop(a->front);
    reload_free(a->reload);
    if (a->current != NULL)
        generation_close(a->current);
    core_free(a->core);
    link_key_clear(&a->core_options.link_key);
    front_free(a->front);
    if (a->zmq != NULL)
        zmq_ctx_term(a->zmq);
    loop_free(a->loop);
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
    store_say_lost_pages(EXIT_IO);
    /* Keys and bodies pass through this memory. */
    if (process_harden(&e) != 0) {
        fprintf(stderr, "wasl-adapter: %s\n", e.text);
        return EXIT_IO;
    }
    adapter.first = adapter.current = generation_load(options.config, &faults);
    if (adapter.first == NULL) {
        fprintf(stderr, "%.*s", (int)faults.text.len, (const char *)faults.text.data);
        goto done;
    }
    if (options.check) {
        printf("%s: no fault found\n", options.config);
        code = EXIT_OK;
        goto done;
    }
    if (options.user != NULL)
        adapter.first->config->user = options.user;

    log_open("wasl-adapter", adapter.first->config->log_level);
    code = EXIT_IO;
    if (open_all(&adapter, options.config, &e) == 0 && loop_run(adapter.loop, &e) == 0)
        code = EXIT_OK;
    else
        log_error("stopped", "why=%s", e.text);
    notify_stopping();
    if (adapter.locked)
        remove_announcement(adapter.first->config);
    close_all(&adapter);
    if (code == EXIT_OK)
        log_info("ended", "member=%s", adapter.first->config->member);

done:
    if (adapter.current != adapter.first)
        generation_free(adapter.current);
    generation_free(adapter.first);
    faults_free(&faults);
    return code;
}
