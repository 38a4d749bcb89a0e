#ifndef WASL_DAEMON_RELOAD_H
#define WASL_DAEMON_RELOAD_H
/*
 * SIGHUP: a helper thread reads the configuration anew and builds the next generation whole, with its
 * connectors; the loop gets it ready made or not at all. The same thread ends a generation that is over,
 * because that waits for its last call.
 */
#include "base/loop.h"
#include "daemon/generation.h"

struct reload;

/* ready: called on the loop's thread with a generation that is whole; it is the callee's, who says with
 * reload_came_to what became of it. failed: there were faults, which have been logged and counted. */
struct reload_events {
    void (*ready)(void *arg, struct generation *generation);
    void (*failed)(void *arg);
    void *arg;
};
struct reload *reload_new(struct loop *loop, const char *path, const struct reload_events *events,
                          struct error *e);
/* Never waits. One that is asked for while another waits is the same. */
void reload_ask(struct reload *reload);
/* Whether what was read is in force now: counted, and the alarm raised or ended. */
void reload_came_to(struct reload *reload, bool good);
/* Ends the generation's connectors when their calls have come back, and frees it. keep: only the connectors;
 * the rest is still needed, and freed by its owner after reload_free. Never waits. */
void reload_retire(struct reload *reload, struct generation *generation, bool keep);
/* Waits for what is being retired. NULL is harmless. */
void reload_free(struct reload *reload);
/* The keys of another member beside what is open of this one would have everything refused that it signs. */
bool reload_same_member(const struct config *was, const struct config *is);
/* One log line (warning) for each key that has changed and takes effect at the next start only. */
void reload_name_what_waits(const struct config *was, const struct config *is);

#endif
