#include "tlog/note.h"

#include "base/error.h"
#include "base/utf8.h"
#include "crypto/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE_MOST 1024
#define DASH          "\xe2\x80\x94 " /* U+2014 and a space begin every signature line */
#define DASH_LEN      4
#define ED25519_LEN   64
#define PRIVATE_WORD  "PRIVATE+KEY+"

/* Printable ASCII without '+': a subset of what the format allows, so that a name never looks like another
 * one. */
static bool name_valid(struct bytes name)
{
    if (name.len == 0 || name.len >= sizeof(((struct note_verifier *)NULL)->name))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] <= 0x20 || name.data[i] >= 0x7f || name.data[i] == '+')
            return false;
    return true;
}

static bool type_known(uint8_t type)
{
    return type == NOTE_ED25519 || type == NOTE_COSIGNATURE;
}

static void key_id(const char *name, uint8_t type, const uint8_t public_key[32], uint8_t id[4])
{
    const uint8_t middle[2] = {'\n', type};
    const struct bytes parts[] = {bytes_of_string(name), bytes_make(middle, 2), bytes_make(public_key, 32)};
    uint8_t hash[HASH_SIZE];

    sha256_parts(parts, 3, hash);
    memcpy(id, hash, 4);
}

/* Cuts "name+8 hex+base64 of 33 bytes" into its parts; does not compare the id with anything. */
static bool key_text_parse(struct bytes text, char *name, uint8_t id[4], uint8_t key[33])
{
    const uint8_t *plus = memchr(text.data, '+', text.len);
    struct buffer decoded = {0};
    bool good = false;

    if (plus == NULL)
        return false;
    size_t name_len = (size_t)(plus - text.data);
    struct bytes rest = bytes_make(plus + 1, text.len - name_len - 1);

    if (!name_valid(bytes_make(text.data, name_len)) || rest.len < 10 || rest.data[8] != '+')
        return false;
    if (!hex_decode((const char *)rest.data, 8, id, 4))
        return false;
    if (base64_decode(bytes_make(rest.data + 9, rest.len - 9), &decoded) && decoded.len == 33) {
        memcpy(key, decoded.data, 33);
        memcpy(name, text.data, name_len);
        name[name_len] = '\0';
        good = true;
    }
    buffer_free(&decoded);
    return good;
}

static void key_text_format(const char *name, const uint8_t id[4], uint8_t type, const uint8_t key[32],
                            struct buffer *out)
{
    uint8_t typed[33];
    char hex[9];

    typed[0] = type;
    memcpy(typed + 1, key, 32);
    hex_encode(id, 4, hex);
    buffer_printf(out, "%s+%s+", name, hex);
    base64_encode(bytes_make(typed, sizeof(typed)), out);
    explicit_bzero(typed, sizeof(typed));
}

bool note_verifier_parse(struct bytes vkey, struct note_verifier *out)
{
    struct note_verifier v = {0};
    uint8_t id[4], typed[33];
    struct buffer again = {0};

    if (vkey.len == 0 || !key_text_parse(vkey, v.name, id, typed) || !type_known(typed[0]))
        return false;
    v.type = typed[0];
    memcpy(v.public_key, typed + 1, 32);
    key_id(v.name, v.type, v.public_key, v.id);
    if (memcmp(id, v.id, 4) != 0)
        return false;

    /* One key has one spelling: what we would not write ourselves (upper-case digits) is not accepted. */
    note_verifier_format(&v, &again);
    bool same = bytes_equal(vkey, buffer_bytes(&again));
    buffer_free(&again);
    if (same)
        *out = v;
    return same;
}

void note_verifier_format(const struct note_verifier *verifier, struct buffer *out)
{
    key_text_format(verifier->name, verifier->id, verifier->type, verifier->public_key, out);
}

static void signer_complete(struct note_signer *signer)
{
    memcpy(signer->verifier.public_key, signer->key.public_key, 32);
    key_id(signer->verifier.name, signer->verifier.type, signer->verifier.public_key, signer->verifier.id);
}

int note_signer_generate(const char *name, enum note_key_type type, struct note_signer *out, struct error *e)
{
    struct note_signer signer = {0};

    if (!name_valid(bytes_of_string(name)) || !type_known((uint8_t)type))
        return error_set(e, ERROR_USAGE,
                         "a note key's name is 1 to 127 printable ASCII characters without space or '+'");
    memcpy(signer.verifier.name, name, strlen(name));
    signer.verifier.type = (uint8_t)type;
    if (ed25519_generate(&signer.key, e) != 0)
        return -1;
    signer_complete(&signer);
    *out = signer;
    note_signer_clear(&signer);
    return 0;
}

int note_signer_load(const char *path, struct note_signer *out, struct error *e)
{
    struct note_signer signer = {0};
    struct buffer file = {0};
    uint8_t id[4], typed[33] = {0};
    const size_t word = strlen(PRIVATE_WORD);
    int result = -1;

    if (private_file_read(path, KEY_FILE_MOST, &file, e) != 0)
        goto out;
    struct bytes text = buffer_bytes(&file);
    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    if (text.len <= word || memcmp(text.data, PRIVATE_WORD, word) != 0 ||
        !key_text_parse(bytes_make(text.data + word, text.len - word), signer.verifier.name, id, typed) ||
        !type_known(typed[0])) {
        error_set(e, ERROR_CRYPTO, "%s is not a private note key (PRIVATE+KEY+name+id+key)", path);
        goto out;
    }
    signer.verifier.type = typed[0];
    if (ed25519_from_seed(typed + 1, &signer.key, e) != 0)
        goto out;
    signer_complete(&signer);
    if (memcmp(id, signer.verifier.id, 4) != 0) {
        error_set(e, ERROR_CRYPTO, "%s: the key id does not belong to this name and key", path);
        goto out;
    }
    *out = signer;
    result = 0;
out:
    explicit_bzero(typed, sizeof(typed));
    note_signer_clear(&signer);
    buffer_free(&file);
    return result;
}

int note_signer_save(const char *path, const struct note_signer *signer, struct error *e)
{
    struct buffer text = {0};
    int result = -1;

    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(e, ERROR_IO, "cannot make the key file %s: %s", path, strerror(errno));
    buffer_append_string(&text, PRIVATE_WORD);
    key_text_format(signer->verifier.name, signer->verifier.id, signer->verifier.type, signer->key.seed,
                    &text);
    buffer_append_string(&text, "\n");
    if (write(fd, text.data, text.len) != (ssize_t)text.len || fsync(fd) != 0)
        error_set(e, ERROR_IO, "cannot write the key file %s: %s", path, strerror(errno));
    else /* a key that signs a ledger and is then lost in a power cut cannot be made again */
        result = file_sync_name(path, e);
    buffer_free(&text);
    close(fd);
    if (result != 0)
        unlink(path); /* ours: O_EXCL made it */
    return result;
}

void note_signer_clear(struct note_signer *signer)
{
    explicit_bzero(signer, sizeof(*signer));
}

/* What a cosignature signs: the time in front of the text. */
static void cosigned_text(uint64_t time, struct bytes text, struct buffer *out)
{
    buffer_printf(out, "cosignature/v1\ntime %" PRIu64 "\n", time);
    buffer_append_bytes(out, text);
}

void note_sign_line(const struct note_signer *signer, struct bytes text, uint64_t time, struct buffer *out)
{
    uint8_t blob[4 + 8 + ED25519_LEN];
    size_t len = 4;

    BUG_ON(text.len == 0 || text.data[text.len - 1] != '\n');
    memcpy(blob, signer->verifier.id, 4);
    if (signer->verifier.type == NOTE_COSIGNATURE) {
        struct buffer message = {0};

        cosigned_text(time, text, &message);
        put_u64be(blob + len, time);
        len += 8;
        ed25519_sign(&signer->key, buffer_bytes(&message), blob + len);
        buffer_free(&message);
    } else {
        ed25519_sign(&signer->key, text, blob + len);
    }
    len += ED25519_LEN;
    buffer_printf(out, DASH "%s ", signer->verifier.name);
    base64_encode(bytes_make(blob, len), out);
    buffer_append_string(out, "\n");
}

void note_sign(const struct note_signer *signer, struct bytes text, uint64_t time, struct buffer *out)
{
    buffer_append_bytes(out, text);
    buffer_append_string(out, "\n");
    note_sign_line(signer, text, time, out);
}

/* Well-formed UTF-8 without control characters other than LF: what people are shown is what was signed. */
static bool text_clean(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((text.data[i] < 0x20 && text.data[i] != '\n') || text.data[i] == 0x7f)
            return false;
    return utf8_valid(text);
}

/* Position of the last "\n\n", or SIZE_MAX. */
static size_t last_blank_line(struct bytes note)
{
    for (size_t i = note.len; i >= 2; i--)
        if (note.data[i - 2] == '\n' && note.data[i - 1] == '\n')
            return i - 2;
    return SIZE_MAX;
}

static bool signature_good(const struct note_verifier *v, struct bytes text, struct bytes signature,
                           uint64_t *time)
{
    if (v->type == NOTE_ED25519)
        return signature.len == ED25519_LEN && ed25519_verify(v->public_key, text, signature.data);
    if (v->type != NOTE_COSIGNATURE || signature.len != 8 + ED25519_LEN)
        return false;

    struct buffer message = {0};
    *time = get_u64be(signature.data);
    cosigned_text(*time, text, &message);
    bool good = ed25519_verify(v->public_key, buffer_bytes(&message), signature.data + 8);
    buffer_free(&message);
    return good;
}

/* One signature line without its LF. False: malformed, or a known key's signature is bad. */
static bool signature_line(struct bytes line, const struct note_verifier *verifiers, size_t count,
                           struct note_checked *out)
{
    struct buffer blob = {0};
    bool good = false;

    if (line.len <= DASH_LEN || memcmp(line.data, DASH, DASH_LEN) != 0)
        return false;
    line = bytes_make(line.data + DASH_LEN, line.len - DASH_LEN);
    const uint8_t *space = memchr(line.data, ' ', line.len);
    if (space == NULL)
        return false;
    struct bytes name = bytes_make(line.data, (size_t)(space - line.data));
    struct bytes encoded = bytes_make(space + 1, line.len - name.len - 1);

    if (name.len == 0 || memchr(name.data, '+', name.len) != NULL)
        return false;
    if (!base64_decode(encoded, &blob) || blob.len < 5)
        goto out;
    for (size_t i = 0; i < count; i++) {
        uint64_t time = 0;

        if (!bytes_equal_string(name, verifiers[i].name) || memcmp(verifiers[i].id, blob.data, 4) != 0)
            continue;
        if (!signature_good(&verifiers[i], out->text, bytes_make(blob.data + 4, blob.len - 4), &time))
            goto out;
        out->good |= UINT64_C(1) << i;
        if (time > out->times[i])
            out->times[i] = time;
    }
    good = true;
out:
    buffer_free(&blob);
    return good;
}

bool note_open(struct bytes note, const struct note_verifier *verifiers, size_t count,
               struct note_checked *out)
{
    struct note_checked checked = {0};
    size_t lines = 0;

    BUG_ON(count > NOTE_SIGNATURES_MOST);
    if (note.len > NOTE_MOST || !text_clean(note))
        return false;
    size_t blank = last_blank_line(note);
    if (blank == SIZE_MAX)
        return false;
    checked.text = bytes_make(note.data, blank + 1);
    struct bytes rest = bytes_make(note.data + blank + 2, note.len - blank - 2);

    if (rest.len == 0 || rest.data[rest.len - 1] != '\n')
        return false;
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = (size_t)(end - rest.data);

        if (++lines > NOTE_SIGNATURES_MOST ||
            !signature_line(bytes_make(rest.data, len), verifiers, count, &checked))
            return false;
        rest = bytes_make(end + 1, rest.len - len - 1);
    }
    if (checked.good == 0)
        return false;
    *out = checked;
    return true;
}
