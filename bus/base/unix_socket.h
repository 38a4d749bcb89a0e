#ifndef WASL_BASE_UNIX_SOCKET_H
#define WASL_BASE_UNIX_SOCKET_H
/* Listening on a path: every socket file that a daemon of ours makes is made here. */
#include <sys/types.h>

struct error;

/*
 * A stream socket that listens at path, not blocking, not inherited. The file has `mode` from its first
 * moment on, whatever the umask. A file that a process before us left behind, and that nobody serves, is
 * replaced; any other file and a socket that somebody serves stay. -1 with e set: ERROR_CONFIG for a path
 * that cannot be ours, ERROR_IO, with errno EADDRINUSE when another process serves it.
 */
int unix_socket_listen(const char *path, mode_t mode, int backlog, struct error *e);

#endif
