#ifndef WASL_REGISTRY_REGISTRY_H
#define WASL_REGISTRY_REGISTRY_H
/*
 * The signed list of members, subsystems, services, purposes and grants. Immutable once loaded; any number of
 * threads may read one. A signed registry is one file: a note (tlog/note.h) whose text is
 *     wasl-registry/1\n<instance>\nversion <n>\nsha256 <hex of the document>\nprevious <hex or
 * ->\nvalid-until <RFC 3339>\n then "---\n" and the YAML document exactly as people reviewed it. README.md
 * has the document's form.
 */
#include "base/bytes.h"
#include "base/refusal.h"
#include "base/yamlfile.h"
#include "registry/subject.h"

struct error;
struct registry;

#define DESCRIPTION_MOST ((size_t)1 << 20) /* bytes of a service's OpenAPI document */

/* --- what it holds (all strings are owned by the registry and never NULL unless said) --- */

struct names {
    const char *ar, *fr, *en;
};
enum service_kind { SERVICE_REQUEST = 1, SERVICE_DOCUMENT, SERVICE_EVENT };

struct registry_sealing_key {
    uint8_t public_key[32];
    uint8_t id[HASH_SIZE];
    uint64_t not_before, not_after;
};
struct registry_member {
    const char *id; /* TN/GOV/MI */
    struct names names;
    const char *anchor;              /* name of its trust anchor */
    const char *certificate_subject; /* RFC 2253 */
    const uint8_t (*link_keys)[32];
    size_t link_key_count;
    const struct registry_sealing_key *sealing_keys;
    size_t sealing_key_count;
    const char *witness_key; /* vkey; NULL: none */
    bool suspended;          /* it neither asks nor answers, and its link keys open no session */
};
struct registry_subsystem {
    const char *id;   /* TN/GOV/MI/civil */
    const char *code; /* civil */
    struct names names;
    const struct registry_member *member;
};
struct registry_operation {
    const char *code;
    const char *method; /* GET, POST, ... */
    const char *path;   /* template.h: "/persons/{iuc:IUC}"; a typed parameter is checked as that type */
    bool safe;          /* may be run again (RFC 9110): a non-safe one is marked before it is run */
};
struct registry_service {
    const char *id;   /* TN/GOV/MI/civil/person */
    const char *code; /* person */
    struct names names;
    enum service_kind kind;
    const struct registry_subsystem *subsystem;
    const struct registry_operation *operations;
    size_t operation_count;
    const char *const *fields; /* candidate JSON pointers */
    size_t field_count;
    const char *media_type;
    enum subject_type subject;            /* what each request must be about; SUBJECT_NONE: nobody */
    uint64_t most_request, most_response; /* bytes of body */
    uint64_t timeout;                     /* microseconds */
    const char *retention;
    bool pad;
    bool escrow; /* keep sealed evidence for the oversight key */
    bool described;
    uint8_t description[HASH_SIZE]; /* SHA-256 of its OpenAPI document, where it is described */
};
struct registry_purpose {
    const char *code;
    struct names names;
    const char *legal_basis;
};
/* What of a service a grant lets through: method or "*", and a glob over the path (glob.h). */
struct registry_endpoint {
    const char *method, *path;
};
struct registry_grant {
    const struct registry_subsystem *consumer;
    const struct registry_service *service;
    const struct registry_purpose *purpose;
    const struct registry_operation *const *operations; /* empty: all of the service */
    size_t operation_count;
    const struct registry_endpoint *endpoints; /* empty: every path of the operations */
    size_t endpoint_count;
    const char *const *fields; /* JSON pointers; "*" matches every array element */
    size_t field_count;
    bool whole; /* no filtering */
    uint64_t expires;
    uint64_t per_day;      /* quota; 0: none */
    uint8_t id[HASH_SIZE]; /* of consumer, service, purpose: the quota's key */
};

/* --- loading --- */

/* Document only (unsigned): every fault is recorded. NULL when there is any. */
struct registry *registry_parse(struct bytes document, const char *name, struct faults *faults);

/* Who may sign the registry: k of these vkeys. */
struct registry_authority {
    const char *const *keys;
    size_t count;
    unsigned threshold;
};
/*
 * Signed file. Trusted by `previous` when it is not NULL (its authority, version must rise, hash chain) or
 * else by `pinned`. The same version with the same bytes is accepted. NULL with e set: ERROR_INTEGRITY
 * (signature, hash, roll-back), ERROR_CONFIG (faults; e->text has the first, faults all when not NULL).
 */
struct registry *registry_open_signed(struct bytes file, const struct registry *previous,
                                      const struct registry_authority *pinned, struct faults *faults,
                                      struct error *e);
/* Writes a signed file over a document. keys are paths of note keys. Refuses a document with faults, a
 * version that does not rise over previous_file (NULL: the first), a key that previous does not name. */
int registry_sign(struct bytes document, const char *name, struct bytes *previous_file,
                  const char *const *key_paths, size_t key_count, struct buffer *out, struct faults *faults,
                  struct error *e);
/* A signed file whose parts fit together; whether its signatures are good is not judged. For tools, and for a
 * previous file that the signers know to be theirs. */
struct registry *registry_open_unjudged(struct bytes file, struct faults *faults, struct error *e);
struct registry *registry_ref(struct registry *registry);
void registry_free(struct registry *registry); /* drops one reference; NULL is harmless */

/* --- reading --- */

const char *registry_instance(const struct registry *r);
uint64_t registry_version(const struct registry *r);
const uint8_t *
registry_hash(const struct registry *r); /* SHA-256 of the whole signed file; of the document if unsigned */
struct bytes registry_file(const struct registry *r); /* the signed file's bytes */
struct bytes registry_document(const struct registry *r);
uint64_t registry_valid_until(const struct registry *r); /* alarm past it */
uint64_t registry_hard_limit(const struct registry *r);  /* refuse past it; 0: none */

/* Who may sign the version after this one. The strings and the list are the registry's. */
struct registry_authority registry_authority_of(const struct registry *r);
/* Ledger keys: vkeys with the first entry index that each signs for. */
size_t registry_ledger_key_count(const struct registry *r);
const char *registry_ledger_key(const struct registry *r, size_t i, uint64_t *from);
/* The oversight key in force at a time; false when none is registered. */
bool registry_oversight_key(const struct registry *r, uint64_t at, uint8_t public_key[32]);
/* Trust anchors: PEM text by position. Returns false past the end. */
bool registry_anchor(const struct registry *r, size_t i, const char **name, struct bytes *pem);

/* NULL when there is none. id may have more parts than needed: a subsystem's id finds its member. */
const struct registry_member *registry_member(const struct registry *r, struct bytes id);
const struct registry_member *registry_member_by_link_key(const struct registry *r, const uint8_t key[32]);
const struct registry_subsystem *registry_subsystem(const struct registry *r, struct bytes id);
const struct registry_service *registry_service(const struct registry *r, struct bytes id);
const struct registry_operation *registry_operation(const struct registry_service *s, struct bytes code);
const struct registry_purpose *registry_purpose(const struct registry *r, struct bytes code);
/* The sealing key of a member to use at a time: the one that began last. NULL when none is valid. */
const struct registry_sealing_key *registry_sealing_key(const struct registry_member *m, uint64_t at);

/* Every grant of that service to that consumer, expired ones too. */
const struct registry_grant *const *registry_grants_of(const struct registry *r,
                                                       const struct registry_subsystem *consumer,
                                                       const struct registry_service *service, size_t *count);

/* Whether the member of an identifier may take part at all: REFUSAL_NONE, UNKNOWN_MEMBER, MEMBER_SUSPENDED.
 */
enum refusal registry_standing(const struct registry *r, struct bytes id);
/* Likewise, of whoever a link key is for: it must be that member. */
enum refusal registry_link_standing(const struct registry *r, const uint8_t key[32], const char *member);

/* By position, for tools and metadata services; NULL past the end. */
const struct registry_member *registry_member_at(const struct registry *r, size_t i);
const struct registry_subsystem *registry_subsystem_at(const struct registry *r, size_t i);
const struct registry_service *registry_service_at(const struct registry *r, size_t i);
const struct registry_purpose *registry_purpose_at(const struct registry *r, size_t i);
const struct registry_grant *registry_grant_at(const struct registry *r, size_t i);

#endif
