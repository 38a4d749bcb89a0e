/*
 * Hostile chains before trust_verify: a member's certificate and a CRL are edited and signed again by the
 * real CA, so that what stands behind their signatures is reached. Who is trusted has the subject asked for,
 * a key of one of the three algorithms, and is trusted the second time (from the cache) as the first.
 */
#include "fuzz_country.h"
#include "fuzz.h"

#include "base/clock.h"
#include "base/error.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define SUBJECT "CN=TN/GOV/MI,O=Wasl,C=TN"

static struct buffer anchor;

void fuzz_setup(void)
{
    struct country *c = fuzz_country();
    uint8_t *der = NULL;
    int len = i2d_X509(c->ca, &der);
    FUZZ_CHECK(len > 0);
    buffer_append(&anchor, der, (size_t)len);
    OPENSSL_free(der);
}

void fuzz_seeds(void)
{
    fuzz_seed(bytes_make("\x00\x00\x00\x00", 4));
    fuzz_seed(bytes_make("\x01\x01\x00\x00\x90\x01\x01\x00", 8));
    fuzz_seed(bytes_make("\x03\x02\x00\x01\x20\x01\x07\x03\x00\x50\x02\x05\x05\x01\x00\x00\x30\x01\x02", 19));
    fuzz_seed(bytes_make("\x05\x01\x03\x00\xc0\x04\x30\x31\x32\x33\x00", 11));
    fuzz_seed(bytes_make("\x02\x00\x01\x00\x00\x60\x01\x02", 8));
}

/* The edited certificate, signed by the CA when it can be read and `again`. NULL: it is none. */
static X509 *leaf(struct fuzz_input *in, bool again)
{
    struct buffer der = {0};
    chain_der(country()->chain[MI], &der);
    fuzz_edit(in, &der);
    const uint8_t *p = der.data;
    X509 *x = der.len == 0 ? NULL : d2i_X509(NULL, &p, (long)der.len);
    buffer_free(&der);
    if (x != NULL && again && X509_sign(x, country()->ca_key, EVP_sha256()) <= 0) {
        X509_free(x);
        x = NULL;
    }
    return x;
}

static void add_crl(struct fuzz_input *in, struct trust *trust, bool again)
{
    struct buffer der = {0};
    struct error e = {0};
    buffer_append_bytes(&der, buffer_bytes(&country()->crl));
    fuzz_edit(in, &der);
    const uint8_t *p = der.data;
    X509_CRL *crl = der.len == 0 ? NULL : d2i_X509_CRL(NULL, &p, (long)der.len);
    if (crl != NULL && again && X509_CRL_sign(crl, country()->ca_key, EVP_sha256()) > 0) {
        uint8_t *out = NULL;
        int len = i2d_X509_CRL(crl, &out);
        if (len > 0) {
            buffer_clear(&der);
            buffer_append(&der, out, (size_t)len);
        }
        OPENSSL_free(out);
    }
    (void)trust_add_crl(trust, buffer_bytes(&der), &e);
    X509_CRL_free(crl);
    buffer_free(&der);
}

static void judge(struct trust *trust, const struct chain *chain, uint64_t now)
{
    struct verified_key first, second;
    enum refusal refusal = trust_verify(trust, chain, "root", SUBJECT, now, &first);
    FUZZ_CHECK(refusal == REFUSAL_NONE || refusal == REFUSAL_CERTIFICATE_UNTRUSTED ||
               refusal == REFUSAL_CERTIFICATE_EXPIRED || refusal == REFUSAL_CERTIFICATE_REVOKED ||
               refusal == REFUSAL_REVOCATION_UNKNOWN);
    FUZZ_CHECK(trust_verify(trust, chain, "root", SUBJECT, now, &second) == refusal);
    FUZZ_CHECK(trust_verify(trust, chain, "other", SUBJECT, now, &second) != REFUSAL_NONE);
    if (refusal != REFUSAL_NONE)
        return;
    FUZZ_CHECK(trust_verify(trust, chain, "root", "CN=TN/GOV/MEN,O=Wasl,C=TN", now, &second) != REFUSAL_NONE);
    char *subject = chain_subject(chain);
    FUZZ_CHECK(strcmp(subject, SUBJECT) == 0);
    free(subject);
    FUZZ_CHECK(first.key != NULL && first.algorithm >= 1 && first.algorithm <= 3);
    FUZZ_CHECK(first.algorithm == signature_algorithm_of(X509_get0_pubkey(chain_leaf(chain))));
    time_t at = (time_t)(now / MICROSECONDS);
    FUZZ_CHECK(X509_cmp_time(X509_get0_notBefore(chain_leaf(chain)), &at) < 0 &&
               X509_cmp_time(X509_get0_notAfter(chain_leaf(chain)), &at) > 0);
    FUZZ_CHECK((X509_get_key_usage(chain_leaf(chain)) & KU_DIGITAL_SIGNATURE) != 0);
    struct chain *path = trust_path(trust, chain, "root", SUBJECT);
    FUZZ_CHECK(path != NULL && memcmp(chain_leaf_hash(path), chain_leaf_hash(chain), HASH_SIZE) == 0);
    chain_free(path);
}

void fuzz_target(struct fuzz_input *in)
{
    uint8_t how = fuzz_u8(in);
    struct trust *trust = trust_new();
    struct error e = {0};
    struct buffer der = {0};
    FUZZ_CHECK(trust_add_anchor(trust, "root", buffer_bytes(&anchor), &e) == 0);
    FUZZ_CHECK(trust_add_crl(trust, buffer_bytes(&country()->crl), &e) == 0);
    X509 *x = leaf(in, (how & 1) != 0);
    if ((how & 2) != 0)
        add_crl(in, trust, (how & 4) != 0);
    if (x != NULL) {
        uint8_t *out = NULL;
        int len = i2d_X509(x, &out);
        if (len > 0)
            buffer_append(&der, out, (size_t)len);
        OPENSSL_free(out);
    }
    if ((how & 8) != 0)
        chain_der(country()->chain[MEN], &der);
    if ((how & 16) != 0)
        buffer_append_bytes(&der, buffer_bytes(&anchor));
    struct chain *chain = chain_parse_der(buffer_bytes(&der), &e);
    if (chain != NULL) {
        static const uint64_t ages[] = {0, 40, 10000};
        uint64_t now = FUZZ_NOW * MICROSECONDS + ages[fuzz_u8(in) % 3] * DAY_MICROSECONDS;
        judge(trust, chain, now);
        chain_free(chain);
    }
    X509_free(x);
    ERR_clear_error();
    trust_free(trust);
    buffer_free(&der);
}
