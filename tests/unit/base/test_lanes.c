/* Owners take turns, by cost. */
#include "base/lanes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/queue.h"

struct item {
    const char *owner;
    uint64_t cost;
    unsigned number;
};

static const char *owner_of(const void *item)
{
    return ((const struct item *)item)->owner;
}

static uint64_t cost_of(const void *item)
{
    return ((const struct item *)item)->cost;
}

static void an_owner_waits_behind_its_own_items_only(void **state)
{
    (void)state;
    static struct item flood[1000], one = {"one", LANES_TURN / 16, 0};
    struct lanes *lanes = lanes_new(1001);
    for (unsigned i = 0; i < 1000; i++) {
        flood[i] = (struct item){"flood", LANES_TURN / 16, i};
        lanes_put(lanes, "flood", flood[i].cost, &flood[i]);
    }
    assert_ptr_equal(lanes_take(lanes), &flood[0]);
    lanes_put(lanes, "one", one.cost, &one);
    unsigned before = 0;
    struct item *item;
    while ((item = lanes_take(lanes)) != &one) {
        assert_int_equal(item->number, ++before); /* its own order */
    }
    assert_true(before <= 15); /* the rest of one turn */
    while (lanes_take(lanes) != NULL)
        before++;
    assert_int_equal(before, 999);
    lanes_free(lanes);
}

/* Large items of one against small ones of another: both get the same bytes. */
static void turns_are_counted_by_cost(void **state)
{
    (void)state;
    static struct item large[20], small[1000];
    struct lanes *lanes = lanes_new(1020);
    uint64_t got_large = 0, got_small = 0;
    for (unsigned i = 0; i < 20; i++) {
        large[i] = (struct item){"large", 4 * LANES_TURN, i};
        lanes_put(lanes, "large", large[i].cost, &large[i]);
    }
    for (unsigned i = 0; i < 1000; i++) {
        small[i] = (struct item){"small", LANES_TURN / 32, i};
        lanes_put(lanes, "small", small[i].cost, &small[i]);
    }
    for (int i = 0; i < 500; i++) {
        const struct item *item = lanes_take(lanes);
        *(strcmp(item->owner, "large") == 0 ? &got_large : &got_small) += item->cost;
    }
    assert_true(got_large <= got_small + 4 * LANES_TURN && got_small <= got_large + 5 * LANES_TURN);
    while (lanes_take(lanes) != NULL)
        ;
    lanes_free(lanes);
}

static void a_fair_queue_keeps_its_bound_and_its_end(void **state)
{
    (void)state;
    struct item a = {"a", 1, 0}, b = {"b", 1, 0}, c = {"a", 1, 1};
    struct queue *queue = queue_new_fair(2, owner_of, cost_of);
    assert_true(queue_put(queue, &a));
    assert_true(queue_put(queue, &c));
    assert_false(queue_put(queue, &b));
    assert_int_equal(queue_length(queue), 2);
    assert_ptr_equal(queue_take(queue), &a);
    assert_true(queue_put(queue, &b));
    queue_close(queue);
    assert_non_null(queue_wait(queue, UINT64_MAX));
    assert_non_null(queue_wait(queue, UINT64_MAX));
    assert_null(queue_wait(queue, UINT64_MAX));
    queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_owner_waits_behind_its_own_items_only),
        cmocka_unit_test(turns_are_counted_by_cost),
        cmocka_unit_test(a_fair_queue_keeps_its_bound_and_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
