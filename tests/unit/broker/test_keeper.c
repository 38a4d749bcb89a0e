/* The helper thread that knocks at our own door. */
#include "broker/keeper.h"
#include "country.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

static struct snapshot *some_snapshot(void)
{
    const char *keys[] = {country()->authority_vkey};
    const struct registry_authority authority = {keys, 1, 1};
    struct registry *registry =
        registry_open_signed(buffer_bytes(&country()->registry), NULL, &authority, NULL, NULL);
    assert_non_null(registry);
    return snapshot_new(registry, trust_new());
}

/* A keeper that knocks without end where nobody listens, its log on `log`. */
static void knock_in_vain(struct snapshot *snapshot, int log)
{
    struct config config = {0}; /* probe_s: 0 */
    const struct keeper_options options = {
        .config = &config,
        .snapshot = snapshot,
        .zmq_context = zmq_ctx_new(),
        .endpoint = "tcp://127.0.0.1:1",
        .server_public = country()->bus_link.public_key,
    };
    dup2(log, STDERR_FILENO);
    keeper_start(&options, NULL);
    for (;;)
        pause();
}

/* Whoever fills the listening socket's queue would otherwise end the bus without any key. Only a key that is
 * let in is a reason to stop. */
static void a_door_that_does_not_answer_while_running_is_an_alarm_and_no_end(void **state)
{
    (void)state;
    struct snapshot *snapshot = some_snapshot();
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        knock_in_vain(snapshot, ends[1]);
    close(ends[1]);
    FILE *log = fdopen(ends[0], "r");
    char line[4096];
    unsigned alarms = 0;
    while (alarms < 1 && fgets(line, sizeof(line), log) != NULL)
        alarms += strstr(line, "zap_not_probed") != NULL;
    assert_int_equal(alarms, 1);
    int status;
    assert_int_equal(waitpid(child, &status, WNOHANG), 0); /* it lives */
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    fclose(log);
    snapshot_free(snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_door_that_does_not_answer_while_running_is_an_alarm_and_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, country_teardown);
}
