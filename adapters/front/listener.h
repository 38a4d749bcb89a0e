#ifndef WASL_FRONT_LISTENER_H
#define WASL_FRONT_LISTENER_H
/* Listening sockets of the front. */
#include <stdbool.h>
#include <sys/types.h>

struct error;

#define LISTENER_ADDRESS_MOST 128

/* True for "127.0.0.1:PORT" and "[::1]:PORT", port 0 to 65535; with `any` for every address written in
 * digits. */
bool listener_address_valid(const char *address, bool any);
/* A listening descriptor, or -1 with e set. bound: the address with the port that the system chose. "[::]"
 * does not take IPv4's connections too. */
int listener_open_tcp(const char *address, bool any, char bound[LISTENER_ADDRESS_MOST], struct error *e);
/* A stale socket file (nobody listens) is replaced; anything else in the way is an error. mode: of the socket
 * file. */
int listener_open_unix(const char *path, mode_t mode, char bound[LISTENER_ADDRESS_MOST], struct error *e);

#endif
