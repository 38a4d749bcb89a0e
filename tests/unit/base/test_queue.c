#include "base/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>

static int numbers[100000];

static bool is_readable(struct queue *q)
{
    struct pollfd p = {.fd = queue_event_fd(q), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void items_come_out_in_order_and_the_bound_holds(void **state)
{
    (void)state;
    struct queue *q = queue_new(3);
    for (int round = 0; round < 5; round++) {
        assert_true(queue_put(q, &numbers[0]));
        assert_true(queue_put(q, &numbers[1]));
        assert_true(queue_put(q, &numbers[2]));
        assert_false(queue_put(q, &numbers[3]));
        assert_int_equal(queue_length(q), 3);
        assert_ptr_equal(queue_take(q), &numbers[0]);
        assert_true(queue_put(q, &numbers[4]));
        assert_ptr_equal(queue_take(q), &numbers[1]);
        assert_ptr_equal(queue_take(q), &numbers[2]);
        assert_ptr_equal(queue_take(q), &numbers[4]);
        assert_null(queue_take(q));
    }
    queue_free(q);
}

static void the_event_descriptor_is_readable_exactly_while_there_is_something(void **state)
{
    (void)state;
    struct queue *q = queue_new(3);
    assert_false(is_readable(q));
    queue_put(q, &numbers[0]);
    queue_put(q, &numbers[1]);
    assert_true(is_readable(q));
    queue_take(q);
    assert_true(is_readable(q));
    assert_ptr_equal(queue_wait(q, 0), &numbers[1]);
    assert_false(is_readable(q));
    queue_put(q, &numbers[0]);
    assert_true(is_readable(q));
    queue_take(q);
    queue_free(q);
}

static void what_lies_there_before_the_descriptor_is_asked_for_is_seen_too(void **state)
{
    (void)state;
    struct queue *q = queue_new(3);
    queue_put(q, &numbers[0]);
    queue_put(q, &numbers[1]);
    assert_ptr_equal(queue_wait(q, 0), &numbers[0]);
    assert_true(is_readable(q));
    assert_ptr_equal(queue_take(q), &numbers[1]);
    assert_false(is_readable(q));
    assert_null(queue_take(q));
    queue_free(q);
}

static void many_are_put_all_or_none(void **state)
{
    (void)state;
    void *items[] = {&numbers[0], &numbers[1], &numbers[2]};
    struct queue *q = queue_new(4);
    assert_true(queue_put_all(q, items, 0));
    assert_false(is_readable(q));
    assert_true(queue_put_all(q, items, 3));
    assert_true(is_readable(q));
    assert_false(queue_put_all(q, items, 2));
    assert_int_equal(queue_length(q), 3);
    assert_true(queue_put_all(q, items, 1));
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(queue_take(q), items[i % 3]);
    assert_false(is_readable(q));
    queue_close(q);
    assert_false(queue_put_all(q, items, 1));
    queue_free(q);
}

static void a_closed_queue_takes_nothing_and_gives_what_it_has(void **state)
{
    (void)state;
    struct queue *q = queue_new(3);
    queue_put(q, &numbers[0]);
    queue_close(q);
    assert_false(queue_put(q, &numbers[1]));
    assert_ptr_equal(queue_wait(q, UINT64_MAX), &numbers[0]);
    assert_null(queue_wait(q, UINT64_MAX));
    queue_free(q);
}

static void a_wait_that_brings_nothing_ends(void **state)
{
    (void)state;
    struct queue *q = queue_new(3);
    assert_null(queue_wait(q, 0));
    assert_null(queue_wait(q, 2000));
    queue_free(q);
}

/* Each of several workers adds up what it gets until the queue is closed. */
struct worker {
    struct queue *queue;
    uint64_t sum, count;
    pthread_t thread;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    const int *item;
    while ((item = queue_wait(w->queue, UINT64_MAX)) != NULL) {
        w->sum += (uint64_t)*item;
        w->count++;
    }
    return NULL;
}

static void every_item_goes_to_exactly_one_of_many_workers(void **state)
{
    (void)state;
    enum { N = sizeof numbers / sizeof numbers[0] };
    struct queue *q = queue_new(64);
    struct worker workers[4] = {0};
    uint64_t sum = 0, count = 0;
    for (int i = 0; i < 4; i++) {
        workers[i].queue = q;
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    for (int i = 0; i < N; i++) {
        numbers[i] = i;
        while (!queue_put(q, &numbers[i]))
            sched_yield();
    }
    queue_close(q);
    for (int i = 0; i < 4; i++) {
        pthread_join(workers[i].thread, NULL);
        sum += workers[i].sum;
        count += workers[i].count;
    }
    assert_int_equal(count, N);
    assert_int_equal(sum, (uint64_t)N * (N - 1) / 2);
    queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_in_order_and_the_bound_holds),
        cmocka_unit_test(the_event_descriptor_is_readable_exactly_while_there_is_something),
        cmocka_unit_test(what_lies_there_before_the_descriptor_is_asked_for_is_seen_too),
        cmocka_unit_test(many_are_put_all_or_none),
        cmocka_unit_test(a_closed_queue_takes_nothing_and_gives_what_it_has),
        cmocka_unit_test(a_wait_that_brings_nothing_ends),
        cmocka_unit_test(every_item_goes_to_exactly_one_of_many_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
