/* The adapter's configuration file: what is taken, and that every fault is said with its path and line. */
#include "base/bytes.h"
#include "base/clock.h"
#include "daemon/config.h"
#include "tlog/note.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char vkey[256];

static struct config *load(const char *text, struct faults *faults)
{
    char folder[] = "/tmp/wasl-config-XXXXXX", path[64];
    struct error *none = NULL;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/adapter.yaml", folder);
    struct buffer filled = {0};
    for (const char *p = text; *p != 0; p++) { /* @ stands for a good authority key */
        if (*p == '@')
            buffer_append_string(&filled, vkey);
        else
            buffer_append(&filled, p, 1);
    }
    assert_int_equal(file_write_atomically(path, buffer_bytes(&filled), 0600, none), 0);
    buffer_free(&filled);
    memset(faults, 0, sizeof *faults);
    struct config *config = config_load(path, faults);
    unlink(path);
    rmdir(folder);
    return config;
}

#define HEAD                                                                                                 \
    "instance: TN\n"                                                                                         \
    "member: TN/GOV/MI\n"                                                                                    \
    "state: state\n"                                                                                         \
    "bus: {endpoint: 'tcp://127.0.0.1:9000', public_key: "                                                   \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}\n"                                    \
    "keys: {signing: s.pem, chain: /etc/c.pem, link: l.key, sealing: [a.key, b.key]}\n"                      \
    "authority: {threshold: 1, keys: ['@']}\n"

static void a_whole_file_is_loaded(void **state)
{
    struct faults faults;
    struct config *c =
        load(HEAD "listeners:\n"
                  "- {unix: front.sock, mode: '0660', subsystems: [civil, other]}\n"
                  "- {address: '127.0.0.1:0', subsystems: [civil]}\n"
                  "services:\n"
                  "- service: TN/GOV/MI/civil/person\n"
                  "  connector: sql\n"
                  "  sql:\n"
                  "    connection: 'dbname=civil'\n"
                  "    timeout_ms: 250\n"
                  "    statements:\n"
                  "    - {operation: identity, one: true, parameters: [iuc], text: SELECT $1}\n"
                  "- {service: TN/GOV/MI/civil/echo, connector: echo}\n"
                  "limits: {request_timeout_ms: 9000, crl_grace_hours: 2}\n"
                  "fault_spelling: old\n"
                  "log_level: warn\n",
             &faults);

    (void)state;
    if (c == NULL)
        fprintf(stderr, "%.*s", (int)faults.text.len, (char *)faults.text.data);
    assert_non_null(c);
    assert_int_equal(faults.count, 0);
    assert_string_equal(c->member, "TN/GOV/MI");
    assert_int_equal(c->bus_public_key[1], 0x23);
    assert_memory_equal(c->state, "/tmp/wasl-config-", 17); /* relative to the file's folder */
    assert_string_equal(c->chain, "/etc/c.pem");
    assert_int_equal(c->sealing_key_count, 2);
    assert_int_equal(c->listener_count, 2);
    assert_int_equal(c->listeners[0].mode, 0660);
    assert_string_equal(c->listeners[0].subsystems[1], "TN/GOV/MI/other");
    assert_null(c->listeners[0].address);
    assert_string_equal(c->listeners[1].address, "127.0.0.1:0");
    assert_int_equal(c->service_count, 2);
    assert_int_equal(c->services[0].sql.timeout, 250000);
    assert_true(c->services[0].sql.statements[0].one);
    assert_false(c->services[0].sql.statements[0].writes);
    assert_string_equal(c->services[0].sql.statements[0].parameters[0], "iuc");
    assert_int_equal(c->request_timeout, 9 * MICROSECONDS);
    assert_int_equal(c->crl_grace, 7200 * MICROSECONDS);
    assert_int_equal(c->fault_spelling, FAULT_SPELLING_OLD);
    assert_int_equal(c->log_level, LOG_WARN_);
    config_free(c);
    faults_free(&faults);
}

/* The file is refused, and this line of the faults is there. */
static void has_fault(struct faults *faults, unsigned line, const char *path)
{
    char expected[128];
    struct buffer text = {0};

    snprintf(expected, sizeof expected, "adapter.yaml:%u: %s", line, path);
    buffer_append_bytes(&text, buffer_bytes(&faults->text));
    buffer_append(&text, "", 1);
    if (strstr((char *)text.data, expected) == NULL)
        fprintf(stderr, "wanted \"%s\" in\n%s", expected, (char *)text.data);
    assert_non_null(strstr((char *)text.data, expected));
    buffer_free(&text);
}

static void every_fault_is_said_with_its_path_and_line(void **state)
{
    struct faults faults;

    (void)state;
    assert_null(load("instance: TN\n"
                     "member: XX/GOV/MI\n"
                     "state: state\n"
                     "bus:\n"
                     "  endpoint: ipc://x\n"
                     "  public_key: 0123\n"
                     "keys: {signing: s.pem, chain: c.pem, link: l.key, sealing: [a.key]}\n"
                     "authority:\n"
                     "  threshold: 3\n"
                     "  keys:\n"
                     "  - '@'\n"
                     "  - not-a-key\n"
                     "listeners:\n"
                     "- {address: '0.0.0.0:80', subsystems: [civil]}\n"
                     "- {unix: a, address: '127.0.0.1:1', subsystems: [civil]}\n"
                     "- {unix: a, mode: '0777', subsystems: [a/b]}\n"
                     "services:\n"
                     "- {service: TN/GOV/MAS/a/b, connector: echo}\n"
                     "- {service: XX/GOV/MI/a/b, connector: soap}\n"
                     "- {service: XX/GOV/MI/a/c, connector: sql}\n"
                     "- service: XX/GOV/MI/a/b\n"
                     "  connector: sql\n"
                     "  sql:\n"
                     "    connection: dbname=x password=y\n"
                     "    statements:\n"
                     "    - {operation: a, text: SELECT $2, parameters: [iuc]}\n"
                     "    - {operation: b, text: SELECT $1, parameters: [body.x]}\n"
                     "    - {operation: a, text: SELECT 1}\n"
                     "log_level: loud\n"
                     "limits:\n"
                     "  request_timeout_ms: 120000\n",
                     &faults));
    has_fault(&faults, 2, "member");
    has_fault(&faults, 5, "bus.endpoint");
    has_fault(&faults, 6, "bus.public_key");
    has_fault(&faults, 9, "authority.threshold");
    has_fault(&faults, 12, "authority.keys[1]");
    has_fault(&faults, 14, "listeners[0].address");
    has_fault(&faults, 15, "listeners[1]");
    has_fault(&faults, 16, "listeners[2].mode");
    has_fault(&faults, 16, "listeners[2].subsystems[0]");
    has_fault(&faults, 18, "services[0].service");
    has_fault(&faults, 19, "services[1].connector");
    has_fault(&faults, 20, "services[2].connector");
    has_fault(&faults, 21, "services[3].service");
    has_fault(&faults, 24, "services[3].sql.connection");
    has_fault(&faults, 26, "services[3].sql.statements[0]");
    has_fault(&faults, 27, "services[3].sql.statements[1]");
    has_fault(&faults, 28, "services[3].sql.statements[2]");
    has_fault(&faults, 29, "log_level");
    has_fault(&faults, 31, "limits.request_timeout_ms");
    assert_int_equal(faults.count, 19);
    faults_free(&faults);
}

static void a_service_of_the_rest_connector_is_judged(void **state)
{
    struct faults faults;
    struct config *c = load(
        HEAD "services:\n"
             "- service: TN/GOV/MI/civil/person\n"
             "  connector: rest\n"
             "  rest: {url: 'http://localhost/base', unix: system.sock, connections: 4, timeout_ms: 2500}\n",
        &faults);

    (void)state;
    assert_non_null(c);
    assert_string_equal(c->services[0].rest.url, "http://localhost/base");
    assert_string_equal(c->services[0].rest.name, "TN/GOV/MI/civil/person");
    assert_memory_equal(c->services[0].rest.unix_path, "/tmp/wasl-config-",
                        17); /* relative to the file's folder */
    assert_int_equal(c->services[0].rest.connections, 4);
    assert_int_equal(c->services[0].rest.timeout, 2500000);
    config_free(c);
    faults_free(&faults);

    assert_null(load(HEAD "services:\n"
                          "- {service: TN/GOV/MI/a/b, connector: rest}\n"
                          "- {service: TN/GOV/MI/a/c, connector: echo, rest: {url: 'http://localhost'}}\n"
                          "- service: TN/GOV/MI/a/d\n"
                          "  connector: rest\n"
                          "  rest:\n"
                          "    url: http://10.0.0.5/base\n"
                          "    timeout_ms: 120001\n"
                          "- service: TN/GOV/MI/a/e\n"
                          "  connector: rest\n"
                          "  rest:\n"
                          "    url: https://10.0.0.5/base\n"
                          "    ca: absent.pem\n",
                     &faults));
    has_fault(&faults, 8, "services[0].connector");
    has_fault(&faults, 9, "services[1].connector");
    has_fault(&faults, 13, "services[2].rest.url");
    has_fault(&faults, 14, "services[2].rest.timeout_ms");
    has_fault(&faults, 19, "services[3].rest.ca");
    assert_int_equal(faults.count, 5);
    faults_free(&faults);
}

static void faults_of_form_are_said_all_together(void **state)
{
    struct faults faults;

    (void)state;
    assert_null(load(HEAD "listener: []\n"
                          "limits: {connections: many}\n",
                     &faults));
    assert_true(faults.count >= 2);
    has_fault(&faults, 7, "unknown key \"listener\"");
    has_fault(&faults, 8, "limits.connections");
    faults_free(&faults);
    assert_null(load(HEAD, &faults)); /* well formed, and nothing to do */
    assert_int_equal(faults.count, 1);
    faults_free(&faults);
}

static void a_file_that_is_not_there_is_a_fault(void **state)
{
    struct faults faults = {0};

    (void)state;
    assert_null(config_load("/nonexistent/adapter.yaml", &faults));
    assert_int_equal(faults.count, 1);
    faults_free(&faults);
}

static int setup(void **state)
{
    struct note_signer signer;
    struct buffer text = {0};

    (void)state;
    if (note_signer_generate("authority.example", NOTE_ED25519, &signer, NULL) != 0)
        return -1;
    note_verifier_format(&signer.verifier, &text);
    snprintf(vkey, sizeof vkey, "%.*s", (int)text.len, (char *)text.data);
    note_signer_clear(&signer);
    buffer_free(&text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_is_loaded),
        cmocka_unit_test(every_fault_is_said_with_its_path_and_line),
        cmocka_unit_test(a_service_of_the_rest_connector_is_judged),
        cmocka_unit_test(faults_of_form_are_said_all_together),
        cmocka_unit_test(a_file_that_is_not_there_is_a_fault),
    };
    return cmocka_run_group_tests_name("adapter configuration", tests, setup, NULL);
}
