#include "base/keyfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "../scratch.h"

/* The disk as a power cut would leave it: what the file held at its last successful fdatasync. The page
 * cache, which kill -9 spares, is what the file itself shows. */
static struct buffer disk;
static bool sync_fails;

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    struct stat st;
    if (sync_fails) {
        errno = EIO;
        return -1;
    }
    if (fstat(fd, &st) != 0)
        return -1;
    buffer_clear(&disk);
    uint8_t *at = buffer_extend(&disk, (size_t)st.st_size);
    return pread(fd, at, (size_t)st.st_size, 0) == st.st_size ? 0 : -1;
}

static struct keyfile *open_at(const char *path, bool create)
{
    struct error e = {0};
    struct keyfile *file = keyfile_open(path, create, &e);
    if (file == NULL)
        fail_msg("%s", e.text);
    return file;
}

/* Opens what the power cut left. */
static struct keyfile *after_power_cut(void **state)
{
    struct error e = {0};
    const char *path = scratch_path(state, "survivor");
    assert_int_equal(file_write_atomically(path, buffer_bytes(&disk), 0600, &e), 0);
    return open_at(path, false);
}

static const uint8_t tag[KEYFILE_TAG] = "a tag of the caller";

static void make_key(struct keyfile *file, uint64_t *slot, uint8_t key[KEYFILE_KEY])
{
    struct error e = {0};
    if (keyfile_create(file, tag, slot, key, &e) != 0)
        fail_msg("%s", e.text);
}

static void expect_key(struct keyfile *file, uint64_t slot, const uint8_t key[KEYFILE_KEY])
{
    struct error e = {0};
    uint8_t got_tag[KEYFILE_TAG], got[KEYFILE_KEY];
    assert_int_equal(keyfile_get(file, slot, got_tag, got, &e), 1);
    assert_memory_equal(got, key, KEYFILE_KEY);
    assert_memory_equal(got_tag, tag, KEYFILE_TAG);
}

static int get(struct keyfile *file, uint64_t slot)
{
    struct error e = {0};
    uint8_t got_tag[KEYFILE_TAG], got[KEYFILE_KEY];
    return keyfile_get(file, slot, got_tag, got, &e);
}

static void a_key_is_on_the_disk_before_it_is_given_out(void **state)
{
    struct keyfile *file = open_at(scratch_path(state, "k"), true);
    for (int i = 0; i < 150; i++) { /* over two growths */
        uint64_t slot;
        uint8_t key[KEYFILE_KEY];
        make_key(file, &slot, key);
        struct keyfile *survivor = after_power_cut(state);
        expect_key(survivor, slot, key);
        keyfile_close(survivor);
    }
    keyfile_close(file);
}

static void many_keys_are_as_durable_as_one(void **state)
{
    enum { N = 200 };
    static uint8_t tags[N][KEYFILE_TAG], keys[N][KEYFILE_KEY];
    uint64_t slots[N];
    struct error e = {0};
    struct keyfile *file = open_at(scratch_path(state, "k"), true);
    for (int i = 0; i < N; i++)
        memcpy(tags[i], tag, sizeof tag);
    assert_int_equal(keyfile_create_many(file, N, (const uint8_t(*)[KEYFILE_TAG])tags, slots, keys, &e), 0);
    struct keyfile *survivor = after_power_cut(state);
    for (int i = 0; i < N; i++) {
        expect_key(file, slots[i], keys[i]);
        expect_key(survivor, slots[i], keys[i]);
        if (i > 0)
            assert_memory_not_equal(keys[i], keys[i - 1], KEYFILE_KEY);
    }
    keyfile_close(survivor);
    keyfile_close(file);
}

static void a_destroyed_key_is_off_the_disk_and_its_slot_is_not_used_again(void **state)
{
    struct error e = {0};
    uint64_t slot, next;
    uint8_t key[KEYFILE_KEY], other[KEYFILE_KEY];
    struct keyfile *file = open_at(scratch_path(state, "k"), true);
    make_key(file, &slot, key);
    assert_non_null(memmem(disk.data, disk.len, key, KEYFILE_KEY));
    assert_int_equal(keyfile_destroy(file, slot, &e), 0);
    assert_null(memmem(disk.data, disk.len, key, KEYFILE_KEY));
    assert_int_equal(get(file, slot), 0);
    assert_int_equal(keyfile_destroy(file, slot, &e), 0);
    keyfile_close(file);

    file = open_at(scratch_path(state, "k"), false);
    assert_int_equal(get(file, slot), 0);
    make_key(file, &next, other);
    assert_int_not_equal(next, slot);
    assert_int_equal(keyfile_destroy(file, slot, &e), 0);
    expect_key(file, next, other);
    keyfile_close(file);
}

static void a_crash_at_any_length_of_growth_keeps_every_key(void **state)
{
    enum { SLOT = 64, FIRST = 64 + 64 * SLOT };
    uint8_t keys[64][KEYFILE_KEY], key[KEYFILE_KEY];
    uint64_t slots[64], slot;
    struct buffer grown = {0};
    struct error e = {0};
    struct keyfile *file = open_at(scratch_path(state, "k"), true);
    for (int i = 0; i < 64; i++)
        make_key(file, &slots[i], keys[i]);
    make_key(file, &slot, key);
    keyfile_close(file);
    assert_int_equal(file_read(scratch_path(state, "k"), 1 << 20, &grown, &e), 0);
    assert_int_equal(grown.len, FIRST + 64 * SLOT);
    /* Before its first slot is used the second block is nothing but zeroes, of which a crash leaves any
     * number. */
    memset(grown.data + FIRST, 0, 64 * SLOT);
    for (size_t len = FIRST; len <= grown.len; len += 31) {
        const char *path = scratch_path(state, "cut");
        assert_int_equal(file_write_atomically(path, bytes_make(grown.data, len), 0600, &e), 0);
        file = open_at(path, false);
        for (int i = 0; i < 64; i++)
            expect_key(file, slots[i], keys[i]);
        make_key(file, &slot, key);
        expect_key(file, slot, key);
        assert_int_equal(slot, 64);
        keyfile_close(file);
    }
    buffer_free(&grown);
}

static void a_failed_sync_gives_no_key_and_no_more_keys_until_reopened(void **state)
{
    struct error e = {0};
    uint64_t slot, first;
    uint8_t key[KEYFILE_KEY], kept[KEYFILE_KEY];
    struct keyfile *file = open_at(scratch_path(state, "k"), true);
    make_key(file, &first, kept);
    sync_fails = true;
    assert_int_equal(keyfile_create(file, tag, &slot, key, &e), -1);
    assert_int_equal(e.kind, ERROR_IO);
    assert_int_equal(keyfile_destroy(file, first, &e), -1);
    sync_fails = false;
    assert_int_equal(keyfile_create(file, tag, &slot, key, &e), -1);
    assert_int_equal(keyfile_destroy(file, first, &e), 0);
    assert_null(memmem(disk.data, disk.len, kept, KEYFILE_KEY));
    keyfile_close(file);
    file = open_at(scratch_path(state, "k"), false);
    make_key(file, &slot, key);
    expect_key(file, slot, key);
    keyfile_close(file);
}

static void a_slot_that_was_never_used_has_no_key(void **state)
{
    struct error e = {0};
    struct keyfile *file = open_at(scratch_path(state, "k"), true);
    assert_int_equal(get(file, 0), 0);
    assert_int_equal(get(file, keyfile_slots(file)), 0);
    assert_int_equal(get(file, UINT64_MAX), 0);
    assert_int_equal(keyfile_destroy(file, 0, &e), -1);
    assert_int_equal(e.kind, ERROR_NOT_FOUND);
    assert_int_equal(keyfile_destroy(file, UINT64_MAX, &e), -1);
    keyfile_close(file);
}

static void a_file_that_others_may_read_or_another_holds_is_refused(void **state)
{
    struct error e = {0};
    const char *path = scratch_path(state, "k");
    struct keyfile *file = open_at(path, true);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_null(keyfile_open(path, false, &e));
    assert_int_equal(e.kind, ERROR_CONFIG);
    keyfile_close(file);
    assert_int_equal(chmod(path, 0640), 0);
    assert_null(keyfile_open(path, false, &e));
    assert_int_equal(e.kind, ERROR_CONFIG);
    assert_null(keyfile_open(scratch_path(state, "none"), false, &e));
    assert_int_equal(e.kind, ERROR_NOT_FOUND);
}

static void a_damaged_file_is_refused(void **state)
{
    struct error e = {0};
    struct buffer data = {0};
    uint64_t slot;
    uint8_t key[KEYFILE_KEY];
    struct keyfile *file = open_at(scratch_path(state, "k"), true);
    make_key(file, &slot, key);
    keyfile_close(file);
    assert_int_equal(file_read(scratch_path(state, "k"), 1 << 20, &data, &e), 0);
    static const size_t places[] = {0, 13, 20, 63, 64, 65, 71, 64 + 64 + 40};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        data.data[places[i]] ^= 0x80;
        assert_int_equal(file_write_atomically(scratch_path(state, "bad"), buffer_bytes(&data), 0600, &e), 0);
        if (keyfile_open(scratch_path(state, "bad"), false, &e) != NULL)
            fail_msg("accepted with byte %zu changed", places[i]);
        assert_int_equal(e.kind, ERROR_INTEGRITY);
        data.data[places[i]] ^= 0x80;
    }
    assert_int_equal(file_write_atomically(scratch_path(state, "bad"), bytes_make(data.data, 63), 0600, &e),
                     0);
    assert_null(keyfile_open(scratch_path(state, "bad"), false, &e));
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    buffer_free(&data);
}

static int forget_disk(void **state)
{
    (void)state;
    buffer_free(&disk);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_scratch(a_key_is_on_the_disk_before_it_is_given_out),
        in_scratch(many_keys_are_as_durable_as_one),
        in_scratch(a_destroyed_key_is_off_the_disk_and_its_slot_is_not_used_again),
        in_scratch(a_crash_at_any_length_of_growth_keeps_every_key),
        in_scratch(a_failed_sync_gives_no_key_and_no_more_keys_until_reopened),
        in_scratch(a_slot_that_was_never_used_has_no_key),
        in_scratch(a_file_that_others_may_read_or_another_holds_is_refused),
        in_scratch(a_damaged_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, forget_disk);
}
