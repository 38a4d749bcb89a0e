#ifndef WASL_CRYPTO_HPKE_H
#define WASL_CRYPTO_HPKE_H
/* RFC 9180 base mode: DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001, AES-256-GCM 0x0002. */
#include "base/bytes.h"

#define HPKE_ENC 32
#define HPKE_KEY 32
#define HPKE_TAG 16

struct error;

struct hpke_context {
    uint8_t key[32];
    uint8_t base_nonce[12];
    uint8_t exporter_secret[32];
    uint64_t sequence;
};

/* SetupBaseS. ephemeral: NULL for a fresh one (tests pass the vectors' private key). Returns 0, -1 with e set
 * (a public key whose shared secret is all zero is refused). */
int hpke_setup_sender(const uint8_t receiver_public[HPKE_KEY], struct bytes info, const uint8_t *ephemeral,
                      uint8_t enc[HPKE_ENC], struct hpke_context *context, struct error *e);
/* SetupBaseR. */
int hpke_setup_receiver(const uint8_t enc[HPKE_ENC], const uint8_t receiver_private[HPKE_KEY],
                        struct bytes info, struct hpke_context *context, struct error *e);
/* ContextS.Seal: out has room for plaintext.len + HPKE_TAG. Advances the sequence. */
int hpke_seal(struct hpke_context *context, struct bytes aad, struct bytes plaintext, uint8_t *out,
              struct error *e);
/* ContextR.Open: out has room for sealed.len - HPKE_TAG. False (nothing released) when it does not open. */
bool hpke_open(struct hpke_context *context, struct bytes aad, struct bytes sealed, uint8_t *out);
/* Context.Export. len at most 255 * 32. */
void hpke_export(const struct hpke_context *context, struct bytes label, uint8_t *out, size_t len);
void hpke_clear(struct hpke_context *context);

#endif
