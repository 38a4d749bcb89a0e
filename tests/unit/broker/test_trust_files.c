/* Registry and CRLs from their files: how a change is seen, and what is never gone back on. */
#include "base/alarm.h"
#include "base/clock.h"
#include "base/error.h"
#include "broker/keeper.h"
#include "broker/watch.h"
#include "country.h"
#include "ledger/truststore.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

/* A bus's files, in a folder of their own. */
struct place {
    char folder[96], registry[128], crls[128], state[128];
    char *keys[1];
    struct config config;
    struct truststore *store;
};

static void write_file(const char *path, struct bytes data)
{
    struct error e = {0};
    if (file_write_atomically(path, data, 0644, &e) != 0)
        fail_msg("%s", e.text);
}

static void put_crl(const struct place *p, const char *name, long number, int revoked)
{
    struct buffer der = {0};
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", p->crls, name);
    country_crl(number, revoked, &der);
    write_file(path, buffer_bytes(&der));
    buffer_free(&der);
}

static void open_place(struct place *p)
{
    struct error e = {0};
    char trust[256];
    memset(p, 0, sizeof(*p));
    country_state(p->folder);
    snprintf(p->registry, sizeof(p->registry), "%s/registry.signed", p->folder);
    snprintf(p->crls, sizeof(p->crls), "%s/crls", p->folder);
    snprintf(p->state, sizeof(p->state), "%s/state", p->folder);
    assert_int_equal(mkdir(p->folder, 0700), 0);
    assert_int_equal(mkdir(p->crls, 0700), 0);
    assert_int_equal(mkdir(p->state, 0700), 0);
    snprintf(trust, sizeof(trust), "%s/trust", p->state);
    p->store = truststore_open(trust, &e);
    assert_non_null(p->store);
    p->keys[0] = country()->authority_vkey;
    p->config = (struct config){.instance = (char *)(uintptr_t) "TN",
                                .state = p->state,
                                .registry = p->registry,
                                .crls = p->crls,
                                .authority = {1, p->keys, 1}};
    p->config.limits.probe_s = 3600;
    write_file(p->registry, buffer_bytes(&country()->registry));
    put_crl(p, "root.crl", 1, MEMBERS);
}

static void close_place(struct place *p)
{
    truststore_close(p->store);
}

/* As at a start of the bus: reads, and keeps what it accepts. problems: whether there must be some. */
static struct snapshot *start(struct place *p, bool problems)
{
    struct error e = {0};
    struct buffer lines = {0};
    struct snapshot *s = snapshot_load(&p->config, NULL, p->store, &lines, &e);
    if (s == NULL)
        fail_msg("%s", e.text);
    assert_int_equal(lines.len > 0, problems);
    assert_true(snapshot_accept(&p->config, s, NULL, &e) >= 0);
    buffer_free(&lines);
    return s;
}

static void sign_version(unsigned version, const struct buffer *previous, struct buffer *out)
{
    country_sign_registry(version, previous, NULL, out);
}

static enum refusal judge(const struct snapshot *s, int m)
{
    struct verified_key key;
    char subject[64];
    snprintf(subject, sizeof(subject), "CN=%s,O=Wasl,C=TN", country_member[m]);
    return trust_verify(snapshot_trust(s), country()->chain[m], "root", subject, clock_wall(), &key);
}

/* After a start of the bus: is the certificate of that member revoked, with the others' good? */
static void assert_revoked_at_start(struct place *p, bool problems, int revoked)
{
    struct snapshot *s = start(p, problems);
    for (int m = 0; m < MEMBERS; m++)
        assert_int_equal(judge(s, m), m == revoked ? REFUSAL_CERTIFICATE_REVOKED : REFUSAL_NONE);
    snapshot_free(s);
}

static void remove_crl(const struct place *p, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", p->crls, name);
    assert_int_equal(unlink(path), 0);
}

/* --- CRLs --- */

static void a_crls_number_never_goes_back_also_across_a_restart(void **state)
{
    (void)state;
    struct place p;
    open_place(&p);
    put_crl(&p, "root.crl", 7, MI);
    assert_revoked_at_start(&p, false, MI);
    put_crl(&p, "root.crl", 6, MEMBERS); /* still in date, and older */
    assert_revoked_at_start(&p, false, MI);
    /* Control: a newer one is taken. */
    put_crl(&p, "root.crl", 8, MEMBERS);
    assert_revoked_at_start(&p, false, MEMBERS);
    close_place(&p);
}

static void the_last_good_crl_serves_when_the_folder_is_empty_or_bad_at_a_restart(void **state)
{
    (void)state;
    struct place p;
    char path[256];
    open_place(&p);
    put_crl(&p, "root.crl", 3, MEN);
    snapshot_free(start(&p, false));
    snprintf(path, sizeof(path), "%s/root.crl", p.crls);
    write_file(path, bytes_of_string("not a list"));
    assert_revoked_at_start(&p, true, MEN);
    remove_crl(&p, "root.crl");
    assert_revoked_at_start(&p, false, MEN);
    assert_int_equal(rmdir(p.crls), 0);
    assert_revoked_at_start(&p, true, MEN);
    close_place(&p);
}

static void put_forged(const struct place *p, long number)
{
    EVP_PKEY *own = country()->ca_key;
    country()->ca_key = EVP_EC_gen("P-256");
    put_crl(p, "forged.crl", number, MEMBERS);
    EVP_PKEY_free(country()->ca_key);
    country()->ca_key = own;
}

static void a_forged_crl_with_a_high_number_displaces_nothing_and_is_not_remembered(void **state)
{
    (void)state;
    struct place p;
    open_place(&p);
    put_crl(&p, "root.crl", 3, MEN);
    snapshot_free(start(&p, false));
    put_forged(&p, 1000);
    assert_revoked_at_start(&p, false, MEN);
    /* The next list of the issuer comes while the forged one lies there. */
    put_crl(&p, "root.crl", 4, MI);
    assert_revoked_at_start(&p, false, MI);
    remove_crl(&p, "forged.crl");
    struct snapshot *s = start(&p, false);
    assert_int_equal(judge(s, MI), REFUSAL_CERTIFICATE_REVOKED);
    assert_int_equal(snapshot_crl_count(s), 1);
    snapshot_free(s);
    put_crl(&p, "root.crl", 5, MEMBERS);
    assert_revoked_at_start(&p, false, MEMBERS);
    close_place(&p);
}

static void an_issuer_with_forged_lists_alone_stays_closed(void **state)
{
    (void)state;
    struct place p;
    open_place(&p);
    remove_crl(&p, "root.crl");
    put_forged(&p, 1000);
    struct snapshot *s = start(&p, false);
    assert_int_equal(judge(s, MI), REFUSAL_REVOCATION_UNKNOWN);
    snapshot_free(s);
    put_crl(&p, "root.crl", 1, MEMBERS); /* control */
    assert_revoked_at_start(&p, false, MEMBERS);
    close_place(&p);
}

/* As a file of the folder that changes while the bus runs. */
static struct snapshot *go_on(struct place *p, struct snapshot *before)
{
    struct error e = {0};
    struct buffer lines = {0};
    struct snapshot *s = snapshot_load(&p->config, before, p->store, &lines, &e);
    if (s == NULL)
        fail_msg("%s", e.text);
    assert_true(snapshot_accept(&p->config, s, NULL, &e) >= 0);
    buffer_free(&lines);
    snapshot_free(before);
    return s;
}

static void a_forged_crl_harms_nobody_while_the_bus_runs_and_is_gone_with_its_file(void **state)
{
    (void)state;
    struct place p;
    open_place(&p);
    put_crl(&p, "root.crl", 3, MEN);
    struct snapshot *s = start(&p, false);
    put_forged(&p, 1000);
    s = go_on(&p, s);
    assert_int_equal(snapshot_crl_count(s), 2);
    assert_int_equal(judge(s, MEN), REFUSAL_CERTIFICATE_REVOKED);
    assert_int_equal(judge(s, MI), REFUSAL_NONE);
    remove_crl(&p, "forged.crl");
    s = go_on(&p, s);
    assert_int_equal(snapshot_crl_count(s), 1);
    assert_int_equal(judge(s, MEN), REFUSAL_CERTIFICATE_REVOKED);
    assert_int_equal(judge(s, MI), REFUSAL_NONE);
    /* What was accepted meanwhile does not go back either. */
    put_crl(&p, "root.crl", 4, MI);
    s = go_on(&p, s);
    put_crl(&p, "root.crl", 3, MEN);
    s = go_on(&p, s);
    assert_int_equal(judge(s, MEN), REFUSAL_NONE);
    assert_int_equal(judge(s, MI), REFUSAL_CERTIFICATE_REVOKED);
    snapshot_free(s);
    close_place(&p);
}

/* --- registry --- */

static void a_bad_registry_at_a_restart_does_not_stop_what_was_accepted(void **state)
{
    (void)state;
    struct place p;
    struct buffer second = {0};
    open_place(&p);
    sign_version(2, &country()->registry, &second);
    write_file(p.registry, buffer_bytes(&second));
    snapshot_free(start(&p, false));
    const struct bytes bad[] = {
        bytes_of_string("half of a"), bytes_make(second.data, second.len - 10),
        buffer_bytes(&country()->registry), /* version 1: a roll-back */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_file(p.registry, bad[i]);
        struct snapshot *s = start(&p, true);
        assert_int_equal(registry_version(snapshot_registry(s)), 2);
        snapshot_free(s);
    }
    assert_int_equal(unlink(p.registry), 0);
    struct snapshot *s = start(&p, true);
    assert_int_equal(registry_version(snapshot_registry(s)), 2);
    snapshot_free(s);
    buffer_free(&second);
    close_place(&p);
}

static void a_first_start_needs_a_good_registry(void **state)
{
    (void)state;
    struct place p;
    struct error e = {0};
    struct buffer problems = {0};
    open_place(&p);
    write_file(p.registry, bytes_of_string("nothing"));
    assert_null(snapshot_load(&p.config, NULL, p.store, &problems, &e));
    assert_non_null(strstr(e.text, "signed registry"));
    close_place(&p);
}

/* --- seeing a change --- */

#define PATIENCE (20 * MICROSECONDS) /* for what is to happen; only a broken test reaches it */

static bool sees_a_change(struct watch *w)
{
    uint64_t until = clock_monotonic() + PATIENCE;
    while (clock_monotonic() < until) {
        if (watch_look(w, clock_monotonic()))
            return true;
        usleep(5000);
    }
    return false;
}

static bool sees_nothing(struct watch *w)
{
    uint64_t until = clock_monotonic() + 4 * WATCH_QUIET;
    while (clock_monotonic() < until) {
        if (watch_look(w, clock_monotonic()))
            return false;
        usleep(5000);
    }
    return true;
}

static struct watch *watch_place(const struct place *p)
{
    const char *files[] = {p->registry, NULL};
    const char *folders[] = {NULL, p->crls};
    struct watch *w = watch_new(files, 2, folders, 2);
    assert_non_null(w);
    return w;
}

static void every_way_of_putting_a_file_there_is_seen_once(void **state)
{
    (void)state;
    struct place p;
    char path[256], other[256];
    open_place(&p);
    struct watch *w = watch_place(&p);
    assert_true(watch_fd(w) >= 0);
    assert_true(sees_nothing(w)); /* control */
    write_file(p.registry, bytes_of_string("renamed over"));
    struct pollfd woken = {watch_fd(w), POLLIN, 0};
    assert_int_equal(poll(&woken, 1, PATIENCE / 1000), 1); /* and not only at the next look */
    assert_true(sees_a_change(w));
    assert_true(sees_nothing(w));
    int fd = open(p.registry, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "in place", 8), 8);
    close(fd);
    assert_true(sees_a_change(w));
    snprintf(path, sizeof(path), "%s/new.crl", p.crls);
    write_file(path, bytes_of_string("a new file of the folder"));
    assert_true(sees_a_change(w));
    snprintf(other, sizeof(other), "%s/linked.crl", p.crls);
    assert_int_equal(link(path, other), 0);
    assert_true(sees_a_change(w));
    assert_int_equal(unlink(path), 0);
    assert_true(sees_a_change(w));
    snprintf(other, sizeof(other), "%s/elsewhere", p.folder);
    write_file(other, bytes_of_string("target"));
    assert_int_equal(symlink(other, path), 0);
    assert_true(sees_a_change(w));
    write_file(other, bytes_of_string("what the link leads to, in another folder"));
    assert_true(sees_a_change(w));
    watch_free(w);
    close_place(&p);
}

static void a_file_that_is_being_written_is_left_alone_until_it_rests(void **state)
{
    (void)state;
    struct place p;
    open_place(&p);
    struct watch *w = watch_place(&p);
    uint64_t now = clock_monotonic(); /* the writer's time is the test's: it is never late */
    int fd = open(p.registry, O_WRONLY | O_TRUNC);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(write(fd, "more", 4), 4);
        now += WATCH_QUIET / 5;
        assert_false(watch_look(w, now));
    }
    close(fd);
    assert_false(watch_look(w, now + WATCH_QUIET - 1));
    assert_true(watch_look(w, now + WATCH_QUIET));
    watch_free(w);
    close_place(&p);
}

/* --- the keeper --- */

struct kept {
    struct place place;
    struct pipeline *pipeline;
    struct snapshot *first;
    void *context;
    struct keeper *keeper;
};

static void open_kept(struct kept *k)
{
    struct error e = {0};
    open_place(&k->place);
    k->first = start(&k->place, false);
    k->pipeline = pipeline_new(16, 1 << 20, 16);
    k->context = zmq_ctx_new();
    const struct keeper_options options = {
        .config = &k->place.config,
        .pipeline = k->pipeline,
        .truststore = k->place.store,
        .snapshot = k->first,
        .zmq_context = k->context,
        .endpoint = "tcp://127.0.0.1:1",
        .server_public = country()->bus_link.public_key,
    };
    k->keeper = keeper_start(&options, &e);
    assert_non_null(k->keeper);
}

static void close_kept(struct kept *k)
{
    keeper_stop(k->keeper);
    pipeline_free(k->pipeline);
    snapshot_free(k->first);
    zmq_ctx_term(k->context);
    close_place(&k->place);
}

/* The version of the next change, 0 when none comes within `microseconds`. */
static uint64_t next_change(struct kept *k, uint64_t microseconds)
{
    struct job *job = queue_wait(pipeline_writer(k->pipeline), microseconds);
    if (job == NULL)
        return 0;
    assert_int_equal(job->kind, JOB_CHANGE);
    uint64_t version = registry_version(snapshot_registry(job->snapshot));
    job_free(job);
    return version;
}

static bool alarm_is(bool raised, uint64_t within)
{
    uint64_t until = clock_monotonic() + within;
    while (alarm_raised(ALARM_TRUST_FILE_UNUSABLE) != raised && clock_monotonic() < until)
        usleep(10000);
    return alarm_raised(ALARM_TRUST_FILE_UNUSABLE) == raised;
}

static void a_change_of_the_files_is_taken_up_without_being_asked(void **state)
{
    (void)state;
    struct kept k;
    struct buffer second = {0};
    open_kept(&k);
    assert_int_equal(next_change(&k, 300000), 0); /* control: nothing has changed */
    sign_version(2, &country()->registry, &second);
    write_file(k.place.registry, buffer_bytes(&second));
    assert_int_equal(next_change(&k, PATIENCE), 2);
    put_crl(&k.place, "newer.crl", 2, MI);
    assert_int_equal(next_change(&k, PATIENCE), 2);
    /* The same again is no change, asked for or not. */
    write_file(k.place.registry, buffer_bytes(&second));
    keeper_reload(k.keeper);
    assert_int_equal(next_change(&k, 300000), 0);
    buffer_free(&second);
    close_kept(&k);
}

static void a_bad_file_is_an_alarm_when_it_stays_and_none_of_the_other_is_lost(void **state)
{
    (void)state;
    struct kept k;
    struct buffer second = {0};
    open_kept(&k);
    sign_version(2, &country()->registry, &second);
    write_file(k.place.registry, bytes_make(second.data, second.len / 2));
    usleep(300000);
    assert_false(alarm_raised(ALARM_TRUST_FILE_UNUSABLE)); /* it may be on its way */
    assert_true(alarm_is(true, PATIENCE));
    char pipe[160];
    snprintf(pipe, sizeof(pipe), "%s/pipe", k.place.crls);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    put_crl(&k.place, "newer.crl", 2, MI); /* taken up beside the bad registry, and beside what is no file */
    assert_int_equal(next_change(&k, PATIENCE), 1);
    write_file(k.place.registry, buffer_bytes(&second));
    assert_int_equal(next_change(&k, PATIENCE), 2);
    assert_int_equal(unlink(pipe), 0);
    assert_true(alarm_is(false, PATIENCE));
    buffer_free(&second);
    close_kept(&k);
}

/* A disk that was full for a moment, say: nobody should have to touch the file again. */
static void a_change_that_could_not_be_kept_is_tried_again(void **state)
{
    (void)state;
    struct kept k;
    struct buffer second = {0};
    char away[160];
    open_kept(&k);
    assert_int_equal(next_change(&k, 300000), 0);
    snprintf(away, sizeof(away), "%s.away", k.place.state);
    assert_int_equal(rename(k.place.state, away), 0);
    sign_version(2, &country()->registry, &second);
    write_file(k.place.registry, buffer_bytes(&second));
    assert_int_equal(next_change(&k, MICROSECONDS), 0);
    assert_true(alarm_is(true, PATIENCE));
    assert_int_equal(rename(away, k.place.state), 0);
    assert_int_equal(next_change(&k, PATIENCE), 2);
    assert_true(alarm_is(false, PATIENCE));
    buffer_free(&second);
    close_kept(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crls_number_never_goes_back_also_across_a_restart),
        cmocka_unit_test(the_last_good_crl_serves_when_the_folder_is_empty_or_bad_at_a_restart),
        cmocka_unit_test(a_forged_crl_with_a_high_number_displaces_nothing_and_is_not_remembered),
        cmocka_unit_test(an_issuer_with_forged_lists_alone_stays_closed),
        cmocka_unit_test(a_forged_crl_harms_nobody_while_the_bus_runs_and_is_gone_with_its_file),
        cmocka_unit_test(a_bad_registry_at_a_restart_does_not_stop_what_was_accepted),
        cmocka_unit_test(a_first_start_needs_a_good_registry),
        cmocka_unit_test(every_way_of_putting_a_file_there_is_seen_once),
        cmocka_unit_test(a_file_that_is_being_written_is_left_alone_until_it_rests),
        cmocka_unit_test(a_change_of_the_files_is_taken_up_without_being_asked),
        cmocka_unit_test(a_bad_file_is_an_alarm_when_it_stays_and_none_of_the_other_is_lost),
        cmocka_unit_test(a_change_that_could_not_be_kept_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, country_teardown);
}
