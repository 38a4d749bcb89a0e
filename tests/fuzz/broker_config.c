/* The bus's configuration: taken whole, or refused with a fault that names a line. */
#include "fuzz.h"

#include "base/error.h"
#include "broker/config.h"
#include "tlog/note.h"

#include <unistd.h>

static struct buffer good;

void fuzz_setup(void)
{
    struct note_signer authority;
    struct buffer vkey = {0};
    FUZZ_CHECK(note_signer_generate("authority.example.tn/one", NOTE_ED25519, &authority, NULL) == 0);
    note_verifier_format(&authority.verifier, &vkey);
    buffer_printf(
        &good,
        "instance: TN\nlisten: \"tcp://127.0.0.1:*\"\nstate: state\nlink_key: link.key\nledger_key: l.key\n"
        "registry: r.signed\nauthority: {threshold: 1, keys: [\"%.*s\"]}\naudit_socket: a.sock\n"
        "limits: {exchanges: 7, batch_ms: 5}\n",
        (int)vkey.len, (const char *)vkey.data);
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
    struct error e = {0};
    struct buffer text = {0};
    if ((fuzz_u8(in) & 1) != 0) {
        buffer_append_bytes(&text, buffer_bytes(&good));
        fuzz_edit(in, &text);
    } else {
        buffer_append_bytes(&text, fuzz_rest(in));
    }
    const char *path = fuzz_file("bus.yaml", buffer_bytes(&text));
    struct config_file *file = config_load(path, &faults, &e);
    FUZZ_CHECK((file == NULL) == (faults.count > 0));
    if (file != NULL) {
        const struct config *c = config_get(file);
        FUZZ_CHECK(c->limits.exchanges > 0 && c->limits.mailbox_bytes > 0 && c->authority.threshold > 0);
        FUZZ_CHECK(c->authority.threshold <= c->authority.keys_count);
    }
    config_free(file);
    faults_free(&faults);
    buffer_free(&text);
    unlink(path);
}
