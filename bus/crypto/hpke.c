#include "crypto/hpke.h"
#include "base/error.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/keys.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

/* RFC 9180 sections 4 and 5.1: every derivation names the suite it is made for. */
static const uint8_t suite_kem[] = {'K', 'E', 'M', 0x00, 0x20};
static const uint8_t suite_hpke[] = {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02};

static const struct bytes kem = {suite_kem, sizeof(suite_kem)};
static const struct bytes hpke = {suite_hpke, sizeof(suite_hpke)};
static const struct bytes nothing = {NULL, 0};

static void labeled_extract(struct bytes suite, struct bytes salt, const char *label, struct bytes ikm,
                            uint8_t out[HASH_SIZE])
{
    const struct bytes parts[] = {bytes_of_string("HPKE-v1"), suite, bytes_of_string(label), ikm};

    hmac_sha256(salt, parts, sizeof(parts) / sizeof(parts[0]), out);
}

/* HKDF-Expand of RFC 5869 over the labelled info. */
static void labeled_expand(struct bytes suite, const uint8_t prk[HASH_SIZE], const char *label,
                           struct bytes info, uint8_t *out, size_t len)
{
    uint8_t length[2];
    uint8_t counter = 0;
    uint8_t block[HASH_SIZE];

    BUG_ON(len > (size_t)255 * HASH_SIZE);
    put_u16be(length, (uint16_t)len);
    while (len > 0) {
        size_t part = len < HASH_SIZE ? len : HASH_SIZE;
        struct bytes parts[] = {
            bytes_make(block, counter == 0 ? 0 : HASH_SIZE),
            bytes_make(length, 2),
            bytes_of_string("HPKE-v1"),
            suite,
            bytes_of_string(label),
            info,
            bytes_make(&counter, 1),
        };

        counter++;
        hmac_sha256(bytes_make(prk, HASH_SIZE), parts, sizeof(parts) / sizeof(parts[0]), block);
        memcpy(out, block, part);
        out += part;
        len -= part;
    }
    OPENSSL_cleanse(block, sizeof(block));
}

/* Our half of an agreement with its public key, which OpenSSL works out once for both. */
static EVP_PKEY *own_half(const uint8_t private_key[32], uint8_t public_key[32], struct error *e)
{
    EVP_PKEY *own;
    size_t len = 32;

    ERR_clear_error();
    own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, 32);
    if (own == NULL || EVP_PKEY_get_raw_public_key(own, public_key, &len) != 1 || len != 32) {
        crypto_error(e, "cannot derive a public key");
        EVP_PKEY_free(own);
        return NULL;
    }
    return own;
}

static int agree(EVP_PKEY *own, const uint8_t public_key[32], uint8_t out[32], struct error *e)
{
    static const uint8_t zero[32] = {0};
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, 32);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
    size_t len = 32;
    int result = -1;

    if (peer == NULL || ctx == NULL || EVP_PKEY_derive_init(ctx) != 1 ||
        EVP_PKEY_derive_set_peer(ctx, peer) != 1 || EVP_PKEY_derive(ctx, out, &len) != 1 || len != 32) {
        crypto_error(e, "cannot agree on a key with this public key");
        goto out;
    }
    /* A point of small order makes the secret known to everybody (RFC 7748 section 6.1, RFC 9180
     * section 7.1.4). */
    if (CRYPTO_memcmp(out, zero, 32) == 0) {
        error_set(e, ERROR_CRYPTO,
                  "cannot agree on a key with this public key: the shared secret would be zero");
        goto out;
    }
    result = 0;
out:
    if (result != 0)
        OPENSSL_cleanse(out, 32);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    return result;
}

/* ExtractAndExpand of section 4.1, then KeySchedule of section 5.1 in base mode (no PSK). Wipes dh. */
static void key_schedule(uint8_t dh[32], const uint8_t enc[HPKE_ENC], const uint8_t receiver_public[HPKE_KEY],
                         struct bytes info, struct hpke_context *context)
{
    uint8_t kem_context[HPKE_ENC + HPKE_KEY];
    uint8_t schedule[1 + 2 * HASH_SIZE];
    uint8_t prk[HASH_SIZE];
    uint8_t shared[HASH_SIZE];
    struct bytes schedule_bytes = bytes_make(schedule, sizeof(schedule));

    memcpy(kem_context, enc, HPKE_ENC);
    memcpy(kem_context + HPKE_ENC, receiver_public, HPKE_KEY);
    labeled_extract(kem, nothing, "eae_prk", bytes_make(dh, 32), prk);
    labeled_expand(kem, prk, "shared_secret", bytes_make(kem_context, sizeof(kem_context)), shared,
                   sizeof(shared));

    schedule[0] = 0x00; /* mode_base */
    labeled_extract(hpke, nothing, "psk_id_hash", nothing, schedule + 1);
    labeled_extract(hpke, nothing, "info_hash", info, schedule + 1 + HASH_SIZE);
    labeled_extract(hpke, bytes_make(shared, sizeof(shared)), "secret", nothing, prk);
    labeled_expand(hpke, prk, "key", schedule_bytes, context->key, sizeof(context->key));
    labeled_expand(hpke, prk, "base_nonce", schedule_bytes, context->base_nonce, sizeof(context->base_nonce));
    labeled_expand(hpke, prk, "exp", schedule_bytes, context->exporter_secret,
                   sizeof(context->exporter_secret));
    context->sequence = 0;

    OPENSSL_cleanse(dh, 32);
    OPENSSL_cleanse(shared, sizeof(shared));
    OPENSSL_cleanse(prk, sizeof(prk));
}

int hpke_setup_sender(const uint8_t receiver_public[HPKE_KEY], struct bytes info, const uint8_t *ephemeral,
                      uint8_t enc[HPKE_ENC], struct hpke_context *context, struct error *e)
{
    uint8_t private_key[32];
    uint8_t dh[32];
    EVP_PKEY *own;
    int result = -1;

    if (ephemeral == NULL)
        random_bytes(private_key, sizeof(private_key));
    else
        memcpy(private_key, ephemeral, sizeof(private_key));
    own = own_half(private_key, enc, e);
    OPENSSL_cleanse(private_key, sizeof(private_key));
    if (own != NULL && agree(own, receiver_public, dh, e) == 0) {
        key_schedule(dh, enc, receiver_public, info, context);
        result = 0;
    }
    EVP_PKEY_free(own);
    return result;
}

int hpke_setup_receiver(const uint8_t enc[HPKE_ENC], const uint8_t receiver_private[HPKE_KEY],
                        struct bytes info, struct hpke_context *context, struct error *e)
{
    uint8_t receiver_public[HPKE_KEY];
    uint8_t dh[32];
    EVP_PKEY *own = own_half(receiver_private, receiver_public, e);
    int result = -1;

    if (own != NULL && agree(own, enc, dh, e) == 0) {
        key_schedule(dh, enc, receiver_public, info, context);
        result = 0;
    }
    EVP_PKEY_free(own);
    return result;
}

static void nonce_of(const struct hpke_context *context, uint8_t nonce[AEAD_NONCE])
{
    uint8_t sequence[8];

    put_u64be(sequence, context->sequence);
    memcpy(nonce, context->base_nonce, AEAD_NONCE);
    for (size_t i = 0; i < sizeof(sequence); i++)
        nonce[AEAD_NONCE - sizeof(sequence) + i] ^= sequence[i];
}

int hpke_seal(struct hpke_context *context, struct bytes aad, struct bytes plaintext, uint8_t *out,
              struct error *e)
{
    uint8_t nonce[AEAD_NONCE];

    nonce_of(context, nonce);
    if (!aead_seal(context->key, nonce, aad, plaintext, out))
        return crypto_error(e, "cannot encrypt");
    context->sequence++;
    return 0;
}

bool hpke_open(struct hpke_context *context, struct bytes aad, struct bytes sealed, uint8_t *out)
{
    uint8_t nonce[AEAD_NONCE];

    nonce_of(context, nonce);
    if (!aead_open(context->key, nonce, aad, sealed, out))
        return false;
    context->sequence++;
    return true;
}

void hpke_export(const struct hpke_context *context, struct bytes label, uint8_t *out, size_t len)
{
    labeled_expand(hpke, context->exporter_secret, "sec", label, out, len);
}

void hpke_clear(struct hpke_context *context)
{
    OPENSSL_cleanse(context, sizeof(*context));
}
