/* The adapter's configuration: taken whole, or refused with a fault that names a line. */
#include "fuzz.h"

#include "daemon/config.h"
#include "tlog/note.h"

#include <unistd.h>

#define GOOD                                                                                                 \
    "instance: TN\nmember: TN/GOV/MI\nstate: state\nbus: {endpoint: 'tcp://127.0.0.1:9000', public_key: "    \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}\n"                                    \
    "keys: {signing: s.pem, chain: /etc/c.pem, link: l.key, sealing: [a.key, b.key]}\n"                      \
    "authority: {threshold: 1, keys: ['%s']}\n"                                                              \
    "listeners:\n- {unix: front.sock, mode: '0660', subsystems: [civil, other]}\n"                           \
    "- {address: '127.0.0.1:0', subsystems: [civil]}\nservices:\n- service: TN/GOV/MI/civil/person\n"        \
    "  connector: sql\n  sql:\n    connection: 'dbname=civil'\n    timeout_ms: 250\n    statements:\n"       \
    "    - {operation: identity, one: true, parameters: [iuc], text: SELECT $1}\n"                           \
    "- {service: TN/GOV/MI/civil/echo, connector: echo}\nlimits: {request_timeout_ms: 9000}\n"               \
    "fault_spelling: old\nlog_level: warn\n"

static struct buffer good;

void fuzz_setup(void)
{
    struct note_signer authority;
    struct buffer vkey = {0};
    FUZZ_CHECK(note_signer_generate("authority.example.tn/one", NOTE_ED25519, &authority, NULL) == 0);
    note_verifier_format(&authority.verifier, &vkey);
    buffer_append(&vkey, "", 1);
    buffer_printf(&good, GOOD, (const char *)vkey.data);
    buffer_free(&vkey);
}

void fuzz_seeds(void)
{
    fuzz_seed_with(0, buffer_bytes(&good));
    fuzz_seed_with(1, bytes_make("\x00", 1));
    fuzz_seed_with(1, bytes_make("\x02\x02\x00\x40\x05x: y\n\x03\x01\x20\x02"
                                 "ab",
                                 15));
}

void fuzz_target(struct fuzz_input *in)
{
    struct faults faults = {0};
    struct buffer text = {0};
    if ((fuzz_u8(in) & 1) != 0) {
        buffer_append_bytes(&text, buffer_bytes(&good));
        fuzz_edit(in, &text);
    } else {
        buffer_append_bytes(&text, fuzz_rest(in));
    }
    const char *path = fuzz_file("adapter.yaml", buffer_bytes(&text));
    struct config *config = config_load(path, &faults);
    FUZZ_CHECK((config == NULL) == (faults.count > 0));
    if (config != NULL)
        for (size_t i = 0; i < config->listener_count; i++)
            FUZZ_CHECK((config->listeners[i].address == NULL) != (config->listeners[i].unix_path == NULL));
    config_free(config);
    faults_free(&faults);
    buffer_free(&text);
    unlink(path);
}
