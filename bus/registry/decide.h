#ifndef WASL_REGISTRY_DECIDE_H
#define WASL_REGISTRY_DECIDE_H
/* The one place that says whether an exchange is allowed: bus, consumer's and provider's adapter, and
 * `wasl registry explain` ask here. Pure: same registry, question and time, same answer. */
#include "base/refusal.h"
#include "registry/registry.h"

struct question {
    struct bytes consumer;    /* subsystem id */
    struct bytes service;     /* service id, five parts */
    struct bytes operation;   /* code; empty: not known yet (the consumer's adapter matches it first) */
    struct bytes purpose;     /* code; empty: take it if exactly one grant fits */
    struct bytes legal_basis; /* empty: not judged */
    uint64_t now;
};
struct decision {
    enum refusal refusal; /* REFUSAL_NONE: allowed, by grant */
    const struct registry_grant *grant;
    const struct registry_service *service; /* set as far as they were found */
    const struct registry_subsystem *consumer;
    const struct registry_operation *operation;
    char words[256]; /* for people: which grant, or which one is missing; the choices when the purpose is
                        ambiguous */
};
void decide(const struct registry *registry, const struct question *question, struct decision *out);
/* Is that a reason that decide() gives? Whoever compares a refusal of then with decide() asks here first. */
bool decide_may_refuse(unsigned refusal);

#endif
