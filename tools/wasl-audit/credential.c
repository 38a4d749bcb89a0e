#include "credential.h"

#include "base/clock.h"
#include "base/error.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEPT 256

struct kept {
    uint8_t certificate[HASH_SIZE];
    struct trust *trust; /* a reference: so its address is not another's */
    struct credential credential;
};

struct credentials {
    struct kept kept[KEPT];
    size_t count, next;
};

struct credentials *credentials_new(void)
{
    return memory_zeroed(1, sizeof(struct credentials));
}

static void forget(struct kept *kept)
{
    trust_free(kept->trust);
    free(kept->credential.subject);
    free(kept->credential.issuer);
    free(kept->credential.serial);
    *kept = (struct kept){0};
}

void credentials_free(struct credentials *credentials)
{
    if (credentials == NULL)
        return;
    for (size_t i = 0; i < credentials->count; i++)
        forget(&credentials->kept[i]);
    free(credentials);
}

static char *name_of(const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    BUG_ON(bio == NULL);
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    long len = BIO_get_mem_data(bio, &text);
    char *copy = memory_zeroed(1, (size_t)len + 1);
    if (len > 0)
        memcpy(copy, text, (size_t)len);
    BIO_free(bio);
    return copy;
}

static char *serial_of(X509 *certificate)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    char *copy = string_copy(hex != NULL ? hex : "?");
    OPENSSL_free(hex);
    BN_free(number);
    return copy;
}

static uint64_t time_of(const ASN1_TIME *time)
{
    struct tm parts;
    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1)
        return 0;
    time_t seconds = timegm(&parts);
    return seconds > 0 ? (uint64_t)seconds * MICROSECONDS : 0;
}

static void describe_certificate(struct credential *out, const struct certificate *certificate,
                                 struct trust *trust)
{
    X509 *leaf = chain_leaf(certificate->chain);
    out->subject = name_of(X509_get_subject_name(leaf));
    out->issuer = name_of(X509_get_issuer_name(leaf));
    out->serial = serial_of(leaf);
    out->not_before = time_of(X509_get0_notBefore(leaf));
    out->not_after = time_of(X509_get0_notAfter(leaf));
    out->chain_count = chain_count(certificate->chain);
    ssize_t crl = trust != NULL ? trust_crl_of(trust, certificate->chain) : -1;
    out->has_crl = crl >= 0;
    if (crl >= 0)
        trust_crl_info(trust, (size_t)crl, &out->crl);
    ERR_clear_error();
}

const struct credential *credentials_of(struct credentials *credentials,
                                        const struct certificate *certificate, struct trust *trust)
{
    for (size_t i = 0; i < credentials->count; i++) {
        struct kept *kept = &credentials->kept[i];
        if (kept->trust == trust && memcmp(kept->certificate, certificate->hash, HASH_SIZE) == 0)
            return &kept->credential;
    }
    struct kept *kept = &credentials->kept[credentials->next];
    credentials->next = (credentials->next + 1) % KEPT;
    if (credentials->count < KEPT)
        credentials->count++;
    forget(kept);
    memcpy(kept->certificate, certificate->hash, HASH_SIZE);
    kept->trust = trust != NULL ? trust_ref(trust) : NULL;
    describe_certificate(&kept->credential, certificate, trust);
    return &kept->credential;
}
