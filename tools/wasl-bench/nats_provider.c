#include "wasl-bench/nats_provider.h"

#include "base/error.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TURN = 100, LAST_ACKNOWLEDGEMENTS = 50 }; /* milliseconds; turns */

static int answer(struct nats_link *link, struct bytes body, bool wrong, struct error *e)
{
    if (!wrong || body.len == 0)
        return nats_link_publish(link, NATS_RESPONSES, 0, body, e);
    uint8_t *spoiled = memory_copy(body.data, body.len);
    spoiled[body.len - 1] ^= 1;
    int result = nats_link_publish(link, NATS_RESPONSES, 0, bytes_make(spoiled, body.len), e);
    free(spoiled);
    return result;
}

/* The parent has closed its end. */
static bool told_to_end(int control)
{
    struct pollfd p = {.fd = control, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

static int serve(struct nats_link *link, int control, uint64_t spoil, struct error *e)
{
    uint64_t answered = 0, acknowledged = 0;
    unsigned idle = 0; /* turns since the end was asked for */
    for (;;) {
        struct nats_arrival came;
        if (nats_link_next(link, TURN, &came, e) != 0)
            return -1;
        switch (came.kind) {
        case NATS_MESSAGE:
            if (answer(link, came.body, ++answered == spoil, e) != 0)
                return -1;
            break;
        case NATS_ACKNOWLEDGED:
            acknowledged++;
            break;
        case NATS_REFUSED:
            return error_set(e, ERROR_IO, "NATS did not store an answer");
        case NATS_NOTHING:
            if (!told_to_end(control))
                break;
            if (acknowledged == answered)
                return 0;
            if (++idle > LAST_ACKNOWLEDGEMENTS)
                return error_set(e, ERROR_IO, "NATS acknowledged %llu of %llu answers",
                                 (unsigned long long)acknowledged, (unsigned long long)answered);
            break;
        }
    }
}

/* The child's whole life. */
static int provide(const struct nats_account *account, int control, uint64_t spoil)
{
    struct error e = {0};
    struct nats_link *link = nats_link_new(account, "provider", &e);
    int result = link == NULL ? -1 : nats_link_make_streams(link, &e);
    if (result == 0)
        result = nats_link_take(link, NATS_REQUESTS, &e);
    if (result == 0 && write(control, "r", 1) != 1)
        result = error_set(&e, ERROR_IO, "the consumer is gone");
    if (result == 0)
        result = serve(link, control, spoil, &e);
    if (result != 0)
        fprintf(stderr, "wasl-bench: provider: %s\n", e.text);
    nats_link_free(link);
    return result == 0 ? 0 : 1;
}

int nats_provider_start(struct nats_provider *provider, const struct nats_account *account, uint64_t spoil,
                        struct error *e)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return error_set(e, ERROR_IO, "a pair of sockets: %s", strerror(errno));
    pid_t parent = getpid();
    provider->pid = fork();
    if (provider->pid < 0) {
        error_set(e, ERROR_IO, "a second process: %s", strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    if (provider->pid == 0) {
        close(ends[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a consumer that was killed leaves nobody behind */
        if (getppid() != parent)
            _exit(1);
        _exit(provide(account, ends[1], spoil));
    }
    close(ends[1]);
    provider->control = ends[0];
    char ready;
    if (read(provider->control, &ready, 1) == 1)
        return 0;
    close(provider->control);
    waitpid(provider->pid, NULL, 0);
    return error_set(e, ERROR_IO, "the provider's process did not come up; it has said why");
}

int nats_provider_stop(struct nats_provider *provider, struct error *e)
{
    int status = 0;
    close(provider->control);
    if (waitpid(provider->pid, &status, 0) != provider->pid)
        return error_set(e, ERROR_IO, "waiting for the provider: %s", strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return error_set(e, ERROR_IO, "the provider's process failed");
    return 0;
}
