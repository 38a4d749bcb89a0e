#ifndef WASL_WIRE_HEADER_H
#define WASL_WIRE_HEADER_H
/* The signed header (context and body of proto/envelope.proto), decoded and checked field by field. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/refusal.h"
#include "crypto/pseudonym.h"
#include "registry/identifier.h"

#define HEADER_VERSION 1
#define CONTEXT_MOST   1024
#define BODY_MOST      256

enum message_kind { /* = Kind of envelope.proto */
                    MESSAGE_REQUEST = 1,
                    MESSAGE_RESPONSE,
                    MESSAGE_DOCUMENT,
                    MESSAGE_EVENT,
                    MESSAGE_DELIVERY,
                    MESSAGE_SKIP,
                    MESSAGE_SUBJECT_KEY,
                    MESSAGE_REFUSAL,
};
const char *message_kind_name(unsigned kind); /* "request", ... */

#define CODE_MOST 64

/* From created to expires, in microseconds. */
#define LIFETIME_MOST (120 * MICROSECONDS)

struct question;

struct header {
    char instance[65];
    uint8_t exchange_id[16];
    enum message_kind kind;
    char consumer[IDENTIFIER_MOST + 1];
    char provider[IDENTIFIER_MOST + 1];
    char service[CODE_MOST + 1];
    char operation[CODE_MOST + 1];
    char purpose[CODE_MOST + 1];
    char legal_basis[CODE_MOST + 1];
    uint64_t registry_version;
    uint64_t created, expires;
    bool has_request_leaf;
    uint8_t request_leaf[HASH_SIZE];
    bool has_group;
    uint8_t group[16];
    uint32_t lane;
    uint64_t sequence;
    char retention[CODE_MOST + 1];
    uint64_t seen_size;
    uint8_t seen_root[HASH_SIZE]; /* meaningful when seen_size > 0 */
    bool has_subject, has_agent;
    uint8_t subject[PSEUDONYM_SIZE];
    uint8_t agent[PSEUDONYM_SIZE];
    bool has_traceparent;
    uint8_t traceparent[25];
    uint32_t outcome;

    bool has_body; /* the fields below */
    uint8_t sealed_root[HASH_SIZE];
    uint8_t slots_hash[HASH_SIZE];
    uint8_t commitment[HASH_SIZE];
    uint64_t sealed_length;
    char media_type[CODE_MOST + 1];
};

void header_encode_context(const struct header *header, struct buffer *out); /* appends */
void header_encode_body(const struct header *header, struct buffer *out); /* appends nothing when !has_body */
/* Strict; also checks what each kind must and must not have (proto/README.md, "Fields by kind").
 * REFUSAL_NONE, MALFORMED, UNSUPPORTED_VERSION. On a refusal `out` holds nothing to rely on. */
enum refusal header_decode(struct bytes context, struct bytes body, struct header *out);
/* "TN/GOV/MI/civil/person" from provider and service; out has room for IDENTIFIER_MOST + CODE_MOST + 2. Empty
 * service: the provider alone. */
void header_service_id(const struct header *header, char *out);
/* Is it in its time: created at most `skew` ahead of now, not expired, and of no longer life than a message
 * may have? REFUSAL_NONE, CREATED_AHEAD, EXPIRED, LIFETIME_TOO_LONG. */
enum refusal header_check_time(const struct header *header, uint64_t now, uint64_t skew);
/* What registry/decide.h is asked about a request. service_id as in header_service_id; the question has views
 * of it and of the header. */
void header_question(const struct header *header, uint64_t now, char *service_id, struct question *out);
/* Member (first three parts) that must have signed: the consumer, or for a response or delivery the provider.
 */
struct bytes header_signer(const struct header *header);

#endif
