/*
 * Writes a ledger with our library, and everything public about it as files, for another implementation to
 * judge: vkey, checkpoint, witness.vkey, cosigned, tile/..., proof/<index> with proof/<index>.entry,
 * consistency/<old> make-log FOLDER ENTRIES
 */
#include "base/clock.h"
#include "base/error.h"
#include "ledger/ledger.h"
#include "tlog/proof.h"
#include "tlog/tile.h"
#include "tlog/tree.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

static const char *folder;

static void die(const char *what, const struct error *e)
{
    fprintf(stderr, "make-log: %s: %s\n", what, e->text);
    exit(1);
}

/* Writes <folder>/<name>, making the folders on the way. */
static void save(const char *name, struct bytes data)
{
    struct buffer path = {0};
    struct error e = {0};

    buffer_printf(&path, "%s/%s", folder, name);
    buffer_append(&path, "", 1);
    for (size_t i = strlen(folder) + 1; i < path.len; i++)
        if (path.data[i] == '/') {
            path.data[i] = '\0';
            mkdir((const char *)path.data, 0755);
            path.data[i] = '/';
        }
    FILE *file = fopen((const char *)path.data, "w");
    if (file == NULL || fwrite(data.data, 1, data.len, file) != data.len || fclose(file) != 0)
        die(name, &e);
    buffer_free(&path);
}

static void save_vkey(const char *name, const struct note_signer *signer)
{
    struct buffer text = {0};

    note_verifier_format(&signer->verifier, &text);
    buffer_append_string(&text, "\n");
    save(name, buffer_bytes(&text));
    buffer_free(&text);
}

static void fill(struct ledger *ledger, uint64_t count)
{
    struct ledger_result result;
    struct error e = {0};
    uint64_t batch = 1;

    for (uint64_t i = 0; i < count;) {
        if (ledger_begin(ledger, clock_wall(), &e) != 0)
            die("begin", &e);
        for (uint64_t j = 0; j < batch && i < count; j++, i++) {
            char note[64];

            snprintf(note, sizeof(note), "entry number %" PRIu64, i);
            if (ledger_put_administration(ledger, note, &result, &e) != 0)
                die("put", &e);
        }
        if (ledger_commit(ledger, &e) != 0)
            die("commit", &e);
        batch = 1 + (batch * 7 + 3) % 701; /* batches of many sizes */
    }
}

static void save_tiles(struct ledger *ledger, uint64_t size)
{
    struct buffer data = {0};
    struct error e = {0};
    char path[96];

    for (unsigned level = 0; level < 8; level++)
        for (uint64_t number = 0; tile_width(size, level, number) > 0; number++) {
            struct tile_path tile = {TILE_HASHES, level, number, tile_width(size, level, number)};

            buffer_clear(&data);
            if (ledger_read_tile(ledger, level, number, tile.width, &data, &e) != 1)
                die("tile", &e);
            tile_path_format(&tile, path);
            save(path, buffer_bytes(&data));
            if (level > 0)
                continue;
            buffer_clear(&data);
            if (ledger_read_bundle(ledger, number, tile.width, &data, &e) != 1)
                die("bundle", &e);
            tile.kind = TILE_ENTRIES;
            tile_path_format(&tile, path);
            save(path, buffer_bytes(&data));
        }
    buffer_free(&data);
}

static void save_proof(struct ledger *ledger, uint64_t index)
{
    struct buffer entry = {0}, proof = {0};
    struct error e = {0};
    char name[64];

    if (ledger_receipt(ledger, index, &entry, &proof, &e) != 0)
        die("receipt", &e);
    snprintf(name, sizeof(name), "proof/%" PRIu64, index);
    save(name, buffer_bytes(&proof));
    snprintf(name, sizeof(name), "proof/%" PRIu64 ".entry", index);
    save(name, buffer_bytes(&entry));
    buffer_free(&entry);
    buffer_free(&proof);
}

/* Old size and root, then the hashes of the proof, a line each. */
static void save_consistency(struct ledger *ledger, uint64_t old_size)
{
    uint8_t proof[TREE_PROOF_MOST][HASH_SIZE];
    struct buffer text = {0}, note = {0};
    struct checkpoint old, latest;
    struct error e = {0};
    size_t count;
    char name[64];

    if (ledger_consistency(ledger, 0, old_size, proof, &count, &old, &note, &e) != 0 ||
        ledger_consistency(ledger, old_size, 0, proof, &count, &latest, &note, &e) != 0)
        die("consistency", &e);
    buffer_printf(&text, "%" PRIu64 "\n", old.size);
    base64_encode(bytes_make(old.root, HASH_SIZE), &text);
    buffer_append_string(&text, "\n");
    for (size_t i = 0; i < count; i++) {
        base64_encode(bytes_make(proof[i], HASH_SIZE), &text);
        buffer_append_string(&text, "\n");
    }
    snprintf(name, sizeof(name), "consistency/%" PRIu64, old_size);
    save(name, buffer_bytes(&text));
    buffer_free(&text);
    buffer_free(&note);
}

int main(int argc, char **argv)
{
    struct note_signer signer, witness;
    struct buffer path = {0}, note = {0}, text = {0};
    struct checkpoint checkpoint;
    struct error e = {0};
    uint64_t size;

    if (argc != 3 || !decimal_parse(bytes_of_string(argv[2]), &size) || size == 0) {
        fprintf(stderr, "usage: make-log FOLDER ENTRIES\n");
        return 2;
    }
    folder = argv[1];
    if (note_signer_generate("bus.example.tn/ledger", NOTE_ED25519, &signer, &e) != 0 ||
        note_signer_generate("witness.example.tn", NOTE_COSIGNATURE, &witness, &e) != 0)
        die("keys", &e);
    buffer_printf(&path, "%s/ledger", folder);
    buffer_append(&path, "", 1);
    const struct ledger_options options = {
        .folder = (const char *)path.data, .map_size = (size_t)1 << 30, .signer = &signer, .create = true};
    struct ledger *ledger = ledger_open(&options, &e);
    if (ledger == NULL)
        die("open", &e);
    fill(ledger, size);

    save_vkey("vkey", &signer);
    save_vkey("witness.vkey", &witness);
    ledger_checkpoint(ledger, &note, &checkpoint);
    save("checkpoint", buffer_bytes(&note));
    checkpoint_format(&checkpoint, &text);
    note_sign_line(&witness, buffer_bytes(&text), 1795327556, &note);
    save("cosigned", buffer_bytes(&note));
    save_tiles(ledger, size);
    for (uint64_t i = 0; i < size; i = i * 2 + 1)
        save_proof(ledger, i);
    save_proof(ledger, size - 1);
    for (uint64_t old = 1; old < size; old = old * 3 + 1)
        save_consistency(ledger, old);
    for (uint64_t old = 256; old < size; old *= 2)
        save_consistency(ledger, old);
    save_consistency(ledger, size);
    ledger_close(ledger);
    buffer_free(&path);
    buffer_free(&note);
    buffer_free(&text);
    return 0;
}
