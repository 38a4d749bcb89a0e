/* A writer that is killed at any moment. */
#include "fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct report {
    uint64_t size;
    uint8_t root[HASH_SIZE];
    uint64_t answered; /* exchanges ended so far in this process */
};

/* Writes batches of requests, responses and time-outs until it is killed; reports each commit. */
static void write_until_killed(struct fixture *f, unsigned seed, int fd)
{
    struct message open[64], response;
    unsigned used = 0;
    uint32_t id = (seed & 0xffff) << 16;
    struct ledger_result result;
    struct error e = {0};
    struct report report = {0};

    for (;;) {
        const int count = 1 + (int)((unsigned)rand_r(&seed) % 20);

        f->now += 1000;
        begin(f);
        for (int i = 0; i < count; i++) {
            const unsigned what = (unsigned)rand_r(&seed) % 4;

            if (used < 64 && (used == 0 || what < 2)) {
                message_request(f, id++, &open[used]);
                put(f, &open[used++]);
                continue;
            }
            struct message *request = &open[--used];
            if (what == 2) {
                ledger_put_end(f->ledger, request->header.exchange_id, ENTRY_TIMED_OUT,
                               REFUSAL_PROVIDER_TIMEOUT, &result, &e);
            } else {
                message_response(f, request, &response);
                put(f, &response);
                message_free(&response);
            }
            report.answered++;
            message_free(request);
        }
        commit(f);
        struct checkpoint checkpoint;
        ledger_checkpoint(f->ledger, NULL, &checkpoint);
        report.size = checkpoint.size;
        memcpy(report.root, checkpoint.root, HASH_SIZE);
        if (write(fd, &report, sizeof(report)) != sizeof(report))
            _exit(1);
    }
}

/* Every exchange in the ledger has one terminal entry. */
static void assert_each_ended_once(struct fixture *f)
{
    struct buffer data = {0};
    struct error e = {0};
    const uint64_t size = ledger_size(f->ledger);
    struct seen {
        uint8_t id[16];
        int opened, ended;
    } *seen = memory_zeroed(size + 1, sizeof(*seen));
    size_t used = 0;
    uint64_t last = 0;

    for (uint64_t i = 0; i < size; i++) {
        struct entry entry;
        struct entry_hold hold;
        struct header header;
        const uint8_t *id;
        int opened = 0;

        buffer_clear(&data);
        assert_int_equal(ledger_read_entry(f->ledger, i, &data, &e), 1);
        assert_true(entry_decode(buffer_bytes(&data), &entry, &hold));
        assert_true(entry.time > last);
        last = entry.time;
        if (entry.context.len > 0) {
            assert_int_equal(header_decode(entry.context, entry.body, &header), REFUSAL_NONE);
            id = header.exchange_id;
            opened = header.kind == MESSAGE_REQUEST;
        } else {
            id = entry.exchange_id;
        }
        size_t at = used;
        while (at > 0 && memcmp(seen[at - 1].id, id, 16) != 0)
            at--;
        if (at == 0) {
            memcpy(seen[used++].id, id, 16);
            at = used;
        }
        seen[at - 1].opened += opened;
        seen[at - 1].ended += !opened;
        entry_release(&hold);
    }
    for (size_t i = 0; i < used; i++) {
        assert_int_equal(seen[i].opened, 1);
        assert_int_equal(seen[i].ended, 1);
    }
    free(seen);
    buffer_free(&data);
}

static void a_killed_writer_leaves_a_good_ledger_with_all_that_it_reported(void **state)
{
    struct fixture *f = *state;
    const char *given = getenv("WASL_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)clock_wall();
    uint64_t before = 0;

    print_message("# seed %u (WASL_SEED=%u repeats it)\n", seed, seed);
    for (int round = 0; round < 12; round++) {
        struct report report, last = {0};
        struct checkpoint seen = {0};
        struct error e = {0};
        int fds[2];

        const unsigned child_seed = (unsigned)rand_r(&seed);
        const int commits = (int)((unsigned)rand_r(&seed) % 12);
        const int spin = (int)((unsigned)rand_r(&seed) % 2000000);
        assert_int_equal(pipe(fds), 0);
        fixture_close(f);
        pid_t child = fork();
        if (child == 0) {
            close(fds[0]);
            fixture_open(f);
            write_until_killed(f, child_seed, fds[1]);
        }
        close(fds[1]);
        for (int i = 0; i <= commits; i++)
            assert_int_equal(read(fds[0], &last, sizeof(last)), sizeof(last));
        for (volatile int i = 0; i < spin; i++)
            ;
        assert_int_equal(kill(child, SIGKILL), 0);
        while (read(fds[0], &report, sizeof(report)) == sizeof(report))
            last = report;
        assert_int_equal(waitpid(child, NULL, 0), child);
        close(fds[0]);

        fixture_open(f);
        assert_true(last.size > before);
        assert_true(ledger_size(f->ledger) >= last.size);
        strcpy(seen.origin, "bus.test/ledger");
        seen.size = last.size;
        memcpy(seen.root, last.root, HASH_SIZE);
        assert_int_equal(ledger_extends(f->ledger, &seen, &e), 1);
        begin(f);
        assert_true(ledger_put_interrupted(f->ledger, &e) >= 0);
        commit(f);
        assert_each_ended_once(f);
        before = ledger_size(f->ledger);
    }
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(a_killed_writer_leaves_a_good_ledger_with_all_that_it_reported),
    };
    return cmocka_run_group_tests_name("ledger-crash", tests, NULL, NULL);
}
