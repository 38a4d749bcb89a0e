#ifndef WASL_CRYPTO_SIGNATURE_H
#define WASL_CRYPTO_SIGNATURE_H
/* Making and checking the one signature of an envelope. Making stands behind an interface, so that the key
 * can live in another process or in a token. Algorithm numbers are those of proto/envelope.proto. */
#include "base/bytes.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

#define SIGNATURE_MOST 256 /* bytes: RSA-2048 */

enum signature_algorithm { SIGNATURE_ECDSA_P256 = 1, SIGNATURE_RSA2048 = 2, SIGNATURE_ED25519 = 3 };

struct error;

/* Implementations embed this as their first member. A signer may be used by one thread at a time. */
struct signer {
    uint8_t algorithm;
    uint8_t certificate[HASH_SIZE]; /* SHA-256 of the certificate's DER */
    /* Signs `message`. out has room for SIGNATURE_MOST. Returns the signature's length, 0 with e set. */
    size_t (*sign)(struct signer *signer, struct bytes message, uint8_t *out, struct error *e);
    void (*free)(struct signer *signer);
};

/* A PEM key file and its certificate: refuses a key that does not fit the certificate, and any algorithm but
 * the three. NULL with e set. */
struct signer *signer_open_file(const char *key_path, X509 *certificate, struct error *e);
void signer_free(struct signer *signer); /* NULL is harmless */

/* The algorithm that a key signs with; 0 when it is none of the three. */
uint8_t signature_algorithm_of(EVP_PKEY *key);
/* True when the signature over message is good. Never leaves anything in OpenSSL's error queue. Thread safe.
 */
bool signature_verify(EVP_PKEY *key, uint8_t algorithm, struct bytes message, struct bytes signature);

#endif
