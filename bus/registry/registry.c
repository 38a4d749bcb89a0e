#include "registry/registry.h"

#include "registry/identifier.h"
#include "registry/registry_internal.h"

#include <string.h>

/* --- life --- */

void *registry_allocate(struct registry *r, size_t count, size_t size)
{
    if (r->block_count == r->block_room) {
        size_t room = r->block_room == 0 ? 64 : r->block_room * 2;
        void **blocks = memory_zeroed(room, sizeof *blocks);
        if (r->block_count > 0)
            memcpy(blocks, r->blocks, r->block_count * sizeof *blocks);
        free(r->blocks);
        r->blocks = blocks;
        r->block_room = room;
    }
    void *block = memory_zeroed(count > 0 ? count : 1, size);
    r->blocks[r->block_count++] = block;
    return block;
}

struct registry *registry_ref(struct registry *r)
{
    atomic_fetch_add(&r->references, 1);
    return r;
}

void registry_free(struct registry *r)
{
    if (r == NULL || atomic_fetch_sub(&r->references, 1) != 1)
        return;
    for (size_t i = 0; i < r->block_count; i++)
        free(r->blocks[i]);
    free(r->blocks);
    yamlfile_free(r->yaml);
    buffer_free(&r->file);
    free(r);
}

/* --- what it says of itself --- */

const char *registry_instance(const struct registry *r)
{
    return r->instance;
}

uint64_t registry_version(const struct registry *r)
{
    return r->version;
}

const uint8_t *registry_hash(const struct registry *r)
{
    return r->hash;
}

struct bytes registry_file(const struct registry *r)
{
    return buffer_bytes(&r->file);
}

struct bytes registry_document(const struct registry *r)
{
    return r->document;
}

uint64_t registry_valid_until(const struct registry *r)
{
    return r->valid_until;
}

uint64_t registry_hard_limit(const struct registry *r)
{
    return r->hard_limit;
}

struct registry_authority registry_authority_of(const struct registry *r)
{
    return (struct registry_authority){(const char *const *)r->form->authority.keys, r->authority_count,
                                       r->threshold};
}

size_t registry_ledger_key_count(const struct registry *r)
{
    return r->ledger_count;
}

const char *registry_ledger_key(const struct registry *r, size_t i, uint64_t *from)
{
    if (i >= r->ledger_count)
        return NULL;
    if (from != NULL)
        *from = r->ledger[i].from;
    return r->ledger[i].vkey;
}

bool registry_oversight_key(const struct registry *r, uint64_t at, uint8_t public_key[32])
{
    const struct registry_oversight *best = NULL;
    for (size_t i = 0; i < r->oversight_count; i++) {
        const struct registry_oversight *key = &r->oversight[i];
        if (at >= key->not_before && at < key->not_after &&
            (best == NULL || key->not_before > best->not_before))
            best = key;
    }
    if (best == NULL)
        return false;
    memcpy(public_key, best->public_key, 32);
    return true;
}

bool registry_anchor(const struct registry *r, size_t i, const char **name, struct bytes *pem)
{
    if (i >= r->anchor_count)
        return false;
    *name = r->anchors[i].name;
    *pem = r->anchors[i].pem;
    return true;
}

/* --- finding; every *_by_* array is sorted by registry_index --- */

static int compare(struct bytes id, const char *name)
{
    size_t len = strlen(name), shorter = id.len < len ? id.len : len;
    int order = shorter > 0 ? memcmp(id.data, name, shorter) : 0;
    if (order == 0 && id.len != len)
        return id.len < len ? -1 : 1;
    return order;
}

/* Where `id` stands first among `count` items, whose names `name_of` gives; count when it is not there. */
static size_t search(struct bytes id, const void *sorted, size_t count,
                     const char *(*name_of)(const void *, size_t))
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(id, name_of(sorted, middle)) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && compare(id, name_of(sorted, low)) == 0 ? low : count;
}

static const char *member_name(const void *sorted, size_t i)
{
    return ((const struct registry_member *const *)sorted)[i]->id;
}

static const char *subsystem_name(const void *sorted, size_t i)
{
    return ((const struct registry_subsystem *const *)sorted)[i]->id;
}

static const char *service_name(const void *sorted, size_t i)
{
    return ((const struct registry_service *const *)sorted)[i]->id;
}

static const char *purpose_name(const void *sorted, size_t i)
{
    return ((const struct registry_purpose *const *)sorted)[i]->code;
}

const struct registry_member *registry_member(const struct registry *r, struct bytes id)
{
    id.len = identifier_prefix(id, 3);
    size_t i = search(id, r->members_by_id, r->member_count, member_name);
    return i < r->member_count ? r->members_by_id[i] : NULL;
}

static enum refusal standing_of(const struct registry_member *member)
{
    if (member == NULL)
        return REFUSAL_UNKNOWN_MEMBER;
    return member->suspended ? REFUSAL_MEMBER_SUSPENDED : REFUSAL_NONE;
}

enum refusal registry_standing(const struct registry *r, struct bytes id)
{
    return standing_of(registry_member(r, id));
}

enum refusal registry_link_standing(const struct registry *r, const uint8_t key[32], const char *member)
{
    const struct registry_member *owner = registry_member_by_link_key(r, key);
    return owner == NULL || strcmp(owner->id, member) != 0 ? REFUSAL_UNKNOWN_MEMBER : standing_of(owner);
}

const struct registry_subsystem *registry_subsystem(const struct registry *r, struct bytes id)
{
    id.len = identifier_prefix(id, 4);
    size_t i = search(id, r->subsystems_by_id, r->subsystem_count, subsystem_name);
    return i < r->subsystem_count ? r->subsystems_by_id[i] : NULL;
}

const struct registry_service *registry_service(const struct registry *r, struct bytes id)
{
    size_t i = search(id, r->services_by_id, r->service_count, service_name);
    return i < r->service_count ? r->services_by_id[i] : NULL;
}

const struct registry_purpose *registry_purpose(const struct registry *r, struct bytes code)
{
    size_t i = search(code, r->purposes_by_code, r->purpose_count, purpose_name);
    return i < r->purpose_count ? r->purposes_by_code[i] : NULL;
}

const struct registry_operation *registry_operation(const struct registry_service *s, struct bytes code)
{
    for (size_t i = 0; i < s->operation_count; i++)
        if (bytes_equal_string(code, s->operations[i].code))
            return &s->operations[i];
    return NULL;
}

const struct registry_member *registry_member_by_link_key(const struct registry *r, const uint8_t key[32])
{
    size_t low = 0, high = r->link_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(key, r->links[middle].key, 32);
        if (order == 0)
            return r->links[middle].member;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct registry_sealing_key *registry_sealing_key(const struct registry_member *m, uint64_t at)
{
    const struct registry_sealing_key *best = NULL;
    for (size_t i = 0; i < m->sealing_key_count; i++) {
        const struct registry_sealing_key *key = &m->sealing_keys[i];
        if (at >= key->not_before && at < key->not_after &&
            (best == NULL || key->not_before > best->not_before))
            best = key;
    }
    return best;
}

/* Before, at (0) or after the pair. */
static int compare_pair(const struct registry_grant *grant, const struct registry_subsystem *consumer,
                        const struct registry_service *service)
{
    if (grant->consumer != consumer)
        return grant->consumer < consumer ? -1 : 1;
    if (grant->service != service)
        return grant->service < service ? -1 : 1;
    return 0;
}

const struct registry_grant *const *registry_grants_of(const struct registry *r,
                                                       const struct registry_subsystem *consumer,
                                                       const struct registry_service *service, size_t *count)
{
    size_t low = 0, high = r->grant_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_pair(r->grants_by_pair[middle], consumer, service) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < r->grant_count && compare_pair(r->grants_by_pair[end], consumer, service) == 0)
        end++;
    *count = end - low;
    return r->grants_by_pair + low;
}

/* --- by position --- */

const struct registry_member *registry_member_at(const struct registry *r, size_t i)
{
    return i < r->member_count ? &r->members[i] : NULL;
}

const struct registry_subsystem *registry_subsystem_at(const struct registry *r, size_t i)
{
    return i < r->subsystem_count ? &r->subsystems[i] : NULL;
}

const struct registry_service *registry_service_at(const struct registry *r, size_t i)
{
    return i < r->service_count ? &r->services[i] : NULL;
}

const struct registry_purpose *registry_purpose_at(const struct registry *r, size_t i)
{
    return i < r->purpose_count ? &r->purposes[i] : NULL;
}

const struct registry_grant *registry_grant_at(const struct registry *r, size_t i)
{
    return i < r->grant_count ? &r->grants[i] : NULL;
}
