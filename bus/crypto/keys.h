#ifndef WASL_CRYPTO_KEYS_H
#define WASL_CRYPTO_KEYS_H
/*
 * Key files of every kind, made by certs/make-pki and `wasl member init`. Private files are refused when
 * group or others may read them. Formats: signing   PEM PKCS#8 (P-256, RSA-2048 or Ed25519) and a PEM
 * certificate chain, leaf first sealing   "wasl-sealing-key/1 <base64 of 32 private bytes>\n"   public half:
 * base64 of 32 bytes   (X25519) link      "wasl-link-key/1 <64 hex digits, secret>\n"           public half:
 * 64 hex digits        (CURVE) note key  "PRIVATE+KEY+<name>+<8 hex key id>+<base64(type byte || 32 byte
 * seed)>\n" (as Go's sumdb/note writes)
 */
#include "base/bytes.h"
#include <openssl/evp.h>

struct error;

/* Sealing (X25519). */
struct sealing_key {
    uint8_t private_key[32];
    uint8_t public_key[32];
    uint8_t id[HASH_SIZE]; /* SHA-256 of the public key */
};
int sealing_key_generate(struct sealing_key *key, struct error *e);
int sealing_key_load(const char *path, struct sealing_key *key, struct error *e);
int sealing_key_save(const char *path, const struct sealing_key *key,
                     struct error *e); /* 0600, never overwrites */
void sealing_key_clear(struct sealing_key *key);

/* Link (CURVE): raw 32-byte keys; the public half is derived from the secret one. */
struct link_key {
    uint8_t secret_key[32];
    uint8_t public_key[32];
};
int link_key_generate(struct link_key *key, struct error *e);
int link_key_load(const char *path, struct link_key *key, struct error *e);
int link_key_save(const char *path, const struct link_key *key, struct error *e);
void link_key_clear(struct link_key *key);

/* Ed25519 by raw keys, for notes. */
struct ed25519_key {
    uint8_t seed[32];
    uint8_t public_key[32];
};
int ed25519_generate(struct ed25519_key *key, struct error *e);
int ed25519_from_seed(const uint8_t seed[32], struct ed25519_key *key, struct error *e);
/* The calling thread keeps the key that it signed with last, until it signs with another or ends. */
void ed25519_sign(const struct ed25519_key *key, struct bytes message, uint8_t signature[64]);
bool ed25519_verify(const uint8_t public_key[32], struct bytes message, const uint8_t signature[64]);

/* PEM private key. NULL with e set. Caller frees with EVP_PKEY_free. */
EVP_PKEY *private_key_load(const char *path, struct error *e);
/* Reads a private file (appends to out), refusing one that group or others may read or write. */
int private_file_read(const char *path, size_t limit, struct buffer *out, struct error *e);
/* Creates a private file (0600, synced, and its folder too). Never overwrites: one that exists is
 * ERROR_USAGE. */
int private_file_create(const char *path, struct bytes data, struct error *e);
/* The public half of an X25519 private key. Returns 0, -1 with e set. */
int x25519_public(const uint8_t private_key[32], uint8_t public_key[32], struct error *e);
/* Cryptographically random bytes; aborts when the system has none. */
void random_bytes(void *out, size_t len);

/* PEM text, rather than DER? */
bool crypto_is_pem(struct bytes text);

/* The OpenSSL error queue in words; always drains it. Returns -1. */
int crypto_error(struct error *e, const char *what);

#endif
