#ifndef WASL_ADAPTERS_CORE_DESCRIBING_H
#define WASL_ADAPTERS_CORE_DESCRIBING_H
/*
 * Descriptions of services (OpenAPI documents), for whoever asks a front. The registry in force names one by
 * its SHA-256, so it is the authority that vouches for it; it comes from <state>/descriptions/<hash> when it
 * has been here before, else from the bus (FETCH), and is handed out only when its hash is right. The
 * provider need not be there.
 */
#include "core/core.h"

struct common;
struct describing;

struct describing *describing_new(struct common *common);
/* Ends what waits with STOPPED. NULL is harmless. */
void describing_free(struct describing *describing);

/* = core_describe. Any thread. */
bool describing_put(struct describing *describing, const char *service, core_described done, void *done_arg);

/* What the session fetched by hash: data NULL: the bus has none. Harmless where nobody waits for it. */
void describing_object(struct describing *describing, const uint8_t hash[HASH_SIZE], struct bytes object);
/* The session is over: what was asked for must be asked for again. */
void describing_lost(struct describing *describing);
void describing_tick(struct describing *describing);

#endif
