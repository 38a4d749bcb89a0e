#ifndef WASL_DAEMON_DESCRIPTORS_H
#define WASL_DAEMON_DESCRIPTORS_H
/* Open files: what the configured connections need, raised at the start as far as this process may. */
#include "daemon/config.h"

/* Raises the limit to what the listeners' connections, the services and the rest can need at most; a warning
 * names what is missing. Where files run out all the same, connections wait in the listener's queue. */
void descriptors_raise(const struct config *config);

#endif
