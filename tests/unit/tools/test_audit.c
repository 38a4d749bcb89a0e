/* The bus's audit socket on a real ledger: what it serves, what it refuses, and that the tools read it. */
#include "broker/audit.h"
#include "forge.h"

#include "base/error.h"
#include "common/http.h"
#include "crypto/hash.h"
#include "ledger/ledger.h"
#include "ledger/truststore.h"
#include "tlog/tile.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define ENTRIES 300

static struct {
    char folder[64], socket[96], target[104], vkey[256];
    struct note_signer key;
    struct ledger *ledger;
    struct truststore *trust;
    struct audit *audit;
    uint8_t object[HASH_SIZE];
    struct http_client *client;
    struct http_response response;
} bus;

static void fill_status(void *arg, struct audit_status *out)
{
    (void)arg;
    out->started = FORGE_START;
    out->members_connected = 2;
    out->exchanges_open = 3;
    out->disk_used = 0.25;
    out->registry_version = 7;
}
static const struct audit_status_source source = {.fill = fill_status};

static void fill_ledger(void)
{
    struct error e = {0};
    struct ledger_result result;
    assert_int_equal(truststore_put(bus.trust, bytes_of_string("a registry"), bus.object, &e), 0);
    ledger_set_registry(bus.ledger, 1, bus.object);
    assert_int_equal(ledger_begin(bus.ledger, FORGE_START, &e), 0);
    assert_int_equal(ledger_put_object(bus.ledger, 1, bus.object, NULL, &result, &e), 0);
    for (int i = 1; i < ENTRIES; i++)
        assert_int_equal(ledger_put_administration(bus.ledger, "a note", &result, &e), 0);
    assert_int_equal(ledger_commit(bus.ledger, &e), 0);
}

static int begin(void **state)
{
    struct error e = {0};
    struct buffer vkey = {0};
    char path[128];
    (void)state;
    memset(&bus, 0, sizeof bus);
    strcpy(bus.folder, "/tmp/wasl-audit-XXXXXX");
    assert_non_null(mkdtemp(bus.folder));
    setenv("XDG_STATE_HOME", bus.folder, 1);
    snprintf(bus.socket, sizeof bus.socket, "%s/audit.sock", bus.folder);
    snprintf(bus.target, sizeof bus.target, "unix:%s", bus.socket);
    assert_int_equal(note_signer_generate("bus.example.tn/ledger", NOTE_ED25519, &bus.key, &e), 0);
    note_verifier_format(&bus.key.verifier, &vkey);
    memcpy(bus.vkey, vkey.data, vkey.len);
    buffer_free(&vkey);
    snprintf(path, sizeof path, "%s/state", bus.folder);
    struct ledger_options options = {
        .folder = path, .map_size = 64 << 20, .signer = &bus.key, .create = true};
    bus.ledger = ledger_open(&options, &e);
    if (bus.ledger == NULL)
        print_message("%s\n", e.text);
    assert_non_null(bus.ledger);
    snprintf(path, sizeof path, "%s/trust", bus.folder);
    bus.trust = truststore_open(path, &e);
    assert_non_null(bus.trust);
    bus.audit = audit_start(bus.socket, bus.ledger, bus.trust, &source, &e);
    assert_non_null(bus.audit);
    bus.client = http_client_new(bus.target, &e);
    assert_non_null(bus.client);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    http_client_free(bus.client);
    http_response_free(&bus.response);
    audit_stop(bus.audit);
    truststore_close(bus.trust);
    ledger_close(bus.ledger);
    buffer_free(&run_output);
    remove_folder(bus.folder);
    return 0;
}

static unsigned ask(const char *method, const char *target)
{
    struct error e = {0};
    struct http_request request = {.method = method, .target = target, .limit = 1 << 24};
    if (http_client_ask(bus.client, &request, &bus.response, &e) != 0)
        print_message("%s\n", e.text);
    return bus.response.status;
}
#define get(target) ask("GET", target)

static void checkpoint_tiles_and_bundles_are_served_as_they_are_in_the_ledger(void **state)
{
    struct buffer expected = {0};
    struct checkpoint checkpoint;
    struct error e = {0};
    (void)state;
    fill_ledger();
    assert_int_equal(get("/checkpoint"), 200);
    assert_true(checkpoint_open(buffer_bytes(&bus.response.body), &bus.key.verifier, 1, &checkpoint));
    assert_int_equal(checkpoint.size, ENTRIES);
    assert_int_equal(get("/tile/0/000"), 200);
    assert_int_equal(bus.response.body.len, 8192);
    assert_int_equal(get("/tile/0/001.p/44"), 200);
    assert_int_equal(bus.response.body.len, 44 * 32);
    assert_int_equal(get("/tile/1/000.p/1"), 200);
    assert_int_equal(get("/tile/entries/000"), 200);
    assert_int_equal(ledger_read_bundle(bus.ledger, 0, 256, &expected, &e), 1);
    assert_true(bytes_equal(buffer_bytes(&bus.response.body), buffer_bytes(&expected)));
    buffer_free(&expected);
    assert_int_equal(get("/tile/entries/001.p/44"), 200);
    assert_int_equal(get("/tile/entries/000.p/9"), 200); /* what an older checkpoint covers */
}

static void nothing_else_is_there(void **state)
{
    (void)state;
    fill_ledger();
    static const char *const targets[] = {
        "/",
        "/checkpoint/",
        "/checkpoint?x",
        "/checkpoint?x=1",
        "/tile/0/002",
        "/tile/0/001",
        "/tile/0/001.p/45",
        "/tile/0/0",
        "/tile/0/%30%30%30",
        "/tile/00/000",
        "/tile/8/000/../000",
        "/tile/1/000",
        "/tile/entries/001",
        "/tile/entries/../../checkpoint",
        "/trust/0000000000000000000000000000000000000000000000000000000000000000",
        "/trust/../state/STOPPED",
        "/trust/",
        "/STATUS",
    };
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        unsigned status = get(targets[i]);
        if (status != 404)
            print_message("%s: %u\n", targets[i], status);
        assert_int_equal(status, 404);
    }
}

static void an_empty_ledger_has_no_checkpoint(void **state)
{
    (void)state;
    assert_int_equal(get("/checkpoint"), 404);
    assert_int_equal(get("/status"), 200);
}

static void objects_of_the_trust_store_are_served_by_their_hash(void **state)
{
    char target[80] = "/trust/";
    (void)state;
    fill_ledger();
    hex_encode(bus.object, HASH_SIZE, target + 7);
    assert_int_equal(get(target), 200);
    assert_true(bytes_equal_string(buffer_bytes(&bus.response.body), "a registry"));
}

static void it_can_only_be_read(void **state)
{
    (void)state;
    fill_ledger();
    static const char *const methods[] = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        assert_int_equal(ask(methods[i], "/checkpoint"), 405);
    assert_int_equal(ask("HEAD", "/checkpoint"), 200);
    struct bytes body = bytes_of_string("something");
    struct error e = {0};
    struct http_request request = {.method = "POST", .target = "/checkpoint", .body = &body, .limit = 4096};
    assert_true(http_client_ask(bus.client, &request, &bus.response, &e) != 0 || bus.response.status == 405);
    assert_int_equal(get("/checkpoint"), 200);
}

static void status_is_json_for_operators(void **state)
{
    (void)state;
    fill_ledger();
    assert_int_equal(get("/status"), 200);
    json_t *status =
        json_loadb((const char *)bus.response.body.data, bus.response.body.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(status);
    assert_int_equal(json_integer_value(json_object_get(status, "checkpoint_size")), ENTRIES);
    assert_int_equal(json_integer_value(json_object_get(status, "members_connected")), 2);
    assert_int_equal(json_integer_value(json_object_get(status, "registry_version")), 7);
    assert_true(json_is_null(json_object_get(status, "trouble")));
    assert_string_equal(json_string_value(json_object_get(status, "origin")), "bus.example.tn/ledger");
    json_decref(status);
    assert_int_equal(run_tool("WASL_TOOL", NULL, "status", "--bus", bus.socket, NULL), 0);
    assert_true(output_has("members connected    2"));
    assert_true(output_has("25.0 %"));
}

/* Twice as many as the socket serves at once say nothing, and as many begin and do not end. */
static void silent_and_dripping_readers_keep_nobody_from_the_status(void **state)
{
    int fds[128];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    strcpy(address.sun_path, bus.socket);
    for (int i = 0; i < 128; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&address, sizeof address), 0);
        if (i % 2 == 1)
            (void)!send(fds[i], "GET /sta", 8, MSG_NOSIGNAL);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 1; i < 128; i += 2)
            (void)!send(fds[i], "t", 1, MSG_NOSIGNAL);
        assert_int_equal(get("/status"), 200);
        assert_int_equal(get("/checkpoint"), 404);
    }
    for (int i = 0; i < 128; i++)
        close(fds[i]);
}

static void the_socket_is_for_owner_and_group_and_goes_with_the_server(void **state)
{
    struct stat st;
    (void)state;
    assert_int_equal(stat(bus.socket, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0660);
    audit_stop(bus.audit);
    bus.audit = NULL;
    assert_int_equal(stat(bus.socket, &st), -1);
}

static void a_stale_socket_is_replaced_and_a_live_one_or_a_file_is_not(void **state)
{
    struct error e = {0};
    struct stat st;
    (void)state;
    assert_null(audit_start(bus.socket, bus.ledger, bus.trust, &source, &e));
    assert_non_null(strstr(e.text, "another process"));
    assert_int_equal(get("/status"), 200);
    audit_stop(bus.audit);

    int fd = socket(AF_UNIX, SOCK_STREAM, 0); /* what a bus that was killed leaves behind */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, bus.socket);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    bus.audit = audit_start(bus.socket, bus.ledger, bus.trust, &source, &e);
    assert_non_null(bus.audit);
    assert_int_equal(get("/status"), 200);

    char path[128];
    snprintf(path, sizeof path, "%s/file", bus.folder);
    write_text(path, "x", 1);
    assert_null(audit_start(path, bus.ledger, bus.trust, &source, &e));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 1);
}

static void the_tools_read_the_socket_and_a_copy_of_it_alike(void **state)
{
    char copy[96];
    (void)state;
    fill_ledger();
    assert_int_equal(run_tool("WASL_AUDIT_TOOL", NULL, "verify", "-s", bus.socket, "--key", bus.vkey, NULL),
                     0);
    assert_true(output_has("300 entries"));
    snprintf(copy, sizeof copy, "%s/copy", bus.folder);
    assert_int_equal(run_tool("WASL_AUDIT_TOOL", NULL, "tiles", "-s", bus.socket, copy, NULL), 0);
    /* It extends what was seen on the socket, and has everything that verifying needs. */
    assert_int_equal(run_tool("WASL_AUDIT_TOOL", NULL, "verify", "-d", copy, "--key", bus.vkey, NULL), 0);
    assert_true(output_has("extends the checkpoint remembered, of 300 entries"));
    assert_int_equal(run_tool("WASL_AUDIT_TOOL", NULL, "log", "-s", bus.socket, "--utc", NULL), 0);
    struct buffer live = run_output;
    run_output = (struct buffer){0};
    assert_int_equal(run_tool("WASL_AUDIT_TOOL", NULL, "log", "-d", copy, "--utc", NULL), 0);
    assert_true(bytes_equal(buffer_bytes(&live), buffer_bytes(&run_output)));
    buffer_free(&live);
}

static void read_line(FILE *from, char *line, size_t room)
{
    assert_non_null(fgets(line, (int)room, from));
}

static void log_follows_what_is_written_while_it_runs(void **state)
{
    char command[512], line[512];
    struct ledger_result result;
    struct error e = {0};
    (void)state;
    fill_ledger();
    /* The alarm of the shell's child only keeps a broken tool from hanging the test for ever. */
    snprintf(command, sizeof command, "exec timeout 60 %s log -s %s -f --utc --type administration",
             getenv("WASL_AUDIT_TOOL"), bus.socket);
    FILE *tool = popen(command, "r");
    assert_non_null(tool);
    for (int i = 1; i < ENTRIES; i++)
        read_line(tool, line, sizeof line);
    assert_int_equal(ledger_begin(bus.ledger, FORGE_START + 1, &e), 0);
    assert_int_equal(ledger_put_administration(bus.ledger, "something new", &result, &e), 0);
    assert_int_equal(ledger_commit(bus.ledger, &e), 0);
    read_line(tool, line, sizeof line);
    assert_non_null(strstr(line, "something new"));
    audit_stop(bus.audit);
    bus.audit = NULL;
    int status = pclose(tool); /* it says so when the bus is gone */
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 6);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        T(checkpoint_tiles_and_bundles_are_served_as_they_are_in_the_ledger),
        T(nothing_else_is_there),
        T(an_empty_ledger_has_no_checkpoint),
        T(objects_of_the_trust_store_are_served_by_their_hash),
        T(it_can_only_be_read),
        T(status_is_json_for_operators),
        T(silent_and_dripping_readers_keep_nobody_from_the_status),
        T(the_socket_is_for_owner_and_group_and_goes_with_the_server),
        T(a_stale_socket_is_replaced_and_a_live_one_or_a_file_is_not),
        T(the_tools_read_the_socket_and_a_copy_of_it_alike),
        T(log_follows_what_is_written_while_it_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
