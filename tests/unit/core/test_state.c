/* Once-only marks, day keys and stored messages: what must survive a restart. */
#include "country.h"

#include "base/clock.h"
#include "base/error.h"
#include "core/daykey.h"
#include "core/marks.h"
#include "core/parcel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HOUR (3600 * MICROSECONDS)
#define DAY  20261122u
#define NOON (clock_at("2026-11-22T12:00:00Z"))

struct fixture {
    char folder[96];
    struct store *store;
};

static uint64_t clock_at(const char *text)
{
    uint64_t out;
    assert_true(clock_parse(text, &out));
    return out;
}

static int setup(void **state)
{
    static struct fixture f;
    struct store_options options = {.map_size = 1 << 24, .most_tables = 8, .create = true};
    struct error e;
    char path[128];
    country_state(f.folder);
    assert_int_equal(mkdir(f.folder, 0700), 0);
    snprintf(path, sizeof(path), "%s/store", f.folder);
    f.store = store_open(path, &options, &e);
    if (f.store == NULL)
        fail_msg("%s", e.text);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    store_close(((struct fixture *)*state)->store);
    return 0;
}

/* --- marks --- */

static const uint8_t id[16] = {1}, leaf[HASH_SIZE] = {2}, other[HASH_SIZE] = {3};

static void a_begun_operation_is_known_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct error e;
    struct buffer response = {0};
    struct marks *marks = marks_open(f->store, &e);
    assert_int_equal(marks_find(marks, id, leaf, &response, &e), MARK_NONE);
    assert_int_equal(marks_begin(marks, id, leaf, NOON, &e), 0);
    marks_close(marks);
    marks = marks_open(f->store, &e);
    assert_int_equal(marks_find(marks, id, leaf, &response, &e), MARK_BEGUN);
    assert_int_equal(marks_begin(marks, id, leaf, NOON, &e), 1);
    assert_int_equal(marks_find(marks, id, other, &response, &e), MARK_OTHER);
    marks_close(marks);
}

static void a_kept_response_comes_back_byte_for_byte_and_is_never_replaced(void **state)
{
    struct fixture *f = *state;
    struct error e;
    struct buffer response = {0};
    struct marks *marks = marks_open(f->store, &e);
    assert_int_equal(marks_keep(marks, id, bytes_of_string("sealed"), &e), -1); /* never begun */
    assert_int_equal(marks_begin(marks, id, leaf, NOON, &e), 0);
    assert_int_equal(marks_keep(marks, id, bytes_of_string("sealed"), &e), 0);
    assert_int_equal(marks_keep(marks, id, bytes_of_string("another"), &e), -1);
    assert_int_equal(marks_find(marks, id, leaf, &response, &e), MARK_KEPT);
    assert_int_equal(response.len, 6);
    assert_memory_equal(response.data, "sealed", 6);
    buffer_free(&response);
    marks_close(marks);
}

static void marks_go_long_after_their_time_and_not_before(void **state)
{
    struct fixture *f = *state;
    struct error e;
    struct buffer response = {0};
    uint8_t second[16] = {7};
    struct marks *marks = marks_open(f->store, &e);
    assert_int_equal(marks_begin(marks, id, leaf, NOON, &e), 0);
    assert_int_equal(marks_begin(marks, second, leaf, NOON + HOUR, &e), 0);
    assert_int_equal(marks_clean(marks, NOON + HOUR, 100, &e), 0);
    assert_int_equal(marks_clean(marks, NOON + HOUR + 1, 100, &e), 1);
    assert_int_equal(marks_find(marks, id, leaf, &response, &e), MARK_NONE);
    assert_int_equal(marks_find(marks, second, leaf, &response, &e), MARK_BEGUN);
    marks_close(marks);
}

/* --- day keys --- */

static struct daykey *open_keys(struct fixture *f)
{
    struct error e;
    char path[4096];
    snprintf(path, sizeof(path), "%s/daykeys", f->folder);
    struct daykey_options options = {path, "TN", "TN/GOV/MEN", country()->signer[MEN]};
    struct daykey *keys = daykey_open(f->store, &options, &e);
    if (keys == NULL)
        fail_msg("%s", e.text);
    return keys;
}

static struct parcel *submission(struct daykey *keys, uint64_t at, uint64_t now)
{
    struct error e;
    struct daykey_header header = {.registry_version = 1};
    struct parcel *parcel = daykey_submission(keys, at, now, country()->oversight.public_key, &header, &e);
    if (parcel == NULL && e.kind != ERROR_NONE)
        fail_msg("%s", e.text);
    return parcel;
}

static void a_day_key_is_not_given_before_it_is_escrowed(void **state)
{
    struct daykey *keys = open_keys(*state);
    uint8_t key[32], again[32];
    assert_int_equal(daykey_get(keys, NOON, key), DAYKEY_WAITING);
    struct parcel *parcel = submission(keys, NOON, NOON);
    assert_non_null(parcel);
    assert_int_equal(daykey_get(keys, NOON, key), DAYKEY_WAITING);
    assert_false(daykey_escrowed(keys, other));
    assert_true(daykey_escrowed(keys, parcel->leaf));
    assert_int_equal(daykey_get(keys, NOON, key), DAYKEY_READY);
    daykey_close(keys);
    keys = open_keys(*state);
    assert_int_equal(daykey_get(keys, NOON + HOUR, again), DAYKEY_READY);
    assert_memory_equal(key, again, 32);
    assert_int_equal(daykey_get(keys, NOON + 12 * HOUR, again),
                     DAYKEY_WAITING); /* another day, another key */
    daykey_close(keys);
}

static void after_a_restart_the_same_escrow_is_submitted_until_it_expires(void **state)
{
    struct daykey *keys = open_keys(*state);
    uint8_t first[HASH_SIZE];
    memcpy(first, submission(keys, NOON, NOON)->leaf, HASH_SIZE);
    daykey_close(keys);
    keys = open_keys(*state);
    assert_memory_equal(submission(keys, NOON, NOON + 119 * MICROSECONDS)->leaf, first, HASH_SIZE);
    assert_memory_not_equal(submission(keys, NOON, NOON + 121 * MICROSECONDS)->leaf, first, HASH_SIZE);
    daykey_close(keys);
}

static void tomorrows_key_is_filed_under_tomorrow(void **state)
{
    struct daykey *keys = open_keys(*state);
    uint64_t midnight = clock_at("2026-11-23T00:00:00Z");
    struct parcel *parcel = submission(keys, midnight, midnight - 10 * MICROSECONDS);
    assert_int_equal(parcel->created, midnight);
    assert_int_equal(clock_day(parcel->created), DAY + 1);
    daykey_close(keys);
}

static void a_refused_escrow_is_made_anew_over_the_same_day(void **state)
{
    struct daykey *keys = open_keys(*state);
    uint8_t first[HASH_SIZE];
    memcpy(first, submission(keys, NOON, NOON)->leaf, HASH_SIZE);
    daykey_refused(keys, first);
    assert_null(submission(keys, NOON, NOON + MICROSECONDS));
    assert_memory_not_equal(submission(keys, NOON, NOON + 3 * MICROSECONDS)->leaf, first, HASH_SIZE);
    daykey_close(keys);
}

static void a_destroyed_day_key_is_nowhere_in_the_folder(void **state)
{
    struct fixture *f = *state;
    struct daykey *keys = open_keys(f);
    struct buffer file = {0};
    struct error e;
    uint8_t key[32];
    char path[128];
    daykey_escrowed(keys, submission(keys, NOON, NOON)->leaf);
    assert_int_equal(daykey_get(keys, NOON, key), DAYKEY_READY);
    snprintf(path, sizeof(path), "%s/daykeys", f->folder);
    assert_int_equal(file_read(path, 1 << 20, &file, &e), 0);
    assert_non_null(memmem(file.data, file.len, key, 32)); /* the search would find it */
    assert_int_equal(daykey_destroy_before(keys, DAY, &e), 0);
    assert_int_equal(daykey_destroy_before(keys, DAY + 1, &e), 1);
    assert_int_equal(file_read(path, 1 << 20, &file, &e), 0);
    assert_null(memmem(file.data, file.len, key, 32));
    snprintf(path, sizeof(path), "%s/store/data.mdb", f->folder);
    assert_int_equal(file_read(path, 1 << 24, &file, &e), 0);
    assert_null(memmem(file.data, file.len, key, 32));
    assert_int_equal(daykey_get(keys, NOON, key), DAYKEY_WAITING);
    buffer_free(&file);
    daykey_close(keys);
}

/* --- parcels --- */

static void a_stored_message_is_read_back_whole_or_not_at_all(void **state)
{
    (void)state;
    struct header h = {.kind = MESSAGE_SUBJECT_KEY, .created = NOON, .expires = NOON + HOUR};
    struct seal_receiver receiver = {.receiver = "oversight"};
    struct buffer bytes = {0}, again = {0}, big = {0};
    struct error e;
    strcpy(h.instance, "TN");
    strcpy(h.consumer, "TN/GOV/MEN");
    strcpy(h.media_type, "application/json");
    uuid_random(h.exchange_id);
    memcpy(receiver.public_key, country()->oversight.public_key, 32);
    memset(buffer_extend(&big, 600000), 7, 600000);
    struct parcel *parcel = parcel_make(country()->signer[MEN], NULL, &h, bytes_make(NULL, 0),
                                        buffer_bytes(&big), false, &receiver, 1, &e);
    assert_non_null(parcel);
    assert_int_equal(parcel->chunk_count, 3);
    parcel_encode(parcel, &bytes);
    struct parcel *back = parcel_decode(buffer_bytes(&bytes));
    assert_non_null(back);
    parcel_encode(back, &again);
    assert_true(bytes_equal(buffer_bytes(&bytes), buffer_bytes(&again)));
    assert_memory_equal(back->leaf, parcel->leaf, HASH_SIZE);
    parcel_free(back);
    for (size_t cut = 0; cut < bytes.len; cut += cut < 1500 ? 1 : 50021)
        assert_null(parcel_decode(bytes_make(bytes.data, cut)));
    buffer_append(&bytes, "", 1);
    assert_null(parcel_decode(buffer_bytes(&bytes)));
    parcel_free(parcel);
    buffer_free(&bytes);
    buffer_free(&again);
    buffer_free(&big);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_begun_operation_is_known_after_a_restart),
        TEST(a_kept_response_comes_back_byte_for_byte_and_is_never_replaced),
        TEST(marks_go_long_after_their_time_and_not_before),
        TEST(a_day_key_is_not_given_before_it_is_escrowed),
        TEST(after_a_restart_the_same_escrow_is_submitted_until_it_expires),
        TEST(tomorrows_key_is_filed_under_tomorrow),
        TEST(a_refused_escrow_is_made_anew_over_the_same_day),
        TEST(a_destroyed_day_key_is_nowhere_in_the_folder),
        TEST(a_stored_message_is_read_back_whole_or_not_at_all),
    };
    int result = cmocka_run_group_tests_name("core-state", tests, NULL, NULL);
    country_end();
    return result;
}
