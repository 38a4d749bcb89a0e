#ifndef WASL_REGISTRY_INTERNAL_H
#define WASL_REGISTRY_INTERNAL_H
/* What registry.c and its neighbours registry_*.c share; nobody else includes it. */
#include "base/error.h"
#include "registry/registry.h"
#include "registry/registry_schema.h"
#include "tlog/note.h"

#include <stdatomic.h>

struct registry_ledger_key {
    const char *vkey;
    struct note_verifier verifier;
    uint64_t from;
};
struct registry_oversight {
    uint8_t public_key[32];
    uint64_t not_before, not_after;
};
struct registry_trust_anchor {
    const char *name;
    struct bytes pem;
};
struct link_owner {
    uint8_t key[32];
    const struct registry_member *member;
};

/* All arrays stand in the order of the file; the sorted ones hold pointers into them. Strings belong to
 * `yaml`. */
struct registry {
    atomic_uint references;
    struct buffer file;    /* the signed file, or the document alone */
    struct bytes document; /* view into file */
    struct yamlfile *yaml;
    const struct registry_form *form; /* root of yaml */
    uint8_t hash[HASH_SIZE];

    const char *instance;
    uint64_t version, valid_until, hard_limit;
    struct note_verifier *authority;
    size_t authority_count;
    unsigned threshold;
    struct registry_ledger_key *ledger;
    size_t ledger_count;
    struct registry_oversight *oversight;
    size_t oversight_count;
    struct registry_trust_anchor *anchors;
    size_t anchor_count;

    struct registry_member *members;
    size_t member_count;
    struct registry_subsystem *subsystems;
    size_t subsystem_count;
    struct registry_service *services;
    size_t service_count;
    struct registry_purpose *purposes;
    size_t purpose_count;
    struct registry_grant *grants;
    size_t grant_count;

    const struct registry_member **members_by_id;
    const struct registry_subsystem **subsystems_by_id;
    const struct registry_service **services_by_id;
    const struct registry_purpose **purposes_by_code;
    const struct registry_grant **grants_by_pair; /* by consumer, then service, then place in the file */
    struct link_owner *links;                     /* sorted by key */
    size_t link_count;

    void **blocks; /* whatever else was allocated while loading */
    size_t block_count, block_room;
};

/* Memory that lives as long as the registry. */
void *registry_allocate(struct registry *r, size_t count, size_t size);

/* Fills r from r->form and sorts what lookups search; faults of single values and of references are recorded.
 */
void registry_load(struct registry *r, struct faults *faults);
void registry_index(struct registry *r);        /* members, subsystems, services, purposes, link keys */
void registry_index_grants(struct registry *r); /* needs the former, which give the order */
/* Faults that only show when the whole is seen: doubles, overlaps, keys used twice. After registry_load. */
void registry_check(const struct registry *r, struct faults *faults);
/* registry_parse over bytes that the registry takes over; document is a view into file. */
struct registry *registry_build(struct buffer *file, struct bytes document, const char *name,
                                struct faults *faults);

#endif
