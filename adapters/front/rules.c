#include "front/rules.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const *copy_texts(const char *const *texts, size_t count)
{
    char **copy = memory_zeroed(count + 1, sizeof *copy);

    for (size_t i = 0; i < count; i++)
        copy[i] = string_copy(texts[i]);
    return (const char *const *)copy;
}

static void free_caller(struct front_caller *caller)
{
    char **texts = (char **)(uintptr_t)caller->subsystems;

    for (size_t i = 0; i < caller->subsystem_count; i++)
        free(texts[i]);
    free(texts);
}

static unsigned or_else(unsigned value, unsigned otherwise)
{
    return value != 0 ? value : otherwise;
}

static void take_limits(struct front_options *limits, const struct front_options *options,
                        enum rules_kind kind)
{
    limits->most_body = options->most_body != 0 ? options->most_body : (uint64_t)1 << 20;
    limits->most_connections = or_else(options->most_connections, 512);
    /* From a network, one address must not be able to fill a listener by itself. Here at home there may well
     * be only one client. */
    limits->most_client_connections =
        or_else(options->most_client_connections,
                kind == RULES_TLS ? (limits->most_connections + 1) / 2 : limits->most_connections);
    limits->most_client_requests = or_else(options->most_client_requests, 512);
    limits->most_subsystem_requests = or_else(options->most_subsystem_requests, 512);
    limits->idle_seconds = or_else(options->idle_seconds, 30);
    limits->head_seconds = or_else(options->head_seconds, 10);
    limits->body_seconds = or_else(options->body_seconds, 60);
    limits->answer_seconds = or_else(options->answer_seconds, 60);
}

struct rules *rules_new(const struct front_options *options, const struct front_listener *listener,
                        struct error *e)
{
    struct rules *rules = memory_zeroed(1, sizeof *rules);

    atomic_init(&rules->holders, 1);
    rules->kind = listener->unix_path != NULL         ? RULES_UNIX
                  : listener->tls_certificate != NULL ? RULES_TLS
                                                      : RULES_LOOPBACK;
    rules->member = string_copy(options->member);
    take_limits(&rules->limits, options, rules->kind);
    rules->everybody.subsystems = copy_texts(listener->subsystems, listener->subsystem_count);
    rules->everybody.subsystem_count = listener->subsystem_count;
    rules->callers = memory_zeroed(listener->caller_count + 1, sizeof *rules->callers);
    for (; rules->caller_count < listener->caller_count; rules->caller_count++) {
        struct front_caller *caller = &rules->callers[rules->caller_count];
        *caller = listener->callers[rules->caller_count];
        caller->subsystems = copy_texts(caller->subsystems, caller->subsystem_count);
    }
    if (rules->kind == RULES_TLS) {
        rules->tls = tls_load(listener->tls_certificate, listener->tls_key, e);
        if (rules->tls == NULL) {
            rules_release(rules);
            return NULL;
        }
    }
    return rules;
}

struct rules *rules_hold(struct rules *rules)
{
    atomic_fetch_add(&rules->holders, 1);
    return rules;
}

void rules_release(struct rules *rules)
{
    if (rules == NULL || atomic_fetch_sub(&rules->holders, 1) > 1)
        return;
    for (size_t i = 0; i < rules->caller_count; i++)
        free_caller(&rules->callers[i]);
    free(rules->callers);
    free_caller(&rules->everybody);
    tls_release(rules->tls);
    free(rules->member);
    free(rules);
}
