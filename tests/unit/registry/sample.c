#include "sample.h"

#include "base/clock.h"
#include "base/error.h"
#include "crypto/keys.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void make_signer(const char *name, enum note_key_type type, struct note_signer *out)
{
    struct error e = {0};
    if (note_signer_generate(name, type, out, &e) != 0)
        fail_msg("%s", e.text);
}

const struct sample_keys *sample_keys(void)
{
    static struct sample_keys keys;
    static bool made;
    if (made)
        return &keys;
    made = true;
    const char *const names[] = {"authority.example.tn/one", "authority.example.tn/two",
                                 "authority.example.tn/three", "somebody.example.tn/else"};
    for (size_t i = 0; i < 4; i++)
        make_signer(names[i], NOTE_ED25519, &keys.authority[i]);
    make_signer("bus.example.tn/ledger", NOTE_ED25519, &keys.ledger[0]);
    make_signer("bus.example.tn/ledger", NOTE_ED25519, &keys.ledger[1]);
    make_signer("TN-GOV-MI/witness", NOTE_COSIGNATURE, &keys.witness);
    random_bytes(keys.link_mi, sizeof keys.link_mi);
    random_bytes(keys.link_men, sizeof keys.link_men);
    random_bytes(keys.sealing_mi, sizeof keys.sealing_mi);
    random_bytes(keys.sealing_men, sizeof keys.sealing_men);
    random_bytes(keys.oversight, sizeof keys.oversight);
    return &keys;
}

void sample_certificate(bool ca, struct buffer *out)
{
    X509 *certificate = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_NAME *name = X509_get_subject_name(certificate);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"Root", -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(certificate, name), 1);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    buffer_append(out, data, (size_t)len);
    BIO_free(bio);
    EVP_PKEY_free(key);
    X509_free(certificate);
}

void sample_replace(struct buffer *text, const char *from, const char *to)
{
    buffer_append(text, "", 1);
    char *at = strstr((char *)text->data, from);
    if (at == NULL || strstr(at + 1, from) != NULL)
        fail_msg("\"%s\" does not stand exactly once in the sample", from);
    struct buffer out = {0};
    buffer_append(&out, text->data, (size_t)(at - (char *)text->data));
    buffer_append_string(&out, to);
    buffer_append_string(&out, at + strlen(from));
    buffer_free(text);
    *text = out;
}

static void put_vkey(struct buffer *text, const char *mark, const struct note_signer *signer)
{
    struct buffer vkey = {0};
    note_verifier_format(&signer->verifier, &vkey);
    buffer_append(&vkey, "", 1);
    sample_replace(text, mark, (const char *)vkey.data);
    buffer_free(&vkey);
}

static void put_hex(struct buffer *text, const char *mark, const uint8_t key[32])
{
    char hex[65];
    hex_encode(key, 32, hex);
    sample_replace(text, mark, hex);
}

static void put_base64(struct buffer *text, const char *mark, const uint8_t key[32])
{
    struct buffer base64 = {0};
    base64_encode(bytes_make(key, 32), &base64);
    buffer_append(&base64, "", 1);
    sample_replace(text, mark, (const char *)base64.data);
    buffer_free(&base64);
}

/* PEM lines, indented as the block scalar needs them. */
static void put_anchor(struct buffer *text)
{
    struct buffer pem = {0}, indented = {0};
    sample_certificate(true, &pem);
    for (size_t i = 0; i + 1 < pem.len; i++) {
        buffer_append(&indented, pem.data + i, 1);
        if (pem.data[i] == '\n')
            buffer_append_string(&indented, "      ");
    }
    buffer_append(&indented, "", 1);
    sample_replace(text, "@ANCHOR@", (const char *)indented.data);
    buffer_free(&pem);
    buffer_free(&indented);
}

void sample_document(struct buffer *out)
{
    const struct sample_keys *keys = sample_keys();
    struct error e = {0};
    struct buffer text = {0};
    if (file_read(SAMPLE, 1 << 20, &text, &e) != 0)
        fail_msg("%s", e.text);
    put_vkey(&text, "@AUTHORITY-1@", &keys->authority[0]);
    put_vkey(&text, "@AUTHORITY-2@", &keys->authority[1]);
    put_vkey(&text, "@AUTHORITY-3@", &keys->authority[2]);
    put_vkey(&text, "@LEDGER-1@", &keys->ledger[0]);
    put_vkey(&text, "@LEDGER-2@", &keys->ledger[1]);
    put_vkey(&text, "@WITNESS-MI@", &keys->witness);
    put_hex(&text, "@LINK-MI-1@", keys->link_mi[0]);
    put_hex(&text, "@LINK-MI-2@", keys->link_mi[1]);
    put_hex(&text, "@LINK-MEN@", keys->link_men);
    put_base64(&text, "@SEALING-MI-1@", keys->sealing_mi[0]);
    put_base64(&text, "@SEALING-MI-2@", keys->sealing_mi[1]);
    put_base64(&text, "@SEALING-MEN@", keys->sealing_men);
    put_base64(&text, "@OVERSIGHT-1@", keys->oversight[0]);
    put_base64(&text, "@OVERSIGHT-2@", keys->oversight[1]);
    put_anchor(&text);
    buffer_append_bytes(out, buffer_bytes(&text));
    buffer_free(&text);
}

struct registry *sample_load(const struct buffer *text)
{
    struct faults faults = {0};
    struct registry *r = registry_parse(buffer_bytes(text), "sample.yaml", &faults);
    if (r == NULL)
        fail_msg("%.*s", (int)faults.text.len, (const char *)faults.text.data);
    assert_int_equal(faults.count, 0);
    faults_free(&faults);
    return r;
}

struct registry *sample_registry(void)
{
    struct buffer text = {0};
    sample_document(&text);
    struct registry *r = sample_load(&text);
    buffer_free(&text);
    return r;
}

uint64_t sample_time(const char *text)
{
    uint64_t at;
    if (!clock_parse(text, &at))
        fail_msg("%s is not a time", text);
    return at;
}
