/* The signed file: a note over what identifies a document, "---", the document as people reviewed it. */
#include "registry/registry_internal.h"

#include "base/clock.h"
#include "crypto/hash.h"

#include <inttypes.h>
#include <string.h>

#define FIRST_LINE "wasl-registry/1\n"
#define SEPARATOR  "\n---\n"

/* What the note's text says. */
struct statement {
    struct bytes instance;
    uint64_t version;
    uint8_t document[HASH_SIZE];
    bool has_previous;
    uint8_t previous[HASH_SIZE];
    uint64_t valid_until;
};

/* --- the text --- */

static void statement_format(const struct registry *r, const uint8_t *previous, struct buffer *out)
{
    uint8_t hash[HASH_SIZE];
    char hex[2 * HASH_SIZE + 1], until[28];
    sha256(r->document, hash);
    hex_encode(hash, sizeof hash, hex);
    clock_format(r->valid_until, until);
    buffer_printf(out, FIRST_LINE "%s\nversion %" PRIu64 "\nsha256 %s\n", r->instance, r->version, hex);
    if (previous != NULL)
        hex_encode(previous, HASH_SIZE, hex);
    buffer_printf(out, "previous %s\nvalid-until %s\n", previous != NULL ? hex : "-", until);
}

/* Takes a line that begins with `word`; its rest, without the LF, into out. */
static bool take_line(struct bytes *text, const char *word, struct bytes *out)
{
    size_t len = strlen(word);
    const uint8_t *end = text->len > 0 ? memchr(text->data, '\n', text->len) : NULL;
    if (end == NULL || (size_t)(end - text->data) < len || memcmp(text->data, word, len) != 0)
        return false;
    size_t line = (size_t)(end - text->data);
    *out = bytes_make(text->data + len, line - len);
    *text = bytes_make(end + 1, text->len - line - 1);
    return true;
}

static bool statement_parse(struct bytes text, struct statement *out)
{
    struct bytes first, version, hash, previous, until;
    memset(out, 0, sizeof *out);
    if (!take_line(&text, "wasl-registry/1", &first) || first.len != 0 ||
        !take_line(&text, "", &out->instance) || !take_line(&text, "version ", &version) ||
        !decimal_parse(version, &out->version) || !take_line(&text, "sha256 ", &hash) ||
        !hex_decode((const char *)hash.data, hash.len, out->document, HASH_SIZE) ||
        !take_line(&text, "previous ", &previous) || !take_line(&text, "valid-until ", &until) ||
        text.len != 0)
        return false;
    out->has_previous = !bytes_equal_string(previous, "-");
    if (out->has_previous && !hex_decode((const char *)previous.data, previous.len, out->previous, HASH_SIZE))
        return false;
    char when[64];
    if (until.len >= sizeof when)
        return false;
    memcpy(when, until.data, until.len);
    when[until.len] = 0;
    return strlen(when) == until.len && clock_parse(when, &out->valid_until);
}

/* The note and the document; false when there is no separator where one must be. */
static bool split(struct bytes file, struct bytes *note, struct bytes *document)
{
    size_t most = file.len < NOTE_MOST ? file.len : NOTE_MOST;
    const uint8_t *at = most > 0 ? memmem(file.data, most, SEPARATOR, strlen(SEPARATOR)) : NULL;
    if (at == NULL)
        return false;
    size_t len = (size_t)(at - file.data) + 1;
    *note = bytes_make(file.data, len);
    *document = bytes_make(file.data + len + strlen(SEPARATOR) - 1, file.len - len - (strlen(SEPARATOR) - 1));
    return true;
}

/* --- who may sign --- */

struct quorum {
    struct note_verifier keys[NOTE_SIGNATURES_MOST];
    size_t count;
    unsigned threshold;
};

static void quorum_of_registry(const struct registry *r, struct quorum *out)
{
    memset(out, 0, sizeof *out);
    out->count = r->authority_count;
    out->threshold = r->threshold;
    memcpy(out->keys, r->authority, r->authority_count * sizeof *r->authority);
}

static int quorum_of_pins(const struct registry_authority *pinned, struct quorum *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    if (pinned->count < 1 || pinned->count > NOTE_SIGNATURES_MOST || pinned->threshold < 1 ||
        pinned->threshold > pinned->count)
        return error_set(
            e, ERROR_CONFIG,
            "the authority's threshold is %u of %zu keys: name as many keys at least, at most %d",
            pinned->threshold, pinned->count, NOTE_SIGNATURES_MOST);
    for (size_t i = 0; i < pinned->count; i++) {
        if (!note_verifier_parse(bytes_of_string(pinned->keys[i]), &out->keys[i]) ||
            out->keys[i].type != NOTE_ED25519)
            return error_set(e, ERROR_CONFIG, "key %zu of the authority is not an Ed25519 vkey", i + 1);
        for (size_t k = 0; k < i; k++)
            if (memcmp(out->keys[k].public_key, out->keys[i].public_key, 32) == 0)
                return error_set(e, ERROR_CONFIG, "keys %zu and %zu of the authority are the same", k + 1,
                                 i + 1);
    }
    out->count = pinned->count;
    out->threshold = pinned->threshold;
    return 0;
}

static unsigned bits(uint64_t set)
{
    return (unsigned)__builtin_popcountll(set);
}

/* --- opening --- */

/* Document, note and what both say of themselves fit together. Signatures are the caller's. */
static struct registry *open_consistent(struct bytes file, struct bytes document,
                                        const struct statement *statement, struct faults *faults,
                                        struct error *e)
{
    uint8_t hash[HASH_SIZE];
    sha256(document, hash);
    if (memcmp(hash, statement->document, HASH_SIZE) != 0) {
        error_set(e, ERROR_INTEGRITY, "the registry's document is not the one that was signed");
        return NULL;
    }
    struct faults own = {0};
    struct faults *all = faults != NULL ? faults : &own;
    size_t before = all->text.len;
    struct buffer copy = {0};
    buffer_append_bytes(&copy, file);
    struct registry *r = registry_build(
        &copy, bytes_make(copy.data + (document.data - file.data), document.len), "registry", all);
    if (r == NULL) {
        const char *first = all->text.len > before ? (const char *)all->text.data + before : "";
        error_set(e, ERROR_CONFIG, "the registry has faults, the first: %.*s",
                  (int)(all->text.len > before ? strcspn(first, "\n") : 0), first);
    } else if (!bytes_equal_string(statement->instance, r->instance) || statement->version != r->version ||
               statement->valid_until != r->valid_until) {
        error_set(e, ERROR_INTEGRITY,
                  "the registry's note says another instance, version or date than its document");
        registry_free(r);
        r = NULL;
    }
    faults_free(&own);
    return r;
}

static int check_succession(const struct registry *r, const struct statement *statement,
                            const struct registry *previous, struct error *e)
{
    if (strcmp(r->instance, previous->instance) != 0)
        return error_set(e, ERROR_INTEGRITY, "the registry is of instance %s, not %s", r->instance,
                         previous->instance);
    if (r->version == previous->version) {
        if (memcmp(r->hash, previous->hash, HASH_SIZE) == 0)
            return 0;
        return error_set(e, ERROR_INTEGRITY,
                         "there are two registries of version %" PRIu64 ": tell the authority", r->version);
    }
    if (r->version < previous->version)
        return error_set(e, ERROR_INTEGRITY,
                         "the registry is version %" PRIu64 ", and %" PRIu64
                         " has been in force: a roll-back",
                         r->version, previous->version);
    /* Where versions between were missed, their hashes are not here to compare; the signatures stand for
     * them. */
    if (r->version == previous->version + 1 &&
        (!statement->has_previous || memcmp(statement->previous, previous->hash, HASH_SIZE) != 0))
        return error_set(e, ERROR_INTEGRITY,
                         "version %" PRIu64 " of the registry does not follow the version %" PRIu64
                         " that is in force",
                         r->version, previous->version);
    return 0;
}

struct registry *registry_open_signed(struct bytes file, const struct registry *previous,
                                      const struct registry_authority *pinned, struct faults *faults,
                                      struct error *e)
{
    BUG_ON(previous == NULL && pinned == NULL);
    struct bytes note, document;
    struct statement statement;
    struct note_checked checked;
    struct quorum *quorum = memory_zeroed(1, sizeof *quorum);
    struct registry *r = NULL;
    if (!split(file, &note, &document)) {
        error_set(e, ERROR_INTEGRITY, "this is not a signed registry: wasl registry sign makes one");
        goto out;
    }
    if (previous != NULL)
        quorum_of_registry(previous, quorum);
    else if (quorum_of_pins(pinned, quorum, e) != 0)
        goto out;
    /* The very file that is in force needs no signature of the keys that it may itself have replaced. */
    bool same = previous != NULL && bytes_equal(file, registry_file(previous));
    if (same) {
        r = registry_ref((struct registry *)previous);
        goto out;
    }
    if (!note_open(note, quorum->keys, quorum->count, &checked) || bits(checked.good) < quorum->threshold) {
        error_set(e, ERROR_INTEGRITY,
                  "the registry is not signed by the authority that may sign it (good signatures needed: %u)",
                  quorum->threshold);
        goto out;
    }
    if (!statement_parse(checked.text, &statement)) {
        error_set(e, ERROR_INTEGRITY, "the registry's note does not have the form of a registry's");
        goto out;
    }
    r = open_consistent(file, document, &statement, faults, e);
    if (r != NULL && previous != NULL && check_succession(r, &statement, previous, e) != 0) {
        registry_free(r);
        r = NULL;
    }

out:
    free(quorum);
    return r;
}

struct registry *registry_open_unjudged(struct bytes file, struct faults *faults, struct error *e)
{
    struct bytes note, document;
    struct statement statement;
    const uint8_t *blank;
    if (!split(file, &note, &document) || (blank = memmem(note.data, note.len, "\n\n", 2)) == NULL ||
        !statement_parse(bytes_make(note.data, (size_t)(blank - note.data) + 1), &statement)) {
        error_set(e, ERROR_INTEGRITY, "this is not a signed registry");
        return NULL;
    }
    return open_consistent(file, document, &statement, faults, e);
}

/* --- signing --- */

static bool named(const struct registry *by, const struct note_verifier *key)
{
    for (size_t i = 0; i < by->authority_count; i++)
        if (memcmp(by->authority[i].public_key, key->public_key, 32) == 0 &&
            strcmp(by->authority[i].name, key->name) == 0)
            return true;
    return false;
}

static int sign_note(struct bytes text, const struct registry *by, const char *const *key_paths,
                     size_t key_count, struct buffer *out, struct error *e)
{
    struct note_signer signer = {0};
    uint8_t used[NOTE_SIGNATURES_MOST][32];
    int result = -1;
    if (key_count < by->threshold || key_count > NOTE_SIGNATURES_MOST)
        return error_set(e, ERROR_USAGE, "%u keys must sign this registry, and %zu are given", by->threshold,
                         key_count);
    for (size_t i = 0; i < key_count; i++) {
        if (note_signer_load(key_paths[i], &signer, e) != 0)
            goto out;
        if (signer.verifier.type != NOTE_ED25519 || !named(by, &signer.verifier)) {
            error_set(e, ERROR_CONFIG,
                      "%s: version %" PRIu64 " of the registry does not name the key %s as its authority's",
                      key_paths[i], by->version, signer.verifier.name);
            goto out;
        }
        for (size_t k = 0; k < i; k++)
            if (memcmp(used[k], signer.verifier.public_key, 32) == 0) {
                error_set(e, ERROR_USAGE, "%s is given twice", key_paths[i]);
                goto out;
            }
        memcpy(used[i], signer.verifier.public_key, 32);
        if (i == 0)
            note_sign(&signer, text, 0, out);
        else
            note_sign_line(&signer, text, 0, out);
        note_signer_clear(&signer);
    }
    result = 0;

out:
    note_signer_clear(&signer);
    return result;
}

int registry_sign(struct bytes document, const char *name, struct bytes *previous_file,
                  const char *const *key_paths, size_t key_count, struct buffer *out, struct faults *faults,
                  struct error *e)
{
    struct registry *previous = NULL, *r = NULL;
    struct buffer text = {0}, file = {0};
    int result = -1;
    r = registry_parse(document, name, faults);
    if (r == NULL) {
        error_set(e, ERROR_CONFIG, "%s has %u fault(s)", name, faults->count);
        goto out;
    }
    if (previous_file != NULL) {
        /* That it was good is the signers' memory: it must name their keys. */
        previous = registry_open_unjudged(*previous_file, NULL, e);
        if (previous == NULL) {
            error_prefix(e, "the previous registry: ");
            goto out;
        }
        if (strcmp(r->instance, previous->instance) != 0) {
            error_set(e, ERROR_CONFIG, "%s is of instance %s, the previous registry of %s", name, r->instance,
                      previous->instance);
            goto out;
        }
        if (r->version <= previous->version) {
            error_set(e, ERROR_CONFIG, "%s has version %" PRIu64 ", which does not rise over %" PRIu64, name,
                      r->version, previous->version);
            goto out;
        }
    }
    statement_format(r, previous != NULL ? previous->hash : NULL, &text);
    if (sign_note(buffer_bytes(&text), previous != NULL ? previous : r, key_paths, key_count, &file, e) != 0)
        goto out;
    buffer_append_string(&file, &SEPARATOR[1]); /* the note ends in LF already */
    buffer_append_bytes(&file, document);
    buffer_append_bytes(out, buffer_bytes(&file));
    result = 0;

out:
    buffer_free(&file);
    buffer_free(&text);
    registry_free(previous);
    registry_free(r);
    return result;
}
