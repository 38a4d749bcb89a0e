/* Descriptions of services: by the registry's hash, from the bus or the state folder, and nothing else. */
#include "world.h"

#include "base/error.h"
#include "crypto/hash.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const person = "TN/GOV/MI/civil/person";
static struct buffer described; /* the registry, version 2, that names the document */
static char hex[65];

/* What came back, of all that was asked for. */
static struct got {
    unsigned answers, good;
    enum refusal refusal;
    struct buffer document;
    char media_type[32];
} got;

static void done(void *arg, enum refusal refusal, struct bytes document, const char *media_type)
{
    struct got *g = arg;
    g->answers++;
    g->good += refusal == REFUSAL_NONE;
    g->refusal = refusal;
    buffer_clear(&g->document);
    buffer_append_bytes(&g->document, document);
    snprintf(g->media_type, sizeof(g->media_type), "%s", media_type != NULL ? media_type : "");
}

/* A world whose registry describes the service by a document of that size. */
static struct world *open_world(void **state, size_t size, bool json)
{
    static struct world w;
    uint8_t hash[HASH_SIZE];
    world_open(&w);
    *state = &w;
    memset(&got, 0, sizeof(got));
    buffer_append_string(&w.bus.object, json ? " \n{" : "openapi: 3.0.0\n# ");
    while (w.bus.object.len < size)
        buffer_append(&w.bus.object, "x", 1);
    sha256(buffer_bytes(&w.bus.object), hash);
    hex_encode(hash, HASH_SIZE, hex);
    country_description = hex;
    country_sign_registry(2, &country()->registry, NULL, &described);
    country_description = NULL;
    w.bus.registry = &described;
    world_start(&w, MEN);
    world_link(&w, MEN);
    return &w;
}

static int setup(void **state)
{
    open_world(state, 3500, false);
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    w->bus.registry = &country()->registry;
    buffer_free(&w->bus.object);
    world_close(w);
    buffer_free(&described);
    buffer_free(&got.document);
    return 0;
}

static unsigned wanted;
static bool all_came(struct world *w)
{
    (void)w;
    return got.answers == wanted;
}

static enum refusal describe(struct world *w, const char *service)
{
    wanted = got.answers + 1;
    assert_true(core_describe(w->core[MEN], service, done, &got));
    world_run(w, all_came);
    return got.refusal;
}

static void kept_path(const struct world *w, char out[256])
{
    snprintf(out, 256, "%s/descriptions/%s", w->state[MEN], hex);
}

static void assert_document(const struct world *w)
{
    assert_int_equal(got.document.len, w->bus.object.len);
    assert_memory_equal(got.document.data, w->bus.object.data, got.document.len);
}

static void a_description_comes_from_the_bus_byte_for_byte(void **state)
{
    struct world *w = *state;
    unsigned before = w->bus.fetches;
    assert_int_equal(describe(w, person), REFUSAL_NONE);
    assert_document(w);
    assert_string_equal(got.media_type, "application/yaml");
    assert_int_equal(w->bus.fetches - before, 4); /* 3,500 bytes in pieces of 1,000 */
}

static void a_description_of_a_mebibyte_comes_too_and_json_is_said_to_be_json(void **state)
{
    teardown(state);
    struct world *w = open_world(state, DESCRIPTION_MOST, true);
    assert_int_equal(describe(w, person), REFUSAL_NONE);
    assert_document(w);
    assert_string_equal(got.media_type, "application/json");
}

static void a_description_that_is_too_large_is_not_handed_out(void **state)
{
    teardown(state);
    struct world *w = open_world(state, DESCRIPTION_MOST + 1, false);
    assert_int_equal(describe(w, person), REFUSAL_UNKNOWN_OBJECT);
    assert_int_equal(got.document.len, 0);
}

static void what_was_had_once_is_there_without_a_link_and_after_a_restart(void **state)
{
    struct world *w = *state;
    assert_int_equal(describe(w, person), REFUSAL_NONE);
    unsigned before = w->bus.fetches;
    world_stop(w, MEN);
    world_start(w, MEN); /* not linked: the loop has not turned */
    w->bus.hold_objects = true;
    assert_int_equal(describe(w, person), REFUSAL_NONE);
    assert_document(w);
    assert_int_equal(w->bus.fetches, before);
}

static void a_kept_file_that_was_changed_is_fetched_anew(void **state)
{
    struct world *w = *state;
    char path[256];
    struct error e;
    kept_path(w, path);
    assert_int_equal(describe(w, person), REFUSAL_NONE);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(file_write_atomically(path, bytes_of_string("openapi: 2"), 0600, &e), 0);
    unsigned before = w->bus.fetches;
    assert_int_equal(describe(w, person), REFUSAL_NONE);
    assert_document(w);
    assert_true(w->bus.fetches > before);
    struct buffer file = {0};
    assert_int_equal(file_read(path, 1 << 20, &file, &e), 0);
    assert_true(bytes_equal(buffer_bytes(&file), buffer_bytes(&w->bus.object)));
    buffer_free(&file);
}

static void files_that_the_registry_does_not_name_are_removed(void **state)
{
    struct world *w = *state;
    char folder[256], path[600];
    struct error e;
    snprintf(folder, sizeof(folder), "%s/descriptions", w->state[MEN]);
    mkdir(folder, 0700);
    snprintf(path, sizeof(path), "%s/0000000000000000000000000000000000000000000000000000000000000000",
             folder);
    assert_int_equal(file_write_atomically(path, bytes_of_string("old"), 0600, &e), 0);
    assert_int_equal(describe(w, person), REFUSAL_NONE);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void other_bytes_than_the_registered_ones_are_never_handed_out(void **state)
{
    struct world *w = *state;
    char path[256];
    w->bus.object.data[0] = 'O';
    w->bus.lies = true;
    assert_int_equal(describe(w, person), REFUSAL_UNKNOWN_OBJECT);
    assert_int_equal(got.document.len, 0);
    kept_path(w, path);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void what_there_is_not_has_its_own_refusal(void **state)
{
    struct world *w = *state;
    assert_int_equal(describe(w, "TN/GOV/MI/civil/nothing"), REFUSAL_UNKNOWN_SERVICE);
    assert_int_equal(describe(w, "TN/GOV/MI/civil"), REFUSAL_UNKNOWN_SERVICE);
    assert_int_equal(describe(w, ""), REFUSAL_UNKNOWN_SERVICE);
    buffer_clear(&w->bus.object);
    buffer_append_string(&w->bus.object, "another");
    assert_int_equal(describe(w, person), REFUSAL_UNKNOWN_OBJECT);
}

static void a_service_that_nobody_described_says_so(void **state)
{
    teardown(state);
    static struct world w;
    world_open(&w);
    *state = &w;
    world_start(&w, MEN);
    world_link(&w, MEN);
    assert_int_equal(describe(&w, person), REFUSAL_NO_DESCRIPTION);
}

static void many_who_ask_share_one_fetch_and_more_than_the_bound_are_turned_away(void **state)
{
    struct world *w = *state;
    unsigned before = w->bus.fetches;
    for (unsigned i = 0; i < 64; i++)
        assert_true(core_describe(w->core[MEN], person, done, &got));
    assert_false(core_describe(w->core[MEN], person, done, &got));
    wanted = 64;
    world_run(w, all_came);
    assert_int_equal(got.good, 64);
    assert_int_equal(w->bus.fetches - before, 4);
    assert_int_equal(describe(w, person), REFUSAL_NONE); /* there is room again */
}

static void without_a_link_the_answer_is_at_once_and_honest(void **state)
{
    struct world *w = *state;
    world_stop(w, MEN);
    world_start(w, MEN);
    assert_int_equal(describe(w, person), REFUSAL_BUS_UNAVAILABLE);
}

static bool linked_again(struct world *w)
{
    return w->bus.hellos == 2;
}

static void a_link_that_breaks_is_no_end(void **state)
{
    struct world *w = *state;
    w->bus.hold_objects = true;
    wanted = 1;
    assert_true(core_describe(w->core[MEN], person, done, &got));
    world_settle(w);
    assert_int_equal(got.answers, 0);
    w->bus.hold_objects = false;
    hand_bus_bye(&w->bus, REFUSAL_NONE);
    world_run(w, linked_again);
    world_run(w, all_came);
    assert_int_equal(got.refusal, REFUSAL_NONE);
}

static void a_bus_that_does_not_answer_is_waited_for_only_so_long(void **state)
{
    struct world *w = *state;
    world_stop(w, MEN);
    w->request_timeout = 300 * 1000;
    world_start(w, MEN);
    world_link(w, MEN);
    w->bus.hold_objects = true;
    assert_int_equal(describe(w, person), REFUSAL_BUS_UNAVAILABLE);
    /* It was given up: the next one asks again, on the same link. */
    unsigned before = w->bus.hellos;
    w->bus.hold_objects = false;
    assert_int_equal(describe(w, person), REFUSAL_NONE);
    assert_int_equal(w->bus.hellos, before);
}

static void an_adapter_that_stops_ends_what_waits(void **state)
{
    struct world *w = *state;
    w->bus.hold_objects = true;
    assert_true(core_describe(w->core[MEN], person, done, &got));
    world_settle(w);
    assert_true(core_describe(w->core[MEN], person, done, &got));
    world_stop(w, MEN);
    assert_int_equal(got.answers, 2);
    assert_int_equal(got.refusal, REFUSAL_STOPPED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_description_comes_from_the_bus_byte_for_byte),
        TEST(a_description_of_a_mebibyte_comes_too_and_json_is_said_to_be_json),
        TEST(a_description_that_is_too_large_is_not_handed_out),
        TEST(what_was_had_once_is_there_without_a_link_and_after_a_restart),
        TEST(a_kept_file_that_was_changed_is_fetched_anew),
        TEST(files_that_the_registry_does_not_name_are_removed),
        TEST(other_bytes_than_the_registered_ones_are_never_handed_out),
        TEST(what_there_is_not_has_its_own_refusal),
        TEST(a_service_that_nobody_described_says_so),
        TEST(many_who_ask_share_one_fetch_and_more_than_the_bound_are_turned_away),
        TEST(without_a_link_the_answer_is_at_once_and_honest),
        TEST(a_link_that_breaks_is_no_end),
        TEST(a_bus_that_does_not_answer_is_waited_for_only_so_long),
        TEST(an_adapter_that_stops_ends_what_waits),
    };
    int result = cmocka_run_group_tests_name("core-describing", tests, NULL, NULL);
    country_end();
    return result;
}
