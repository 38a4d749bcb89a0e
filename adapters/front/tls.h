#ifndef WASL_FRONT_TLS_H
#define WASL_FRONT_TLS_H
/*
 * The GnuTLS part of a listener: its own certificate, and what the client's certificate is. Who a certificate
 * may speak for is judged by whoever calls tls_begin, inside the handshake: a stranger never gets as far as
 * HTTP.
 *
 * A client is known by the SHA-256 of its whole certificate (DER), not of its key: the pin then binds the
 * period of validity too, and a certificate that somebody issues for the same key later is another one until
 * a person has entered it. No authority is asked: whoever issued a certificate, it is known or it is not.
 * TLS 1.2 and 1.3 with ephemeral keys and authenticated ciphers; no tickets, no resumption, no renegotiation,
 * no early data.
 */
#include "base/bytes.h"

struct error;
struct tls;
struct gnutls_session_int;

/* PEM files: the chain, leaf first, and its key (mode 0600). One holder. NULL with e set. */
struct tls *tls_load(const char *certificate, const char *key, struct error *e);
struct tls *tls_hold(struct tls *tls);
void tls_release(struct tls *tls); /* sessions that began with it must have ended; NULL is harmless */
/* When the listener's own certificate ends, wall clock. */
uint64_t tls_valid_until(const struct tls *tls);

/* The certificate in a PEM file (the first, where there are several) as clients are known by it. -1 with e
 * set. */
int tls_pin(const char *file, uint8_t pin[32], uint64_t *valid_until, struct error *e);

/* What a client has shown, its signature checked by the handshake. */
struct tls_peer {
    uint8_t certificate[32];
    uint64_t valid_from, valid_until;
};
enum tls_judgement { TLS_ADMIT, TLS_UNKNOWN, TLS_EXPIRED };
struct tls_judge {
    enum tls_judgement (*judge)(void *arg, const struct tls_peer *peer); /* on the listener's thread */
    void *arg;
};
/* Before the handshake of a session that a server made. judge lives as long as the session. The session then
 * ends with an alert unless the client has a certificate that is admitted. */
void tls_begin(struct tls *tls, struct gnutls_session_int *session, const struct tls_judge *judge);

/* For MHD, which wants to be given both at the start. */
extern const char *const tls_priorities;

#endif
