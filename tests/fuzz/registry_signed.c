/* The signed registry. In the first form the input is the file; in the others the note or the document are
 * edited and signed again with the authority's key, so that what stands behind the signature is reached. */
#include "fuzz_country.h"
#include "fuzz.h"

#include "base/error.h"
#include "crypto/hash.h"

static struct registry_authority authority;
static const char *keys[1];

void fuzz_setup(void)
{
    keys[0] = fuzz_country()->authority_vkey;
    authority = (struct registry_authority){keys, 1, 1};
}

void fuzz_seeds(void)
{
    fuzz_seed_with(0, buffer_bytes(&fuzz_country()->registry));
    for (uint8_t form = 1; form < 4; form++)
        fuzz_seed_with(form, bytes_make("\x01\x00\x00\x11\x01\x01", 6));
    fuzz_seed_with(2, bytes_make("\x00", 1));
}

static void signed_again(struct fuzz_input *in, bool edit_note, struct buffer *out)
{
    struct bytes file = buffer_bytes(&fuzz_country()->registry);
    const uint8_t *document = memmem(file.data, file.len, "---\n", 4);
    const uint8_t *blank = memmem(file.data, file.len, "\n\n", 2);
    struct buffer text = {0}, body = {0};
    FUZZ_CHECK(document != NULL && blank != NULL);
    document += 4;
    buffer_append(&body, document, file.len - (size_t)(document - file.data));
    buffer_append(&text, file.data, (size_t)(blank - file.data) + 1);
    if (edit_note) {
        fuzz_edit(in, &text);
        if (text.len == 0 || text.data[text.len - 1] != '\n')
            buffer_append(&text, "\n", 1);
    } else {
        uint8_t hash[HASH_SIZE];
        char hex[2 * HASH_SIZE + 1];
        fuzz_edit(in, &body);
        sha256(buffer_bytes(&body), hash);
        hex_encode(hash, HASH_SIZE, hex);
        uint8_t *at = memmem(text.data, text.len, "sha256 ", 7);
        FUZZ_CHECK(at != NULL);
        memcpy(at + 7, hex, 64);
    }
    note_sign(&fuzz_country()->authority, buffer_bytes(&text), 0, out);
    buffer_append_string(out, "---\n");
    buffer_append_bytes(out, buffer_bytes(&body));
    buffer_free(&text);
    buffer_free(&body);
}

void fuzz_target(struct fuzz_input *in)
{
    struct buffer file = {0};
    struct error e = {0};
    unsigned form = fuzz_u8(in) % 4;
    if (form == 0) {
        buffer_append_bytes(&file, fuzz_rest(in));
    } else if (form == 3) {
        buffer_append_bytes(&file, buffer_bytes(&fuzz_country()->registry));
        fuzz_edit(in, &file);
    } else {
        signed_again(in, form == 1, &file);
    }
    struct registry *first = registry_open_signed(buffer_bytes(&file), NULL, &authority, NULL, &e);
    FUZZ_CHECK(first != NULL || e.text[0] != 0);
    if (first != NULL) {
        /* What is accepted is accepted again, as the same. */
        struct registry *again = registry_open_signed(buffer_bytes(&file), first, NULL, NULL, &e);
        FUZZ_CHECK(again == first);
        registry_free(again);
        struct registry *tool = registry_open_unjudged(buffer_bytes(&file), NULL, &e);
        FUZZ_CHECK(tool != NULL);
        registry_free(tool);
        FUZZ_CHECK(bytes_equal(registry_file(first), buffer_bytes(&file)));
    }
    struct registry *before = fuzz_registry();
    struct registry *after = registry_open_signed(buffer_bytes(&file), before, NULL, NULL, &e);
    if (after != NULL)
        FUZZ_CHECK(after == before || registry_version(after) > registry_version(before));
    registry_free(after);
    registry_free(before);
    registry_free(first);
    buffer_free(&file);
}
