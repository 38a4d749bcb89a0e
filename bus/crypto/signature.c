#include "crypto/signature.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "crypto/keys.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <pthread.h>
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

/* One of r and s as a DER INTEGER: no leading zeros, and one where it would look negative. */
static size_t der_integer(const uint8_t raw[32], uint8_t *out)
{
    size_t skip = 0;
    size_t sign;

    while (skip < 31 && raw[skip] == 0)
        skip++;
    sign = (raw[skip] & 0x80) != 0 ? 1 : 0;
    out[0] = 0x02;
    out[1] = (uint8_t)(32 - skip + sign);
    out[2] = 0;
    memcpy(out + 2 + sign, raw + skip, 32 - skip);
    return 2 + sign + 32 - skip;
}

/* r || s to what OpenSSL reads. Returns the length. */
static size_t ecdsa_raw_to_der(const uint8_t raw[ECDSA_RAW], uint8_t der[ECDSA_DER_MOST])
{
    size_t len = 2;

    len += der_integer(raw, der + len);
    len += der_integer(raw + 32, der + len);
    der[0] = 0x30;
    der[1] = (uint8_t)(len - 2);
    return len;
}

static bool ecdsa_der_to_raw(const uint8_t *der, size_t len, uint8_t raw[ECDSA_RAW])
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool good = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32 &&
                BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32;

    ECDSA_SIG_free(sig);
    return good;
}

/*
 * Contexts that are ready for a key. To make one costs a third of a P-256 verification, most of it looking up
 * by name what does not change. A thread has its own, since a context carries state; each holds a reference,
 * so that no other key can come to live at the address of one that is kept.
 */
#define KEPT 64

struct kept {
    EVP_PKEY *key;
    EVP_PKEY_CTX *ctx;
    uint8_t algorithm;
};

static pthread_once_t kept_once = PTHREAD_ONCE_INIT;
static pthread_key_t kept_key;

static void kept_clear(struct kept *kept)
{
    EVP_PKEY_CTX_free(kept->ctx);
    EVP_PKEY_free(kept->key);
    memset(kept, 0, sizeof(*kept));
}

static void kept_free(void *arg)
{
    struct kept *table = arg;

    for (size_t i = 0; i < KEPT; i++)
        kept_clear(&table[i]);
    free(table);
}

static void kept_make_key(void)
{
    BUG_ON(pthread_key_create(&kept_key, kept_free) != 0);
}

/* Over a SHA-256 that we have made. RSA's padding is PKCS#1 v1.5 unless asked otherwise. */
static EVP_PKEY_CTX *context_for(EVP_PKEY *key, int (*begin)(EVP_PKEY_CTX *))
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

    if (ctx == NULL || begin(ctx) != 1 || EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) != 1) {
        EVP_PKEY_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* What is kept for this key, from now on if not before. NULL: OpenSSL makes no context. */
static const struct kept *kept_of(EVP_PKEY *key)
{
    struct kept *table;
    struct kept *kept;

    BUG_ON(pthread_once(&kept_once, kept_make_key) != 0);
    table = pthread_getspecific(kept_key);
    if (table == NULL) {
        table = memory_zeroed(KEPT, sizeof(*table));
        BUG_ON(pthread_setspecific(kept_key, table) != 0);
    }
    kept = &table[((uintptr_t)key >> 5) % KEPT];
    if (kept->key == key)
        return kept;
    kept_clear(kept);
    kept->algorithm = signature_algorithm_of(key);
    if (kept->algorithm == SIGNATURE_ECDSA_P256 || kept->algorithm == SIGNATURE_RSA2048) {
        kept->ctx = context_for(key, EVP_PKEY_verify_init);
        if (kept->ctx == NULL)
            return NULL;
    }
    BUG_ON(EVP_PKEY_up_ref(key) != 1);
    kept->key = key;
    return kept;
}

/* Ed25519 hashes by itself, twice, so it wants the message. */
static bool ed25519_good(EVP_PKEY *key, struct bytes message, struct bytes signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good;

    BUG_ON(ctx == NULL);
    good = EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
           EVP_DigestVerify(ctx, signature.data, signature.len, message.data, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

bool signature_verify(EVP_PKEY *key, uint8_t algorithm, struct bytes message, struct bytes signature)
{
    uint8_t der[ECDSA_DER_MOST];
    uint8_t digest[HASH_SIZE];
    const struct kept *kept = kept_of(key);
    bool good;

    if (kept == NULL || algorithm == 0 || kept->algorithm != algorithm ||
        signature.len != (algorithm == SIGNATURE_RSA2048 ? RSA_RAW : ECDSA_RAW)) {
        ERR_clear_error();
        return false;
    }
    if (algorithm == SIGNATURE_ED25519) {
        good = ed25519_good(key, message, signature);
    } else {
        if (algorithm == SIGNATURE_ECDSA_P256)
            signature = bytes_make(der, ecdsa_raw_to_der(signature.data, der));
        sha256(message, digest);
        good = EVP_PKEY_verify(kept->ctx, signature.data, signature.len, digest, sizeof(digest)) == 1;
    }
    ERR_clear_error();
    return good;
}

struct file_signer {
    struct signer signer;
    EVP_PKEY *key;
    EVP_PKEY_CTX *ctx; /* ready for the key; NULL: Ed25519 */
};

static bool ed25519_make(EVP_PKEY *key, struct bytes message, uint8_t *out, size_t *len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good;

    BUG_ON(ctx == NULL);
    good = EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
           EVP_DigestSign(ctx, out, len, message.data, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static size_t file_signer_sign(struct signer *signer, struct bytes message, uint8_t *out, struct error *e)
{
    struct file_signer *s = (struct file_signer *)signer;
    uint8_t der[ECDSA_DER_MOST];
    uint8_t digest[HASH_SIZE];
    size_t len = SIGNATURE_MOST;
    bool good;

    ERR_clear_error();
    if (signer->algorithm == SIGNATURE_ED25519) {
        good = ed25519_make(s->key, message, out, &len);
    } else if (signer->algorithm == SIGNATURE_RSA2048) {
        sha256(message, digest);
        good = EVP_PKEY_sign(s->ctx, out, &len, digest, sizeof(digest)) == 1;
    } else {
        len = sizeof(der);
        sha256(message, digest);
        good =
            EVP_PKEY_sign(s->ctx, der, &len, digest, sizeof(digest)) == 1 && ecdsa_der_to_raw(der, len, out);
        len = ECDSA_RAW;
    }
    if (!good) {
        crypto_error(e, "cannot sign");
        return 0;
    }
    return len;
}

static void file_signer_free(struct signer *signer)
{
    struct file_signer *s = (struct file_signer *)signer;

    EVP_PKEY_CTX_free(s->ctx);
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
    if (algorithm != SIGNATURE_ED25519) {
        s->ctx = context_for(key, EVP_PKEY_sign_init);
        if (s->ctx == NULL) {
            crypto_error(e, "cannot make ready to sign");
            goto fail;
        }
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
