/* Faults that only show when the whole file is seen: doubles, overlaps, references between parts, keys used
 * twice. */
#include "registry/registry_internal.h"

#include "registry/glob.h"
#include "registry/registry_path.h"
#include "registry/template.h"

#include <string.h>

/* --- doubles --- */

/* What must be unique: a value and where it stands. */
struct place {
    const void *value;
    size_t len;
    size_t order; /* in the file: the second of two is the fault */
    char path[160];
    const char *what;
};
struct places {
    struct place *items;
    size_t count, room;
};

static struct place *place_new(struct places *places, const void *value, size_t len, const char *what)
{
    if (places->count == places->room) {
        size_t room = places->room == 0 ? 64 : places->room * 2;
        struct place *items = memory_zeroed(room, sizeof *items);
        if (places->count > 0)
            memcpy(items, places->items, places->count * sizeof *items);
        free(places->items);
        places->items = items;
        places->room = room;
    }
    struct place *place = &places->items[places->count];
    *place = (struct place){.value = value, .len = len, .what = what, .order = places->count++};
    return place;
}

#define PLACE(places, value, len, what, ...)                                                                 \
    do {                                                                                                     \
        struct place *p_ = place_new(places, value, len, what);                                              \
        snprintf(p_->path, sizeof p_->path, __VA_ARGS__);                                                    \
    } while (0)

static int by_value(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    size_t shorter = x->len < y->len ? x->len : y->len;
    int order = shorter > 0 ? memcmp(x->value, y->value, shorter) : 0;
    if (order != 0)
        return order;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Records every double and empties the list. */
static void report_doubles(const struct registry *r, struct faults *faults, struct places *places)
{
    if (places->count > 1)
        qsort(places->items, places->count, sizeof *places->items, by_value);
    size_t first = 0;
    for (size_t i = 1; i < places->count; i++) {
        const struct place *a = &places->items[first], *b = &places->items[i];
        if (a->len != b->len || memcmp(a->value, b->value, a->len) != 0) {
            first = i;
            continue;
        }
        yamlfile_fault(r->yaml, faults, b->path, "the same %s stands at %s (line %u)", b->what, a->path,
                       yamlfile_line(r->yaml, a->path));
    }
    free(places->items);
    *places = (struct places){0};
}

static void place_text(struct places *places, const char *value, const char *what, const char *path)
{
    PLACE(places, value, strlen(value), what, "%s", path);
}

static void check_identifiers(const struct registry *r, struct faults *faults)
{
    struct places places = {0};
    char path[160];
    for (size_t i = 0; i < r->member_count; i++) {
        snprintf(path, sizeof path, "members[%zu].id", i);
        place_text(&places, r->members[i].id, "member", path);
    }
    report_doubles(r, faults, &places);
    for (size_t i = 0; i < r->purpose_count; i++) {
        snprintf(path, sizeof path, "purposes[%zu].code", i);
        place_text(&places, r->purposes[i].code, "purpose", path);
    }
    report_doubles(r, faults, &places);
    for (size_t i = 0; i < r->anchor_count; i++) {
        snprintf(path, sizeof path, "trust_anchors[%zu].name", i);
        place_text(&places, r->anchors[i].name, "name", path);
    }
    report_doubles(r, faults, &places);
    for (size_t i = 0; i < r->authority_count; i++) {
        snprintf(path, sizeof path, "authority.keys[%zu]", i);
        place_text(&places, r->authority[i].name, "key name", path);
    }
    report_doubles(r, faults, &places);
}

/* Subsystems of one member and services of one subsystem; members themselves may be doubles and are reported
 * as such. */
static void check_inside_members(const struct registry *r, struct faults *faults)
{
    struct places places = {0};
    char path[160];
    for (unsigned i = 0; i < r->form->members_count; i++) {
        const struct form_member *member = &r->form->members[i];
        for (unsigned j = 0; j < member->subsystems_count; j++) {
            snprintf(path, sizeof path, "members[%u].subsystems[%u].code", i, j);
            place_text(&places, member->subsystems[j].code, "subsystem", path);
        }
        report_doubles(r, faults, &places);
        for (unsigned j = 0; j < member->subsystems_count; j++) {
            for (unsigned k = 0; k < member->subsystems[j].services_count; k++) {
                snprintf(path, sizeof path, "members[%u].subsystems[%u].services[%u].code", i, j, k);
                place_text(&places, member->subsystems[j].services[k].code, "service", path);
            }
            report_doubles(r, faults, &places);
        }
    }
}

/* --- keys --- */

static bool is_zero(const uint8_t *key)
{
    static const uint8_t zero[32];
    return memcmp(key, zero, 32) == 0;
}

/* A public key serves one purpose and one owner. Keys that could not be read are zeros here and were reported
 * already. */
static void check_keys(const struct registry *r, struct faults *faults)
{
    struct places places = {0};
    for (size_t i = 0; i < r->authority_count; i++)
        if (!is_zero(r->authority[i].public_key))
            PLACE(&places, r->authority[i].public_key, 32, "public key", "authority.keys[%zu]", i);
    for (size_t i = 0; i < r->ledger_count; i++)
        if (!is_zero(r->ledger[i].verifier.public_key))
            PLACE(&places, r->ledger[i].verifier.public_key, 32, "public key", "ledger[%zu].key", i);
    for (size_t i = 0; i < r->oversight_count; i++)
        if (!is_zero(r->oversight[i].public_key))
            PLACE(&places, r->oversight[i].public_key, 32, "public key", "oversight[%zu].key", i);
    struct note_verifier *witnesses = memory_zeroed(r->member_count + 1, sizeof *witnesses);
    for (size_t i = 0; i < r->member_count; i++) {
        const struct registry_member *member = &r->members[i];
        for (size_t k = 0; k < member->link_key_count; k++)
            if (!is_zero(member->link_keys[k]))
                PLACE(&places, member->link_keys[k], 32, "public key", "members[%zu].link_keys[%zu]", i, k);
        for (size_t k = 0; k < member->sealing_key_count; k++)
            if (!is_zero(member->sealing_keys[k].public_key))
                PLACE(&places, member->sealing_keys[k].public_key, 32, "public key",
                      "members[%zu].sealing_keys[%zu].key", i, k);
        if (member->witness_key != NULL &&
            note_verifier_parse(bytes_of_string(member->witness_key), &witnesses[i]))
            PLACE(&places, witnesses[i].public_key, 32, "public key", "members[%zu].witness_key", i);
    }
    report_doubles(r, faults, &places);
    free(witnesses);
}

/* --- members --- */

static void check_members(const struct registry *r, struct faults *faults)
{
    struct places places = {0};
    struct buffer *signers = memory_zeroed(r->member_count + 1, sizeof *signers);
    for (size_t i = 0; i < r->member_count; i++) {
        const struct registry_member *member = &r->members[i];
        char path[64];
        bool known = false;
        for (size_t k = 0; k < r->anchor_count; k++)
            known = known || strcmp(r->anchors[k].name, member->anchor) == 0;
        if (!known) {
            snprintf(path, sizeof path, "members[%zu].trust_anchor", i);
            yamlfile_fault(r->yaml, faults, path, "no such trust anchor in this registry");
        }
        /* Two members with one certificate could sign for each other. */
        buffer_append(&signers[i], member->anchor, strlen(member->anchor) + 1);
        buffer_append_string(&signers[i], member->certificate_subject);
        PLACE(&places, signers[i].data, signers[i].len, "certificate subject under this trust anchor",
              "members[%zu].certificate_subject", i);
    }
    report_doubles(r, faults, &places);
    for (size_t i = 0; i < r->member_count; i++)
        buffer_free(&signers[i]);
    free(signers);
}

/* --- services --- */

static void check_operations(struct registry_path *at, const struct form_service *service)
{
    for (unsigned i = 0; i < service->operations_count; i++) {
        const struct form_operation *a = &service->operations[i];
        size_t here = registry_path_enter(at, "operations[%u]", i);
        for (unsigned k = 0; k < i; k++) {
            const struct form_operation *b = &service->operations[k];
            if (strcmp(a->code, b->code) == 0)
                registry_path_fault(at, "code", "the same operation stands at operations[%u]", k);
            if (strcmp(a->method, b->method) == 0 && template_fault(a->path) == NULL &&
                template_fault(b->path) == NULL && template_overlap(a->path, b->path))
                registry_path_fault(at, "path", "some path fits this and operations[%u] (%s)", k, b->path);
        }
        registry_path_leave(at, here);
    }
}

static void check_services(const struct registry *r, struct faults *faults)
{
    struct registry_path at;
    registry_path_begin(&at, r->yaml, faults);
    for (unsigned i = 0; i < r->form->members_count; i++)
        for (unsigned j = 0; j < r->form->members[i].subsystems_count; j++)
            for (unsigned k = 0; k < r->form->members[i].subsystems[j].services_count; k++) {
                const struct form_service *service = &r->form->members[i].subsystems[j].services[k];
                size_t here = registry_path_enter(&at, "members[%u].subsystems[%u].services[%u]", i, j, k);
                check_operations(&at, service);
                for (unsigned x = 0; x < service->fields_count; x++)
                    for (unsigned y = 0; y < x; y++)
                        if (strcmp(service->fields[x], service->fields[y]) == 0) {
                            size_t list = registry_path_enter(&at, "fields[%u]", x);
                            registry_path_fault(&at, NULL, "the same field stands at fields[%u]", y);
                            registry_path_leave(&at, list);
                        }
                registry_path_leave(&at, here);
            }
}

/* --- grants --- */

static bool is_json(const char *media_type)
{
    size_t len = strlen(media_type);
    return strcmp(media_type, "application/json") == 0 ||
           (len > 5 && strcmp(media_type + len - 5, "+json") == 0);
}

static bool among(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, list[i]) == 0)
            return true;
    return false;
}

static void check_grant_fields(struct registry_path *at, const struct registry_grant *grant)
{
    const struct registry_service *service = grant->service;
    if (grant->whole && grant->field_count > 0)
        registry_path_fault(at, "whole", "a grant has fields or is whole, not both");
    if (!grant->whole && grant->field_count == 0)
        registry_path_fault(at, NULL, "permits nothing: name fields, or say whole: true");
    if (!grant->whole && service != NULL && !is_json(service->media_type))
        registry_path_fault(at, "fields",
                            "only JSON can be reduced to fields, and %s is %s: whole: true is needed",
                            service->id, service->media_type);
    for (size_t i = 0; i < grant->field_count; i++) {
        size_t here = registry_path_enter(at, "fields[%zu]", i);
        if (service != NULL && !among(grant->fields[i], service->fields, service->field_count))
            registry_path_fault(at, NULL, "not among the fields of %s", service->id);
        if (among(grant->fields[i], grant->fields, i))
            registry_path_fault(at, NULL, "stands in this list already");
        registry_path_leave(at, here);
    }
}

/* Could some path of the operation be the endpoint's? */
static bool endpoint_reaches(const struct registry_endpoint *endpoint,
                             const struct registry_operation *operation)
{
    struct buffer glob = {0};
    bool reaches = false;
    if (strcmp(endpoint->method, "*") != 0 && strcmp(endpoint->method, operation->method) != 0)
        return false;
    if (template_fault(operation->path) != NULL)
        return true; /* said already */
    template_to_glob(operation->path, &glob);
    reaches = glob_overlap(bytes_of_string(endpoint->path), buffer_bytes(&glob));
    buffer_free(&glob);
    return reaches;
}

/* A right that no granted operation can use is a slip of the pen, and what was meant is refused. */
static void check_grant_endpoints(struct registry_path *at, const struct registry_grant *grant)
{
    for (size_t i = 0; i < grant->endpoint_count && grant->service != NULL; i++) {
        const struct registry_endpoint *endpoint = &grant->endpoints[i];
        if (glob_path_fault(bytes_of_string(endpoint->path)) != NULL)
            continue;
        bool reaches = false;
        for (size_t k = 0; k < grant->operation_count; k++)
            reaches =
                reaches || grant->operations[k] == NULL || endpoint_reaches(endpoint, grant->operations[k]);
        for (size_t k = 0; grant->operation_count == 0 && k < grant->service->operation_count; k++)
            reaches = reaches || endpoint_reaches(endpoint, &grant->service->operations[k]);
        if (reaches)
            continue;
        size_t here = registry_path_enter(at, "endpoints[%zu]", i);
        registry_path_fault(at, NULL, "no operation that is granted has a path (and method) that fits");
        registry_path_leave(at, here);
    }
}

static void check_grants(const struct registry *r, struct faults *faults)
{
    struct registry_path at;
    struct places places = {0};
    registry_path_begin(&at, r->yaml, faults);
    for (size_t i = 0; i < r->grant_count; i++) {
        const struct registry_grant *grant = &r->grants[i];
        size_t here = registry_path_enter(&at, "grants[%zu]", i);
        if (grant->consumer != NULL && grant->service != NULL && grant->consumer == grant->service->subsystem)
            registry_path_fault(&at, "consumer", "a grant to the subsystem that provides the service");
        for (size_t k = 0; k < grant->operation_count; k++)
            for (size_t m = 0; m < k; m++)
                if (grant->operations[k] != NULL && grant->operations[k] == grant->operations[m]) {
                    size_t list = registry_path_enter(&at, "operations[%zu]", k);
                    registry_path_fault(&at, NULL, "stands in this list already");
                    registry_path_leave(&at, list);
                }
        check_grant_endpoints(&at, grant);
        check_grant_fields(&at, grant);
        PLACE(&places, grant->id, sizeof grant->id, "consumer, service and purpose", "grants[%zu]", i);
        registry_path_leave(&at, here);
    }
    report_doubles(r, faults, &places);
}

void registry_check(const struct registry *r, struct faults *faults)
{
    check_identifiers(r, faults);
    check_inside_members(r, faults);
    check_keys(r, faults);
    check_members(r, faults);
    check_services(r, faults);
    check_grants(r, faults);
}
