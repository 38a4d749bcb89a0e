#ifndef WASL_CRYPTO_AEAD_H
#define WASL_CRYPTO_AEAD_H
/* AES-256-GCM in one call, with a tag of 16 bytes behind the ciphertext. Who calls this owes each key a fresh
 * nonce. */
#include "base/bytes.h"

#define AEAD_KEY   32
#define AEAD_NONCE 12
#define AEAD_TAG   16
#define AEAD_MOST  ((size_t)1 << 30) /* bytes of plaintext in one call */

/* out has room for plaintext.len + AEAD_TAG. False when OpenSSL failed (its queue says how) or the text is
 * too long. */
bool aead_seal(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], struct bytes aad,
               struct bytes plaintext, uint8_t *out);
/* out has room for sealed.len - AEAD_TAG; it is zeroed when the tag does not fit. Leaves no error in the
 * queue. */
bool aead_open(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], struct bytes aad,
               struct bytes sealed, uint8_t *out);

#endif
