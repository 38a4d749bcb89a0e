#include "crypto/chain.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "crypto/keys.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#define CERTIFICATE_MOST ((size_t)16384)
#define CHAIN_BYTES_MOST (CERTIFICATE_MOST * 4 * CHAIN_MOST) /* of a PEM file, with words between */

struct chain {
    X509 *certificates[CHAIN_MOST];
    struct buffer der[CHAIN_MOST];
    size_t count;
    uint8_t leaf_hash[HASH_SIZE];
    uint8_t hash[HASH_SIZE];
};

/* Takes the certificate over, also when it fails. */
static int chain_add(struct chain *chain, X509 *certificate, struct error *e)
{
    uint8_t *der = NULL;
    int len;

    if (chain->count == CHAIN_MOST) {
        X509_free(certificate);
        return error_set(e, ERROR_CRYPTO, "a chain has at most %d certificates", CHAIN_MOST);
    }
    len = i2d_X509(certificate, &der);
    if (len <= 0 || (size_t)len > CERTIFICATE_MOST) {
        OPENSSL_free(der);
        X509_free(certificate);
        ERR_clear_error();
        return error_set(e, ERROR_CRYPTO, "a certificate is longer than %zu bytes", CERTIFICATE_MOST);
    }
    buffer_append(&chain->der[chain->count], der, (size_t)len);
    OPENSSL_free(der);
    chain->certificates[chain->count++] = certificate;
    return 0;
}

static struct chain *chain_finish(struct chain *chain, struct error *e)
{
    struct bytes parts[CHAIN_MOST];

    if (chain->count == 0) {
        chain_free(chain);
        error_set(e, ERROR_CRYPTO, "there is no certificate");
        return NULL;
    }
    sha256(buffer_bytes(&chain->der[0]), chain->leaf_hash);
    for (size_t i = 0; i < chain->count; i++)
        parts[i] = buffer_bytes(&chain->der[i]);
    sha256_parts(parts, chain->count, chain->hash);
    return chain;
}

struct chain *chain_parse_der(struct bytes der, struct error *e)
{
    struct chain *chain = memory_zeroed(1, sizeof(*chain));

    ERR_clear_error();
    while (der.len > 0) {
        const uint8_t *at = der.data;
        long most = der.len > CERTIFICATE_MOST ? (long)CERTIFICATE_MOST : (long)der.len;
        X509 *certificate = d2i_X509(NULL, &at, most);
        size_t len = (size_t)(at - der.data);

        if (certificate == NULL) {
            crypto_error(e, "a chain holds what is not a certificate");
            goto fail;
        }
        if (chain_add(chain, certificate, e) != 0)
            goto fail;
        /* OpenSSL also reads BER, where one certificate has many encodings and so many hashes. */
        if (!bytes_equal(buffer_bytes(&chain->der[chain->count - 1]), bytes_make(der.data, len))) {
            error_set(e, ERROR_CRYPTO, "a certificate is not in DER");
            goto fail;
        }
        der = bytes_make(at, der.len - len);
    }
    return chain_finish(chain, e);
fail:
    chain_free(chain);
    return NULL;
}

struct chain *chain_parse_pem(struct bytes pem, struct error *e)
{
    struct chain *chain = memory_zeroed(1, sizeof(*chain));
    BIO *bio;
    unsigned long code;

    if (pem.len > CHAIN_BYTES_MOST) {
        error_set(e, ERROR_CRYPTO, "a chain file is larger than %zu bytes", CHAIN_BYTES_MOST);
        goto fail;
    }
    ERR_clear_error();
    bio = BIO_new_mem_buf(pem.len == 0 ? (const uint8_t *)"" : pem.data, (int)pem.len);
    BUG_ON(bio == NULL);
    for (;;) {
        X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (certificate == NULL)
            break;
        if (chain_add(chain, certificate, e) != 0) {
            BIO_free(bio);
            goto fail;
        }
    }
    BIO_free(bio);
    /* The end of the file looks like a missing first line; anything else is a broken certificate. */
    code = ERR_peek_last_error();
    if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE) {
        crypto_error(e, "a chain holds what is not a certificate");
        goto fail;
    }
    ERR_clear_error();
    return chain_finish(chain, e);
fail:
    chain_free(chain);
    return NULL;
}

struct chain *chain_load_pem(const char *path, struct error *e)
{
    struct buffer file = {0};
    struct chain *chain;

    if (file_read(path, CHAIN_BYTES_MOST, &file, e) != 0)
        return NULL;
    chain = chain_parse_pem(buffer_bytes(&file), e);
    if (chain == NULL)
        error_prefix(e, "%s: ", path);
    buffer_free(&file);
    return chain;
}

void chain_free(struct chain *chain)
{
    if (chain == NULL)
        return;
    for (size_t i = 0; i < chain->count; i++) {
        X509_free(chain->certificates[i]);
        buffer_free(&chain->der[i]);
    }
    free(chain);
}

X509 *chain_leaf(const struct chain *chain)
{
    return chain->certificates[0];
}

X509 *chain_certificate(const struct chain *chain, size_t index)
{
    BUG_ON(index >= chain->count);
    return chain->certificates[index];
}

void chain_der(const struct chain *chain, struct buffer *out)
{
    for (size_t i = 0; i < chain->count; i++)
        chain_certificate_der(chain, i, out);
}

size_t chain_count(const struct chain *chain)
{
    return chain->count;
}

void chain_certificate_der(const struct chain *chain, size_t index, struct buffer *out)
{
    BUG_ON(index >= chain->count);
    buffer_append_bytes(out, buffer_bytes(&chain->der[index]));
}

const uint8_t *chain_hash(const struct chain *chain)
{
    return chain->hash;
}

const uint8_t *chain_leaf_hash(const struct chain *chain)
{
    return chain->leaf_hash;
}

char *chain_subject(const struct chain *chain)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    char *subject;
    long len;

    BUG_ON(bio == NULL);
    /* A name that cannot be written is a peer's doing: it is nobody's. */
    bool written =
        X509_NAME_print_ex(bio, X509_get_subject_name(chain->certificates[0]), 0, XN_FLAG_RFC2253) >= 0;
    len = written ? BIO_get_mem_data(bio, &text) : 0;
    subject = memory_zeroed((size_t)len + 1, 1);
    if (len > 0)
        memcpy(subject, text, (size_t)len);
    BIO_free(bio);
    return subject;
}
