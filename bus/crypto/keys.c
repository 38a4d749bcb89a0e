#include "crypto/keys.h"
#include "base/error.h"
#include "crypto/hash.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

#define SEALING_PREFIX "wasl-sealing-key/1 "
#define LINK_PREFIX    "wasl-link-key/1 "
#define KEY_FILE_MOST  ((size_t)16384)

int crypto_error(struct error *e, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

    error_set(e, ERROR_CRYPTO, "%s: %s", what, reason == NULL ? "OpenSSL gives no reason" : reason);
    ERR_clear_error();
    return -1;
}

bool crypto_is_pem(struct bytes text)
{
    static const char mark[] = "-----BEGIN ";

    return text.len > 0 && memmem(text.data, text.len, mark, sizeof(mark) - 1) != NULL;
}

void random_bytes(void *out, size_t len)
{
    uint8_t *p = out;

    while (len > 0) {
        int part = len > INT_MAX ? INT_MAX : (int)len;

        BUG_ON(RAND_priv_bytes(p, part) != 1);
        p += part;
        len -= (size_t)part;
    }
}

/* The public half of a raw private key of X25519 or Ed25519. */
static int public_half(int type, const uint8_t private_key[32], uint8_t public_key[32], struct error *e)
{
    EVP_PKEY *key;
    size_t len = 32;
    int result = 0;

    ERR_clear_error();
    key = EVP_PKEY_new_raw_private_key(type, NULL, private_key, 32);
    if (key == NULL || EVP_PKEY_get_raw_public_key(key, public_key, &len) != 1 || len != 32)
        result = crypto_error(e, "cannot derive a public key");
    EVP_PKEY_free(key);
    return result;
}

int x25519_public(const uint8_t private_key[32], uint8_t public_key[32], struct error *e)
{
    return public_half(EVP_PKEY_X25519, private_key, public_key, e);
}

/* A key file is one line: prefix, text of text_len characters, LF. View of the text in line; false on
 * anything else. */
static bool key_line(struct bytes line, const char *prefix, size_t text_len, struct bytes *text)
{
    size_t prefix_len = strlen(prefix);

    if (line.len != prefix_len + text_len + 1 || memcmp(line.data, prefix, prefix_len) != 0 ||
        line.data[line.len - 1] != '\n')
        return false;
    *text = bytes_make(line.data + prefix_len, text_len);
    return true;
}

static int sealing_key_finish(struct sealing_key *key, struct error *e)
{
    if (x25519_public(key->private_key, key->public_key, e) != 0)
        return -1;
    sha256(bytes_make(key->public_key, 32), key->id);
    return 0;
}

int sealing_key_generate(struct sealing_key *key, struct error *e)
{
    random_bytes(key->private_key, 32);
    return sealing_key_finish(key, e);
}

int sealing_key_load(const char *path, struct sealing_key *key, struct error *e)
{
    struct buffer file = {0};
    struct buffer raw = {0};
    struct bytes text;
    int result = -1;

    if (private_file_read(path, KEY_FILE_MOST, &file, e) != 0)
        goto out;
    if (!key_line(buffer_bytes(&file), SEALING_PREFIX, 44, &text) || !base64_decode(text, &raw) ||
        raw.len != 32) {
        error_set(e, ERROR_CRYPTO,
                  "%s is not a sealing key: one line \"" SEALING_PREFIX "BASE64\" is expected", path);
        goto out;
    }
    memcpy(key->private_key, raw.data, 32);
    result = sealing_key_finish(key, e);
out:
    buffer_free(&raw);
    buffer_free(&file);
    return result;
}

int sealing_key_save(const char *path, const struct sealing_key *key, struct error *e)
{
    struct buffer line = {0};
    int result;

    buffer_append_string(&line, SEALING_PREFIX);
    base64_encode(bytes_make(key->private_key, 32), &line);
    buffer_append_string(&line, "\n");
    result = private_file_create(path, buffer_bytes(&line), e);
    buffer_free(&line);
    return result;
}

void sealing_key_clear(struct sealing_key *key)
{
    OPENSSL_cleanse(key, sizeof(*key));
}

int link_key_generate(struct link_key *key, struct error *e)
{
    random_bytes(key->secret_key, 32);
    return x25519_public(key->secret_key, key->public_key, e);
}

int link_key_load(const char *path, struct link_key *key, struct error *e)
{
    struct buffer file = {0};
    struct bytes text;
    int result = -1;

    if (private_file_read(path, KEY_FILE_MOST, &file, e) != 0)
        goto out;
    if (!key_line(buffer_bytes(&file), LINK_PREFIX, 64, &text) ||
        !hex_decode((const char *)text.data, text.len, key->secret_key, 32)) {
        error_set(e, ERROR_CRYPTO, "%s is not a link key: one line \"" LINK_PREFIX "HEX\" is expected", path);
        goto out;
    }
    result = x25519_public(key->secret_key, key->public_key, e);
out:
    buffer_free(&file);
    return result;
}

int link_key_save(const char *path, const struct link_key *key, struct error *e)
{
    char hex[65];
    struct buffer line = {0};
    int result;

    hex_encode(key->secret_key, 32, hex);
    buffer_append_string(&line, LINK_PREFIX);
    buffer_append_string(&line, hex);
    buffer_append_string(&line, "\n");
    result = private_file_create(path, buffer_bytes(&line), e);
    OPENSSL_cleanse(hex, sizeof(hex));
    buffer_free(&line);
    return result;
}

void link_key_clear(struct link_key *key)
{
    OPENSSL_cleanse(key, sizeof(*key));
}

int ed25519_generate(struct ed25519_key *key, struct error *e)
{
    random_bytes(key->seed, 32);
    return public_half(EVP_PKEY_ED25519, key->seed, key->public_key, e);
}

int ed25519_from_seed(const uint8_t seed[32], struct ed25519_key *key, struct error *e)
{
    memmove(key->seed, seed, 32);
    return public_half(EVP_PKEY_ED25519, key->seed, key->public_key, e);
}

/*
 * The key that a thread signed with last, ready: to make it from its seed costs as much as a signature, for
 * its public half is computed anew.
 */
struct ready {
    uint8_t seed[32];
    EVP_PKEY *key;
};

static pthread_once_t ready_once = PTHREAD_ONCE_INIT;
static pthread_key_t ready_key;

static void ready_free(void *arg)
{
    struct ready *ready = arg;

    EVP_PKEY_free(ready->key);
    explicit_bzero(ready, sizeof(*ready));
    free(ready);
}

static void ready_make_key(void)
{
    BUG_ON(pthread_key_create(&ready_key, ready_free) != 0);
}

static EVP_PKEY *ready_for(const uint8_t seed[32])
{
    struct ready *ready;

    BUG_ON(pthread_once(&ready_once, ready_make_key) != 0);
    ready = pthread_getspecific(ready_key);
    if (ready == NULL) {
        ready = memory_zeroed(1, sizeof(*ready));
        BUG_ON(pthread_setspecific(ready_key, ready) != 0);
    }
    if (ready->key != NULL && CRYPTO_memcmp(ready->seed, seed, sizeof(ready->seed)) == 0)
        return ready->key;
    EVP_PKEY_free(ready->key);
    memcpy(ready->seed, seed, sizeof(ready->seed));
    ready->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    return ready->key;
}

void ed25519_sign(const struct ed25519_key *key, struct bytes message, uint8_t signature[64])
{
    EVP_PKEY *pkey = ready_for(key->seed);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = 64;

    /* With a seed of 32 bytes nothing can fail but memory. */
    BUG_ON(pkey == NULL || ctx == NULL || EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) != 1);
    BUG_ON(EVP_DigestSign(ctx, signature, &len, message.data, message.len) != 1 || len != 64);
    EVP_MD_CTX_free(ctx);
}

bool ed25519_verify(const uint8_t public_key[32], struct bytes message, const uint8_t signature[64])
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good;

    BUG_ON(ctx == NULL);
    good = pkey != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
           EVP_DigestVerify(ctx, signature, 64, message.data, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return good;
}

/* A daemon has nobody to ask for a pass phrase, and OpenSSL's default would read the terminal. */
static int no_pass_phrase(char *buffer, int size, int writing, void *arg)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

EVP_PKEY *private_key_load(const char *path, struct error *e)
{
    struct buffer file = {0};
    EVP_PKEY *key = NULL;
    BIO *bio = NULL;

    if (private_file_read(path, KEY_FILE_MOST, &file, e) != 0)
        goto out;
    ERR_clear_error();
    bio = BIO_new_mem_buf(file.data, (int)file.len);
    BUG_ON(bio == NULL);
    key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
    if (key == NULL) {
        crypto_error(e, "no PEM private key without a pass phrase");
        error_prefix(e, "%s: ", path);
    }
    ERR_clear_error();
out:
    BIO_free(bio);
    buffer_free(&file);
    return key;
}
