#include "registry/decide.h"

#include "base/clock.h"
#include "base/error.h"
#include "registry/identifier.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool decide_may_refuse(unsigned refusal)
{
    switch (refusal) {
    case REFUSAL_UNKNOWN_MEMBER:
    case REFUSAL_MEMBER_SUSPENDED:
    case REFUSAL_UNKNOWN_SERVICE:
    case REFUSAL_UNKNOWN_OPERATION:
    case REFUSAL_NO_GRANT:
    case REFUSAL_WRONG_PURPOSE:
    case REFUSAL_GRANT_EXPIRED:
    case REFUSAL_PURPOSE_MISSING:
    case REFUSAL_WRONG_LEGAL_BASIS:
    case REFUSAL_REGISTRY_OUTDATED:
        return true;
    default:
        return false;
    }
}

/* The words name only what the registry holds, never what was asked: they go into answers and logs, and a
 * peer could have put anything into its question. */
static void refuse(struct decision *out, enum refusal refusal, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void refuse(struct decision *out, enum refusal refusal, const char *format, ...)
{
    BUG_ON(!decide_may_refuse(refusal));
    va_list list;
    va_start(list, format);
    vsnprintf(out->words, sizeof out->words, format, list);
    va_end(list);
    out->refusal = refusal;
    out->grant = NULL;
}

static bool covers(const struct registry_grant *grant, const struct registry_operation *operation)
{
    if (operation == NULL || grant->operation_count == 0)
        return true;
    for (size_t i = 0; i < grant->operation_count; i++)
        if (grant->operations[i] == operation)
            return true;
    return false;
}

/* "a, b, c" of the purposes of the grants that cover the operation and, where `live`, have not expired. */
static void list_purposes(const struct registry_grant *const *grants, size_t count,
                          const struct registry_operation *operation, bool live, uint64_t now, char *out,
                          size_t room)
{
    size_t len = 0;
    out[0] = 0;
    for (size_t i = 0; i < count; i++) {
        if (!covers(grants[i], operation) || (live && now >= grants[i]->expires))
            continue;
        int n = snprintf(out + len, room - len, "%s%s", len > 0 ? ", " : "", grants[i]->purpose->code);
        if (n < 0 || (size_t)n >= room - len) {
            memcpy(out + room - 4, "...", 4);
            return;
        }
        len += (size_t)n;
    }
}

static bool find(const struct registry *registry, const struct question *q, struct decision *out)
{
    if (identifier_parts(q->consumer) == 4)
        out->consumer = registry_subsystem(registry, q->consumer);
    if (out->consumer == NULL) {
        refuse(out, REFUSAL_UNKNOWN_MEMBER,
               "The consumer is not a subsystem in version %llu of the registry.",
               (unsigned long long)registry_version(registry));
        return false;
    }
    if (identifier_parts(q->service) != 5) {
        refuse(out, REFUSAL_UNKNOWN_SERVICE, "The service asked for is not an identifier of five parts.");
        return false;
    }
    const struct registry_subsystem *provider = registry_subsystem(registry, q->service);
    if (provider == NULL) {
        refuse(out, REFUSAL_UNKNOWN_MEMBER,
               "The provider is not a subsystem in version %llu of the registry.",
               (unsigned long long)registry_version(registry));
        return false;
    }
    out->service = registry_service(registry, q->service);
    if (out->service == NULL) {
        refuse(out, REFUSAL_UNKNOWN_SERVICE, "%s has no such service.", provider->id);
        return false;
    }
    if (q->operation.len > 0) {
        out->operation = registry_operation(out->service, q->operation);
        if (out->operation == NULL) {
            refuse(out, REFUSAL_UNKNOWN_OPERATION, "%s has no such operation.", out->service->id);
            return false;
        }
    }
    return true;
}

/* Which of the grants that cover the operation is meant; NULL after refusing. */
static const struct registry_grant *choose(const struct registry_grant *const *grants, size_t count,
                                           const struct question *q, struct decision *out)
{
    const struct registry_grant *chosen = NULL, *expired = NULL;
    size_t covering = 0, live = 0;
    for (size_t i = 0; i < count; i++) {
        const struct registry_grant *grant = grants[i];
        if (!covers(grant, out->operation))
            continue;
        covering++;
        if (q->purpose.len > 0 && !bytes_equal_string(q->purpose, grant->purpose->code))
            continue;
        if (q->now >= grant->expires) {
            expired = grant;
            continue;
        }
        live++;
        chosen = grant;
    }
    char choices[128];
    if (covering == 0) {
        refuse(out, REFUSAL_NO_GRANT, "No grant lets %s use %s%s%s.", out->consumer->id, out->service->id,
               out->operation != NULL ? " for " : "", out->operation != NULL ? out->operation->code : "");
        return NULL;
    }
    if (live == 1)
        return chosen;
    if (live > 1) {
        list_purposes(grants, count, out->operation, true, q->now, choices, sizeof choices);
        refuse(out, REFUSAL_PURPOSE_MISSING, "More than one grant fits; name one of the purposes: %s.",
               choices);
        return NULL;
    }
    if (expired == NULL) {
        list_purposes(grants, count, out->operation, true, q->now, choices, sizeof choices);
        if (choices[0] == '\0')
            list_purposes(grants, count, out->operation, false, q->now, choices, sizeof choices);
        refuse(out, REFUSAL_WRONG_PURPOSE, "A grant exists, but not for this purpose; granted: %s.", choices);
        return NULL;
    }
    char when[28];
    clock_format(expired->expires, when);
    refuse(out, REFUSAL_GRANT_EXPIRED, "The grant for purpose %s expired at %s.", expired->purpose->code,
           when);
    return NULL;
}

/* What the authority has stopped altogether comes before what it has granted. */
static bool suspended(const struct registry *registry, struct decision *out)
{
    const struct registry_member *consumer = out->consumer->member,
                                 *provider = out->service->subsystem->member;
    if (!consumer->suspended && !provider->suspended)
        return false;
    refuse(out, REFUSAL_MEMBER_SUSPENDED, "Version %llu of the registry suspends the member %s.",
           (unsigned long long)registry_version(registry), consumer->suspended ? consumer->id : provider->id);
    return true;
}

void decide(const struct registry *registry, const struct question *q, struct decision *out)
{
    memset(out, 0, sizeof *out);
    if (!find(registry, q, out) || suspended(registry, out))
        return;
    char when[28];
    uint64_t limit = registry_hard_limit(registry);
    if (limit != 0 && q->now > limit) {
        clock_format(limit, when);
        refuse(out, REFUSAL_REGISTRY_OUTDATED, "Version %llu of the registry may not be used after %s.",
               (unsigned long long)registry_version(registry), when);
        return;
    }
    size_t count;
    const struct registry_grant *const *grants =
        registry_grants_of(registry, out->consumer, out->service, &count);
    const struct registry_grant *grant = choose(grants, count, q, out);
    if (grant == NULL)
        return;
    if (q->legal_basis.len > 0 && !bytes_equal_string(q->legal_basis, grant->purpose->legal_basis)) {
        refuse(out, REFUSAL_WRONG_LEGAL_BASIS, "The legal basis of purpose %s is %s.", grant->purpose->code,
               grant->purpose->legal_basis);
        return;
    }
    out->grant = grant;
    clock_format(grant->expires, when);
    snprintf(out->words, sizeof out->words, "Granted for purpose %s (%s) until %s.", grant->purpose->code,
             grant->purpose->legal_basis, when);
}
