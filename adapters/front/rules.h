#ifndef WASL_FRONT_RULES_H
#define WASL_FRONT_RULES_H
/*
 * What holds at one listener: who may speak for what, its limits, its certificate. Never changed once made,
 * and counted: a reload makes new rules for the same listener, and each connection goes on with those it has
 * until its next request.
 */
#include "front/front.h"
#include "front/tls.h"

enum rules_kind { RULES_LOOPBACK, RULES_UNIX, RULES_TLS };

struct rules {
    enum rules_kind kind;
    char *member;
    struct front_caller *callers; /* own copies, as all below */
    size_t caller_count;
    struct front_caller everybody; /* where no callers are named */
    struct tls *tls;               /* RULES_TLS */
    struct front_options limits;   /* only the numbers, with the defaults filled in */
    _Atomic unsigned holders;
};

/* One holder. NULL with e set when the TLS files cannot be used. */
struct rules *rules_new(const struct front_options *options, const struct front_listener *listener,
                        struct error *e);
struct rules *rules_hold(struct rules *rules);
void rules_release(struct rules *rules); /* frees with the last; NULL is harmless */

#endif
