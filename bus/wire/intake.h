#ifndef WASL_WIRE_INTAKE_H
#define WASL_WIRE_INTAKE_H
/*
 * Bounds what a bus makes libzmq hold in an adapter, as the gate does on the bus's side (gate.h has the
 * reasons): of the connection that a DEALER has, what the kernel has received (TCP_INFO) less what came out
 * of libzmq waits inside. One thread: the one that owns the socket.
 */
#include <stdbool.h>
#include <stdint.h>

struct error;
struct intake;

/* socket: a DEALER (link_connect). NULL with e set. */
struct intake *intake_new(void *zmq_context, void *socket, struct error *e);
/* Before the socket is closed. NULL is harmless. */
void intake_free(struct intake *intake);
/* A message has come out: frame_message.wire_bytes. now: monotonic. */
void intake_received(struct intake *intake, uint64_t wire_bytes, uint64_t now);
/* Does more than `most` bytes wait? Then the connection is shut down already. */
bool intake_floods(struct intake *intake, uint64_t most, uint64_t now);

#endif
