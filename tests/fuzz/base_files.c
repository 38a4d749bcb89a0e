/* Files that stand on our own disks and may have been touched: the key file with its slots, key files of
 * every kind. */
#include "fuzz.h"

#include "base/error.h"
#include "base/keyfile.h"
#include "crypto/keys.h"
#include "tlog/note.h"

#include <unistd.h>

void fuzz_setup(void)
{
}

static void seed_file(uint8_t form, const char *name)
{
    char path[256];
    struct buffer data = {0};
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    FUZZ_CHECK(file_read(path, 1 << 20, &data, NULL) == 0);
    fuzz_seed_with(form, buffer_bytes(&data));
    buffer_free(&data);
}

void fuzz_seeds(void)
{
    char path[256];
    struct error e = {0};
    struct sealing_key sealing;
    struct link_key link;
    struct note_signer note;
    uint8_t tag[KEYFILE_TAG] = {1}, key[KEYFILE_KEY];
    uint64_t slot;
    snprintf(path, sizeof path, "%s/slots", fuzz_folder());
    struct keyfile *file = keyfile_open(path, true, &e);
    FUZZ_CHECK(file != NULL);
    for (int i = 0; i < 3; i++)
        FUZZ_CHECK(keyfile_create(file, tag, &slot, key, &e) == 0);
    FUZZ_CHECK(keyfile_destroy(file, 1, &e) == 0);
    keyfile_close(file);
    seed_file(0, "slots");
    snprintf(path, sizeof path, "%s/sealing", fuzz_folder());
    FUZZ_CHECK(sealing_key_generate(&sealing, &e) == 0 && sealing_key_save(path, &sealing, &e) == 0);
    seed_file(1, "sealing");
    snprintf(path, sizeof path, "%s/link", fuzz_folder());
    FUZZ_CHECK(link_key_generate(&link, &e) == 0 && link_key_save(path, &link, &e) == 0);
    seed_file(1, "link");
    snprintf(path, sizeof path, "%s/note", fuzz_folder());
    FUZZ_CHECK(note_signer_generate("a.example.tn/one", NOTE_ED25519, &note, &e) == 0 &&
               note_signer_save(path, &note, &e) == 0);
    seed_file(1, "note");
}

static void slots(const char *path)
{
    struct error e = {0};
    struct keyfile *file = keyfile_open(path, false, &e);
    if (file == NULL) {
        FUZZ_CHECK(e.text[0] != 0);
        return;
    }
    uint64_t count = keyfile_slots(file), fresh;
    uint8_t tag[KEYFILE_TAG] = {9}, key[KEYFILE_KEY], again[KEYFILE_KEY];
    for (uint64_t i = 0; i < count && i < 64; i++) {
        int found = keyfile_get(file, i, tag, key, &e);
        FUZZ_CHECK(found >= -1 && found <= 1);
    }
    if (keyfile_create(file, tag, &fresh, key, &e) == 0) {
        FUZZ_CHECK(keyfile_get(file, fresh, tag, again, &e) == 1 && memcmp(key, again, sizeof key) == 0);
        FUZZ_CHECK(keyfile_destroy(file, fresh, &e) == 0);
        FUZZ_CHECK(keyfile_get(file, fresh, tag, again, &e) == 0);
    }
    keyfile_close(file);
}

static void keys(const char *path)
{
    struct error e = {0};
    struct sealing_key sealing;
    struct link_key link;
    struct note_signer note;
    if (sealing_key_load(path, &sealing, &e) == 0)
        sealing_key_clear(&sealing);
    if (link_key_load(path, &link, &e) == 0)
        link_key_clear(&link);
    if (note_signer_load(path, &note, &e) == 0) {
        struct note_checked checked;
        struct buffer out = {0};
        note_sign(&note, bytes_of_string("text\n"), FUZZ_NOW, &out);
        FUZZ_CHECK(note_open(buffer_bytes(&out), &note.verifier, 1, &checked));
        buffer_free(&out);
        note_signer_clear(&note);
    }
    EVP_PKEY *key = private_key_load(path, &e);
    EVP_PKEY_free(key);
    FUZZ_CHECK(key != NULL || e.text[0] != 0);
}

void fuzz_target(struct fuzz_input *in)
{
    uint8_t form = fuzz_u8(in) & 1;
    const char *path = fuzz_file("file", fuzz_rest(in));
    if (form == 0)
        slots(path);
    else
        keys(path);
    unlink(path);
}
