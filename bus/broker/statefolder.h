#ifndef WASL_BROKER_STATEFOLDER_H
#define WASL_BROKER_STATEFOLDER_H
/* The bus's state folder: its lock, and what is remembered in it. The databases in it open themselves. */
#include <stdbool.h>
#include <stdint.h>

struct config;
struct error;

/* STATE/name. The caller frees it. */
char *statefolder_path(const struct config *config, const char *name);
/* Makes the folder where there is none, and locks it: two buses on one ledger would sign two histories. A
 * descriptor to close at the end, or -1 with e set. */
int statefolder_lock(const struct config *config, struct error *e);
/* Where members find the socket: for those who asked for any free port. */
int statefolder_tell_endpoint(const struct config *config, const char *endpoint, struct error *e);
void statefolder_forget_endpoint(const struct config *config);
/* A ledger file that was removed or emptied must not look like a new ledger: what was begun is remembered
 * beside it. */
int statefolder_check_begun(const struct config *config, uint64_t ledger_size, struct error *e);
int statefolder_remember_begun(const struct config *config, const char *ledger_name, struct error *e);

#endif
