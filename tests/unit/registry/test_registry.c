#include "registry/registry.h"

#include "base/clock.h"
#include "crypto/hash.h"
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct bytes text_of(const char *text)
{
    return bytes_of_string(text);
}

static void the_sample_holds_what_it_says(void **state)
{
    (void)state;
    struct registry *r = sample_registry();
    assert_string_equal(registry_instance(r), "TN");
    assert_int_equal(registry_version(r), 3);
    assert_int_equal(registry_valid_until(r), sample_time("2027-06-30T00:00:00Z"));
    assert_int_equal(registry_hard_limit(r), sample_time("2027-12-31"));
    uint8_t hash[HASH_SIZE];
    sha256(registry_document(r), hash);
    assert_memory_equal(registry_hash(r), hash, HASH_SIZE);

    const struct registry_service *person = registry_service(r, text_of("TN/GOV/MI/civil/person"));
    assert_non_null(person);
    assert_string_equal(person->code, "person");
    assert_string_equal(person->names.ar, "شخص");
    assert_string_equal(person->subsystem->id, "TN/GOV/MI/civil");
    assert_string_equal(person->subsystem->member->names.fr, "Ministère de l'Intérieur");
    assert_int_equal(person->kind, SERVICE_REQUEST);
    assert_int_equal(person->subject, SUBJECT_IUC);
    assert_int_equal(person->most_request, 16384);
    assert_int_equal(person->most_response, 1048576);
    assert_int_equal(person->timeout, 5000000);
    assert_int_equal(person->field_count, 6);
    assert_true(person->pad);
    assert_false(person->escrow);
    assert_int_equal(person->operation_count, 3);
    assert_true(person->operations[0].safe);
    assert_false(person->operations[2].safe);
    assert_string_equal(person->media_type, "application/json");

    const struct registry_grant *grant = registry_grant_at(r, 0);
    assert_ptr_equal(grant->service, person);
    assert_string_equal(grant->consumer->id, "TN/GOV/MEN/enrolment");
    assert_string_equal(grant->purpose->legal_basis, "law-2004-63/art-47");
    assert_int_equal(grant->operation_count, 2);
    assert_ptr_equal(grant->operations[1], &person->operations[1]);
    assert_int_equal(grant->per_day, 20000);
    assert_int_equal(grant->expires, sample_time("2027-06-30"));
    assert_true(registry_grant_at(r, 3)->whole);
    assert_null(registry_grant_at(r, 4));
    assert_null(registry_member_at(r, 2));

    const char *name;
    struct bytes pem;
    assert_true(registry_anchor(r, 0, &name, &pem));
    assert_string_equal(name, "national-root");
    assert_memory_equal(pem.data, "-----BEGIN CERTIFICATE-----\n", 28);
    assert_false(registry_anchor(r, 1, &name, &pem));
    registry_free(r);
}

static void endpoints_and_a_description_are_read(void **state)
{
    (void)state;
    struct buffer text = {0};
    sample_document(&text);
    sample_replace(&text, "operations: [identity]",
                   "endpoints: [{method: GET, path: /persons/*}, {method: '*', path: /persons/*/a**}]");
    sample_replace(&text, "retention: P1Y",
                   "retention: P1Y\n            description: "
                   "00ff02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eAB");
    struct registry *r = sample_load(&text);
    const struct registry_grant *grant = registry_grant_at(r, 1);
    assert_int_equal(grant->endpoint_count, 2);
    assert_string_equal(grant->endpoints[1].method, "*");
    assert_string_equal(grant->endpoints[1].path, "/persons/*/a**");
    assert_int_equal(registry_grant_at(r, 0)->endpoint_count, 0);
    const struct registry_service *portrait = registry_service(r, text_of("TN/GOV/MI/civil/portrait"));
    assert_true(portrait->described);
    assert_int_equal(portrait->description[1], 0xff);
    assert_int_equal(portrait->description[31], 0xab);
    assert_false(registry_service(r, text_of("TN/GOV/MI/civil/person"))->described);
    registry_free(r);
    buffer_free(&text);
}

static void the_quota_of_a_grant_goes_by_consumer_service_and_purpose(void **state)
{
    (void)state;
    struct registry *r = sample_registry();
    static const char parts[] = "TN/GOV/MEN/enrolment\0TN/GOV/MI/civil/person\0enrolment";
    uint8_t id[HASH_SIZE];
    sha256(bytes_make(parts, sizeof parts - 1), id);
    assert_memory_equal(registry_grant_at(r, 0)->id, id, HASH_SIZE);
    assert_memory_not_equal(registry_grant_at(r, 1)->id, id, HASH_SIZE);
    registry_free(r);
}

static void a_longer_identifier_finds_its_member_and_subsystem(void **state)
{
    (void)state;
    struct registry *r = sample_registry();
    assert_string_equal(registry_member(r, text_of("TN/GOV/MI/civil/person"))->id, "TN/GOV/MI");
    assert_string_equal(registry_member(r, text_of("TN/GOV/MEN"))->id, "TN/GOV/MEN");
    assert_string_equal(registry_subsystem(r, text_of("TN/GOV/MI/civil/person"))->id, "TN/GOV/MI/civil");
    assert_null(registry_member(r, text_of("TN/GOV")));
    assert_null(registry_member(r, text_of("TN/GOV/M")));
    assert_null(registry_member(r, text_of("TN/GOV/MIX")));
    assert_null(registry_subsystem(r, text_of("TN/GOV/MI")));
    assert_null(registry_service(r, text_of("TN/GOV/MI/civil")));
    assert_null(registry_service(r, text_of("TN/GOV/MI/civil/person/more")));
    assert_null(registry_service(r, (struct bytes){0}));
    assert_non_null(registry_purpose(r, text_of("statistics")));
    assert_null(registry_purpose(r, text_of("statistic")));
    registry_free(r);
}

static void a_link_key_names_its_member(void **state)
{
    (void)state;
    const struct sample_keys *keys = sample_keys();
    struct registry *r = sample_registry();
    assert_string_equal(registry_member_by_link_key(r, keys->link_mi[0])->id, "TN/GOV/MI");
    assert_string_equal(registry_member_by_link_key(r, keys->link_mi[1])->id, "TN/GOV/MI");
    assert_string_equal(registry_member_by_link_key(r, keys->link_men)->id, "TN/GOV/MEN");
    assert_null(registry_member_by_link_key(r, keys->sealing_men));
    registry_free(r);
}

static void the_sealing_key_in_force_is_the_one_that_began_last(void **state)
{
    (void)state;
    const struct sample_keys *keys = sample_keys();
    struct registry *r = sample_registry();
    const struct registry_member *mi = registry_member(r, text_of("TN/GOV/MI"));
    assert_null(registry_sealing_key(mi, sample_time("2025-12-31T23:59:59Z")));
    assert_memory_equal(registry_sealing_key(mi, sample_time("2026-12-31"))->public_key, keys->sealing_mi[0],
                        32);
    assert_memory_equal(registry_sealing_key(mi, sample_time("2027-01-01"))->public_key, keys->sealing_mi[1],
                        32);
    assert_null(registry_sealing_key(mi, sample_time("2029-01-01")));
    uint8_t id[HASH_SIZE], key[32];
    sha256(bytes_make(keys->sealing_mi[0], 32), id);
    assert_memory_equal(mi->sealing_keys[0].id, id, HASH_SIZE);
    assert_true(registry_oversight_key(r, sample_time("2026-12-15"), key));
    assert_memory_equal(key, keys->oversight[1], 32);
    assert_true(registry_oversight_key(r, sample_time("2026-06-01"), key));
    assert_memory_equal(key, keys->oversight[0], 32);
    assert_false(registry_oversight_key(r, sample_time("2028-01-01"), key));
    registry_free(r);
}

static void ledger_keys_say_from_where_they_sign(void **state)
{
    (void)state;
    struct registry *r = sample_registry();
    uint64_t from = 1;
    assert_int_equal(registry_ledger_key_count(r), 2);
    assert_non_null(registry_ledger_key(r, 0, &from));
    assert_int_equal(from, 0);
    assert_non_null(registry_ledger_key(r, 1, &from));
    assert_int_equal(from, 500000);
    assert_null(registry_ledger_key(r, 2, &from));
    registry_free(r);
}

/* --- faults --- */

/* What to change in the sample, and the fault's path and words. */
struct fault_case {
    const char *from, *to, *path, *words;
    unsigned count;
};

static unsigned line_of(const struct buffer *text, const char *mark)
{
    const char *at = strstr((const char *)text->data, mark);
    assert_non_null(at);
    unsigned line = 1;
    for (const char *p = (const char *)text->data; p < at; p++)
        line += *p == '\n';
    return line;
}

static void expect(const struct buffer *text, unsigned line, const struct fault_case *c)
{
    struct faults faults = {0};
    char want[256];
    struct registry *r = registry_parse(buffer_bytes(text), "sample.yaml", &faults);
    buffer_append(&faults.text, "", 1);
    const char *said = (const char *)faults.text.data;
    if (r != NULL)
        fail_msg("%s -> %s: no fault", c->from, c->to);
    if (line != 0)
        snprintf(want, sizeof want, "sample.yaml:%u: %s: ", line, c->path);
    else
        snprintf(want, sizeof want, ": %s: ", c->path);
    const char *at = strstr(said, want);
    if (at == NULL || strstr(at, c->words) == NULL)
        fail_msg("%s -> %s: wanted \"%s\" ... \"%s\", got:\n%s", c->from, c->to, want, c->words, said);
    if (faults.count != (c->count != 0 ? c->count : 1))
        fail_msg("%s -> %s: %u faults:\n%s", c->from, c->to, faults.count, said);
    faults_free(&faults);
}

static void run_cases(const struct fault_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buffer text = {0};
        sample_document(&text);
        sample_replace(&text, cases[i].from, cases[i].to);
        buffer_append(&text, "", 1);
        /* A change inside one line: the fault is on it. */
        unsigned line = strchr(cases[i].to, '\n') == NULL && strstr(cases[i].to, "#elsewhere") == NULL &&
                                cases[i].to[0] != 0
                            ? line_of(&text, cases[i].to)
                            : 0;
        text.len--;
        expect(&text, line, &cases[i]);
        buffer_free(&text);
    }
}
#define RUN(cases) run_cases(cases, sizeof(cases) / sizeof(cases)[0])

static void faults_of_single_values_name_path_and_line(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"version: 3", "version: 0", "version", "begin at 1", 0},
        {"hard_limit: 2027-12-31", "hard_limit: 2027-01-01", "hard_limit", "before valid_until", 0},
        {"hard_limit: 2027-12-31", "hard_limit: tomorrow", "hard_limit", "RFC 3339", 0},
        {"threshold: 2", "threshold: 4", "authority.threshold", "4 signatures are asked of 3 keys", 0},
        {"threshold: 2", "threshold: 0", "authority.threshold", "at least one", 0},
        {"from: 0}", "from: 1}", "ledger[0].from", "from entry 0", 0},
        {"from: 500000", "from: 0 ", "ledger[1].from", "does not rise", 0},
        {"not_before: 2026-12-01, not_after: 2028-01-01", "not_before: 2026-12-01, not_after: 2026-11-30",
         "oversight[1].not_after", "ends before it begins", 0},
        {"- name: national-root", "- name: \"national root\"", "trust_anchors[0].name", "letters", 3},
        {"id: TN/GOV/MEN", "id: TN/GOV #elsewhere", "members[1].id", "instance/class/member", 5},
        {"id: TN/GOV/MEN", "id: FR/GOV/MEN", "members[1].id", "another instance", 5},
        {"CN=TN/GOV/MEN,O=Wasl,C=TN", "/C=TN/CN=MEN", "members[1].certificate_subject", "RFC 2253", 0},
        {"kind: request\n            name: {ar: صورة", "kind: question\n            name: {ar: صورة",
         "members[0].subsystems[0].services[1].kind", "request, document or event", 0},
        {"- code: portrait", "- code: getOpenAPI", "members[0].subsystems[0].services[1].code",
         "every subsystem has", 2},
        {"subject: IUC", "subject: PASSPORT", "members[0].subsystems[0].services[0].subject", "IUC, CIN", 0},
        {"- /filiation", "- filiation", "members[0].subsystems[0].services[0].fields[5]", "JSON Pointer", 0},
        {"max_request: 16KiB", "max_request: 16KB", "members[0].subsystems[0].services[0].max_request",
         "64KiB", 0},
        {"max_response: 1MiB", "max_response: 17GiB", "members[0].subsystems[0].services[0].max_response",
         "16GiB", 0},
        {"timeout_ms: 5000", "timeout_ms: 600001", "members[0].subsystems[0].services[0].timeout_ms",
         "ten minutes", 0},
        {"retention: P1Y", "retention: \"one year\"", "members[0].subsystems[0].services[1].retention",
         "code", 0},
        {"evidence: none", "evidence: escrow", "members[0].subsystems[0].services[0].evidence",
         "does not keep evidence yet", 0},
        {"evidence: none", "evidence: all", "members[0].subsystems[0].services[0].evidence", "none or escrow",
         0},
        {"method: POST", "method: FETCH", "members[0].subsystems[0].services[0].operations[2].method",
         "one of", 0},
        {"/persons/{iuc:IUC}/attestations", "/attestations",
         "members[0].subsystems[0].services[0].operations[2].path", "no parameter here is of that type", 0},
        {"/portraits/{reference}", "/portraits/{Reference}",
         "members[0].subsystems[0].services[1].operations[0].path", "lower-case", 0},
        {"/portraits/{reference}", "/portraits//x", "members[0].subsystems[0].services[1].operations[0].path",
         "empty", 0},
        {"/portraits/{reference}", "/portraits/**/x",
         "members[0].subsystems[0].services[1].operations[0].path", "last segment", 0},
        {"/persons/{iuc:IUC}/attestations", "/attestations/**",
         "members[0].subsystems[0].services[0].operations[2].path", "no parameter here is of that type", 0},
        {"retention: P1Y", "retention: P1Y\n            description: abc",
         "members[0].subsystems[0].services[1].description", "64 hexadecimal", 0},
        {"legal_basis: law-1999-32", "legal_basis: \"loi no 32\"", "purposes[2].legal_basis", "a code", 0},
        {"code: statistics\n    name", "code: \"for statistics\"\n    name", "purposes[2].code", "code", 2},
        {"fr: Mutation scolaire", "fr: \"a\\tb\"", "purposes[1].name.fr", "control", 0},
    };
    RUN(cases);
}

static void keys_that_are_none_are_found(void **state)
{
    (void)state;
    static const struct fault_case hex = {"LINK", "", "members[1].link_keys[0]", "64 hexadecimal", 0};
    char key[65];
    hex_encode(sample_keys()->link_men, 32, key);
    struct buffer text = {0}, vkey = {0}, base64 = {0};
    sample_document(&text);
    sample_replace(&text, key, "abcdef");
    expect(&text, 0, &hex);
    buffer_clear(&text);

    sample_document(&text);
    sample_replace(&text, key, "0000000000000000000000000000000000000000000000000000000000000000");
    static const struct fault_case zero = {"LINK", "0", "members[1].link_keys[0]", "nobody's", 0};
    expect(&text, 0, &zero);
    buffer_clear(&text);

    base64_encode(bytes_make(sample_keys()->sealing_men, 32), &base64);
    buffer_append(&base64, "", 1);
    sample_document(&text);
    sample_replace(&text, (const char *)base64.data, "AAAA");
    static const struct fault_case short_key = {"SEALING", "AAAA", "members[1].sealing_keys[0].key",
                                                "32 bytes", 0};
    expect(&text, 0, &short_key);
    buffer_clear(&text);

    /* One hexadecimal digit of the key id. */
    note_verifier_format(&sample_keys()->ledger[1].verifier, &vkey);
    buffer_append(&vkey, "", 1);
    char *id = strchr((char *)vkey.data, '+') + 1;
    char *wrong = string_copy((const char *)vkey.data);
    wrong[id - (char *)vkey.data] = *id == '0' ? '1' : '0';
    sample_document(&text);
    sample_replace(&text, (const char *)vkey.data, wrong);
    static const struct fault_case ledger = {"LEDGER", "id", "ledger[1].key", "vkey", 0};
    expect(&text, 0, &ledger);
    buffer_clear(&text);
    free(wrong);

    /* A note key where a witness key belongs. */
    struct buffer witness = {0}, other = {0};
    note_verifier_format(&sample_keys()->witness.verifier, &witness);
    note_verifier_format(&sample_keys()->authority[3].verifier, &other);
    buffer_append(&witness, "", 1);
    buffer_append(&other, "", 1);
    sample_document(&text);
    sample_replace(&text, (const char *)witness.data, (const char *)other.data);
    static const struct fault_case type = {"WITNESS", "type", "members[0].witness_key", "type 4", 0};
    expect(&text, 0, &type);
    buffer_free(&witness);
    buffer_free(&other);
    buffer_free(&text);
    buffer_free(&vkey);
    buffer_free(&base64);
}

static void doubles_name_both_places(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"code: transfer", "code: enrolment #elsewhere", "purposes[1].code", "purposes[0].code", 2},
        {"- code: statistics\n        name", "- code: enrolment\n        name",
         "members[1].subsystems[1].code", "members[1].subsystems[0].code", 2},
        {"- code: portrait", "- code: person #elsewhere", "members[0].subsystems[0].services[1].code",
         "members[0].subsystems[0].services[0].code", 2},
        {"{code: guardian, method", "{code: identity, # again\n method",
         "members[0].subsystems[0].services[0].operations[1].code", "operations[0]", 2},
        {"{code: attest, method: POST, path: \"/persons/{iuc:IUC}/attestations\"}",
         "{code: attest, method: GET, path: \"/persons/{person:IUC}\"}",
         "members[0].subsystems[0].services[0].operations[2].path", "fits this and operations[0]", 0},
        {"{code: attest, method: POST, path: \"/persons/{iuc:IUC}/attestations\"}",
         "{code: attest, method: GET, path: \"/persons/{person:IUC}/**\"}",
         "members[0].subsystems[0].services[0].operations[2].path", "fits this and operations[1]", 0},
        {"- /filiation", "- /iuc #elsewhere", "members[0].subsystems[0].services[0].fields[5]", "fields[0]",
         0},
        {"CN=TN/GOV/MEN,O=Wasl,C=TN", "CN=TN/GOV/MI,O=Wasl,C=TN\" #elsewhere \"",
         "members[1].certificate_subject", "members[0].certificate_subject", 0},
        {"purpose: transfer", "purpose: enrolment #elsewhere", "grants[1]", "grants[0]", 0},
    };
    RUN(cases);
}

static void a_member_twice_is_one_fault(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"id: TN/GOV/MEN", "id: TN/GOV/MI #elsewhere", "members[1].id", "members[0].id", 5},
    };
    RUN(cases);
}

static void one_public_key_serves_one_purpose(void **state)
{
    (void)state;
    const struct sample_keys *keys = sample_keys();
    struct buffer text = {0}, base64 = {0};
    char link[65], other[65];
    hex_encode(keys->link_men, 32, link);

    hex_encode(keys->link_mi[0], 32, other);
    sample_document(&text);
    sample_replace(&text, link, other);
    static const struct fault_case twice = {"LINK-MEN", "LINK-MI", "members[1].link_keys[0]",
                                            "members[0].link_keys[0]", 0};
    expect(&text, 0, &twice);
    buffer_clear(&text);

    /* The sealing key of one as the link key of another. */
    hex_encode(keys->sealing_mi[0], 32, other);
    sample_document(&text);
    sample_replace(&text, link, other);
    static const struct fault_case both = {"LINK-MEN", "SEALING-MI", "members[1].link_keys[0]",
                                           "members[0].sealing_keys[0].key", 0};
    struct faults faults = {0};
    assert_null(registry_parse(buffer_bytes(&text), "sample.yaml", &faults));
    buffer_append(&faults.text, "", 1);
    assert_non_null(strstr((const char *)faults.text.data, both.path));
    assert_non_null(strstr((const char *)faults.text.data, both.words));
    assert_int_equal(faults.count, 1);
    faults_free(&faults);
    buffer_clear(&text);

    /* A ledger key as the authority's. */
    struct note_verifier verifier = keys->authority[3].verifier;
    memcpy(verifier.public_key, keys->ledger[0].verifier.public_key, 32);
    uint8_t hash[HASH_SIZE], type = NOTE_ED25519;
    const struct bytes parts[] = {bytes_of_string(verifier.name), bytes_make("\n", 1), bytes_make(&type, 1),
                                  bytes_make(verifier.public_key, 32)};
    sha256_parts(parts, 4, hash);
    memcpy(verifier.id, hash, 4);
    struct buffer forged = {0}, old = {0};
    note_verifier_format(&verifier, &forged);
    note_verifier_format(&keys->authority[2].verifier, &old);
    buffer_append(&forged, "", 1);
    buffer_append(&old, "", 1);
    sample_document(&text);
    sample_replace(&text, (const char *)old.data, (const char *)forged.data);
    static const struct fault_case ledger = {"AUTHORITY", "LEDGER", "ledger[0].key", "authority.keys[2]", 0};
    expect(&text, 0, &ledger);
    buffer_free(&forged);
    buffer_free(&old);
    buffer_free(&text);
    buffer_free(&base64);
}

static void grants_refer_to_what_exists(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"consumer: TN/GOV/MEN/statistics", "consumer: TN/GOV/MEN/nobody", "grants[2].consumer",
         "no such subsystem", 0},
        {"consumer: TN/GOV/MEN/statistics", "consumer: TN/GOV/MEN", "grants[2].consumer", "no such subsystem",
         0},
        {"service: TN/GOV/MI/civil/portrait", "service: TN/GOV/MI/civil/nothing", "grants[3].service",
         "no such service", 0},
        {"purpose: transfer", "purpose: curiosity", "grants[1].purpose", "no such purpose", 0},
        {"operations: [identity]", "operations: [identities]", "grants[1].operations[0]", "no such operation",
         0},
        {"operations: [identity]", "operations: [identity, identity]", "grants[1].operations[1]", "already",
         0},
        {"operations: [identity]", "operations: []", "grants[1].operations", "at least 1", 0},
        {"operations: [identity]", "endpoints: []", "grants[1].endpoints", "at least 1", 0},
        {"operations: [identity]", "endpoints: [{method: FETCH, path: /**}]", "grants[1].endpoints[0].method",
         "one of", 2},
        {"operations: [identity]", "endpoints: [{method: GET, path: persons}]", "grants[1].endpoints[0].path",
         "begins with '/'", 0},
        {"operations: [identity]", "endpoints: [{method: GET, path: /person/*}]", "grants[1].endpoints[0]",
         "no operation that is granted", 0},
        {"operations: [identity]", "endpoints: [{method: PUT, path: /persons/*}]", "grants[1].endpoints[0]",
         "no operation that is granted", 0},
        {"operations: [identity]",
         "operations: [identity]\n    endpoints: [{method: '*', path: /persons/*/*}]",
         "grants[1].endpoints[0]", "no operation that is granted", 0},
        {"fields: [/name/ar]", "fields: [/name/en]", "grants[1].fields[0]", "not among the fields", 0},
        {"fields: [/name/ar]", "fields: [/name]", "grants[1].fields[0]", "not among the fields", 0},
        {"fields: [/name/ar]", "fields: []", "grants[1]", "permits nothing", 0},
        {"fields: [/name/ar]", "whole: true\n    fields: [/name/ar]", "grants[1].whole", "not both", 0},
        {"whole: true", "fields: [/x]", "grants[3].fields", "only JSON", 2},
        {"consumer: TN/GOV/MEN/statistics", "consumer: TN/GOV/MI/civil", "grants[2].consumer",
         "provides the service", 0},
        {"expires: 2027-03-31", "expires: 31/03/2027", "grants[1].expires", "RFC 3339", 0},
        {"trust_anchor: national-root\n    certificate_subject: \"CN=TN/GOV/MEN",
         "trust_anchor: other\n    certificate_subject: \"CN=TN/GOV/MEN", "members[1].trust_anchor",
         "no such trust anchor", 0},
    };
    /* Changes that also hide the line of the fault behind a list are looked up by path alone. */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer text = {0};
        sample_document(&text);
        sample_replace(&text, cases[i].from, cases[i].to);
        expect(&text, 0, &cases[i]);
        buffer_free(&text);
    }
}

static void a_trust_anchor_is_one_authority(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"-----BEGIN CERTIFICATE-----", "-----BEGIN NOTHING-----", "trust_anchors[0].certificate",
         "one PEM certificate", 0},
        {"-----BEGIN CERTIFICATE-----", "secret\n      -----BEGIN CERTIFICATE-----",
         "trust_anchors[0].certificate", "one PEM certificate", 0},
        {"-----BEGIN CERTIFICATE-----\n      MII", "-----BEGIN CERTIFICATE-----\n      XXX",
         "trust_anchors[0].certificate", "cannot be read", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer text = {0};
        sample_document(&text);
        sample_replace(&text, cases[i].from, cases[i].to);
        expect(&text, 0, &cases[i]);
        buffer_free(&text);
    }
    struct buffer text = {0}, leaf = {0}, two = {0};
    sample_document(&text);
    sample_certificate(false, &leaf);
    buffer_append_string(&two, "  - name: leaf\n    certificate: |\n      ");
    for (size_t i = 0; i < leaf.len; i++) {
        buffer_append(&two, leaf.data + i, 1);
        if (leaf.data[i] == '\n' && i + 1 < leaf.len)
            buffer_append_string(&two, "      ");
    }
    buffer_append_string(&two, "\nmembers:\n");
    buffer_append(&two, "", 1);
    sample_replace(&text, "\nmembers:\n", (const char *)two.data);
    static const struct fault_case leaf_case = {"ANCHOR", "leaf", "trust_anchors[1].certificate",
                                                "not a certification authority", 0};
    expect(&text, 0, &leaf_case);
    buffer_free(&text);
    buffer_free(&leaf);
    buffer_free(&two);
}

static void every_fault_of_a_file_is_said_at_once(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct faults faults = {0};
    sample_document(&text);
    sample_replace(&text, "evidence: none", "evidence: escrow");
    sample_replace(&text, "purpose: transfer", "purpose: curiosity");
    sample_replace(&text, "threshold: 2", "threshold: 9");
    sample_replace(&text, "max_request: 16KiB", "max_request: lots");
    assert_null(registry_parse(buffer_bytes(&text), "sample.yaml", &faults));
    assert_int_equal(faults.count, 4);
    buffer_free(&text);
    faults_free(&faults);
}

static void a_file_of_another_form_is_refused(void **state)
{
    (void)state;
    static const char *const replacements[][2] = {
        {"version: 3", "version: three"},
        {"version: 3", "version: -1"},
        {"version: 3", "versoin: 3"},
        {"instance: TN", "instance: TN\ninstance: TN"},
        {"pad: true", "pad: perhaps"},
        {"grants:", "grant:"},
        {"instance: TN", "instance: \"T\\0N\""},
    };
    for (size_t i = 0; i < sizeof replacements / sizeof replacements[0]; i++) {
        struct buffer text = {0};
        struct faults faults = {0};
        sample_document(&text);
        sample_replace(&text, replacements[i][0], replacements[i][1]);
        if (registry_parse(buffer_bytes(&text), "sample.yaml", &faults) != NULL)
            fail_msg("%s was accepted", replacements[i][1]);
        assert_true(faults.count > 0);
        buffer_free(&text);
        faults_free(&faults);
    }
}

static void a_registry_lives_until_its_last_reference(void **state)
{
    (void)state;
    struct registry *r = sample_registry();
    assert_ptr_equal(registry_ref(r), r);
    registry_free(r);
    assert_string_equal(registry_instance(r), "TN");
    registry_free(r);
    registry_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_holds_what_it_says),
        cmocka_unit_test(the_quota_of_a_grant_goes_by_consumer_service_and_purpose),
        cmocka_unit_test(a_longer_identifier_finds_its_member_and_subsystem),
        cmocka_unit_test(a_link_key_names_its_member),
        cmocka_unit_test(the_sealing_key_in_force_is_the_one_that_began_last),
        cmocka_unit_test(ledger_keys_say_from_where_they_sign),
        cmocka_unit_test(endpoints_and_a_description_are_read),
        cmocka_unit_test(faults_of_single_values_name_path_and_line),
        cmocka_unit_test(keys_that_are_none_are_found),
        cmocka_unit_test(doubles_name_both_places),
        cmocka_unit_test(a_member_twice_is_one_fault),
        cmocka_unit_test(one_public_key_serves_one_purpose),
        cmocka_unit_test(grants_refer_to_what_exists),
        cmocka_unit_test(a_trust_anchor_is_one_authority),
        cmocka_unit_test(every_fault_of_a_file_is_said_at_once),
        cmocka_unit_test(a_file_of_another_form_is_refused),
        cmocka_unit_test(a_registry_lives_until_its_last_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
