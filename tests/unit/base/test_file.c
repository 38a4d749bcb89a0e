#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/error.h"
#include "../scratch.h"

/* The calls that make a file survive a power cut, in the order in which they were made. */
static char steps[16];
static bool sync_fails;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

static void step(char c)
{
    size_t n = strlen(steps);
    if (n + 1 < sizeof steps) {
        steps[n] = c;
        steps[n + 1] = '\0';
    }
}

int __wrap_fsync(int fd)
{
    struct stat st;
    if (sync_fails) {
        errno = EIO;
        return -1;
    }
    fstat(fd, &st);
    step(S_ISDIR(st.st_mode) ? 'd' : 'f');
    return __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
    step('r');
    return __real_rename(from, to);
}

static void a_file_is_read_whole_up_to_its_limit(void **state)
{
    struct buffer data = {0}, back = {0};
    struct error e = {0};
    memset(buffer_extend(&data, 200000), 'x', 200000);
    const char *path = scratch_path(state, "f");
    assert_int_equal(file_write_atomically(path, buffer_bytes(&data), 0600, &e), 0);
    assert_int_equal(file_read(path, 200000, &back, &e), 0);
    assert_true(bytes_equal(buffer_bytes(&data), buffer_bytes(&back)));
    assert_int_equal(file_read(path, 199999, &back, &e), -1);
    assert_int_equal(e.kind, ERROR_FULL);
    assert_int_equal(back.len, 0);
    assert_int_equal(file_read(path, SIZE_MAX / 8, &back, &e), 0);
    assert_int_equal(back.len, 200000);
    buffer_free(&data);
    buffer_free(&back);
}

static void an_empty_file_reads_as_nothing(void **state)
{
    struct buffer back = {0};
    struct error e = {0};
    const char *path = scratch_path(state, "f");
    assert_int_equal(file_write_atomically(path, bytes_make(NULL, 0), 0600, &e), 0);
    assert_int_equal(file_read(path, 0, &back, &e), 0);
    assert_int_equal(back.len, 0);
    buffer_free(&back);
}

static void a_missing_file_is_named_as_missing(void **state)
{
    struct buffer out = {0};
    struct error e = {0};
    assert_int_equal(file_read(scratch_path(state, "none"), 10, &out, &e), -1);
    assert_int_equal(e.kind, ERROR_NOT_FOUND);
    assert_non_null(strstr(e.text, "none"));
    assert_int_equal(file_write_atomically(scratch_path(state, "no/folder"), bytes_make("x", 1), 0600, &e),
                     -1);
    assert_int_equal(e.kind, ERROR_NOT_FOUND);
    buffer_free(&out);
}

static void a_pipe_in_place_of_a_file_keeps_nobody_waiting(void **state)
{
    struct buffer out = {0};
    struct error e = {0};
    const char *path = scratch_path(state, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(20); /* a failure would wait for ever */
    assert_int_equal(file_read_regular(path, 10, &out, &e), -1);
    alarm(0);
    assert_int_equal(e.kind, ERROR_CONFIG);
    assert_non_null(strstr(e.text, "is not a file"));
    assert_int_equal(file_read_regular(scratch_path(state, "none"), 10, &out, &e), -1);
    assert_int_equal(e.kind, ERROR_NOT_FOUND);
    path = scratch_path(state, "f");
    assert_int_equal(file_write_atomically(path, bytes_make("ten bytes.", 10), 0600, &e), 0);
    assert_int_equal(file_read_regular(path, 10, &out, &e), 0);
    assert_true(bytes_equal_string(buffer_bytes(&out), "ten bytes."));
    buffer_free(&out);
}

static void a_file_is_synced_before_it_gets_its_name_and_the_folder_after(void **state)
{
    struct error e = {0};
    struct stat st;
    const char *path = scratch_path(state, "f");
    steps[0] = '\0';
    assert_int_equal(file_write_atomically(path, bytes_make("new", 3), 0640, &e), 0);
    assert_string_equal(steps, "frd");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777 & ~0640u, 0);
    assert_int_not_equal(access(scratch_path(state, "f.tmp"), F_OK), 0);
}

static void a_failed_sync_leaves_the_old_file(void **state)
{
    struct error e = {0};
    struct buffer back = {0};
    const char *path = scratch_path(state, "f");
    assert_int_equal(file_write_atomically(path, bytes_make("old", 3), 0600, &e), 0);
    sync_fails = true;
    assert_int_equal(file_write_atomically(path, bytes_make("new", 3), 0600, &e), -1);
    sync_fails = false;
    assert_int_equal(e.kind, ERROR_IO);
    assert_int_equal(file_read(path, 10, &back, &e), 0);
    assert_true(bytes_equal_string(buffer_bytes(&back), "old"));
    assert_int_not_equal(access(scratch_path(state, "f.tmp"), F_OK), 0);
    buffer_free(&back);
}

static void what_a_crash_left_does_not_stop_the_next_write(void **state)
{
    struct error e = {0};
    struct buffer back = {0};
    assert_int_equal(symlink("/dev/null", scratch_path(state, "f.tmp")), 0);
    assert_int_equal(file_write_atomically(scratch_path(state, "f"), bytes_make("new", 3), 0600, &e), 0);
    assert_int_equal(file_read(scratch_path(state, "f"), 10, &back, &e), 0);
    assert_true(bytes_equal_string(buffer_bytes(&back), "new"));
    buffer_free(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_scratch(a_file_is_read_whole_up_to_its_limit),
        in_scratch(an_empty_file_reads_as_nothing),
        in_scratch(a_pipe_in_place_of_a_file_keeps_nobody_waiting),
        in_scratch(a_missing_file_is_named_as_missing),
        in_scratch(a_file_is_synced_before_it_gets_its_name_and_the_folder_after),
        in_scratch(a_failed_sync_leaves_the_old_file),
        in_scratch(what_a_crash_left_does_not_stop_the_next_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
