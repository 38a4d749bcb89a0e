/* wasl keys: what keys a folder holds, without ever showing a private half. */
#include "wasl/command.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/hash.h"
#include "crypto/keys.h"
#include "crypto/signature.h"
#include "crypto/trust.h"
#include "tlog/note.h"

#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define FILE_MOST ((size_t)1 << 20)
#define KEYS_MOST 64
#define SOON_DAYS 30

/* What the files of one folder are compared by. */
struct folder {
    const char *path;
    EVP_PKEY *signing[KEYS_MOST]; /* with the name of its file */
    char *signing_name[KEYS_MOST];
    size_t signing_count;
    EVP_PKEY *certified[KEYS_MOST];
    size_t certified_count;
    unsigned found, wrong;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    (void)argument;
    if (key == ARGP_KEY_ARGS) {
        *(int *)state->input = state->next;
        return 0;
    }
    if (key == ARGP_KEY_NO_ARGS)
        argp_error(state, "which folder?");
    return key == ARGP_KEY_END ? 0 : ARGP_ERR_UNKNOWN;
}

static void wrong(struct folder *folder, const char *words)
{
    printf("      WRONG: %s\n", words);
    folder->wrong++;
}

static void heading(struct folder *folder, const char *name, const char *kind)
{
    folder->found++;
    printf("  %s: %s\n", name, kind);
}

static void line(const char *name, const char *value)
{
    printf("      %-12s %s\n", name, value);
}

static void line_hex(const char *name, const void *data, size_t len)
{
    char text[2 * 64 + 1];
    hex_encode(data, len, text);
    line(name, text);
}

static void line_buffer(const char *name, struct buffer *text)
{
    buffer_append(text, "", 1);
    line(name, (const char *)text->data);
    buffer_free(text);
}

static const char *algorithm_name(EVP_PKEY *key)
{
    static const char *const names[] = {"of a kind that is not used here", "ECDSA P-256", "RSA-2048",
                                        "Ed25519"};
    uint8_t algorithm = key != NULL ? signature_algorithm_of(key) : 0;
    return names[algorithm < 4 ? algorithm : 0];
}

static void show_sealing(struct folder *folder, const char *name, const char *path)
{
    struct sealing_key key;
    struct error e = {0};
    heading(folder, name, "sealing key (X25519), private");
    if (sealing_key_load(path, &key, &e) != 0) {
        wrong(folder, e.text);
        return;
    }
    struct buffer text = {0};
    base64_encode(bytes_make(key.public_key, 32), &text);
    line_buffer("public", &text);
    line_hex("id", key.id, HASH_SIZE);
    sealing_key_clear(&key);
}

static void show_link(struct folder *folder, const char *name, const char *path)
{
    struct link_key key;
    struct error e = {0};
    heading(folder, name, "link key (CURVE), private");
    if (link_key_load(path, &key, &e) != 0) {
        wrong(folder, e.text);
        return;
    }
    line_hex("public", key.public_key, 32);
    link_key_clear(&key);
}

static void show_note(struct folder *folder, const char *name, const char *path)
{
    struct note_signer signer;
    struct error e = {0};
    heading(folder, name, "note key (Ed25519), private");
    if (note_signer_load(path, &signer, &e) != 0) {
        wrong(folder, e.text);
        return;
    }
    line("signs", signer.verifier.type == NOTE_COSIGNATURE ? "checkpoints, as a witness"
                                                           : "notes: checkpoints or registries");
    struct buffer text = {0};
    note_verifier_format(&signer.verifier, &text);
    line_buffer("vkey", &text);
    note_signer_clear(&signer);
}

static void show_signing(struct folder *folder, const char *name, const char *path)
{
    struct error e = {0};
    heading(folder, name, "signing key, private");
    EVP_PKEY *key = private_key_load(path, &e);
    if (key == NULL) {
        wrong(folder, e.text);
        return;
    }
    line("kind", algorithm_name(key));
    if (signature_algorithm_of(key) == 0)
        wrong(folder, "messages are signed with ECDSA P-256, RSA-2048 or Ed25519");
    if (folder->signing_count == KEYS_MOST) {
        EVP_PKEY_free(key);
        return;
    }
    folder->signing_name[folder->signing_count] = string_copy(name);
    folder->signing[folder->signing_count++] = key;
}

static uint64_t time_of(const ASN1_TIME *time)
{
    struct tm tm = {0};
    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1)
        return 0;
    time_t seconds = timegm(&tm);
    return seconds > 0 ? (uint64_t)seconds * MICROSECONDS : 0;
}

static void line_time(const char *name, uint64_t time)
{
    char text[28];
    clock_format(time, text);
    line(name, text);
}

static void show_validity(struct folder *folder, const X509 *leaf)
{
    uint64_t now = clock_wall(), from = time_of(X509_get0_notBefore(leaf)),
             to = time_of(X509_get0_notAfter(leaf));
    line_time("valid from", from);
    line_time("valid until", to);
    if (now < from)
        wrong(folder, "it is not valid yet");
    else if (now > to)
        wrong(folder, "it has expired");
    else if (to - now < SOON_DAYS * DAY_MICROSECONDS)
        printf("      soon: it expires in %u days\n", (unsigned)((to - now) / DAY_MICROSECONDS));
}

static void show_chain(struct folder *folder, const char *name, const char *path)
{
    struct error e = {0};
    heading(folder, name, "certificate chain");
    struct chain *chain = chain_load_pem(path, &e);
    if (chain == NULL) {
        wrong(folder, e.text);
        return;
    }
    X509 *leaf = chain_leaf(chain);
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    char *subject = chain_subject(chain), count[16];
    snprintf(count, sizeof count, "%zu", chain_count(chain));
    line("subject", subject);
    line("kind", algorithm_name(key));
    line_hex("SHA-256", chain_leaf_hash(chain), HASH_SIZE);
    line("certificates", count);
    show_validity(folder, leaf);
    if (key != NULL && folder->certified_count < KEYS_MOST) {
        EVP_PKEY_up_ref(key);
        folder->certified[folder->certified_count++] = key;
    }
    free(subject);
    chain_free(chain);
}

static bool begins(struct bytes text, const char *with)
{
    size_t len = strlen(with);
    return text.len >= len && memcmp(text.data, with, len) == 0;
}

static bool holds(struct bytes text, const char *word)
{
    return text.len > 0 && memmem(text.data, text.len, word, strlen(word)) != NULL;
}

/* A key is known by what it holds, not by its name. */
static void show_file(struct folder *folder, const char *name)
{
    struct buffer path = {0}, file = {0};
    buffer_printf(&path, "%s/%s", folder->path, name);
    buffer_append(&path, "", 1);
    const char *text_path = (const char *)path.data;
    struct stat st;
    struct error e = {0};
    struct note_verifier verifier;
    if (stat(text_path, &st) != 0 || !S_ISREG(st.st_mode))
        goto done;
    if (st.st_size <= (off_t)FILE_MOST && file_read(text_path, FILE_MOST, &file, &e) != 0) {
        heading(folder, name, "cannot be read");
        wrong(folder, e.text);
        goto done;
    }
    struct bytes text = buffer_bytes(&file), trimmed = text;
    if (trimmed.len > 0 && trimmed.data[trimmed.len - 1] == '\n')
        trimmed.len--;
    if (begins(text, "wasl-sealing-key/"))
        show_sealing(folder, name, text_path);
    else if (begins(text, "wasl-link-key/"))
        show_link(folder, name, text_path);
    else if (begins(text, "wasl-keyfile/"))
        heading(folder, name, "subject day keys (key file), private");
    else if (begins(text, "PRIVATE+KEY+"))
        show_note(folder, name, text_path);
    else if (holds(text, "PRIVATE KEY-----"))
        show_signing(folder, name, text_path);
    else if (holds(text, "-----BEGIN CERTIFICATE-----"))
        show_chain(folder, name, text_path);
    else if (note_verifier_parse(trimmed, &verifier))
        heading(folder, name, "verifier key, public");
done:
    buffer_free(&path);
    buffer_free(&file);
}

static void check_fit(struct folder *folder)
{
    for (size_t i = 0; i < folder->signing_count; i++) {
        bool fits = false;
        for (size_t j = 0; j < folder->certified_count; j++)
            fits = fits || EVP_PKEY_eq(folder->signing[i], folder->certified[j]) == 1;
        if (fits)
            printf("  %s fits a certificate of this folder\n", folder->signing_name[i]);
        else if (folder->certified_count > 0) {
            printf("  %s\n", folder->signing_name[i]);
            wrong(folder, "no certificate of this folder is for this key");
        } else {
            printf("  %s has no certificate here yet\n", folder->signing_name[i]);
        }
    }
}

static void folder_clear(struct folder *folder)
{
    for (size_t i = 0; i < folder->signing_count; i++) {
        EVP_PKEY_free(folder->signing[i]);
        free(folder->signing_name[i]);
    }
    for (size_t i = 0; i < folder->certified_count; i++)
        EVP_PKEY_free(folder->certified[i]);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int show_folder(const char *path, struct error *e)
{
    struct folder folder = {.path = path};
    struct dirent **names;
    int count = scandir(path, &names, visible, alphasort);
    if (count < 0)
        return error_set(e, ERROR_IO, "%s: %s", path, strerror(errno));
    printf("%s\n", path);
    for (int i = 0; i < count; i++) {
        show_file(&folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    check_fit(&folder);
    if (folder.found == 0)
        printf("  no keys\n");
    int result = folder.wrong > 0 ? WASL_INTEGRITY : folder.found > 0 ? WASL_GOOD : WASL_REFUSED;
    folder_clear(&folder);
    return result;
}

int command_keys(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "FOLDER...",
        .doc = "Shows the keys and certificates in a folder: public halves, ids, dates; never a private "
               "half. Checks that nobody "
               "else can read private ones and that signing keys fit their certificates.\v"
               "Exit status: 0 all is well, 1 there are no keys, 2 usage, 3 something is wrong, 6 I/O.",
    };
    int first = argc, result = WASL_GOOD;
    argp_parse(&argp, argc, argv, 0, NULL, &first);
    for (int i = first; i < argc; i++) {
        struct error e = {0};
        int shown = show_folder(argv[i], &e);
        if (shown < 0)
            shown = command_failed(&e);
        if (shown > result)
            result = shown;
    }
    return result;
}
