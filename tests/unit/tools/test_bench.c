/* What wasl-bench measures with: percentiles, and what the kernel says of threads and memory. */
#include "base/clock.h"
#include "base/error.h"
#include "wasl-bench/cputime.h"
#include "wasl-bench/samples.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void percentiles_are_values_that_were_measured(void **state)
{
    struct samples s = {0};
    (void)state;

    for (uint64_t i = 100; i >= 1; i--)
        samples_add(&s, i * 10);
    samples_sort(&s);
    assert_int_equal(samples_percentile(&s, 50), 500);
    assert_int_equal(samples_percentile(&s, 90), 900);
    assert_int_equal(samples_percentile(&s, 99), 990);
    assert_int_equal(samples_percentile(&s, 99.5), 1000);
    assert_int_equal(samples_percentile(&s, 100), 1000);
    assert_int_equal(samples_percentile(&s, 0.001), 10);
    samples_free(&s);
}

static void few_samples_have_percentiles_too(void **state)
{
    struct samples s = {0};
    (void)state;

    assert_int_equal(samples_percentile(&s, 50), 0);
    samples_add(&s, 7);
    samples_sort(&s);
    assert_int_equal(samples_percentile(&s, 1), 7);
    assert_int_equal(samples_percentile(&s, 99), 7);
    samples_add(&s, 3);
    samples_sort(&s);
    assert_int_equal(samples_percentile(&s, 50), 3);
    assert_int_equal(samples_percentile(&s, 51), 7);
    samples_clear(&s);
    assert_int_equal(samples_percentile(&s, 99), 0);
    samples_free(&s);
}

static void more_samples_than_fit_at_first_are_all_kept(void **state)
{
    enum { MANY = 100000 };
    struct samples s = {0};
    (void)state;

    for (uint64_t i = 0; i < MANY; i++)
        samples_add(&s, (i * 7919) % MANY);
    samples_sort(&s);
    assert_int_equal(s.count, MANY);
    assert_int_equal(samples_percentile(&s, 50), MANY / 2 - 1);
    assert_int_equal(samples_percentile(&s, 100), MANY - 1);
    samples_free(&s);
}

static void a_time_that_is_too_long_is_the_longest(void **state)
{
    struct samples s = {0};
    (void)state;

    samples_add(&s, UINT64_C(1) << 40);
    assert_int_equal(samples_percentile(&s, 100), UINT32_MAX);
    samples_free(&s);
}

static atomic_bool stop;

static void *spin(void *arg)
{
    (void)arg;
    pthread_setname_np(pthread_self(), "spinner");
    while (!atomic_load(&stop))
        ;
    return NULL;
}

static json_int_t of_thread(const json_t *used, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(used, "threads"), name));
}

static void a_thread_that_works_is_told_from_one_that_waits(void **state)
{
    struct cpu_reading before, after;
    struct error e = {0};
    pthread_t spinners[2];
    (void)state;

    atomic_store(&stop, false);
    assert_int_equal(cpu_read(getpid(), &before, &e), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&spinners[i], NULL, spin, NULL), 0);
    json_t *used = NULL;
    uint64_t until = clock_monotonic() + 60 * MICROSECONDS;
    do { /* until they have had their share, however busy the machine is */
        json_decref(used);
        assert_true(clock_monotonic() < until);
        usleep(20 * 1000);
        assert_int_equal(cpu_read(getpid(), &after, &e), 0);
        used = cpu_between(&before, &after);
        cpu_free(&after);
    } while (of_thread(used, "spinner") < 50000);
    atomic_store(&stop, true);
    for (size_t i = 0; i < 2; i++)
        pthread_join(spinners[i], NULL);
    json_int_t total = json_integer_value(json_object_get(used, "total"));
    /* Two threads of one name count together; the first thread bears no name of ours. */
    assert_int_equal(json_object_size(json_object_get(used, "threads")), 2);
    assert_true(of_thread(used, "spinner") > of_thread(used, "main"));
    assert_true(total > of_thread(used, "spinner") / 2); /* read a moment apart */
    json_decref(used);
    cpu_free(&before);
}

static void another_process_is_read_while_it_is_there_and_an_error_afterwards(void **state)
{
    struct cpu_reading reading;
    struct error e = {0};
    uint64_t anonymous = 0;
    (void)state;

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60); /* it ends by itself where an assertion ends this test */
        for (;;)
            pause();
    }
    assert_int_equal(cpu_read(child, &reading, &e), 0);
    assert_int_equal(reading.count, 1);
    assert_string_equal(reading.threads[0].name, "main");
    cpu_free(&reading);
    assert_int_equal(memory_anonymous(child, &anonymous, &e), 0);
    assert_true(anonymous > 0 && anonymous % 1024 == 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(cpu_read(child, &reading, &e), -1);
    assert_int_equal(memory_anonymous(child, &anonymous, &e), -1);
    assert_non_null(strstr(e.text, "has it ended"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_values_that_were_measured),
        cmocka_unit_test(few_samples_have_percentiles_too),
        cmocka_unit_test(more_samples_than_fit_at_first_are_all_kept),
        cmocka_unit_test(a_time_that_is_too_long_is_the_longest),
        cmocka_unit_test(a_thread_that_works_is_told_from_one_that_waits),
        cmocka_unit_test(another_process_is_read_while_it_is_there_and_an_error_afterwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
