#ifndef WASL_FRONT_CALLER_H
#define WASL_FRONT_CALLER_H
/*
 * Who is calling, and for which subsystems they may speak. What a connection shows of its other end
 * (evidence) is gathered once, when it opens; what that is worth is judged at each request by the rules then
 * in force, so a pin that was taken back, or a certificate that has run out, ends with the next request at
 * the latest.
 */
#include "front/request.h"
#include "front/rules.h"

struct evidence {
    enum rules_kind kind;
    uint32_t user;                    /* RULES_UNIX */
    bool has_certificate;             /* RULES_TLS, with the next three */
    uint8_t certificate[32];          /* SHA-256 of its DER form */
    uint64_t valid_from, valid_until; /* wall clock */
};
enum caller_verdict { CALLER_KNOWN, CALLER_UNKNOWN_, CALLER_NOT_YET, CALLER_EXPIRED };

/* speaker (whose parts belong to the rules) is filled in when the caller is known. now: wall clock. */
enum caller_verdict caller_judge(const struct rules *rules, const struct evidence *evidence, uint64_t now,
                                 struct speaker *speaker);
/* Words for people about a verdict that is not CALLER_KNOWN. */
const char *caller_words(enum caller_verdict verdict, enum rules_kind kind);

/* Under whose name connections and requests are counted: "user:1000", "certificate:<hex>",
 * "address:192.0.2.7". */
#define CALLER_KEY_MOST 80
struct sockaddr;
/* Before anybody is known: the user of a unix socket, the address (IPv6: the /64 network, which one host owns
 * whole). */
void caller_connection_key(const struct evidence *evidence, const struct sockaddr *address,
                           char key[CALLER_KEY_MOST]);
/* The certificate where there is one, else `connection_key`. */
void caller_request_key(const struct evidence *evidence, const char *connection_key,
                        char key[CALLER_KEY_MOST]);

#endif
