/* From the loaded form to the structs that everybody reads: each value is judged by itself here, and
 * references are resolved. What only shows in the whole is registry_check.c's. Loading goes on after a fault,
 * to find the others. */
#include "registry/registry_internal.h"

#include "crypto/hash.h"
#include "registry/fields.h"
#include "registry/glob.h"
#include "registry/identifier.h"
#include "registry/registry_path.h"
#include "registry/registry_value.h"
#include "registry/template.h"

#include <string.h>

#define DEFAULT_MOST_REQUEST  (UINT64_C(64) << 10)
#define DEFAULT_MOST_RESPONSE (UINT64_C(1) << 20)
#define DEFAULT_TIMEOUT_MS    10000
#define TIMEOUT_MS_MOST       600000

/* Records what a value's reading has found wrong (NULL: nothing) at key under the place where `at` stands. */
static void expect(struct registry_path *at, const char *key, const char *fault)
{
    if (fault != NULL)
        registry_path_fault(at, key, "%s", fault);
}

static void load_names(struct registry_path *at, const struct form_names *form, struct names *out)
{
    size_t here = registry_path_enter(at, "name");
    expect(at, "ar", value_name(form->ar));
    expect(at, "fr", value_name(form->fr));
    expect(at, "en", value_name(form->en));
    registry_path_leave(at, here);
    out->ar = form->ar;
    out->fr = form->fr;
    out->en = form->en;
}

static void load_dates(struct registry_path *at, const struct form_dated_key *form, uint64_t *not_before,
                       uint64_t *not_after)
{
    const char *first = value_time(form->not_before, not_before);
    const char *last = value_time(form->not_after, not_after);
    expect(at, "not_before", first);
    expect(at, "not_after", last);
    if (first == NULL && last == NULL && *not_after <= *not_before)
        registry_path_fault(at, "not_after", "ends before it begins");
}

static void load_head(struct registry *r, struct registry_path *at)
{
    const struct registry_form *form = r->form;
    r->instance = form->instance;
    if (!identifier_part_valid(bytes_of_string(form->instance)))
        registry_path_fault(
            at, "instance",
            "letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 64");
    r->version = form->version;
    if (r->version == 0)
        registry_path_fault(at, "version", "versions begin at 1");
    const char *fault = value_time(form->valid_until, &r->valid_until);
    expect(at, "valid_until", fault);
    if (form->hard_limit == NULL)
        return;
    const char *limit_fault = value_time(form->hard_limit, &r->hard_limit);
    expect(at, "hard_limit", limit_fault);
    if (fault == NULL && limit_fault == NULL && r->hard_limit < r->valid_until)
        registry_path_fault(at, "hard_limit", "comes before valid_until: nothing would warn of it");
}

static void load_authority(struct registry *r, struct registry_path *at)
{
    const struct form_authority *form = &r->form->authority;
    size_t here = registry_path_enter(at, "authority");
    r->authority_count = form->keys_count;
    r->authority = registry_allocate(r, form->keys_count, sizeof *r->authority);
    for (unsigned i = 0; i < form->keys_count; i++) {
        size_t list = registry_path_enter(at, "keys[%u]", i);
        expect(at, NULL, value_vkey(form->keys[i], NOTE_ED25519, &r->authority[i]));
        registry_path_leave(at, list);
    }
    r->threshold = form->threshold;
    if (form->threshold < 1)
        registry_path_fault(at, "threshold", "at least one key must sign");
    else if (form->threshold > form->keys_count)
        registry_path_fault(at, "threshold", "%u signatures are asked of %u keys", form->threshold,
                            form->keys_count);
    registry_path_leave(at, here);
}

static void load_ledger(struct registry *r, struct registry_path *at)
{
    r->ledger_count = r->form->ledger_count;
    r->ledger = registry_allocate(r, r->ledger_count, sizeof *r->ledger);
    for (unsigned i = 0; i < r->form->ledger_count; i++) {
        const struct form_ledger_key *form = &r->form->ledger[i];
        struct registry_ledger_key *key = &r->ledger[i];
        size_t here = registry_path_enter(at, "ledger[%u]", i);
        key->vkey = form->key;
        key->from = form->from;
        const char *fault = value_vkey(form->key, NOTE_ED25519, &key->verifier);
        expect(at, "key", fault);
        if (i == 0 && form->from != 0)
            registry_path_fault(at, "from", "the first ledger key signs from entry 0 on");
        if (i > 0 && form->from <= r->ledger[i - 1].from)
            registry_path_fault(at, "from", "does not rise over the key before it");
        if (i > 0 && fault == NULL && strcmp(key->verifier.name, r->ledger[0].verifier.name) != 0)
            registry_path_fault(at, "key",
                                "a rotated ledger key keeps its name, which is the ledger's origin");
        registry_path_leave(at, here);
    }
}

static void load_oversight(struct registry *r, struct registry_path *at)
{
    r->oversight_count = r->form->oversight_count;
    r->oversight = registry_allocate(r, r->oversight_count, sizeof *r->oversight);
    for (unsigned i = 0; i < r->form->oversight_count; i++) {
        struct registry_oversight *key = &r->oversight[i];
        size_t here = registry_path_enter(at, "oversight[%u]", i);
        expect(at, "key", value_base64_key(r->form->oversight[i].key, key->public_key));
        load_dates(at, &r->form->oversight[i], &key->not_before, &key->not_after);
        registry_path_leave(at, here);
    }
}

static void load_anchors(struct registry *r, struct registry_path *at)
{
    r->anchor_count = r->form->trust_anchors_count;
    r->anchors = registry_allocate(r, r->anchor_count, sizeof *r->anchors);
    for (unsigned i = 0; i < r->form->trust_anchors_count; i++) {
        const struct form_anchor *form = &r->form->trust_anchors[i];
        size_t here = registry_path_enter(at, "trust_anchors[%u]", i);
        r->anchors[i].name = form->name;
        r->anchors[i].pem = bytes_of_string(form->certificate);
        if (!identifier_part_valid(bytes_of_string(form->name)))
            registry_path_fault(
                at, "name",
                "letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 64");
        expect(at, "certificate", value_anchor(form->certificate));
        registry_path_leave(at, here);
    }
}

static void load_operation(struct registry_path *at, const struct form_operation *form,
                           enum subject_type subject, struct registry_operation *out)
{
    out->code = form->code;
    out->method = form->method;
    out->path = form->path;
    out->safe = form->safe != NULL ? *form->safe : value_method_safe(form->method);
    if (!code_valid(bytes_of_string(form->code)))
        registry_path_fault(at, "code", "not a code: letters, digits and . _ - / +, at most 64");
    expect(at, "method", value_method(form->method));
    const char *fault = template_fault(form->path);
    expect(at, "path", fault);
    if (fault == NULL && subject != SUBJECT_NONE && !template_has_type(form->path, subject))
        registry_path_fault(
            at, "path", "the service is about a subject of type %s, and no parameter here is of that type",
            subject_type_name(subject));
}

static const char *load_kind(const char *text, enum service_kind *out)
{
    static const char *const names[] = {
        [SERVICE_REQUEST] = "request", [SERVICE_DOCUMENT] = "document", [SERVICE_EVENT] = "event"};
    for (unsigned i = SERVICE_REQUEST; i <= SERVICE_EVENT; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum service_kind)i;
            return NULL;
        }
    return "a service's kind is request, document or event";
}

static void load_evidence(struct registry_path *at, const char *text)
{
    if (text == NULL || strcmp(text, "none") == 0)
        return;
    if (strcmp(text, "escrow") == 0)
        registry_path_fault(at, "evidence", "this version of the bus does not keep evidence yet: use none");
    else
        registry_path_fault(at, "evidence", "none or escrow");
}

static void load_limits(struct registry_path *at, const struct form_service *form,
                        struct registry_service *out)
{
    out->most_request = DEFAULT_MOST_REQUEST;
    out->most_response = DEFAULT_MOST_RESPONSE;
    if (form->max_request != NULL)
        expect(at, "max_request", value_size(form->max_request, &out->most_request));
    if (form->max_response != NULL)
        expect(at, "max_response", value_size(form->max_response, &out->most_response));
    uint64_t milliseconds = form->timeout_ms != 0 ? form->timeout_ms : DEFAULT_TIMEOUT_MS;
    if (milliseconds > TIMEOUT_MS_MOST)
        registry_path_fault(at, "timeout_ms", "at most %u (ten minutes)", TIMEOUT_MS_MOST);
    out->timeout = milliseconds * 1000;
}

/* Every subsystem has these at its front, and no service of its own could be asked by such a name. */
static bool is_metadata(const char *code)
{
    return strcmp(code, "listMethods") == 0 || strcmp(code, "allowedMethods") == 0 ||
           strcmp(code, "getOpenAPI") == 0;
}

static void load_service(struct registry *r, struct registry_path *at, const struct form_service *form,
                         const struct registry_subsystem *subsystem, struct registry_service *out)
{
    out->code = form->code;
    out->subsystem = subsystem;
    size_t room = strlen(subsystem->id) + strlen(form->code) + 2;
    char *id = registry_allocate(r, room, 1);
    snprintf(id, room, "%s/%s", subsystem->id, form->code);
    out->id = id;
    if (!identifier_part_valid(bytes_of_string(form->code)) || strlen(id) > IDENTIFIER_MOST)
        registry_path_fault(
            at, "code", "letters, digits, '.', '_' and '-', at most 64, and 200 with what stands before it");
    if (is_metadata(form->code))
        registry_path_fault(at, "code", "is a metadata service that every subsystem has: another name");
    expect(at, "kind", load_kind(form->kind, &out->kind));
    load_names(at, &form->name, &out->names);
    out->media_type = form->media_type != NULL ? form->media_type : "application/json";
    if (!code_valid(bytes_of_string(out->media_type)))
        registry_path_fault(at, "media_type", "a media type without parameters, at most 64 bytes");
    if (form->subject != NULL && strcmp(form->subject, "none") != 0) {
        out->subject = subject_type_by_name(bytes_of_string(form->subject));
        if (out->subject == SUBJECT_NONE)
            registry_path_fault(at, "subject", "a subject is one of IUC, CIN, SOCIAL, TAX, or none");
    }
    load_limits(at, form, out);
    out->retention = form->retention;
    if (!code_valid(bytes_of_string(form->retention)))
        registry_path_fault(at, "retention", "not a code: letters, digits and . _ - / +, at most 64");
    out->pad = form->pad;
    load_evidence(at, form->evidence);
    if (form->description != NULL) {
        out->described = true;
        if (!hex_decode(form->description, strlen(form->description), out->description, HASH_SIZE))
            registry_path_fault(at, "description",
                                "the SHA-256 of the OpenAPI document, 64 hexadecimal digits (sha256sum)");
    }

    out->fields = (const char *const *)form->fields;
    out->field_count = form->fields_count;
    for (unsigned i = 0; i < form->fields_count; i++)
        if (!fields_pointer_valid(form->fields[i])) {
            size_t here = registry_path_enter(at, "fields[%u]", i);
            registry_path_fault(at, NULL,
                                "not a JSON Pointer (RFC 6901) to a field: /name, /children/*/name");
            registry_path_leave(at, here);
        }

    struct registry_operation *operations = registry_allocate(r, form->operations_count, sizeof *operations);
    out->operations = operations;
    out->operation_count = form->operations_count;
    for (unsigned i = 0; i < form->operations_count; i++) {
        size_t here = registry_path_enter(at, "operations[%u]", i);
        load_operation(at, &form->operations[i], out->subject, &operations[i]);
        registry_path_leave(at, here);
    }
    if (out->kind == SERVICE_REQUEST && form->operations_count == 0)
        registry_path_fault(at, "operations", "a service of kind request has at least one operation");
}

static void load_member_keys(struct registry *r, struct registry_path *at, const struct form_member *form,
                             struct registry_member *out)
{
    uint8_t(*links)[32] = registry_allocate(r, form->link_keys_count, sizeof *links);
    for (unsigned i = 0; i < form->link_keys_count; i++) {
        size_t here = registry_path_enter(at, "link_keys[%u]", i);
        expect(at, NULL, value_hex_key(form->link_keys[i], links[i]));
        registry_path_leave(at, here);
    }
    out->link_keys = (const uint8_t(*)[32])links;
    out->link_key_count = form->link_keys_count;

    struct registry_sealing_key *sealing = registry_allocate(r, form->sealing_keys_count, sizeof *sealing);
    for (unsigned i = 0; i < form->sealing_keys_count; i++) {
        size_t here = registry_path_enter(at, "sealing_keys[%u]", i);
        expect(at, "key", value_base64_key(form->sealing_keys[i].key, sealing[i].public_key));
        load_dates(at, &form->sealing_keys[i], &sealing[i].not_before, &sealing[i].not_after);
        sha256(bytes_make(sealing[i].public_key, 32), sealing[i].id);
        registry_path_leave(at, here);
    }
    out->sealing_keys = sealing;
    out->sealing_key_count = form->sealing_keys_count;

    struct note_verifier witness;
    out->witness_key = form->witness_key;
    if (form->witness_key != NULL)
        expect(at, "witness_key", value_vkey(form->witness_key, NOTE_COSIGNATURE, &witness));
}

static void load_member(struct registry *r, struct registry_path *at, const struct form_member *form,
                        struct registry_member *out)
{
    out->id = form->id;
    struct bytes id = bytes_of_string(form->id);
    if (identifier_parts(id) != 3)
        registry_path_fault(at, "id", "a member is instance/class/member: TN/GOV/MI");
    else if (!bytes_equal_string(bytes_make(id.data, identifier_prefix(id, 1)), r->instance))
        registry_path_fault(at, "id", "is of another instance than this registry (%s)", r->instance);
    load_names(at, &form->name, &out->names);
    out->anchor = form->trust_anchor;
    out->certificate_subject = form->certificate_subject;
    expect(at, "certificate_subject", value_subject_name(form->certificate_subject));
    load_member_keys(r, at, form, out);
    out->suspended = form->suspended;
}

static void load_subsystem(struct registry *r, struct registry_path *at, const struct form_subsystem *form,
                           const struct registry_member *member, struct registry_subsystem *out)
{
    out->code = form->code;
    out->member = member;
    size_t room = strlen(member->id) + strlen(form->code) + 2;
    char *id = registry_allocate(r, room, 1);
    snprintf(id, room, "%s/%s", member->id, form->code);
    out->id = id;
    if (!identifier_part_valid(bytes_of_string(form->code)) || strlen(id) > IDENTIFIER_MOST)
        registry_path_fault(
            at, "code", "letters, digits, '.', '_' and '-', at most 64, and 200 with what stands before it");
    load_names(at, &form->name, &out->names);
}

static void load_members(struct registry *r, struct registry_path *at)
{
    const struct registry_form *form = r->form;
    size_t subsystems = 0, services = 0, next_subsystem = 0, next_service = 0;
    for (unsigned i = 0; i < form->members_count; i++) {
        subsystems += form->members[i].subsystems_count;
        for (unsigned j = 0; j < form->members[i].subsystems_count; j++)
            services += form->members[i].subsystems[j].services_count;
    }
    r->member_count = form->members_count;
    r->subsystem_count = subsystems;
    r->service_count = services;
    r->members = registry_allocate(r, r->member_count, sizeof *r->members);
    r->subsystems = registry_allocate(r, subsystems, sizeof *r->subsystems);
    r->services = registry_allocate(r, services, sizeof *r->services);
    for (unsigned i = 0; i < form->members_count; i++) {
        const struct form_member *member = &form->members[i];
        size_t here = registry_path_enter(at, "members[%u]", i);
        load_member(r, at, member, &r->members[i]);
        for (unsigned j = 0; j < member->subsystems_count; j++) {
            const struct form_subsystem *subsystem = &member->subsystems[j];
            struct registry_subsystem *out = &r->subsystems[next_subsystem++];
            size_t inside = registry_path_enter(at, "subsystems[%u]", j);
            load_subsystem(r, at, subsystem, &r->members[i], out);
            for (unsigned k = 0; k < subsystem->services_count; k++) {
                size_t deeper = registry_path_enter(at, "services[%u]", k);
                load_service(r, at, &subsystem->services[k], out, &r->services[next_service++]);
                registry_path_leave(at, deeper);
            }
            registry_path_leave(at, inside);
        }
        registry_path_leave(at, here);
    }
}

static void load_purposes(struct registry *r, struct registry_path *at)
{
    r->purpose_count = r->form->purposes_count;
    r->purposes = registry_allocate(r, r->purpose_count, sizeof *r->purposes);
    for (unsigned i = 0; i < r->form->purposes_count; i++) {
        const struct form_purpose *form = &r->form->purposes[i];
        size_t here = registry_path_enter(at, "purposes[%u]", i);
        r->purposes[i].code = form->code;
        r->purposes[i].legal_basis = form->legal_basis;
        if (!code_valid(bytes_of_string(form->code)))
            registry_path_fault(at, "code", "not a code: letters, digits and . _ - / +, at most 64");
        load_names(at, &form->name, &r->purposes[i].names);
        /* It travels in every header, so it is a code, not a sentence. */
        if (!code_valid(bytes_of_string(form->legal_basis)))
            registry_path_fault(
                at, "legal_basis",
                "a code such as law-2004-63/art-47: letters, digits and . _ - / +, at most 64");
        registry_path_leave(at, here);
    }
}

static void load_grant_operations(struct registry *r, struct registry_path *at, const struct form_grant *form,
                                  struct registry_grant *out)
{
    const struct registry_operation **operations =
        registry_allocate(r, form->operations_count, sizeof *operations);
    out->operations = operations;
    out->operation_count = form->operations_count;
    for (unsigned i = 0; i < form->operations_count && out->service != NULL; i++) {
        operations[i] = registry_operation(out->service, bytes_of_string(form->operations[i]));
        if (operations[i] == NULL) {
            size_t here = registry_path_enter(at, "operations[%u]", i);
            registry_path_fault(at, NULL, "%s has no such operation", out->service->id);
            registry_path_leave(at, here);
        }
    }
}

static void load_grant_endpoints(struct registry *r, struct registry_path *at, const struct form_grant *form,
                                 struct registry_grant *out)
{
    struct registry_endpoint *endpoints = registry_allocate(r, form->endpoints_count, sizeof *endpoints);
    out->endpoints = endpoints;
    out->endpoint_count = form->endpoints_count;
    for (unsigned i = 0; i < form->endpoints_count; i++) {
        size_t here = registry_path_enter(at, "endpoints[%u]", i);
        endpoints[i].method = form->endpoints[i].method;
        endpoints[i].path = form->endpoints[i].path;
        if (strcmp(endpoints[i].method, "*") != 0)
            expect(at, "method", value_method(endpoints[i].method));
        expect(at, "path", glob_path_fault(bytes_of_string(endpoints[i].path)));
        registry_path_leave(at, here);
    }
}

static void load_grant(struct registry *r, struct registry_path *at, const struct form_grant *form,
                       struct registry_grant *out)
{
    struct bytes consumer = bytes_of_string(form->consumer);
    if (identifier_parts(consumer) == 4)
        out->consumer = registry_subsystem(r, consumer);
    if (out->consumer == NULL)
        registry_path_fault(at, "consumer",
                            "no such subsystem (instance/class/member/subsystem) in this registry");
    out->service = registry_service(r, bytes_of_string(form->service));
    if (out->service == NULL)
        registry_path_fault(at, "service",
                            "no such service (instance/class/member/subsystem/service) in this registry");
    out->purpose = registry_purpose(r, bytes_of_string(form->purpose));
    if (out->purpose == NULL)
        registry_path_fault(at, "purpose", "no such purpose in this registry");
    load_grant_operations(r, at, form, out);
    load_grant_endpoints(r, at, form, out);
    out->fields = (const char *const *)form->fields;
    out->field_count = form->fields_count;
    out->whole = form->whole;
    expect(at, "expires", value_time(form->expires, &out->expires));
    out->per_day = form->per_day;
    const struct bytes parts[] = {
        consumer,
        bytes_make("", 1),
        bytes_of_string(form->service),
        bytes_make("", 1),
        bytes_of_string(form->purpose),
    };
    sha256_parts(parts, sizeof parts / sizeof parts[0], out->id);
}

static void load_grants(struct registry *r, struct registry_path *at)
{
    r->grant_count = r->form->grants_count;
    r->grants = registry_allocate(r, r->grant_count, sizeof *r->grants);
    for (unsigned i = 0; i < r->form->grants_count; i++) {
        size_t here = registry_path_enter(at, "grants[%u]", i);
        load_grant(r, at, &r->form->grants[i], &r->grants[i]);
        registry_path_leave(at, here);
    }
}

void registry_load(struct registry *r, struct faults *faults)
{
    struct registry_path at;
    registry_path_begin(&at, r->yaml, faults);
    load_head(r, &at);
    load_authority(r, &at);
    load_ledger(r, &at);
    load_oversight(r, &at);
    load_anchors(r, &at);
    load_members(r, &at);
    load_purposes(r, &at);
    registry_index(r);
    load_grants(r, &at);
    registry_index_grants(r);
}
