#include "pki.h"
#include "crypto/trust.h"
#include "checks.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <unistd.h>

EVP_PKEY *pki_key(const char *kind)
{
    EVP_PKEY *key;

    if (strncmp(kind, "P-", 2) == 0)
        key = EVP_EC_gen(kind);
    else if (strncmp(kind, "RSA", 3) == 0)
        key = EVP_RSA_gen((unsigned)strtoul(kind + 3, NULL, 10));
    else
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    assert_non_null(key);
    return key;
}

static void set_name(X509 *certificate, const char *common)
{
    X509_NAME *name = X509_get_subject_name(certificate);

    assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const uint8_t *)"Wasl", -1, -1, 0),
                     1);
    assert_int_equal(
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)common, -1, -1, 0), 1);
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    if (strcmp(value, "-") == 0)
        return;
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static ASN1_TIME *time_at(int64_t offset)
{
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)((int64_t)PKI_NOW + offset));

    assert_non_null(time);
    return time;
}

static void set_times(X509 *certificate, int64_t from, int64_t to)
{
    ASN1_TIME *before = time_at(from);
    ASN1_TIME *after = time_at(to);

    assert_int_equal(X509_set1_notBefore(certificate, before), 1);
    assert_int_equal(X509_set1_notAfter(certificate, after), 1);
    ASN1_TIME_free(before);
    ASN1_TIME_free(after);
}

static const EVP_MD *digest_for(EVP_PKEY *key)
{
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

static X509 *make(const struct pki_ca *ca, const struct pki_request *r)
{
    static long next_serial = 1000;
    X509 *certificate = X509_new();
    X509 *issuer = ca->certificate == NULL ? certificate : ca->certificate;

    assert_non_null(certificate);
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    assert_int_equal(
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), r->serial != 0 ? r->serial : next_serial++), 1);
    set_name(certificate, r->name);
    assert_int_equal(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)), 1);
    set_times(certificate, r->not_before, r->not_after);
    assert_int_equal(X509_set_pubkey(certificate, r->key), 1);
    add_extension(certificate, issuer, NID_basic_constraints, r->basic_constraints);
    add_extension(certificate, issuer, NID_key_usage, r->key_usage);
    add_extension(certificate, issuer, NID_ext_key_usage, r->extended);
    add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
    add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
    assert_true(X509_sign(certificate, ca->key, r->digest != NULL ? r->digest : digest_for(ca->key)) > 0);
    return certificate;
}

static X509 *make_ca(const struct pki_ca *issuer, EVP_PKEY *key, const char *name)
{
    return make(issuer, &(struct pki_request){.name = name,
                                              .key = key,
                                              .basic_constraints = "critical,CA:TRUE",
                                              .key_usage = "critical,keyCertSign,cRLSign",
                                              .extended = "-",
                                              .not_before = -100 * PKI_DAY,
                                              .not_after = 1000 * PKI_DAY});
}

void pki_root(struct pki_ca *ca, const char *name, const char *kind)
{
    ca->certificate = NULL;
    ca->key = pki_key(kind);
    ca->certificate = make_ca(ca, ca->key, name);
}

void pki_issuing(struct pki_ca *ca, const struct pki_ca *root, const char *name)
{
    ca->key = pki_key("P-256");
    ca->certificate = make_ca(root, ca->key, name);
}

void pki_ca_free(struct pki_ca *ca)
{
    X509_free(ca->certificate);
    EVP_PKEY_free(ca->key);
}

X509 *pki_certificate(const struct pki_ca *ca, const struct pki_request *request)
{
    struct pki_request r = *request;

    r.basic_constraints = r.basic_constraints == NULL ? "critical,CA:FALSE" : r.basic_constraints;
    r.key_usage = r.key_usage == NULL ? "critical,digitalSignature" : r.key_usage;
    r.extended = r.extended == NULL ? TRUST_SIGNING_OID : r.extended;
    r.not_before = r.not_before == 0 ? -PKI_DAY : r.not_before;
    r.not_after = r.not_after == 0 ? 30 * PKI_DAY : r.not_after;
    return make(ca, &r);
}

static void crl_extension(X509_CRL *crl, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_CRL_add_ext(crl, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void crl_integer(X509_CRL *crl, int nid, long value)
{
    ASN1_INTEGER *integer = ASN1_INTEGER_new();

    assert_int_equal(ASN1_INTEGER_set(integer, value), 1);
    assert_int_equal(X509_CRL_add1_ext_i2d(crl, nid, integer, 0, 0), 1);
    ASN1_INTEGER_free(integer);
}

void pki_crl(const struct pki_ca *ca, const struct pki_crl *c, struct buffer *out)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *last = time_at(c->last_update != 0 ? c->last_update : -PKI_DAY);
    ASN1_TIME *next = time_at(c->next_update != 0 ? c->next_update : 7 * PKI_DAY);
    uint8_t *der = NULL;
    int len;

    assert_int_equal(X509_CRL_set_version(crl, X509_CRL_VERSION_2), 1);
    assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->certificate)), 1);
    assert_int_equal(X509_CRL_set1_lastUpdate(crl, last), 1);
    assert_int_equal(X509_CRL_set1_nextUpdate(crl, next), 1);
    if (c->revoked != NULL) {
        X509_REVOKED *revoked = X509_REVOKED_new();

        assert_int_equal(X509_REVOKED_set_serialNumber(
                             revoked, (ASN1_INTEGER *)(uintptr_t)X509_get0_serialNumber(c->revoked)),
                         1);
        assert_int_equal(X509_REVOKED_set_revocationDate(revoked, last), 1);
        assert_int_equal(X509_CRL_add0_revoked(crl, revoked), 1);
    }
    if (c->number >= 0)
        crl_integer(crl, NID_crl_number, c->number);
    if (c->delta)
        crl_integer(crl, NID_delta_crl, 1);
    crl_extension(crl, ca->certificate, NID_authority_key_identifier, "keyid:always");
    if (c->partial != NULL)
        crl_extension(crl, ca->certificate, NID_issuing_distribution_point, c->partial);
    assert_int_equal(X509_CRL_sort(crl), 1);
    assert_true(X509_CRL_sign(crl, ca->key, digest_for(ca->key)) > 0);
    len = i2d_X509_CRL(crl, &der);
    assert_true(len > 0);
    buffer_append(out, der, (size_t)len);
    OPENSSL_free(der);
    ASN1_TIME_free(last);
    ASN1_TIME_free(next);
    X509_CRL_free(crl);
}

void pki_der(X509 *certificate, struct buffer *out)
{
    uint8_t *der = NULL;
    int len = i2d_X509(certificate, &der);

    assert_true(len > 0);
    buffer_append(out, der, (size_t)len);
    OPENSSL_free(der);
}

void pki_pem(X509 *certificate, struct buffer *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    len = BIO_get_mem_data(bio, &text);
    buffer_append(out, text, (size_t)len);
    BIO_free(bio);
}

void pki_write_key(EVP_PKEY *key, char *path)
{
    int fd = mkstemp(path); /* mode 0600 */
    FILE *file = fdopen(fd, "w");

    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
}
