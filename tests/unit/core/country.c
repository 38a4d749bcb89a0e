#include "country.h"
#include "../scratch.h"

#include "base/clock.h"
#include "base/error.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DAY 86400

const char *const country_member[MEMBERS] = {"TN/GOV/MI", "TN/GOV/MEN", "TN/GOV/MAS"};
const char *const country_subsystem[MEMBERS] = {"TN/GOV/MI/civil", "TN/GOV/MEN/enrolment",
                                                "TN/GOV/MAS/social"};

static struct country the;
static bool made;

static void must(int result, const struct error *e)
{
    if (result != 0)
        fail_msg("%s", e->text);
}

/* --- certificates --- */

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *certify(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, bool ca)
{
    static long serial = 1;
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++), 1);
    X509_NAME_add_entry_by_txt(subject, "C", MBSTRING_UTF8, (const uint8_t *)"TN", -1, -1, 0);
    X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const uint8_t *)"Wasl", -1, -1, 0);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1, 0);
    if (issuer == NULL)
        issuer = certificate;
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 30 * DAY);
    X509_set_pubkey(certificate, key);
    add_extension(certificate, issuer, NID_basic_constraints, ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(certificate, issuer, NID_key_usage,
                  ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
    add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
    assert_true(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
    return certificate;
}

static char *pem_text(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    long len = BIO_get_mem_data(bio, &data);
    char *text = memory_zeroed((size_t)len + 1, 1);
    memcpy(text, data, (size_t)len);
    BIO_free(bio);
    return text;
}

static void make_member(int m)
{
    struct error e = {0};
    char path[128];
    the.key[m] = EVP_EC_gen("P-256");
    the.certificate[m] = certify(country_member[m], the.key[m], the.ca, the.ca_key, false);
    snprintf(path, sizeof(path), "%s/%d.pem", the.folder, m);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, the.key[m], NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    chmod(path, 0600);
    the.signer[m] = signer_open_file(path, the.certificate[m], &e);
    if (the.signer[m] == NULL)
        fail_msg("%s", e.text);
    unlink(path);
    char *pem = pem_text(the.certificate[m]);
    the.chain[m] = chain_parse_pem(bytes_of_string(pem), &e);
    if (the.chain[m] == NULL)
        fail_msg("%s", e.text);
    free(pem);
    must(link_key_generate(&the.link[m], &e), &e);
    must(sealing_key_generate(&the.sealing[m], &e), &e);
}

void country_crl(long number, int revoked, struct buffer *out)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *last = ASN1_TIME_adj(NULL, time(NULL), 0, -3600),
              *next = ASN1_TIME_adj(NULL, time(NULL), 7, 0);
    ASN1_INTEGER *value = ASN1_INTEGER_new();
    uint8_t *der = NULL;
    X509V3_CTX ctx;
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(the.ca));
    X509_CRL_set1_lastUpdate(crl, last);
    X509_CRL_set1_nextUpdate(crl, next);
    if (revoked < MEMBERS) {
        X509_REVOKED *r = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(the.certificate[revoked]));
        X509_REVOKED_set_revocationDate(r, last);
        X509_CRL_add0_revoked(crl, r);
    }
    ASN1_INTEGER_set(value, number);
    X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, 0);
    X509V3_set_ctx(&ctx, the.ca, NULL, NULL, crl, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    X509_CRL_add_ext(crl, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_CRL_sign(crl, the.ca_key, EVP_sha256()) > 0);
    int len = i2d_X509_CRL(crl, &der);
    assert_true(len > 0);
    buffer_append(out, der, (size_t)len);
    OPENSSL_free(der);
    ASN1_INTEGER_free(value);
    ASN1_TIME_free(last);
    ASN1_TIME_free(next);
    X509_CRL_free(crl);
}

/* --- registry --- */

static char *vkey_text(const struct note_signer *signer)
{
    struct buffer vkey = {0};
    note_verifier_format(&signer->verifier, &vkey);
    buffer_append(&vkey, "", 1);
    char *text = string_copy((const char *)vkey.data);
    buffer_free(&vkey);
    return text;
}

static void put_base64(struct buffer *out, const uint8_t key[32])
{
    base64_encode(bytes_make(key, 32), out);
}

const char *country_subject_type = "IUC", *country_sealed_until = "2099-01-01", *country_description;
int country_suspended = MEMBERS;

static void put_member(struct buffer *out, int m)
{
    char hex[65];
    hex_encode(the.link[m].public_key, 32, hex);
    buffer_printf(
        out,
        "  - id: %s\n    name: {ar: a, fr: f, en: e}\n    trust_anchor: root\n"
        "    certificate_subject: \"CN=%s,O=Wasl,C=TN\"\n    link_keys: [\"%s\"]\n    sealing_keys:\n"
        "      - {key: \"",
        country_member[m], country_member[m], hex);
    put_base64(out, the.sealing[m].public_key);
    buffer_printf(out,
                  "\", not_before: 2020-01-01, not_after: %s}\n%s    subsystems:\n      - code: %s\n"
                  "        name: {ar: a, fr: f, en: e}\n",
                  m == MEN ? country_sealed_until : "2099-01-01",
                  m == country_suspended ? "    suspended: true\n" : "",
                  strrchr(country_subsystem[m], '/') + 1);
    if (m == MI)
        buffer_append_string(
            out,
            "        services:\n"
            "          - code: person\n            kind: request\n"
            "            name: {ar: a, fr: f, en: e}\n            media_type: application/json\n"
            "            fields: [/name/fr, /birth_date, /filiation]\n"
            "            max_request: 2MiB\n            max_response: 2MiB\n            timeout_ms: 10000\n"
            "            retention: P5Y\n            pad: true\n            evidence: none\n"
            "            operations:\n"
            "              - {code: identity, method: GET, path: \"/persons/{iuc:IUC}\"}\n"
            "              - {code: attest, method: POST, path: \"/persons/{iuc:IUC}/attestations\"}\n");
    if (m == MI && country_subject_type != NULL)
        buffer_printf(out, "            subject: %s\n", country_subject_type);
    if (m == MI && country_description != NULL)
        buffer_printf(out, "            description: %s\n", country_description);
}

static void document(unsigned version, const char *fields, struct buffer *out)
{
    char *ledger = vkey_text(&the.ledger), *pem = pem_text(the.ca);
    buffer_printf(
        out,
        "instance: TN\nversion: %u\nvalid_until: 2099-06-30T00:00:00Z\nauthority:\n  threshold: 1\n  keys: "
        "[\"%s\"]\nledger:\n  - {key: \"%s\", from: 0}\noversight:\n  - {key: \"",
        version, the.authority_vkey, ledger);
    put_base64(out, the.oversight.public_key);
    buffer_append_string(
        out, "\", not_before: 2020-01-01, not_after: 2099-01-01}\ntrust_anchors:\n  - name: root\n"
             "    certificate: |\n");
    for (char *line = strtok(pem, "\n"); line != NULL; line = strtok(NULL, "\n"))
        buffer_printf(out, "      %s\n", line);
    buffer_append_string(out, "members:\n");
    for (int m = 0; m < MEMBERS; m++)
        put_member(out, m);
    buffer_printf(out,
                  "purposes:\n  - {code: enrolment, name: {ar: a, fr: f, en: e}, legal_basis: law-2004-63}\n"
                  "  - {code: social, name: {ar: a, fr: f, en: e}, legal_basis: law-1960-30}\n"
                  "grants:\n  - consumer: TN/GOV/MEN/enrolment\n    service: TN/GOV/MI/civil/person\n"
                  "    purpose: enrolment\n    %s\n    expires: 2099-06-30\n"
                  "  - consumer: TN/GOV/MAS/social\n    service: TN/GOV/MI/civil/person\n"
                  "    purpose: social\n    whole: true\n    expires: 2099-06-30\n",
                  fields != NULL ? fields : "fields: [/name/fr, /birth_date]");
    free(ledger);
    free(pem);
}

void country_sign_registry(unsigned version, const struct buffer *previous, const char *fields,
                           struct buffer *out)
{
    struct buffer text = {0};
    struct faults faults = {0};
    struct error e = {0};
    char path[128];
    snprintf(path, sizeof(path), "%s/authority.key", the.folder);
    const char *paths[] = {path};
    struct bytes before = previous != NULL ? buffer_bytes(previous) : bytes_make(NULL, 0);
    document(version, fields, &text);
    if (registry_sign(buffer_bytes(&text), "country.yaml", previous != NULL ? &before : NULL, paths, 1, out,
                      &faults, &e) != 0)
        fail_msg("%s: %.*s", e.text, (int)faults.text.len, (const char *)faults.text.data);
    faults_free(&faults);
    buffer_free(&text);
}

/* --- life --- */

struct country *country(void)
{
    struct error e = {0};
    char path[128];
    if (made)
        return &the;
    made = true;
    strcpy(the.folder, "/tmp/wasl-core-XXXXXX");
    assert_non_null(mkdtemp(the.folder));
    must(note_signer_generate("authority.example.tn/one", NOTE_ED25519, &the.authority, &e), &e);
    must(note_signer_generate("bus.example.tn/ledger", NOTE_ED25519, &the.ledger, &e), &e);
    must(note_signer_generate("bus.example.tn/ledger", NOTE_ED25519, &the.other_ledger, &e), &e);
    snprintf(path, sizeof(path), "%s/authority.key", the.folder);
    must(note_signer_save(path, &the.authority, &e), &e);
    the.authority_vkey = vkey_text(&the.authority);
    must(link_key_generate(&the.bus_link, &e), &e);
    must(sealing_key_generate(&the.oversight, &e), &e);
    the.ca_key = EVP_EC_gen("P-256");
    the.ca = certify("Root", the.ca_key, NULL, the.ca_key, true);
    for (int m = 0; m < MEMBERS; m++)
        make_member(m);
    country_crl(1, MEMBERS, &the.crl);
    country_sign_registry(1, NULL, NULL, &the.registry);
    return &the;
}

void country_end(void)
{
    if (!made)
        return;
    for (int m = 0; m < MEMBERS; m++) {
        signer_free(the.signer[m]);
        chain_free(the.chain[m]);
        X509_free(the.certificate[m]);
        EVP_PKEY_free(the.key[m]);
    }
    X509_free(the.ca);
    EVP_PKEY_free(the.ca_key);
    buffer_free(&the.crl);
    buffer_free(&the.registry);
    free(the.authority_vkey);
    if (scratch_delete(the.folder) != 0)
        print_message("cannot remove %s\n", the.folder);
    made = false;
}

int country_teardown(void **state)
{
    (void)state;
    country_end();
    return 0;
}

void country_state(char out[96])
{
    static unsigned next;
    snprintf(out, 96, "%s/state-%u", country()->folder, next++);
}
