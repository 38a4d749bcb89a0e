/* wasl registry show: a registry as a person reads it. */
#include "wasl/registry_command.h"

#include "base/clock.h"
#include "wasl/command.h"
#include "wasl/registry_file.h"
#include "wasl/registry_remarks.h"

#include <argp.h>
#include <inttypes.h>
#include <string.h>

struct show_words {
    const char *file;
    enum { SHOW_ALL, SHOW_DOCUMENT } what;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct show_words *words = state->input;
    switch (key) {
    case 'd':
        words->what = SHOW_DOCUMENT;
        return 0;
    default:
        return command_one_file(key, arg, state, &words->file);
    }
}

static void print_names(const char *indent, const struct names *names)
{
    printf("%s%s / %s / %s\n", indent, names->en, names->fr, names->ar);
}

static void print_time(const char *label, uint64_t at)
{
    char when[28];
    clock_format(at, when);
    printf("%s%s", label, when);
}

static void print_service(const struct registry_service *s)
{
    static const char *const kinds[] = {
        [SERVICE_REQUEST] = "request", [SERVICE_DOCUMENT] = "document", [SERVICE_EVENT] = "event"};
    printf("    %s (%s%s%s)\n", s->id, kinds[s->kind], s->subject != SUBJECT_NONE ? ", about " : "",
           subject_type_name(s->subject));
    print_names("      ", &s->names);
    printf("      %s, at most %" PRIu64 " bytes in and %" PRIu64 " out, %" PRIu64 " ms, retention %s%s\n",
           s->media_type, s->most_request, s->most_response, s->timeout / 1000, s->retention,
           s->pad ? ", padded" : "");
    for (size_t i = 0; i < s->operation_count; i++)
        printf("      %-16s %s %s%s\n", s->operations[i].code, s->operations[i].method, s->operations[i].path,
               s->operations[i].safe ? "" : " (not safe: run once)");
    if (s->field_count > 0)
        printf("      fields:");
    for (size_t i = 0; i < s->field_count; i++)
        printf(" %s%s", s->fields[i], i + 1 == s->field_count ? "\n" : "");
    if (s->described) {
        char hex[2 * HASH_SIZE + 1];
        hex_encode(s->description, HASH_SIZE, hex);
        printf("      description: sha256 %s\n", hex);
    }
}

static void print_member(const struct registry *r, const struct registry_member *m)
{
    printf("%s%s\n", m->id, m->suspended ? "  SUSPENDED" : "");
    print_names("  ", &m->names);
    printf("  signs as %s, under %s\n", m->certificate_subject, m->anchor);
    printf("  %zu link key%s, %zu sealing key%s, %s\n", m->link_key_count, m->link_key_count == 1 ? "" : "s",
           m->sealing_key_count, m->sealing_key_count == 1 ? "" : "s",
           m->witness_key != NULL ? "a witness" : "not a witness");
    const struct registry_subsystem *subsystem;
    const struct registry_service *service;
    for (size_t i = 0; (subsystem = registry_subsystem_at(r, i)) != NULL; i++) {
        if (subsystem->member != m)
            continue;
        printf("  %s\n", subsystem->id);
        print_names("    ", &subsystem->names);
        for (size_t k = 0; (service = registry_service_at(r, k)) != NULL; k++)
            if (service->subsystem == subsystem)
                print_service(service);
    }
}

static void print_grant(const struct registry_grant *g)
{
    printf("%s may use %s\n  for %s (%s)", g->consumer->id, g->service->id, g->purpose->code,
           g->purpose->legal_basis);
    print_time(", until ", g->expires);
    if (g->per_day > 0)
        printf(", %" PRIu64 " a day", g->per_day);
    printf("\n  operations:");
    for (size_t i = 0; i < g->operation_count; i++)
        printf(" %s", g->operations[i]->code);
    printf("%s\n", g->operation_count == 0 ? " all" : "");
    for (size_t i = 0; i < g->endpoint_count; i++)
        printf("%s %s %s%s", i == 0 ? "  endpoints:" : ",", g->endpoints[i].method, g->endpoints[i].path,
               i + 1 == g->endpoint_count ? "\n" : "");
    printf("  fields:");
    for (size_t i = 0; i < g->field_count; i++)
        printf(" %s", g->fields[i]);
    printf("%s\n", g->whole ? " whole, unfiltered" : "");
}

static void print_registry(const struct registry *r)
{
    char hex[2 * HASH_SIZE + 1];
    hex_encode(registry_hash(r), HASH_SIZE, hex);
    printf("Registry of %s, version %" PRIu64 "\n", registry_instance(r), registry_version(r));
    print_time("valid until ", registry_valid_until(r));
    if (registry_hard_limit(r) != 0)
        print_time(", refused after ", registry_hard_limit(r));
    printf("\nsha256 %s\n", hex);
    struct registry_authority authority = registry_authority_of(r);
    printf("\nAuthority: %u of\n", authority.threshold);
    for (size_t i = 0; i < authority.count; i++)
        printf("  %s\n", authority.keys[i]);
    printf("\nLedger\n");
    for (size_t i = 0; i < registry_ledger_key_count(r); i++) {
        uint64_t from = 0;
        const char *key = registry_ledger_key(r, i, &from);
        printf("  %s from entry %" PRIu64 "\n", key, from);
    }
    printf("\nMembers\n");
    const struct registry_member *member;
    for (size_t i = 0; (member = registry_member_at(r, i)) != NULL; i++)
        print_member(r, member);
    printf("\nPurposes\n");
    const struct registry_purpose *purpose;
    for (size_t i = 0; (purpose = registry_purpose_at(r, i)) != NULL; i++) {
        printf("%s (%s)\n", purpose->code, purpose->legal_basis);
        print_names("  ", &purpose->names);
    }
    printf("\nGrants\n");
    const struct registry_grant *grant;
    for (size_t i = 0; (grant = registry_grant_at(r, i)) != NULL; i++)
        print_grant(grant);
}

int registry_show_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"document", 'd', NULL, 0, "Print the document inside a signed file as it was reviewed", 0},
        {NULL, 0, NULL, 0, NULL, 0},
    };
    static const struct argp argp = {options, parse, "FILE", "Lists members, services, purposes and grants.",
                                     NULL,    NULL,  NULL};
    struct show_words words = {0};
    struct registry_trust trust = {0};
    struct registry_read read = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &words);
    int result = registry_read(words.file, &trust, &read);
    if (result == WASL_GOOD && words.what == SHOW_DOCUMENT) {
        struct bytes document = registry_document(read.registry);
        fwrite(document.data, 1, document.len, stdout);
    } else if (result == WASL_GOOD) {
        print_registry(read.registry);
        printf("\n");
        registry_remarks(read.registry, clock_wall(), stdout);
        if (read.is_signed && !read.self_signed)
            printf("note: not signed by the keys that it names itself; wasl registry check --previous judges "
                   "it\n");
    }
    registry_free(read.registry);
    return result;
}
