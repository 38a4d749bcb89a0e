/* Notes, vkeys, checkpoints, proofs, tiles: each format writes what it reads. Texts are signed here, so that
 * what the checkpoint's parser sees comes from the input and not from luck. */
#include "fuzz.h"

#include "base/utf8.h"
#include "tlog/proof.h"
#include "tlog/tile.h"

static struct note_signer signers[2];

void fuzz_setup(void)
{
    FUZZ_CHECK(note_signer_generate("bus.example.tn/ledger", NOTE_ED25519, &signers[0], NULL) == 0);
    FUZZ_CHECK(note_signer_generate("TN-GOV-MI/witness", NOTE_COSIGNATURE, &signers[1], NULL) == 0);
}

void fuzz_seeds(void)
{
    struct checkpoint c = {.origin = "bus.example.tn/ledger", .size = 300};
    struct buffer text = {0}, note = {0}, vkey = {0}, proof = {0};
    uint8_t path[3][HASH_SIZE] = {{1}, {2}, {3}};
    checkpoint_format(&c, &text);
    checkpoint_sign(&c, &signers[0], &note);
    note_sign_line(&signers[1], buffer_bytes(&text), FUZZ_NOW, &note);
    note_verifier_format(&signers[1].verifier, &vkey);
    tlog_proof_format(5, (const uint8_t(*)[HASH_SIZE])path, 3, buffer_bytes(&note), &proof);
    fuzz_seed_with(0, buffer_bytes(&note));
    fuzz_seed_with(1, buffer_bytes(&text));
    fuzz_seed_with(2, buffer_bytes(&vkey));
    fuzz_seed_with(3, buffer_bytes(&proof));
    fuzz_seed_with(4, bytes_of_string("tile/0/x001/x234/067"));
    fuzz_seed_with(4, bytes_of_string("tile/entries/000.p/17"));
    fuzz_seed_with(5, bytes_make("\x00\x03"
                                 "abc"
                                 "\x00\x00",
                                 7));
    fuzz_seed_with(6, bytes_make("\x01\x00\x00\x05\x07\x01", 6));
    buffer_free(&text);
    buffer_free(&note);
    buffer_free(&vkey);
    buffer_free(&proof);
}

static void note(struct bytes data)
{
    const struct note_verifier keys[2] = {signers[0].verifier, signers[1].verifier};
    struct note_checked checked;
    struct checkpoint checkpoint;
    if (note_open(data, keys, 2, &checked)) {
        FUZZ_CHECK((checked.good & 3) != 0 && (checked.good & ~(uint64_t)3) == 0);
        FUZZ_CHECK(checked.text.len > 0 && checked.text.data[checked.text.len - 1] == '\n');
    }
    if (checkpoint_open(data, keys, 2, &checkpoint))
        FUZZ_CHECK(strcmp(checkpoint.origin, signers[0].verifier.name) == 0);
}

static bool has_control(struct bytes data)
{
    for (size_t i = 0; i < data.len; i++)
        if ((data.data[i] < 0x20 && data.data[i] != '\n') || data.data[i] == 0x7f)
            return true;
    return false;
}

static void text(struct bytes data)
{
    struct checkpoint checkpoint, back;
    struct buffer again = {0}, signed_text = {0};
    bool good = checkpoint_parse(data, &checkpoint);
    if (good) {
        checkpoint_format(&checkpoint, &again);
        FUZZ_CHECK(bytes_equal(buffer_bytes(&again), data));
    }
    if (data.len > 0 && data.data[data.len - 1] == '\n' && data.len < NOTE_MOST / 2) {
        struct note_checked checked;
        note_sign(&signers[0], data, 0, &signed_text);
        /* What was signed opens to the very text, or is refused because no note may hold it. */
        if (note_open(buffer_bytes(&signed_text), &signers[0].verifier, 1, &checked))
            FUZZ_CHECK(bytes_equal(checked.text, data));
        else
            FUZZ_CHECK(!good || !utf8_valid(data) || has_control(data));
        if (checkpoint_open(buffer_bytes(&signed_text), &signers[0].verifier, 1, &back))
            FUZZ_CHECK(good && back.size == checkpoint.size);
    }
    buffer_free(&again);
    buffer_free(&signed_text);
}

static void vkey(struct bytes data)
{
    struct note_verifier verifier;
    struct buffer again = {0};
    if (note_verifier_parse(data, &verifier)) {
        note_verifier_format(&verifier, &again);
        FUZZ_CHECK(bytes_equal(buffer_bytes(&again), data));
    }
    buffer_free(&again);
}

static void proof(struct bytes data)
{
    struct tlog_proof p;
    struct checkpoint checkpoint;
    struct buffer again = {0};
    if (tlog_proof_parse(data, &p)) {
        FUZZ_CHECK(p.path_len <= 64);
        if (p.extra.len == 0) {
            tlog_proof_format(p.index, (const uint8_t(*)[HASH_SIZE])p.path, p.path_len, p.checkpoint, &again);
            FUZZ_CHECK(bytes_equal(buffer_bytes(&again), data));
        }
        (void)tlog_proof_check(&p, bytes_of_string("entry"), &signers[0].verifier, 1, &checkpoint);
    }
    buffer_free(&again);
}

static void tile(struct bytes data)
{
    struct tile_path path;
    char form[96];
    if (tile_path_parse(data, &path)) {
        tile_path_format(&path, form);
        FUZZ_CHECK(bytes_equal_string(data, form));
        FUZZ_CHECK(path.width >= 1 && path.width <= 256);
        FUZZ_CHECK(tile_width(UINT64_MAX, path.level, path.number) <= 256);
    }
}

static void bundle(struct bytes data)
{
    struct bytes rest = data, entry;
    struct buffer again = {0};
    while (tile_next_entry(&rest, &entry)) {
        buffer_put_u16be(&again, (uint16_t)entry.len);
        buffer_append_bytes(&again, entry);
    }
    buffer_append_bytes(&again, rest);
    FUZZ_CHECK(bytes_equal(buffer_bytes(&again), data));
    buffer_free(&again);
}

/* A good note and a good proof with edits. */
static void edited(struct fuzz_input *in)
{
    struct checkpoint c = {.origin = "bus.example.tn/ledger", .size = 1};
    struct buffer b = {0}, p = {0};
    checkpoint_sign(&c, &signers[0], &b);
    tlog_proof_format(0, NULL, 0, buffer_bytes(&b), &p);
    struct fuzz_input same = *in;
    fuzz_edit(in, &b);
    note(buffer_bytes(&b));
    fuzz_edit(&same, &p);
    proof(buffer_bytes(&p));
    buffer_free(&b);
    buffer_free(&p);
}

void fuzz_target(struct fuzz_input *in)
{
    static void (*const forms[])(struct bytes) = {note, text, vkey, proof, tile, bundle};
    unsigned form = fuzz_u8(in) % 7;
    if (form == 6)
        edited(in);
    else
        forms[form](fuzz_rest(in));
}
