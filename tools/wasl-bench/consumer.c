#include "wasl-bench/consumer.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define LOOK_EVERY (5 * 1000u)

struct consumer {
    struct core_options options;
    struct sealing_key sealing_key;
    const char *authority; /* the one key of options.authority */
    char *subject_keys;
    void *zmq;
    struct loop *loop;
    struct core *core;
    int stop; /* readable: the loop ends */
    pthread_t thread;
    bool running;
    atomic_bool failed;
    struct error failure; /* read after failed */
};

static char *beside(const char *folder, const char *name)
{
    char *path = NULL;
    BUG_ON(asprintf(&path, "%s/%s", folder, name) < 0);
    return path;
}

static int load_keys(struct consumer *c, const char *folder, struct error *e)
{
    char *link = beside(folder, "link.key"), *sealing = beside(folder, "sealing.key");
    char *chain = beside(folder, "chain.pem"), *signing = beside(folder, "signing.key.pem");
    int result = -1;

    c->subject_keys = beside(folder, "subject.keys");
    if (link_key_load(link, &c->options.link_key, e) == 0 &&
        sealing_key_load(sealing, &c->sealing_key, e) == 0 &&
        (c->options.chain = chain_load_pem(chain, e)) != NULL &&
        (c->options.signer = signer_open_file(signing, chain_leaf(c->options.chain), e)) != NULL)
        result = 0;
    free(link);
    free(sealing);
    free(chain);
    free(signing);
    return result;
}

static int set_options(struct consumer *c, const struct consumer_options *o, struct error *e)
{
    c->authority = o->authority;
    c->options.instance = o->instance;
    c->options.member = o->member;
    c->options.state = o->state;
    c->options.bus_endpoint = o->bus_endpoint;
    c->options.most_asks = o->most_asks;
    if (!hex_decode(o->bus_public_key, strlen(o->bus_public_key), c->options.bus_public_key,
                    sizeof c->options.bus_public_key))
        return error_set(e, ERROR_USAGE, "the bus's key is not 64 hex digits");
    if (load_keys(c, o->keys, e) != 0)
        return -1;
    c->options.subject_keys = c->subject_keys;
    c->options.sealing_keys = &c->sealing_key;
    c->options.sealing_key_count = 1;
    c->options.authority = (struct registry_authority){.keys = &c->authority, .count = 1, .threshold = 1};
    return 0;
}

static void stop_asked(void *arg)
{
    struct consumer *c = arg;
    eventfd_t value;
    eventfd_read(c->stop, &value);
    loop_stop(c->loop);
}

/* A core's thread frees it, too: its socket belongs to that thread. */
static void *run(void *arg)
{
    struct consumer *c = arg;

    pthread_setname_np(pthread_self(), "core");
    if (loop_run(c->loop, &c->failure) != 0)
        atomic_store(&c->failed, true);
    core_free(c->core);
    return NULL;
}

static int start_core(struct consumer *c, struct error *e)
{
    c->zmq = zmq_ctx_new();
    BUG_ON(c->zmq == NULL);
    c->stop = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    BUG_ON(c->stop < 0);
    c->loop = loop_new();
    loop_add_fd(c->loop, c->stop, stop_asked, c);
    c->core = core_new(c->loop, c->zmq, &c->options, e);
    if (c->core == NULL)
        return -1;
    int code = pthread_create(&c->thread, NULL, run, c);
    if (code != 0) {
        core_free(c->core);
        return error_set(e, ERROR_IO, "no thread for the core: %s", strerror(code));
    }
    c->running = true;
    return 0;
}

static int wait_linked(struct consumer *c, uint64_t wait, struct error *e)
{
    const struct timespec pause = {.tv_nsec = LOOK_EVERY * 1000};
    uint64_t until = clock_monotonic() + wait;
    struct core_status status;

    for (core_status(c->core, &status); !status.linked; core_status(c->core, &status)) {
        if (atomic_load(&c->failed))
            return error_set(e, ERROR_IO, "the core's thread ended: %s", c->failure.text);
        if (clock_monotonic() > until)
            return error_set(e, ERROR_IO, "%s has no link to %s: %s", c->options.member,
                             c->options.bus_endpoint,
                             status.trouble != NULL ? status.trouble : "it is not linked yet");
        nanosleep(&pause, NULL);
    }
    return 0;
}

struct consumer *consumer_start(const struct consumer_options *options, uint64_t wait, struct error *e)
{
    struct consumer *c = memory_zeroed(1, sizeof *c);

    c->stop = -1;
    if (set_options(c, options, e) != 0 || start_core(c, e) != 0 || wait_linked(c, wait, e) != 0) {
        consumer_stop(c);
        return NULL;
    }
    return c;
}

struct core *consumer_core(struct consumer *c)
{
    return c->core;
}

void consumer_stop(struct consumer *c)
{
    if (c == NULL)
        return;
    if (c->running) {
        eventfd_write(c->stop, 1);
        pthread_join(c->thread, NULL);
    }
    if (c->zmq != NULL)
        zmq_ctx_term(c->zmq);
    loop_free(c->loop);
    if (c->stop >= 0)
        close(c->stop);
    signer_free(c->options.signer);
    chain_free(c->options.chain);
    sealing_key_clear(&c->sealing_key);
    link_key_clear(&c->options.link_key);
    free(c->subject_keys);
    free(c);
}
