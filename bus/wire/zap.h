#ifndef WASL_WIRE_ZAP_H
#define WASL_WIRE_ZAP_H
/*
 * ZAP (RFC 27) that fails closed. The handler runs on a thread of its own, bound before any public socket and
 * until the context ends; if that thread ever stops while the context lives the process aborts, because
 * libzmq without a handler accepts any key.
 */
#include <stdbool.h>
#include <stdint.h>

struct error;
struct zap;

/* Which link keys may connect; called on the handler's thread. */
typedef bool (*zap_allowed)(void *arg, const uint8_t public_key[32]);

struct zap *zap_start(void *zmq_context, zap_allowed allowed, void *arg, struct error *e);
/* Only after every public socket is closed; before or after the end of the context. NULL is harmless. */
void zap_stop(struct zap *zap);
/* Connects to `endpoint` with a fresh random key and demands to be refused: at start and from time to time. 0
 * refused as it must be; -1 with e set: it was let in, or nothing could be found out. Waits up to two
 * seconds: not on a loop. */
int zap_probe(void *zmq_context, const char *endpoint, const uint8_t server_public[32], struct error *e);

#endif
