#include "unix_socket.h"

#include "error.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int stream_socket(struct error *e)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 ? fd : error_set(e, ERROR_IO, "no socket: %s", strerror(errno));
}

/* Frees the path of a socket that nobody listens on any longer: connecting is refused. */
static int remove_stale(const struct sockaddr_un *address, struct error *e)
{
    const char *path = address->sun_path;
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : error_set(e, ERROR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return error_set(e, ERROR_CONFIG, "%s exists and is not a socket: choose another path", path);
    int probe = stream_socket(e);
    if (probe < 0)
        return -1;
    int connected = connect(probe, (const struct sockaddr *)address, sizeof(*address));
    int reason = errno;
    close(probe);
    if (connected == 0 || reason != ECONNREFUSED) {
        error_set(e, ERROR_IO, "%s: another process serves this socket; is this daemon running already?",
                  path);
        errno = EADDRINUSE;
        return -1;
    }
    if (unlink(path) != 0)
        return error_set(e, ERROR_IO, "cannot remove the old socket %s: %s", path, strerror(errno));
    return 0;
}

int unix_socket_listen(const char *path, mode_t mode, int backlog, struct error *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(e, ERROR_CONFIG, "%s: a socket's path has at most %zu bytes", path,
                         sizeof(address.sun_path) - 1);
    strcpy(address.sun_path, path);
    if (remove_stale(&address, e) != 0)
        return -1;
    int fd = stream_socket(e);
    if (fd < 0)
        return -1;
    /* Before bind, so that at no moment anybody else may connect; after it, because the umask may take too
     * much. */
    if (fchmod(fd, mode) != 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        error_set(e, ERROR_IO, "cannot make the socket %s: %s", path, strerror(errno));
        goto failed;
    }
    if (chmod(path, mode) != 0 || listen(fd, backlog) != 0) {
        error_set(e, ERROR_IO, "cannot listen on %s: %s", path, strerror(errno));
        unlink(path);
        goto failed;
    }
    return fd;

failed:
    close(fd);
    return -1;
}
