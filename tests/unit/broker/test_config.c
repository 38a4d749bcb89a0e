/* The configuration is taken whole or not at all. */
#include "broker/config.h"

#include "base/error.h"
#include "crypto/keys.h"
#include "tlog/note.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../scratch.h"

static char folder[] = "/tmp/wasl-config-XXXXXX";

static void put_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(file_write_atomically(path, bytes_of_string(text), 0600, NULL), 0);
}

/* A good file but for what is appended; `without`: a key left out. */
static struct config_file *load(const char *without, const char *more, struct faults *faults)
{
    struct note_signer authority;
    struct buffer vkey = {0}, text = {0};
    struct error e = {0};
    char path[128];
    assert_int_equal(note_signer_generate("authority.example.tn/one", NOTE_ED25519, &authority, NULL), 0);
    note_verifier_format(&authority.verifier, &vkey);
    const char *const lines[][2] = {
        {"instance", "TN"},       {"listen", "\"tcp://127.0.0.1:*\""}, {"state", "/tmp/state"},
        {"link_key", "link.key"}, {"ledger_key", "ledger.key"},        {"registry", "registry.signed"},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (without != NULL && strcmp(without, lines[i][0]) == 0)
            continue;
        bool file = i >= 3;
        buffer_printf(&text, "%s: %s%s%s\n", lines[i][0], file ? folder : "", file ? "/" : "", lines[i][1]);
    }
    buffer_printf(&text, "authority: {threshold: 1, keys: [\"%.*s\"]}\n%s\n", (int)vkey.len,
                  (const char *)vkey.data, more);
    buffer_append(&text, "", 1);
    put_file("bus.yaml", (const char *)text.data);
    snprintf(path, sizeof(path), "%s/bus.yaml", folder);
    struct config_file *file = config_load(path, faults, &e);
    assert_true((file == NULL) == (faults->count > 0));
    buffer_free(&vkey);
    buffer_free(&text);
    return file;
}

static void what_is_not_given_has_its_default(void **state)
{
    (void)state;
    struct faults faults = {0};
    struct config_file *file = load(NULL, "limits: {exchanges: 7}", &faults);
    assert_non_null(file);
    const struct config *c = config_get(file);
    assert_string_equal(c->instance, "TN");
    assert_null(c->audit_socket);
    assert_int_equal(c->limits.exchanges, 7);
    assert_int_equal(c->limits.submit_messages, 256);
    assert_int_equal(c->limits.refusals_per_second, 50);
    config_free(file);
    faults_free(&faults);
}

static void assert_fault(const char *without, const char *more, const char *words)
{
    struct faults faults = {0};
    assert_null(load(without, more, &faults));
    buffer_append(&faults.text, "", 1);
    if (strstr((const char *)faults.text.data, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, (const char *)faults.text.data);
    faults_free(&faults);
}

static void a_relative_path_begins_at_the_files_folder(void **state)
{
    (void)state;
    struct faults faults = {0};
    char wanted[128];
    struct config_file *file =
        load("link_key", "link_key: link.key\naudit_socket: audit.sock\ncrl_files: [a.pem, /b.pem]", &faults);
    assert_non_null(file);
    const struct config *c = config_get(file);
    snprintf(wanted, sizeof(wanted), "%s/link.key", folder);
    assert_string_equal(c->link_key, wanted);
    snprintf(wanted, sizeof(wanted), "%s/audit.sock", folder);
    assert_string_equal(c->audit_socket, wanted);
    snprintf(wanted, sizeof(wanted), "%s/a.pem", folder);
    assert_string_equal(c->crl_files[0], wanted);
    assert_string_equal(c->crl_files[1], "/b.pem");
    config_free(file);
    faults_free(&faults);
}

static void every_fault_is_named(void **state)
{
    (void)state;
    assert_fault("state", "", "state");
    assert_fault(NULL, "colour: blue", "colour");
    assert_fault(NULL, "limits: {exchanges: 99999999999}", "limits.exchanges");
    assert_fault(NULL, "limits: {submit_bytes: 1048576}", "limits.submit_bytes");
    assert_fault(NULL, "limits: {mailbox_bytes: 1048576}", "limits.mailbox_bytes");
    assert_fault(NULL, "limits: {waiting_bytes: 1048576}", "limits.waiting_bytes");
    assert_fault(NULL, "limits: {half_open: 1}", "limits.half_open");
    assert_fault(NULL, "crls: /nowhere/at/all", "/nowhere/at/all");
    assert_fault(NULL, "descriptions: /nowhere/at/all", "/nowhere/at/all");
    assert_fault("listen", "listen: ipc:///tmp/x", "listen");
    assert_fault("instance", "instance: a/b", "instance");
    assert_fault("registry", "registry: /nowhere", "registry");
    assert_fault("listen", "listen: \"tcp://127.0.0.1:99999\"", "listen");
    assert_fault("listen", "listen: \"tcp://127.0.0.1\"", "listen");
    /* Keys are looked at too: what --check passes does start. */
    assert_fault("link_key", "link_key: ledger.key", "link_key: ");
    assert_fault("link_key", "link_key: /nowhere", "link_key: cannot open /nowhere");
    assert_fault("ledger_key", "ledger_key: witness.key", "witness");
    /* Two at once: both. */
    assert_fault("registry", "registry: /nowhere\nlimits: {exchanges: 99999999999}", "limits.exchanges");
}

static int begin(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    struct link_key link;
    struct note_signer ledger;
    char path[128];
    assert_int_equal(link_key_generate(&link, NULL), 0);
    snprintf(path, sizeof(path), "%s/link.key", folder);
    assert_int_equal(link_key_save(path, &link, NULL), 0);
    assert_int_equal(note_signer_generate("bus.example.tn/ledger", NOTE_ED25519, &ledger, NULL), 0);
    snprintf(path, sizeof(path), "%s/ledger.key", folder);
    assert_int_equal(note_signer_save(path, &ledger, NULL), 0);
    assert_int_equal(note_signer_generate("TN-GOV-MI/witness", NOTE_COSIGNATURE, &ledger, NULL), 0);
    snprintf(path, sizeof(path), "%s/witness.key", folder);
    assert_int_equal(note_signer_save(path, &ledger, NULL), 0);
    put_file("registry.signed", "");
    return 0;
}

static int end(void **state)
{
    (void)state;
    return scratch_delete(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_given_has_its_default),
        cmocka_unit_test(a_relative_path_begins_at_the_files_folder),
        cmocka_unit_test(every_fault_is_named),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
