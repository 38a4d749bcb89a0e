#ifndef WASL_TESTS_UNIT_CORE_WORLD_H
#define WASL_TESTS_UNIT_CORE_WORLD_H
/* A loop, a hand-made bus, cores on it, and a system behind a provider that answers what the test says. */
#include "hand_bus.h"

#include "core/core.h"

/* What a ministry's system does with a call. */
struct world_system {
    struct connector connector; /* first */
    unsigned status;
    const char *body, *content_type, *more_header, *more_value;
    enum refusal refusal;
    bool hold; /* keeps the calls until world_answer */
    struct call *held[8];
    size_t held_count;
    unsigned calls;
    char last_path[128], last_body[64];
};
struct world {
    void *context;
    struct loop *loop;
    struct hand_bus bus;
    struct world_system system;
    struct core *core[MEMBERS];
    char state[MEMBERS][96];
    struct loop_timer *guard;
    bool (*until)(struct world *w);
    uint64_t deadline;
    uint64_t unproven_most, request_timeout; /* 0: default */
    /* what the last ask got */
    unsigned answers;
    enum refusal refusal;
    unsigned status;
    char answer_body[256], answer_headers[256];
    void *arg;
};

void world_open(struct world *w);
void world_close(struct world *w);
void world_start(struct world *w, int member); /* a core, on its state folder */
void world_stop(struct world *w, int member);
void world_change(struct world *w, int member); /* its configuration is read again: the keys are of now */
/* Runs the loop until it is so; the test fails after 20 s. */
void world_run(struct world *w, bool (*until)(struct world *w));
/* Turns the loop a while, for what must not happen: until `turns` PINGs of the test's own have gone round
 * through the socket, so everything sent before has been handled. */
void world_settle(struct world *w);
void world_link(struct world *w, int member); /* runs until it is linked */

/* MEN asks for a person; method NULL: GET of the identity. */
struct ask *world_ask_new(struct world *w, const char *iuc);
void world_ask(struct world *w, int member, struct ask *ask);
void world_answer(struct world *w, size_t held); /* what the system holds back */
bool world_answered(struct world *w);            /* for world_run: one more answer than when it was asked */

/* A request of MEN made by hand, for a provider alone. */
struct world_request {
    int signer;               /* MEN */
    const char *consumer;     /* MEN's subsystem */
    const char *subject_type; /* IUC */
    const char *iuc, *path_iuc, *method, *path_end, *query, *operation, *purpose, *legal_basis, *body;
    bool no_subject;
    int64_t created; /* relative to now, microseconds */
    int64_t expires; /* relative to created; 0: 30 s */
    const struct sealing_key *to;
    uint64_t seen_size;
    const uint8_t *seen_root;
};
struct hand_message *world_request(struct world *w, const struct world_request *r);

#endif
