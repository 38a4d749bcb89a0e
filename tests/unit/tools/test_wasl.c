/* wasl call, status and keys, run against a front that is played here. */
#include "forge.h"

#include "base/error.h"
#include "crypto/keys.h"

#include <microhttpd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

/* What the front was asked last, and what it answers. Written on its thread before the answer, read here
 * after it. */
static struct {
    struct forge forge;
    char socket[96], target[104], keys[96];
    struct MHD_Daemon *daemon;
    struct buffer asked; /* method, target and headers, a line each; then the body */
    unsigned status;
    const char *body, *refusal, *error;
} front;

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    buffer_printf(arg, "%s: %s\n", name, value);
    return MHD_YES;
}

static size_t leave_escaped(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg;
    (void)connection;
    return strlen(text);
}

static void *on_target(void *arg, const char *target, struct MHD_Connection *connection)
{
    (void)arg;
    (void)connection;
    buffer_clear(&front.asked);
    buffer_printf(&front.asked, "%s\n", target);
    return NULL;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload, size_t *size,
                                  void **request)
{
    (void)arg;
    (void)version;
    if (*request == NULL) {
        *request = &front;
        buffer_printf(&front.asked, "%s\n", method);
        MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, &front.asked);
        return MHD_YES;
    }
    if (*size > 0) {
        buffer_append(&front.asked, upload, *size);
        *size = 0;
        return MHD_YES;
    }
    (void)url;
    const char *body = front.body;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(body), (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Wasl-Exchange", "11111111-2222-4333-8444-555555555555");
    if (front.refusal != NULL) {
        MHD_add_response_header(response, "X-Road-Error", front.error);
        MHD_add_response_header(response, "Wasl-Refusal", front.refusal);
    }
    enum MHD_Result result = MHD_queue_response(connection, front.status, response);
    MHD_destroy_response(response);
    return result;
}

static int begin(void **state)
{
    (void)state;
    memset(&front, 0, sizeof front);
    forge_new(&front.forge);
    snprintf(front.socket, sizeof front.socket, "%s/front.sock", front.forge.folder);
    snprintf(front.target, sizeof front.target, "unix:%s", front.socket);
    snprintf(front.keys, sizeof front.keys, "%s/keys", front.forge.folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, front.socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 8) != 0)
        return -1;
    front.daemon =
        MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, NULL, NULL,
                         on_request, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_UNESCAPE_CALLBACK,
                         leave_escaped, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_target, NULL, MHD_OPTION_END);
    front.status = 200;
    front.body = "{\"given\":\"Amina\"}";
    return front.daemon != NULL ? 0 : -1;
}

static int finish(void **state)
{
    (void)state;
    MHD_stop_daemon(front.daemon);
    buffer_free(&front.asked);
    forge_free(&front.forge);
    return 0;
}

static bool was_asked(const char *text)
{
    return memmem(front.asked.data, front.asked.len, text, strlen(text)) != NULL;
}

#define CALL(input, ...)                                                                                     \
    run_tool("WASL_TOOL", input, "call", "-a", front.target, "-c", "TN/GOV/MEN/enrolment", "-s",             \
             "TN/GOV/MI/civil/person", __VA_ARGS__, NULL)

static void a_call_carries_subject_and_path_from_standard_input_to_the_front(void **state)
{
    (void)state;
    assert_int_equal(CALL("IUC:01234567890\n/persons/01234567890?a=%2F..\n", "-p", "SCHOOL-ENROLMENT",
                          "--subject-stdin", "--path-stdin"),
                     0);
    assert_true(was_asked("/r1/TN/GOV/MI/civil/person/persons/01234567890?a=%2F..\nGET\n"));
    assert_true(was_asked("X-Road-Client: TN/GOV/MEN/enrolment\n"));
    assert_true(was_asked("Wasl-Subject: IUC:01234567890\n"));
    assert_true(was_asked("Wasl-Purpose: SCHOOL-ENROLMENT\n"));
    assert_true(output_has("{\"given\":\"Amina\"}"));
    assert_true(output_has("exchange: 11111111-2222-4333-8444-555555555555"));
}

static void a_body_is_sent_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(CALL("IUC:01234567890\n{\"a\": 1.50}\nsecond", "--subject-stdin", "--body", "-"), 0);
    assert_true(was_asked("/r1/TN/GOV/MI/civil/person\nPOST\n"));
    assert_true(was_asked("Content-Type: application/json\n"));
    assert_true(was_asked("{\"a\": 1.50}\nsecond"));
}

static void a_refusal_is_told_in_words_with_what_to_do(void **state)
{
    (void)state;
    front.status = 400;
    front.error = "server.serverproxy.access_denied";
    front.refusal = "grant_expired";
    front.body =
        "{\"type\":\"server.serverproxy.access_denied\",\"message\":\"The grant has expired.\\u001b[2J\","
        "\"detail\":\"11111111-2222-4333-8444-555555555555\"}";
    assert_int_equal(CALL("x\n", "--path", "/persons"), 1);
    assert_true(output_has("refused: The grant has expired."));
    assert_true(output_has("grant_expired"));
    assert_true(output_has("Ask the authority to renew the grant."));
    assert_true(output_has("11111111-2222-4333-8444-555555555555"));
    assert_null(memchr(run_output.data, 0x1b, run_output.len));
}

static void an_error_of_the_providers_own_system_is_not_taken_for_an_answer(void **state)
{
    (void)state;
    front.status = 404;
    assert_int_equal(CALL(NULL, "--path", "/persons"), 1);
    assert_true(output_has("the provider's own system answered with status 404"));
}

static void a_line_break_cannot_be_smuggled_into_the_request(void **state)
{
    (void)state;
    assert_int_equal(CALL("/a b\n", "--path-stdin"), 2);
    assert_int_equal(CALL(NULL, "--path", "/a\r\nX-Road-Client: other"), 2);
    assert_int_equal(CALL(NULL, "--header", "X-A: b\r\nX-Road-Client: other"), 2);
    assert_int_equal(CALL("\n", "--subject-stdin"), 2);
    assert_int_equal(CALL(NULL, "--path", "x/persons"), 2); /* would be another service: personx */
}

static void an_adapter_that_is_not_there_is_an_io_error(void **state)
{
    (void)state;
    assert_int_equal(run_tool("WASL_TOOL", NULL, "call", "-a", "unix:/nonexistent/sock", "-c",
                              "TN/GOV/MEN/enrolment", "-s", "TN/GOV/MI/civil/person", NULL),
                     6);
    assert_int_equal(run_tool("WASL_TOOL", NULL, "call", "-a", "ftp://x", "-c", "TN/GOV/MEN/enrolment", "-s",
                              "TN/GOV/MI/civil/person", NULL),
                     2);
    assert_int_equal(run_tool("WASL_TOOL", NULL, "call", "-a", front.target, "-c", "TN/GOV/MEN", "-s",
                              "TN/GOV/MI/civil/person", NULL),
                     2);
}

static void status_tells_whether_an_adapter_works(void **state)
{
    (void)state;
    front.body = "{\"member\":\"TN/GOV/"
                 "MI\",\"linked\":true,\"trouble\":null,\"checkpoint_size\":12,\"registry_version\":3,"
                 "\"asks_open\":0,\"calls_open\":1,\"asked\":5,\"answered\":4,\"refused\":1}";
    assert_int_equal(run_tool("WASL_TOOL", NULL, "status", "--adapter", front.target, NULL), 0);
    assert_true(was_asked("/wasl/status\nGET\n"));
    assert_true(output_has(": linked"));
    assert_true(output_has("TN/GOV/MI"));
    front.body = "{\"member\":\"TN/GOV/MI\",\"linked\":false,\"trouble\":\"the ledger is not consistent\"}";
    assert_int_equal(run_tool("WASL_TOOL", NULL, "status", "--adapter", front.target, NULL), 1);
    assert_true(output_has("the ledger is not consistent"));
    assert_int_equal(run_tool("WASL_TOOL", NULL, "status", "--json", "--adapter", front.target, NULL), 1);
    front.body = "this is no JSON";
    assert_int_equal(run_tool("WASL_TOOL", NULL, "status", "--adapter", front.target, NULL), 6);
    assert_int_equal(run_tool("WASL_TOOL", NULL, "status", "--bus", "/nonexistent/sock", NULL), 6);
}

static void keys_shows_public_halves_and_never_a_private_one(void **state)
{
    char path[128], hex[65];
    struct link_key link;
    struct sealing_key sealing;
    struct buffer secret = {0};
    struct error e = {0};
    (void)state;
    assert_int_equal(link_key_generate(&link, &e), 0);
    assert_int_equal(sealing_key_generate(&sealing, &e), 0);
    snprintf(path, sizeof path, "%s/link.key", front.keys);
    assert_int_equal(link_key_save(path, &link, &e), 0);
    snprintf(path, sizeof path, "%s/sealing.key", front.keys);
    assert_int_equal(sealing_key_save(path, &sealing, &e), 0);
    snprintf(path, sizeof path, "%s/ledger.key", front.keys);
    assert_int_equal(note_signer_save(path, &front.forge.key, &e), 0);
    assert_int_equal(run_tool("WASL_TOOL", NULL, "keys", front.keys, NULL), 0);
    hex_encode(link.public_key, 32, hex);
    assert_true(output_has(hex));
    hex_encode(link.secret_key, 32, hex);
    assert_false(output_has(hex));
    hex_encode(sealing.id, 32, hex);
    assert_true(output_has(hex));
    base64_encode(bytes_make(sealing.private_key, 32), &secret);
    buffer_append(&secret, "", 1);
    assert_false(output_has((const char *)secret.data));
    buffer_free(&secret);
    assert_true(output_has(front.forge.vkey));
    assert_true(output_has("signing.key.pem fits a certificate"));
    assert_true(output_has("CN=TN/GOV/MEN"));
}

static void keys_finds_what_others_can_read_and_what_does_not_fit(void **state)
{
    char path[128], away[128];
    (void)state;
    snprintf(path, sizeof path, "%s/signing.key.pem", front.keys);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(run_tool("WASL_TOOL", NULL, "keys", front.keys, NULL), 3);
    assert_true(output_has("WRONG"));
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(run_tool("WASL_TOOL", NULL, "keys", front.keys, NULL), 0);

    struct forge other;
    forge_new(&other);
    snprintf(away, sizeof away, "%s/keys/signing.key.pem", other.folder);
    assert_int_equal(rename(away, path), 0);
    forge_free(&other);
    assert_int_equal(run_tool("WASL_TOOL", NULL, "keys", front.keys, NULL), 3);
    assert_true(output_has("no certificate of this folder is for this key"));
}

static void keys_of_an_empty_or_missing_folder(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/empty", front.forge.folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(run_tool("WASL_TOOL", NULL, "keys", path, NULL), 1);
    assert_int_equal(run_tool("WASL_TOOL", NULL, "keys", "/nonexistent", NULL), 6);
    assert_int_equal(run_tool("WASL_TOOL", NULL, "keys", NULL), 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        T(a_call_carries_subject_and_path_from_standard_input_to_the_front),
        T(a_body_is_sent_as_it_is),
        T(a_refusal_is_told_in_words_with_what_to_do),
        T(an_error_of_the_providers_own_system_is_not_taken_for_an_answer),
        T(a_line_break_cannot_be_smuggled_into_the_request),
        T(an_adapter_that_is_not_there_is_an_io_error),
        T(status_tells_whether_an_adapter_works),
        T(keys_shows_public_halves_and_never_a_private_one),
        T(keys_finds_what_others_can_read_and_what_does_not_fit),
        T(keys_of_an_empty_or_missing_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
