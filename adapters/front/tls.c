#include "front/tls.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/keys.h"
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PEM_MOST ((size_t)64 * 1024)

const char *const tls_priorities =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-256-GCM:"
    "+AES-128-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:-SIGN-DSA-SHA1:"
    "%SAFE_RENEGOTIATION:%SERVER_PRECEDENCE";

struct tls {
    gnutls_certificate_credentials_t credentials;
    uint64_t valid_until;
    atomic_uint holders;
};

/* The first certificate of a PEM file, or NULL with e set. */
static gnutls_x509_crt_t first_certificate(const char *file, struct error *e)
{
    struct buffer pem = {0};
    gnutls_x509_crt_t certificate = NULL;

    if (file_read(file, PEM_MOST, &pem, e) != 0)
        return NULL;
    gnutls_datum_t data = {.data = pem.data, .size = (unsigned)pem.len};
    int code = gnutls_x509_crt_init(&certificate);
    if (code == 0)
        code = gnutls_x509_crt_import(certificate, &data, GNUTLS_X509_FMT_PEM);
    buffer_free(&pem);
    if (code != 0) {
        error_set(e, ERROR_CRYPTO, "%s is not a certificate in PEM form: %s", file, gnutls_strerror(code));
        if (certificate != NULL)
            gnutls_x509_crt_deinit(certificate);
        return NULL;
    }
    return certificate;
}

static uint64_t microseconds(time_t at)
{
    return at > 0 ? (uint64_t)at * MICROSECONDS : 0;
}

static int fingerprint(gnutls_x509_crt_t certificate, uint8_t out[32])
{
    size_t len = 32;
    int code = gnutls_x509_crt_get_fingerprint(certificate, GNUTLS_DIG_SHA256, out, &len);

    return code == 0 && len == 32 ? 0 : -1;
}

int tls_pin(const char *file, uint8_t pin[32], uint64_t *valid_until, struct error *e)
{
    gnutls_x509_crt_t certificate = first_certificate(file, e);

    if (certificate == NULL)
        return -1;
    int result = fingerprint(certificate, pin);
    *valid_until = microseconds(gnutls_x509_crt_get_expiration_time(certificate));
    gnutls_x509_crt_deinit(certificate);
    return result == 0 ? 0 : error_set(e, ERROR_CRYPTO, "%s: its SHA-256 cannot be computed", file);
}

struct tls *tls_load(const char *certificate, const char *key, struct error *e)
{
    struct tls *tls = memory_zeroed(1, sizeof *tls);
    struct buffer chain_pem = {0}, key_pem = {0};
    gnutls_x509_crt_t leaf = first_certificate(certificate, e);

    atomic_init(&tls->holders, 1);
    BUG_ON(gnutls_certificate_allocate_credentials(&tls->credentials) != 0);
    if (leaf == NULL)
        goto failed;
    tls->valid_until = microseconds(gnutls_x509_crt_get_expiration_time(leaf));
    if (file_read(certificate, PEM_MOST, &chain_pem, e) != 0 ||
        private_file_read(key, PEM_MOST, &key_pem, e) != 0)
        goto failed;
    gnutls_datum_t chain = {.data = chain_pem.data, .size = (unsigned)chain_pem.len};
    gnutls_datum_t secret = {.data = key_pem.data, .size = (unsigned)key_pem.len};
    int code =
        gnutls_certificate_set_x509_key_mem2(tls->credentials, &chain, &secret, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code < 0) {
        error_set(e, ERROR_CRYPTO, "%s with the key %s: %s", certificate, key, gnutls_strerror(code));
        goto failed;
    }
    gnutls_x509_crt_deinit(leaf);
    buffer_free(&chain_pem);
    buffer_free(&key_pem);
    return tls;

failed:
    if (leaf != NULL)
        gnutls_x509_crt_deinit(leaf);
    buffer_free(&chain_pem);
    buffer_free(&key_pem);
    tls_release(tls);
    return NULL;
}

struct tls *tls_hold(struct tls *tls)
{
    if (tls != NULL)
        atomic_fetch_add(&tls->holders, 1);
    return tls;
}

void tls_release(struct tls *tls)
{
    if (tls == NULL || atomic_fetch_sub(&tls->holders, 1) > 1)
        return;
    gnutls_certificate_free_credentials(tls->credentials);
    free(tls);
}

uint64_t tls_valid_until(const struct tls *tls)
{
    return tls->valid_until;
}

/* False: the client has shown none, or one that cannot be read. */
static bool peer_of(gnutls_session_t session, struct tls_peer *peer)
{
    unsigned count = 0;
    gnutls_x509_crt_t certificate = NULL;
    const gnutls_datum_t *shown = gnutls_certificate_get_peers(session, &count);

    if (gnutls_certificate_type_get2(session, GNUTLS_CTYPE_PEERS) != GNUTLS_CRT_X509 || shown == NULL ||
        count == 0 || gnutls_x509_crt_init(&certificate) != 0)
        return false;
    bool good = gnutls_x509_crt_import(certificate, &shown[0], GNUTLS_X509_FMT_DER) == 0 &&
                fingerprint(certificate, peer->certificate) == 0;
    time_t from = good ? gnutls_x509_crt_get_activation_time(certificate) : (time_t)-1;
    time_t until = good ? gnutls_x509_crt_get_expiration_time(certificate) : (time_t)-1;
    peer->valid_from = microseconds(from);
    peer->valid_until = microseconds(until);
    gnutls_x509_crt_deinit(certificate);
    return good && from != (time_t)-1 && until != (time_t)-1;
}

static int verify(gnutls_session_t session)
{
    const struct tls_judge *judge = gnutls_session_get_ptr(session);
    struct tls_peer peer = {0};
    enum tls_judgement judgement = peer_of(session, &peer) ? judge->judge(judge->arg, &peer) : TLS_UNKNOWN;

    if (judgement == TLS_ADMIT)
        return 0;
    /* MHD closes without a word: whoever looks at the client should see why. */
    gnutls_alert_send(session, GNUTLS_AL_FATAL,
                      judgement == TLS_EXPIRED ? GNUTLS_A_CERTIFICATE_EXPIRED : GNUTLS_A_CERTIFICATE_UNKNOWN);
    return -1;
}

void tls_begin(struct tls *tls, struct gnutls_session_int *session, const struct tls_judge *judge)
{
    /* In place of what MHD has set: its own pointer only serves pre-shared keys, and its credentials are
     * none. */
    gnutls_session_set_ptr(session, (void *)(uintptr_t)judge);
    BUG_ON(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials) != 0);
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_verify_function(session, verify);
}
