#ifndef WASL_FRONT_EXCHANGE_H
#define WASL_FRONT_EXCHANGE_H
/*
 * One HTTP request on its way: gathered on MHD's thread, suspended while the core asks, answered on the
 * core's thread, sent on MHD's thread again.
 */
#include "front/front.h"
#include "front/request.h"
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

/* What all listeners share. */
struct front_shared {
    struct front_core core;
    enum fault_spelling spelling;
    uint64_t most_body, most_body_bytes;
    atomic_uint_fast64_t body_bytes; /* of all requests under way */
    atomic_uint open;                /* requests under way */
    pthread_rwlock_t lock;           /* over stopping: whoever calls the core holds it for reading */
    bool stopping;
};
struct front_door {
    struct front_shared *shared;
    struct speaker speaker;
};

/* The callbacks of a listener's MHD daemon; arg is its struct front_door. */
void *exchange_begin(void *arg, const char *target, struct MHD_Connection *connection);
enum MHD_Result exchange_step(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload, size_t *upload_len,
                              void **exchange);
void exchange_end(void *arg, struct MHD_Connection *connection, void **exchange,
                  enum MHD_RequestTerminationCode code);

#endif
