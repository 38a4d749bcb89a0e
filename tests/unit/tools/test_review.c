/* wasl-audit verify --registry: what the bus admitted is judged again by what was in force then. */
#include "forge.h"

#include "base/clock.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "crypto/trust.h"
#include "registry/registry.h"

#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MEN, MI };

static char pki[64];
static struct {
    struct forge forge;
    struct signer *members[2];
    char registry[128], authority[128];
} world;

static void make_pki(const char *words)
{
    char command[512];
    snprintf(command, sizeof command, "%s %s/pki %s >/dev/null 2>&1", getenv("WASL_MAKE_PKI"), pki, words);
    assert_int_equal(system(command), 0);
}

static char *text_of(const char *name)
{
    struct buffer text = {0};
    struct error e = {0};
    char path[256];
    snprintf(path, sizeof path, "%s/pki/%s", pki, name);
    assert_int_equal(file_read(path, 1 << 20, &text, &e), 0);
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    buffer_append(&text, "", 1);
    return (char *)text.data;
}

static void put_member(struct buffer *out, const char *id, const char *folder, const char *subsystems)
{
    char name[128];
    static const char *const files[] = {"subject.txt", "link.pub", "sealing.pub"};
    char *texts[3];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "members/%s/%s", folder, files[i]);
        texts[i] = text_of(name);
    }
    buffer_printf(
        out,
        "- id: %s\n  name: {ar: x, fr: x, en: x}\n  trust_anchor: national-root\n"
        "  certificate_subject: \"%s\"\n  link_keys: [\"%s\"]\n"
        "  sealing_keys: [{key: \"%s\", not_before: 2020-01-01, not_after: 2035-01-01}]\n  subsystems:\n%s",
        id, texts[0], texts[1], texts[2], subsystems);
    for (int i = 0; i < 3; i++)
        free(texts[i]);
}

static void make_document(struct buffer *out)
{
    char *authority = text_of("authority/registry.vkey"), *ledger = text_of("bus/ledger.vkey"),
         *root = text_of("ca/root.crt.pem");
    buffer_printf(
        out,
        "instance: TN\nversion: 1\nvalid_until: 2034-01-01\nauthority: {threshold: 1, keys: [\"%s\"]}\n"
        "ledger: [{key: \"%s\", from: 0}]\ntrust_anchors:\n- name: national-root\n  certificate: |\n",
        authority, ledger);
    for (char *line = strtok(root, "\n"); line != NULL; line = strtok(NULL, "\n"))
        buffer_printf(out, "    %s\n", line);
    buffer_append_string(out, "members:\n");
    put_member(out, "TN/GOV/MI", "TN-GOV-MI",
               "  - code: civil\n    name: {ar: x, fr: x, en: x}\n    services:\n    - code: person\n      "
               "kind: request\n"
               "      name: {ar: x, fr: x, en: x}\n      fields: [/name]\n      retention: P5Y\n"
               "      operations: [{code: identity, method: GET, path: /persons}]\n");
    put_member(out, "TN/GOV/MEN", "TN-GOV-MEN", "  - code: enrolment\n    name: {ar: x, fr: x, en: x}\n");
    buffer_append_string(
        out, "purposes:\n- code: SCHOOL-ENROLMENT\n  name: {ar: x, fr: x, en: x}\n  legal_basis: LAW-1\n"
             "- code: STATISTICS\n  name: {ar: x, fr: x, en: x}\n  legal_basis: LAW-1\n"
             "grants:\n- consumer: TN/GOV/MEN/enrolment\n  service: TN/GOV/MI/civil/person\n"
             "  purpose: SCHOOL-ENROLMENT\n  fields: [/name]\n  expires: 2033-01-01\n");
    free(authority);
    free(ledger);
    free(root);
}

static void sign_registry(void)
{
    struct buffer document = {0}, file = {0};
    struct faults faults = {0};
    struct error e = {0};
    char path[128];
    const char *keys[] = {path};
    snprintf(path, sizeof path, "%s/pki/authority/registry.key", pki);
    make_document(&document);
    if (registry_sign(buffer_bytes(&document), "registry", NULL, keys, 1, &file, &faults, &e) != 0)
        print_message("%s\n%.*s\n", e.text, (int)faults.text.len, (const char *)faults.text.data);
    assert_true(file.len > 0);
    snprintf(world.registry, sizeof world.registry, "%s/registry.signed", world.forge.folder);
    write_text(world.registry, file.data, file.len);
    forge_object(&world.forge, buffer_bytes(&file), world.forge.registry);
    buffer_free(&document);
    buffer_free(&file);
    faults_free(&faults);
}

static void take_crl(const char *name)
{
    char path[128];
    uint8_t hash[HASH_SIZE];
    snprintf(path, sizeof path, "%s/pki/ca/%s.crl.pem", pki, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    X509_CRL *crl = PEM_read_X509_CRL(f, NULL, NULL, NULL);
    fclose(f);
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(crl, &der);
    assert_true(len > 0);
    forge_object(&world.forge, bytes_make(der, (size_t)len), hash);
    forge_takes_effect(&world.forge, 3, hash, NULL);
    OPENSSL_free(der);
    X509_CRL_free(crl);
}

static struct signer *take_member(const char *folder)
{
    char key[128], path[128];
    struct error e = {0};
    struct buffer der = {0};
    uint8_t object[HASH_SIZE];
    snprintf(key, sizeof key, "%s/pki/members/%s/signing.key.pem", pki, folder);
    snprintf(path, sizeof path, "%s/pki/members/%s/chain.pem", pki, folder);
    struct chain *chain = chain_load_pem(path, &e);
    assert_non_null(chain);
    struct signer *signer = signer_open_file(key, chain_leaf(chain), &e);
    assert_non_null(signer);
    chain_der(chain, &der);
    forge_object(&world.forge, buffer_bytes(&der), object);
    forge_takes_effect(&world.forge, 2, object, chain_leaf_hash(chain));
    buffer_free(&der);
    chain_free(chain);
    return signer;
}

static int begin(void **state)
{
    char path[128];
    struct error e = {0};
    (void)state;
    memset(&world, 0, sizeof world);
    strcpy(pki, "/tmp/wasl-judge-XXXXXX");
    assert_non_null(mkdtemp(pki));
    make_pki("TN/GOV/MI TN/GOV/MEN");
    forge_bare(&world.forge);
    snprintf(path, sizeof path, "%s/pki/bus/ledger.key", pki);
    assert_int_equal(note_signer_load(path, &world.forge.key, &e), 0);
    snprintf(world.authority, sizeof world.authority, "%s/pki/authority/registry.vkey", pki);
    world.forge.time = clock_wall();
    sign_registry();
    forge_takes_effect(&world.forge, 1, world.forge.registry, NULL); /* 0 */
    take_crl("root");
    take_crl("issuing");
    world.members[MEN] = take_member("TN-GOV-MEN");
    world.members[MI] = take_member("TN-GOV-MI"); /* 4 */
    return 0;
}

static int finish(void **state)
{
    (void)state;
    world.forge.member = NULL;
    signer_free(world.members[MEN]);
    signer_free(world.members[MI]);
    forge_free(&world.forge);
    remove_folder(pki);
    return 0;
}

/* Returns the index of the request. */
static uint64_t exchange(unsigned n, const char *purpose, int responder)
{
    struct header request = forge_request(&world.forge, n);
    strcpy(request.purpose, purpose);
    world.forge.member = world.members[MEN];
    uint64_t index = forge_message(&world.forge, ENTRY_ADMITTED, &request, 0);
    struct header response = forge_response(&world.forge, &request);
    world.forge.member = world.members[responder];
    forge_message(&world.forge, ENTRY_ADMITTED, &response, 0);
    return index;
}

static int verify(void)
{
    forge_write(&world.forge, 0);
    int code = run_tool("WASL_AUDIT_TOOL", NULL, "verify", "--dir", world.forge.ledger, "--registry",
                        world.registry, "--authority", world.authority, "--no-state", NULL);
    print_error("%.*s", (int)run_output.len, (const char *)run_output.data);
    return code;
}

static void what_was_admitted_by_the_registry_of_then_is_good(void **state)
{
    (void)state;
    exchange(1, "SCHOOL-ENROLMENT", MI);
    assert_int_equal(verify(), 0);
    assert_true(output_has("judged by the registry and revocation lists of then"));
}

static void a_request_that_was_admitted_without_a_grant_is_found(void **state)
{
    (void)state;
    assert_int_equal(exchange(1, "STATISTICS", MI), 5);
    assert_int_equal(verify(), 3);
    assert_true(output_has(
        "entry 5: admitted, although by the registry of then: There is a grant, but not for this"));
    assert_false(output_has("entry 6"));
}

static void an_answer_that_another_member_signed_is_found(void **state)
{
    (void)state;
    exchange(1, "SCHOOL-ENROLMENT", MEN);
    assert_int_equal(verify(), 3);
    assert_true(output_has("entry 6: admitted, although by what was in force then"));
    assert_false(output_has("entry 5"));
}

static void a_message_is_judged_by_the_revocations_of_then_and_not_of_today(void **state)
{
    (void)state;
    exchange(1, "SCHOOL-ENROLMENT", MI); /* 5, 6: before */
    make_pki("revoke TN/GOV/MI");
    world.forge.time += 60 * MICROSECONDS;
    take_crl("issuing"); /* 7 */
    assert_int_equal(verify(), 0);
    world.forge.time += 60 * MICROSECONDS;
    exchange(2, "SCHOOL-ENROLMENT", MI); /* 8, 9: after */
    assert_int_equal(verify(), 3);
    assert_true(output_has(
        "entry 9: admitted, although by what was in force then: The signing certificate is revoked"));
    assert_false(output_has("entry 6"));
    assert_false(output_has("entry 8"));
}

static void a_registry_of_another_authority_is_not_believed(void **state)
{
    (void)state;
    exchange(1, "SCHOOL-ENROLMENT", MI);
    snprintf(world.authority, sizeof world.authority, "%s/pki/bus/ledger.vkey", pki);
    assert_int_equal(verify(), 3);
    assert_false(output_has("GOOD"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        T(what_was_admitted_by_the_registry_of_then_is_good),
        T(a_request_that_was_admitted_without_a_grant_is_found),
        T(an_answer_that_another_member_signed_is_found),
        T(a_message_is_judged_by_the_revocations_of_then_and_not_of_today),
        T(a_registry_of_another_authority_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
