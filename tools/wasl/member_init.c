#include "wasl/member_init.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/keyfile.h"
#include "crypto/keys.h"
#include "registry/identifier.h"
#include "tlog/note.h"
#include "wasl/distinguished_name.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const files[] = {
    "signing.key.pem",
    "request.csr",
    "sealing.key",
    "sealing.pub",
    "link.key",
    "link.pub",
    "witness.key",
    "witness.vkey",
    "subject.txt",
    "subject.keys",
    "registry-fragment.yaml",
};

/* "<folder>/<name>"; the caller's buffer is used for one path at a time. */
static const char *path_in(struct buffer *path, const char *folder, const char *name)
{
    buffer_clear(path);
    buffer_printf(path, "%s/%s", folder, name);
    buffer_append(path, "", 1);
    return (const char *)path->data;
}

static int write_public(struct buffer *path, const char *folder, const char *name, struct bytes text,
                        struct error *e)
{
    return file_write_atomically(path_in(path, folder, name), text, 0644, e);
}

/* --- signing key and request --- */

static int write_pem(const char *path, BIO *bio, bool private, struct error *e)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    struct bytes pem = bytes_make(data, (size_t)len);
    return private ? private_file_create(path, pem, e) : file_write_atomically(path, pem, 0644, e);
}

static X509_REQ *request_new(EVP_PKEY *key, const X509_NAME *name)
{
    X509_REQ *request = X509_REQ_new();
    if (request != NULL && X509_REQ_set_version(request, 0) == 1 &&
        X509_REQ_set_subject_name(request, name) == 1 && X509_REQ_set_pubkey(request, key) == 1 &&
        X509_REQ_sign(request, key, EVP_sha256()) > 0)
        return request;
    X509_REQ_free(request);
    return NULL;
}

static int make_signing(const struct member_init *init, const X509_NAME *name, const char *folder,
                        struct buffer *path, struct error *e)
{
    EVP_PKEY *key = init->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509_REQ *request = key != NULL ? request_new(key, name) : NULL;
    BIO *private = BIO_new(BIO_s_secmem()), *public = BIO_new(BIO_s_mem());
    int result = -1;
    if (request == NULL || private == NULL || public == NULL ||
        PEM_write_bio_PKCS8PrivateKey(private, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509_REQ(public, request) != 1)
        crypto_error(e, "cannot make a signing key and its request");
    else if (write_pem(path_in(path, folder, "signing.key.pem"), private, true, e) == 0)
        result = write_pem(path_in(path, folder, "request.csr"), public, false, e);
    BIO_free(private);
    BIO_free(public);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    return result;
}

/* --- the other keys: public halves as texts --- */

struct public_keys {
    struct buffer sealing, link, witness;
};

static void public_keys_free(struct public_keys *keys)
{
    buffer_free(&keys->sealing);
    buffer_free(&keys->link);
    buffer_free(&keys->witness);
}

static int write_line(struct buffer *path, const char *folder, const char *name, const struct buffer *text,
                      struct error *e)
{
    struct buffer line = {0};
    buffer_append_bytes(&line, buffer_bytes(text));
    buffer_append(&line, "\n", 1);
    int result = write_public(path, folder, name, buffer_bytes(&line), e);
    buffer_free(&line);
    return result;
}

static int make_sealing(const char *folder, struct buffer *path, struct buffer *public, struct error *e)
{
    struct sealing_key key;
    int result = -1;
    if (sealing_key_generate(&key, e) == 0 &&
        sealing_key_save(path_in(path, folder, "sealing.key"), &key, e) == 0) {
        base64_encode(bytes_make(key.public_key, 32), public);
        result = write_line(path, folder, "sealing.pub", public, e);
    }
    sealing_key_clear(&key);
    return result;
}

/* Still without any: the adapter makes one each day. */
static int make_subject_keys(const char *folder, struct buffer *path, struct error *e)
{
    struct keyfile *file = keyfile_open(path_in(path, folder, "subject.keys"), true, e);
    keyfile_close(file);
    return file == NULL ? -1 : 0;
}

static int make_link(const char *folder, struct buffer *path, struct buffer *public, struct error *e)
{
    struct link_key key;
    int result = -1;
    if (link_key_generate(&key, e) == 0 && link_key_save(path_in(path, folder, "link.key"), &key, e) == 0) {
        char hex[65];
        hex_encode(key.public_key, 32, hex);
        buffer_append_string(public, hex);
        result = write_line(path, folder, "link.pub", public, e);
    }
    link_key_clear(&key);
    return result;
}

/* Its name is the member's with '-' for '/': "TN-GOV-MI/witness". */
static int make_witness(const char *member, const char *folder, struct buffer *path, struct buffer *public,
                        struct error *e)
{
    struct note_signer signer = {0};
    char name[IDENTIFIER_MOST + 16];
    int result = -1;
    snprintf(name, sizeof name, "%s", member);
    for (char *p = name; *p != 0; p++)
        if (*p == '/')
            *p = '-';
    strcat(name, "/witness");
    if (note_signer_generate(name, NOTE_COSIGNATURE, &signer, e) == 0 &&
        note_signer_save(path_in(path, folder, "witness.key"), &signer, e) == 0) {
        note_verifier_format(&signer.verifier, public);
        result = write_line(path, folder, "witness.vkey", public, e);
    }
    note_signer_clear(&signer);
    return result;
}

/* --- the fragment --- */

/* As a YAML double-quoted scalar. */
static void quote(struct buffer *out, const char *text)
{
    buffer_append(out, "\"", 1);
    for (const char *p = text; *p != 0; p++) {
        if (*p == '"' || *p == '\\')
            buffer_append(out, "\\", 1);
        buffer_append(out, p, 1);
    }
    buffer_append(out, "\"", 1);
}

static void write_fragment(const struct member_init *init, const char *subject,
                           const struct public_keys *keys, struct buffer *out)
{
    char from[28], until[28];
    uint64_t today = init->now - init->now % DAY_MICROSECONDS;
    clock_format(today, from);
    clock_format(today + init->days * DAY_MICROSECONDS, until);
    buffer_printf(
        out, "# To be added to `members` of the registry, with the member's subsystems.\n- id: %s\n  name:\n",
        init->member);
    const char *const names[][2] = {{"ar", init->name_ar}, {"fr", init->name_fr}, {"en", init->name_en}};
    for (size_t i = 0; i < 3; i++) {
        buffer_printf(out, "    %s: ", names[i][0]);
        quote(out, names[i][1] != NULL ? names[i][1] : init->member);
        buffer_append(out, "\n", 1);
    }
    buffer_append_string(out, "  trust_anchor: ");
    quote(out, init->trust_anchor);
    buffer_append_string(out, "\n  certificate_subject: ");
    quote(out, subject);
    buffer_printf(
        out,
        "\n  link_keys:\n    - \"%.*s\"\n  sealing_keys:\n    - key: \"%.*s\"\n      not_before: \"%s\"\n"
        "      not_after: \"%s\"\n  witness_key: \"%.*s\"\n",
        (int)keys->link.len, (const char *)keys->link.data, (int)keys->sealing.len,
        (const char *)keys->sealing.data, from, until, (int)keys->witness.len,
        (const char *)keys->witness.data);
}

/* --- the folder --- */

static X509_NAME *subject_name(const struct member_init *init, struct error *e)
{
    if (init->subject != NULL)
        return distinguished_name_parse(init->subject, e);
    char text[IDENTIFIER_MOST + 32];
    size_t instance = identifier_prefix(bytes_of_string(init->member), 1);
    bool country = instance == 2;
    for (size_t i = 0; i < instance; i++)
        country = country && init->member[i] >= 'A' && init->member[i] <= 'Z';
    snprintf(text, sizeof text, "CN=%s,O=Wasl%s%.2s", init->member, country ? ",C=" : "",
             country ? init->member : "");
    return distinguished_name_parse(text, e);
}

static int fill(const struct member_init *init, const X509_NAME *name, const char *folder,
                struct buffer *fragment, struct error *e)
{
    struct buffer path = {0}, subject = {0}, text = {0};
    struct public_keys keys = {0};
    int result = -1;
    if (distinguished_name_format(name, &subject, e) != 0 ||
        make_signing(init, name, folder, &path, e) != 0 ||
        make_sealing(folder, &path, &keys.sealing, e) != 0 || make_link(folder, &path, &keys.link, e) != 0 ||
        make_subject_keys(folder, &path, e) != 0 ||
        make_witness(init->member, folder, &path, &keys.witness, e) != 0 ||
        write_line(&path, folder, "subject.txt", &subject, e) != 0)
        goto out;
    buffer_append(&subject, "", 1);
    write_fragment(init, (const char *)subject.data, &keys, &text);
    if (write_public(&path, folder, "registry-fragment.yaml", buffer_bytes(&text), e) != 0)
        goto out;
    buffer_append_bytes(fragment, buffer_bytes(&text));
    result = 0;

out:
    public_keys_free(&keys);
    buffer_free(&text);
    buffer_free(&subject);
    buffer_free(&path);
    return result;
}

static void remove_folder(const char *folder)
{
    struct buffer path = {0};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        unlink(path_in(&path, folder, files[i]));
    rmdir(folder);
    buffer_free(&path);
}

static bool printable(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != 0; p++)
        if (*p < 0x20 || *p == 0x7f)
            return false;
    return true;
}

int member_init(const struct member_init *init, const char *folder, struct buffer *fragment, struct error *e)
{
    if (identifier_parts(bytes_of_string(init->member)) != 3)
        return error_set(e, ERROR_USAGE, "a member is instance/class/member: TN/GOV/MI");
    const char *const texts[] = {init->trust_anchor, init->name_ar, init->name_fr, init->name_en};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i] != NULL && !printable(texts[i]))
            return error_set(e, ERROR_USAGE, "a name is one line without control characters");
    X509_NAME *name = subject_name(init, e);
    if (name == NULL)
        return -1;
    struct buffer part = {0};
    size_t len = strlen(folder);
    while (len > 1 && folder[len - 1] == '/')
        len--;
    buffer_printf(&part, "%.*s.part", (int)len, folder);
    buffer_append(&part, "", 1);
    const char *made = (const char *)part.data;
    int result = -1;
    if (mkdir(made, 0700) != 0) {
        error_set(e, ERROR_IO, "cannot make the folder %s: %s%s", made, strerror(errno),
                  errno == EEXIST ? " (left by a run that was interrupted? remove it)" : "");
        goto out;
    }
    result = fill(init, name, made, fragment, e);
    /* Takes the place of nothing, or of an empty folder. */
    if (result == 0 && rename(made, folder) != 0)
        result = error_set(e, errno == ENOTEMPTY || errno == EEXIST ? ERROR_USAGE : ERROR_IO,
                           "%s: %s: keys are never overwritten, name a new folder", folder, strerror(errno));
    if (result != 0)
        remove_folder(made);

out:
    buffer_free(&part);
    X509_NAME_free(name);
    return result;
}
