#ifndef WASL_TESTS_UNIT_CORE_PROVIDER_H
#define WASL_TESTS_UNIT_CORE_PROVIDER_H
/* A provider's adapter that is linked, and requests made by hand. */
#include "world.h"

static inline int setup(void **state)
{
    static struct world w;
    world_open(&w);
    *state = &w;
    world_start(&w, MI);
    world_link(&w, MI);
    w.bus.hold_requests = true;
    return 0;
}

static inline int teardown(void **state)
{
    world_close(*state);
    return 0;
}

static inline bool answered(struct world *w)
{
    return hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE) != NULL;
}

/* Admits and delivers it; the outcome of the signed response. */
static inline unsigned outcome(struct world *w, const struct world_request *r)
{
    w->bus.hold_requests = false;
    hand_bus_admit(&w->bus, world_request(w, r));
    world_run(w, answered);
    return hand_bus_find(&w->bus, MI, MESSAGE_RESPONSE)->header.outcome;
}

static inline void send(struct world *w, struct hand_delivery *d)
{
    hand_delivery_send(&w->bus, MI, d);
    hand_delivery_free(d);
}

static inline void assert_silent(struct world *w)
{
    world_settle(w);
    assert_int_equal(hand_bus_count(&w->bus, MI, MESSAGE_RESPONSE), 0);
    assert_int_equal(w->system.calls, 0);
}

__attribute__((unused)) static const struct world_request plain = {.signer = MEN};
__attribute__((unused)) static const struct world_request attest = {
    .signer = MEN, .method = "POST", .path_end = "/attestations", .operation = "attest", .body = "{\"n\":1}"};

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
