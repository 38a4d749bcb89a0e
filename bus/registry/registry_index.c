/* What lookups search: arrays of pointers, sorted once. */
#include "registry/registry_internal.h"

#include <string.h>

/* Of two with the same name (a fault, which is found later) the first in the file comes first. */
static int by_name(const char *a, const char *b, const void *place_a, const void *place_b)
{
    int order = strcmp(a, b);
    return order != 0 ? order : place_a < place_b ? -1 : place_a > place_b;
}

static int by_member(const void *a, const void *b)
{
    const struct registry_member *const *x = a, *const *y = b;
    return by_name((*x)->id, (*y)->id, *x, *y);
}

static int by_subsystem(const void *a, const void *b)
{
    const struct registry_subsystem *const *x = a, *const *y = b;
    return by_name((*x)->id, (*y)->id, *x, *y);
}

static int by_service(const void *a, const void *b)
{
    const struct registry_service *const *x = a, *const *y = b;
    return by_name((*x)->id, (*y)->id, *x, *y);
}

static int by_purpose(const void *a, const void *b)
{
    const struct registry_purpose *const *x = a, *const *y = b;
    return by_name((*x)->code, (*y)->code, *x, *y);
}

static int by_key(const void *a, const void *b)
{
    const struct link_owner *x = a, *y = b;
    return memcmp(x->key, y->key, sizeof x->key);
}

static int by_pair(const void *a, const void *b)
{
    const struct registry_grant *x = *(const struct registry_grant *const *)a;
    const struct registry_grant *y = *(const struct registry_grant *const *)b;
    if (x->consumer != y->consumer)
        return x->consumer < y->consumer ? -1 : 1;
    if (x->service != y->service)
        return x->service < y->service ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void index_links(struct registry *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->member_count; i++)
        count += r->members[i].link_key_count;
    r->links = registry_allocate(r, count, sizeof *r->links);
    for (size_t i = 0; i < r->member_count; i++)
        for (size_t k = 0; k < r->members[i].link_key_count; k++) {
            memcpy(r->links[r->link_count].key, r->members[i].link_keys[k], 32);
            r->links[r->link_count++].member = &r->members[i];
        }
    qsort(r->links, count, sizeof *r->links, by_key);
}

void registry_index(struct registry *r)
{
    r->members_by_id = registry_allocate(r, r->member_count, sizeof *r->members_by_id);
    r->subsystems_by_id = registry_allocate(r, r->subsystem_count, sizeof *r->subsystems_by_id);
    r->services_by_id = registry_allocate(r, r->service_count, sizeof *r->services_by_id);
    r->purposes_by_code = registry_allocate(r, r->purpose_count, sizeof *r->purposes_by_code);
    for (size_t i = 0; i < r->member_count; i++)
        r->members_by_id[i] = &r->members[i];
    for (size_t i = 0; i < r->subsystem_count; i++)
        r->subsystems_by_id[i] = &r->subsystems[i];
    for (size_t i = 0; i < r->service_count; i++)
        r->services_by_id[i] = &r->services[i];
    for (size_t i = 0; i < r->purpose_count; i++)
        r->purposes_by_code[i] = &r->purposes[i];
    qsort(r->members_by_id, r->member_count, sizeof *r->members_by_id, by_member);
    qsort(r->subsystems_by_id, r->subsystem_count, sizeof *r->subsystems_by_id, by_subsystem);
    qsort(r->services_by_id, r->service_count, sizeof *r->services_by_id, by_service);
    qsort(r->purposes_by_code, r->purpose_count, sizeof *r->purposes_by_code, by_purpose);
    index_links(r);
}

void registry_index_grants(struct registry *r)
{
    r->grants_by_pair = registry_allocate(r, r->grant_count, sizeof *r->grants_by_pair);
    for (size_t i = 0; i < r->grant_count; i++)
        r->grants_by_pair[i] = &r->grants[i];
    qsort(r->grants_by_pair, r->grant_count, sizeof *r->grants_by_pair, by_pair);
}
