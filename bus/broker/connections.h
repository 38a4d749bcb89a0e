#ifndef WASL_BROKER_CONNECTIONS_H
#define WASL_BROKER_CONNECTIONS_H
/*
 * The gate (wire/gate.h) of this bus: its bounds made of the configured limits, its cuts in the log with the
 * member's name where there is one, and file descriptors enough for all of it. The I/O thread's.
 */
#include "base/loop.h"
#include "broker/config.h"
#include "broker/peers.h"
#include "wire/gate.h"

struct connections;

/* Raises the limit on descriptors, then watches the ROUTER, which is not bound yet. limits and peers outlive
 * it. NULL with e set. */
struct connections *connections_new(void *zmq_context, void *socket, struct loop *loop,
                                    const struct config_limits *limits, const struct peers *peers,
                                    struct error *e);
void connections_free(struct connections *connections); /* before the socket; NULL is harmless */
struct gate *connections_gate(struct connections *connections);
/* Whether messages are being taken from the socket: while they are not, nobody is cut for silence. */
void connections_set_reading(struct connections *connections, bool reading);

/* What one connection with a session over it may have waiting. */
uint64_t connections_session_bytes(const struct config_limits *limits);

#endif
