#include "crypto/aead.h"
#include "base/error.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>

static pthread_once_t aead_once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *aead_cipher;

static void aead_fetch(void)
{
    aead_cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    BUG_ON(aead_cipher == NULL);
}

static EVP_CIPHER_CTX *aead_begin(void)
{
    EVP_CIPHER_CTX *ctx;

    BUG_ON(pthread_once(&aead_once, aead_fetch) != 0);
    ctx = EVP_CIPHER_CTX_new();
    BUG_ON(ctx == NULL);
    return ctx;
}

bool aead_seal(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], struct bytes aad,
               struct bytes plaintext, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx;
    int len = 0;
    int rest = 0;
    bool good;

    if (plaintext.len > AEAD_MOST || aad.len > AEAD_MOST)
        return false;
    ctx = aead_begin();
    good = EVP_EncryptInit_ex2(ctx, aead_cipher, key, nonce, NULL) == 1 &&
           (aad.len == 0 || EVP_EncryptUpdate(ctx, NULL, &len, aad.data, (int)aad.len) == 1);
    len = 0;
    good =
        good &&
        (plaintext.len == 0 || EVP_EncryptUpdate(ctx, out, &len, plaintext.data, (int)plaintext.len) == 1) &&
        EVP_EncryptFinal_ex(ctx, out + len, &rest) == 1 && (size_t)(len + rest) == plaintext.len &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, out + plaintext.len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

bool aead_open(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], struct bytes aad,
               struct bytes sealed, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx;
    uint8_t tag[AEAD_TAG];
    uint8_t none[AEAD_TAG]; /* Final wants somewhere to write to, even for an empty text */
    size_t text_len;
    int len = 0;
    int rest = 0;
    bool good;

    if (sealed.len < AEAD_TAG || sealed.len - AEAD_TAG > AEAD_MOST || aad.len > AEAD_MOST)
        return false;
    text_len = sealed.len - AEAD_TAG;
    for (size_t i = 0; i < AEAD_TAG; i++)
        tag[i] = sealed.data[text_len + i];
    ctx = aead_begin();
    good = EVP_DecryptInit_ex2(ctx, aead_cipher, key, nonce, NULL) == 1 &&
           (aad.len == 0 || EVP_DecryptUpdate(ctx, NULL, &len, aad.data, (int)aad.len) == 1);
    len = 0;
    good = good && (text_len == 0 || EVP_DecryptUpdate(ctx, out, &len, sealed.data, (int)text_len) == 1) &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, tag) == 1 &&
           EVP_DecryptFinal_ex(ctx, none, &rest) == 1 && (size_t)len == text_len && rest == 0;
    EVP_CIPHER_CTX_free(ctx);
    if (!good) {
        if (text_len != 0)
            OPENSSL_cleanse(out, text_len);
        ERR_clear_error();
    }
    return good;
}
