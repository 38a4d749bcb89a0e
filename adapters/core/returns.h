#ifndef WASL_ADAPTERS_CORE_RETURNS_H
#define WASL_ADAPTERS_CORE_RETURNS_H
/*
 * The way back of calls from connectors' threads to the core's. It outlives the core where a connector still
 * has a call: what comes back then is freed, and the last one frees the way.
 */
#include "core/connector.h"

struct queue;
struct returns;

struct returns *returns_new(size_t most);
/* For loop_add_fd and queue_take. */
struct queue *returns_queue(struct returns *returns);
/* Prepares a call to come back here (sets done and arg). At most `most` may be out at once. */
void returns_lend(struct returns *returns, struct call *call);
/* Takes what has come back, NULL: nothing. */
struct call *returns_take(struct returns *returns);
size_t returns_out(struct returns *returns);
/* The core is gone. */
void returns_close(struct returns *returns);

#endif
