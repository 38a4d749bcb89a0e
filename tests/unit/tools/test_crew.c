/* A sequence worked on by many threads has the outcome that one thread gives it. */
#include "crew.h"
#include "progress.h"

#include "base/bytes.h"
#include "base/error.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define MANY 300

struct thing {
    unsigned number, opened, before, checked;
};

static struct {
    unsigned total, next, finished;
    unsigned sum; /* of what has been put in order */
    int fail_read_at, fail_order_at, enough_at;
    size_t cost;
    unsigned held, most_held;
    unsigned outcome[MANY];
    atomic_uint inside, most_inside;
    bool meet;
} world;

static int read_thing(void *arg, void *item, struct error *e)
{
    struct thing *thing = item;
    (void)arg;
    if ((int)world.next == world.fail_read_at)
        return error_set(e, ERROR_IO, "reading %u failed", world.next);
    if (world.next == world.total)
        return 0;
    *thing = (struct thing){.number = world.next++};
    if (++world.held > world.most_held)
        world.most_held = world.held;
    return 1;
}

/* Uneven work, so that what begins first does not end first. */
static void toil(unsigned number)
{
    if (number % 13 == 0)
        usleep(200);
    for (volatile unsigned i = 0; i < number * 7919 % 13 * 1000; i++)
        ;
}

static void open_thing(void *arg, void *item)
{
    struct thing *thing = item;
    (void)arg;
    toil(thing->number);
    thing->opened = thing->number * 3;
}

static int order_thing(void *arg, void *item, struct error *e)
{
    struct thing *thing = item;
    (void)arg;
    if ((int)thing->number == world.fail_order_at)
        return error_set(e, ERROR_IO, "ordering %u failed", thing->number);
    thing->before = world.sum;
    world.sum += thing->opened;
    return 0;
}

static void check_thing(void *arg, void *item)
{
    struct thing *thing = item;
    (void)arg;
    atomic_fetch_add(&world.inside, 1);
    /* Where two are to meet here, the first waits for the second, 10 s at most. */
    for (int i = 0; world.meet && i < 10000 && atomic_load(&world.most_inside) < 2; i++) {
        if (atomic_load(&world.inside) >= 2)
            atomic_store(&world.most_inside, 2);
        usleep(1000);
    }
    toil(thing->number + 5);
    thing->checked = thing->before + thing->opened;
    atomic_fetch_sub(&world.inside, 1);
}

static int finish_thing(void *arg, void *item, struct error *e)
{
    const struct thing *thing = item;
    (void)arg;
    (void)e;
    world.held--;
    assert_int_equal(thing->number, world.finished);
    world.outcome[world.finished++] = thing->checked;
    return (int)thing->number == world.enough_at ? 1 : 0;
}

static size_t cost_of_thing(const void *item)
{
    (void)item;
    return world.cost;
}

static const struct crew_stages stages = {.read = read_thing,
                                          .open = open_thing,
                                          .order = order_thing,
                                          .check = check_thing,
                                          .finish = finish_thing,
                                          .cost = cost_of_thing};

static int begin(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    world.total = MANY;
    world.fail_read_at = world.fail_order_at = world.enough_at = -1;
    world.cost = 1;
    return 0;
}

static int run(unsigned threads, size_t bytes, struct error *e)
{
    struct thing things[CREW_ITEMS(8)] = {0};
    void *items[CREW_ITEMS(8)];
    for (size_t i = 0; i < CREW_ITEMS(8); i++)
        items[i] = &things[i];
    return crew_run(&stages, NULL, items, CREW_ITEMS(threads), bytes, threads, e);
}

static void the_outcome_is_in_order_and_sees_all_that_came_before(void **state)
{
    for (unsigned threads = 1; threads <= 7; threads += 2) {
        struct error e = {0};
        begin(state);
        assert_int_equal(run(threads, 1 << 20, &e), 0);
        assert_int_equal(world.finished, MANY);
        unsigned sum = 0;
        for (unsigned i = 0; i < MANY; i++) {
            sum += 3 * i;
            assert_int_equal(world.outcome[i], sum);
        }
    }
}

static void several_threads_are_at_work_at_once(void **state)
{
    struct error e = {0};
    (void)state;
    world.total = 20;
    world.meet = true;
    assert_int_equal(run(2, 1 << 20, &e), 0);
    assert_int_equal(atomic_load(&world.most_inside), 2);
    assert_int_equal(world.finished, 20);
}

static void a_failure_comes_in_its_place_whatever_the_threads(void **state)
{
    for (unsigned threads = 1; threads <= 7; threads += 3) {
        struct error e = {0};
        begin(state);
        world.fail_read_at = 101;
        assert_int_equal(run(threads, 1 << 20, &e), -1);
        assert_string_equal(e.text, "reading 101 failed");
        assert_int_equal(world.finished, 101);

        begin(state);
        e = (struct error){0};
        world.fail_order_at = 57;
        world.fail_read_at = 60; /* comes later, although it may be met earlier */
        assert_int_equal(run(threads, 1 << 20, &e), -1);
        assert_string_equal(e.text, "ordering 57 failed");
        assert_int_equal(world.finished, 58);         /* its item, as far as it got, too */
        assert_int_equal(world.sum, 3 * 57 * 56 / 2); /* nothing behind it was put in order */

        begin(state);
        e = (struct error){0};
        world.fail_read_at = 0;
        assert_int_equal(run(threads, 1 << 20, &e), -1);
        assert_int_equal(world.finished, 0);
    }
}

static void enough_is_enough_even_with_a_failure_behind(void **state)
{
    for (unsigned threads = 1; threads <= 7; threads += 3) {
        struct error e = {0};
        begin(state);
        world.enough_at = 30;
        world.fail_read_at = 31;
        assert_int_equal(run(threads, 1 << 20, &e), 0);
        assert_int_equal(world.finished, 31);
    }
}

static void what_is_held_has_a_bound_in_bytes_and_in_count(void **state)
{
    struct error e = {0};
    begin(state);
    assert_int_equal(run(4, 1 << 20, &e), 0);
    assert_true(world.most_held <= CREW_ITEMS(4));
    assert_true(world.most_held > 3);
    begin(state);
    world.cost = 100;
    assert_int_equal(run(4, 250, &e), 0);
    assert_int_equal(world.finished, MANY);
    assert_true(world.most_held <= 3); /* the third may take it over the bound */
    begin(state);
    world.cost = 1000; /* each alone is more than may be held: one at a time */
    assert_int_equal(run(4, 250, &e), 0);
    assert_int_equal(world.most_held, 1);
    assert_int_equal(world.finished, MANY);
}

static void nothing_to_do_ends_well(void **state)
{
    struct error e = {0};
    (void)state;
    world.total = 0;
    assert_int_equal(run(3, 1 << 20, &e), 0);
    assert_int_equal(world.finished, 0);
}

static void progress_is_told_in_words(void **state)
{
    char words[160];
    (void)state;
    progress_words(1203456, 8000000, 80 * 1000000ULL, words);
    assert_string_equal(words, "1,203,456 of 8,000,000 entries, 15,043 a second, 7 min 31 s left");
    progress_words(0, 1000, 0, words);
    assert_string_equal(words, "0 of 1,000 entries, 0 a second, how long it takes is not known yet");
    progress_words(256, 999, 1000000, words);
    assert_string_equal(words, "256 of 999 entries, 256 a second, 2 s left");
    progress_words(1, UINT64_MAX, 1000000, words);
    assert_non_null(strstr(words, "years left"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_outcome_is_in_order_and_sees_all_that_came_before, begin),
        cmocka_unit_test_setup(several_threads_are_at_work_at_once, begin),
        cmocka_unit_test_setup(a_failure_comes_in_its_place_whatever_the_threads, begin),
        cmocka_unit_test_setup(enough_is_enough_even_with_a_failure_behind, begin),
        cmocka_unit_test_setup(what_is_held_has_a_bound_in_bytes_and_in_count, begin),
        cmocka_unit_test_setup(nothing_to_do_ends_well, begin),
        cmocka_unit_test_setup(progress_is_told_in_words, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
