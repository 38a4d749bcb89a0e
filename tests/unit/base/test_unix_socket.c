#include "base/unix_socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"
#include "../scratch.h"

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static int visit(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int result = connect(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    return result;
}

static void the_file_has_its_mode_whatever_the_umask(void **state)
{
    struct error e = {0};
    const char *path = scratch_path(state, "socket");
    mode_t before = umask(077);
    int fd = unix_socket_listen(path, 0660, 4, &e);
    umask(before);
    assert_true(fd >= 0);
    assert_int_equal(mode_of(path), 0660);
    assert_int_equal(visit(path), 0);
    close(fd);
}

static void what_nobody_serves_is_replaced_and_what_somebody_serves_is_not(void **state)
{
    struct error e = {0};
    const char *path = scratch_path(state, "socket");
    int first = unix_socket_listen(path, 0600, 4, &e);
    assert_true(first >= 0);
    assert_int_equal(unix_socket_listen(path, 0600, 4, &e), -1);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(e.kind, ERROR_IO);
    assert_int_equal(visit(path), 0); /* the first goes on */
    close(first);                     /* as a process that was killed leaves it */
    assert_int_equal(visit(path), -1);
    int second = unix_socket_listen(path, 0600, 4, &e);
    assert_true(second >= 0);
    assert_int_equal(visit(path), 0);
    close(second);
}

static void a_file_of_another_kind_and_a_path_too_long_are_refused(void **state)
{
    struct error e = {0};
    const char *path = scratch_path(state, "file");
    char longer[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(unix_socket_listen(path, 0600, 4, &e), -1);
    assert_int_equal(e.kind, ERROR_CONFIG);
    assert_int_equal(access(path, F_OK), 0);
    memset(longer, 'x', sizeof(longer) - 1);
    longer[0] = '/';
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(unix_socket_listen(longer, 0600, 4, &e), -1);
    assert_int_equal(e.kind, ERROR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_scratch(the_file_has_its_mode_whatever_the_umask),
        in_scratch(what_nobody_serves_is_replaced_and_what_somebody_serves_is_not),
        in_scratch(a_file_of_another_kind_and_a_path_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
