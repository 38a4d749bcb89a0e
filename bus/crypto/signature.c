#include "crypto/signature.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "crypto/keys.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <string.h>

#define ECDSA_RAW      64
#define ECDSA_DER_MOST 72 /* SEQUENCE of two INTEGERs of at most 33 bytes each */
#define RSA_RAW        256

uint8_t signature_algorithm_of(EVP_PKEY *key)
{
    char group[32];
    uint8_t algorithm = 0;

    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC:
        if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 && strcmp(group, "prime256v1") == 0)
            algorithm = SIGNATURE_ECDSA_P256;
        break;
    case EVP_PKEY_RSA:
        if (EVP_PKEY_get_bits(key) == 2048)
            algorithm = SIGNATURE_RSA2048;
        break;
    case EVP_PKEY_ED25519:
        algorithm = SIGNATURE_ED25519;
        break;
    default:
        break;
    }
    ERR_clear_error();
    return algorithm;
}

/* r || s to what OpenSSL reads. Returns the length, 0 on failure. */
static size_t ecdsa_raw_to_der(const uint8_t raw[ECDSA_RAW], uint8_t der[ECDSA_DER_MOST])
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, 32, NULL);
    BIGNUM *s = BN_bin2bn(raw + 32, 32, NULL);
    int len;

    BUG_ON(sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1);
    len = i2d_ECDSA_SIG(sig, NULL);
    if (len > 0 && len <= ECDSA_DER_MOST)
        len = i2d_ECDSA_SIG(sig, &der);
    else
        len = 0;
    ECDSA_SIG_free(sig);
    return len > 0 ? (size_t)len : 0;
}

static bool ecdsa_der_to_raw(const uint8_t *der, size_t len, uint8_t raw[ECDSA_RAW])
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool good = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32 &&
                BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32;

    ECDSA_SIG_free(sig);
    return good;
}

/* Ed25519 hashes by itself; RSA's padding is PKCS#1 v1.5 unless asked otherwise. */
static const char *digest_of(uint8_t algorithm)
{
    return algorithm == SIGNATURE_ED25519 ? NULL : "SHA256";
}

bool signature_verify(EVP_PKEY *key, uint8_t algorithm, struct bytes message, struct bytes signature)
{
    uint8_t der[ECDSA_DER_MOST];
    EVP_MD_CTX *ctx;
    bool good;

    if (algorithm == 0 || signature_algorithm_of(key) != algorithm)
        return false;
    if (signature.len != (algorithm == SIGNATURE_RSA2048 ? RSA_RAW : ECDSA_RAW))
        return false;
    if (algorithm == SIGNATURE_ECDSA_P256) {
        signature.len = ecdsa_raw_to_der(signature.data, der);
        signature.data = der;
        if (signature.len == 0)
            return false;
    }
    ctx = EVP_MD_CTX_new();
    BUG_ON(ctx == NULL);
    good = EVP_DigestVerifyInit_ex(ctx, NULL, digest_of(algorithm), NULL, NULL, key, NULL) == 1 &&
           EVP_DigestVerify(ctx, signature.data, signature.len, message.data, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

struct file_signer {
    struct signer signer;
    EVP_PKEY *key;
};

static size_t file_signer_sign(struct signer *signer, struct bytes message, uint8_t *out, struct error *e)
{
    struct file_signer *s = (struct file_signer *)signer;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t der[ECDSA_DER_MOST];
    bool ecdsa = signer->algorithm == SIGNATURE_ECDSA_P256;
    size_t len = ecdsa ? sizeof(der) : SIGNATURE_MOST;

    BUG_ON(ctx == NULL);
    ERR_clear_error();
    if (EVP_DigestSignInit_ex(ctx, NULL, digest_of(signer->algorithm), NULL, NULL, s->key, NULL) != 1 ||
        EVP_DigestSign(ctx, ecdsa ? der : out, &len, message.data, message.len) != 1 ||
        (ecdsa && !ecdsa_der_to_raw(der, len, out))) {
        crypto_error(e, "cannot sign");
        len = 0;
    } else if (ecdsa) {
        len = ECDSA_RAW;
    }
    EVP_MD_CTX_free(ctx);
    return len;
}

static void file_signer_free(struct signer *signer)
{
    struct file_signer *s = (struct file_signer *)signer;

    EVP_PKEY_free(s->key);
    free(s);
}

struct signer *signer_open_file(const char *key_path, X509 *certificate, struct error *e)
{
    struct file_signer *s = NULL;
    EVP_PKEY *key = private_key_load(key_path, e);
    uint8_t algorithm;
    unsigned len = 0;

    if (key == NULL)
        return NULL;
    algorithm = signature_algorithm_of(key);
    if (algorithm == 0) {
        error_set(e, ERROR_CRYPTO, "%s: only P-256, RSA of 2048 bits and Ed25519 keys sign messages",
                  key_path);
        goto fail;
    }
    ERR_clear_error();
    if (X509_check_private_key(certificate, key) != 1) {
        error_set(e, ERROR_CRYPTO, "%s is not the key of its certificate", key_path);
        goto fail;
    }
    s = memory_zeroed(1, sizeof(*s));
    if (X509_digest(certificate, EVP_sha256(), s->signer.certificate, &len) != 1 || len != HASH_SIZE) {
        crypto_error(e, "cannot hash the certificate");
        goto fail;
    }
    s->signer.algorithm = algorithm;
    s->signer.sign = file_signer_sign;
    s->signer.free = file_signer_free;
    s->key = key;
    return &s->signer;
fail:
    ERR_clear_error();
    free(s);
    EVP_PKEY_free(key);
    return NULL;
}

void signer_free(struct signer *signer)
{
    if (signer != NULL)
        signer->free(signer);
}
