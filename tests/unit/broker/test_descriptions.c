/* The folder of descriptions: taken by hash alone. */
#include "broker/descriptions.h"
#include "country.h"

#include "base/alarm.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "ledger/truststore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char document[] = "openapi: 3.0.0\n";
static char folder[96], files[128];
static struct registry *registry;
static struct truststore *store;
static uint8_t hash[HASH_SIZE];

static int setup(void **state)
{
    (void)state;
    char hex[65], trust[128];
    struct buffer file = {0};
    struct error e = {0};
    const char *keys[] = {country()->authority_vkey};
    const struct registry_authority authority = {keys, 1, 1};
    sha256(bytes_of_string(document), hash);
    hex_encode(hash, HASH_SIZE, hex);
    country_description = hex;
    country_sign_registry(1, NULL, NULL, &file);
    country_description = NULL;
    registry = registry_open_signed(buffer_bytes(&file), NULL, &authority, NULL, &e);
    assert_non_null(registry);
    buffer_free(&file);
    country_state(folder);
    mkdir(folder, 0700);
    snprintf(files, sizeof(files), "%s/files", folder);
    snprintf(trust, sizeof(trust), "%s/trust", folder);
    mkdir(files, 0700);
    store = truststore_open(trust, &e);
    assert_non_null(store);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    truststore_close(store);
    registry_free(registry);
    return 0;
}

static void put(const char *name, struct bytes text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", files, name);
    assert_int_equal(file_write_atomically(path, text, 0600, NULL), 0);
}

static int held(const uint8_t wanted[HASH_SIZE])
{
    struct buffer object = {0};
    int result = truststore_get(store, wanted, &object, NULL);
    if (result == 1 && memcmp(wanted, hash, HASH_SIZE) == 0)
        assert_true(bytes_equal_string(buffer_bytes(&object), document));
    buffer_free(&object);
    return result;
}

static void what_the_registry_names_is_held_whatever_the_file_is_called(void **state)
{
    (void)state;
    put("some name.txt", bytes_of_string(document));
    assert_int_equal(descriptions_store(files, registry, store, NULL), 0);
    assert_int_equal(held(hash), 1);
    assert_false(alarm_raised(ALARM_DESCRIPTION_MISSING));
}

static void what_nobody_names_is_not_held(void **state)
{
    (void)state;
    uint8_t other[HASH_SIZE];
    sha256(bytes_of_string("openapi: 3.0.1\n"), other);
    put("openapi.yaml", bytes_of_string("openapi: 3.0.1\n"));
    assert_int_equal(descriptions_store(files, registry, store, NULL), 0);
    assert_int_equal(held(other), 0);
    assert_int_equal(held(hash), 0);
}

static void a_description_that_is_missing_is_an_alarm_until_it_comes(void **state)
{
    (void)state;
    assert_int_equal(descriptions_store(NULL, registry, store, NULL), 0);
    assert_true(alarm_raised(ALARM_DESCRIPTION_MISSING));
    assert_int_equal(descriptions_store("/nowhere/at/all", registry, store, NULL), 0);
    assert_true(alarm_raised(ALARM_DESCRIPTION_MISSING));
    put("a", bytes_of_string(document));
    assert_int_equal(descriptions_store(files, registry, store, NULL), 0);
    assert_false(alarm_raised(ALARM_DESCRIPTION_MISSING));
    /* Once held it stays, also without the folder. */
    assert_int_equal(descriptions_store(NULL, registry, store, NULL), 0);
    assert_false(alarm_raised(ALARM_DESCRIPTION_MISSING));
}

static void a_file_that_is_too_large_stops_nobody(void **state)
{
    (void)state;
    uint8_t *large = memory_zeroed(DESCRIPTION_MOST + 1, 1);
    put("large", bytes_make(large, DESCRIPTION_MOST + 1));
    free(large);
    put("right", bytes_of_string(document));
    assert_int_equal(descriptions_store(files, registry, store, NULL), 0);
    assert_int_equal(held(hash), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_registry_names_is_held_whatever_the_file_is_called),
        TEST(what_nobody_names_is_not_held),
        TEST(a_description_that_is_missing_is_an_alarm_until_it_comes),
        TEST(a_file_that_is_too_large_stops_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, country_teardown);
}
