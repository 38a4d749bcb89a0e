#include "forge_world.h"

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

struct forge_world world;

void world_make_pki(const char *words)
{
    char command[512];
    snprintf(command, sizeof command, "%s %s/pki %s >/dev/null 2>&1", getenv("WASL_MAKE_PKI"), world.pki,
             words);
    assert_int_equal(system(command), 0);
}

static char *text_of(const char *name)
{
    struct buffer text = {0};
    struct error e = {0};
    char path[256];
    snprintf(path, sizeof path, "%s/pki/%s", world.pki, name);
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
        "  sealing_keys: [{key: \"%s\", not_before: 2020-01-01, not_after: 2035-01-01}]\n%s  subsystems:\n%s",
        id, texts[0], texts[1], texts[2],
        world.suspended != NULL && strcmp(world.suspended, id) == 0 ? "  suspended: true\n" : "", subsystems);
    for (int i = 0; i < 3; i++)
        free(texts[i]);
}

void world_document(struct buffer *out)
{
    char *authority = text_of("authority/registry.vkey"), *ledger = text_of("bus/ledger.vkey"),
         *root = text_of("ca/root.crt.pem");
    buffer_printf(
        out,
        "instance: TN\nversion: %u\nvalid_until: 2034-01-01\nauthority: {threshold: 1, keys: [\"%s\"]}\n"
        "ledger: [{key: \"%s\", from: 0}]\ntrust_anchors:\n- name: national-root\n  certificate: |\n",
        world.version, authority, ledger);
    for (char *line = strtok(root, "\n"); line != NULL; line = strtok(NULL, "\n"))
        buffer_printf(out, "    %s\n", line);
    buffer_append_string(out, "members:\n");
    put_member(out, "TN/GOV/MI", "TN-GOV-MI",
               "  - code: civil\n    name: {ar: x, fr: x, en: x}\n    services:\n    - code: person\n      "
               "kind: request\n"
               "      name: {ar: x, fr: x, en: x}\n      fields: [/name]\n      retention: P5Y\n"
               "      operations: [{code: identity, method: GET, path: /persons}]\n");
    put_member(out, "TN/GOV/MEN", "TN-GOV-MEN", "  - code: enrolment\n    name: {ar: x, fr: x, en: x}\n");
    buffer_printf(out,
                  "purposes:\n- code: SCHOOL-ENROLMENT\n  name: {ar: x, fr: x, en: x}\n  legal_basis: LAW-1\n"
                  "- code: STATISTICS\n  name: {ar: x, fr: x, en: x}\n  legal_basis: LAW-1\n"
                  "grants:\n- consumer: TN/GOV/MEN/enrolment\n  service: TN/GOV/MI/civil/person\n"
                  "  purpose: %s\n  fields: [/name]\n  expires: 2033-01-01\n%s",
                  world.purpose, world.grant);
    free(authority);
    free(ledger);
    free(root);
}

void world_sign_registry(void)
{
    struct buffer document = {0}, file = {0};
    struct faults faults = {0};
    struct error e = {0};
    char path[128];
    const char *keys[] = {path};
    snprintf(path, sizeof path, "%s/pki/authority/registry.key", world.pki);
    world_document(&document);
    struct bytes previous = buffer_bytes(&world.file);
    if (registry_sign(buffer_bytes(&document), "registry", previous.len > 0 ? &previous : NULL, keys, 1,
                      &file, &faults, &e) != 0)
        print_message("%s\n%.*s\n", e.text, (int)faults.text.len, (const char *)faults.text.data);
    assert_true(file.len > 0);
    snprintf(world.registry, sizeof world.registry, "%s/registry.signed", world.forge.folder);
    write_text(world.registry, file.data, file.len);
    forge_object(&world.forge, buffer_bytes(&file), world.forge.registry);
    buffer_free(&document);
    buffer_free(&world.file);
    world.file = file;
    world.forge.version = world.version++;
    faults_free(&faults);
}

void world_take_crl(const char *name)
{
    char path[128];
    uint8_t hash[HASH_SIZE];
    snprintf(path, sizeof path, "%s/pki/ca/%s.crl.pem", world.pki, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    X509_CRL *crl = PEM_read_X509_CRL(f, NULL, NULL, NULL);
    fclose(f);
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(crl, &der);
    assert_true(len > 0);
    forge_object(&world.forge, bytes_make(der, (size_t)len), hash);
    forge_takes_effect(&world.forge, 3, hash, NULL);
    memcpy(world.crl, hash, HASH_SIZE);
    OPENSSL_free(der);
    X509_CRL_free(crl);
}

struct signer *world_take_member(const char *folder, uint8_t object[HASH_SIZE])
{
    char key[128], path[128];
    struct error e = {0};
    struct buffer der = {0};
    snprintf(key, sizeof key, "%s/pki/members/%s/signing.key.pem", world.pki, folder);
    snprintf(path, sizeof path, "%s/pki/members/%s/chain.pem", world.pki, folder);
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

int world_begin(void **state)
{
    char path[128];
    struct error e = {0};
    (void)state;
    memset(&world, 0, sizeof world);
    world.version = 1;
    world.purpose = "SCHOOL-ENROLMENT";
    world.grant = "";
    strcpy(world.pki, "/tmp/wasl-judge-XXXXXX");
    assert_non_null(mkdtemp(world.pki));
    world_make_pki("TN/GOV/MI TN/GOV/MEN");
    forge_bare(&world.forge);
    snprintf(path, sizeof path, "%s/pki/bus/ledger.key", world.pki);
    assert_int_equal(note_signer_load(path, &world.forge.key, &e), 0);
    snprintf(world.authority, sizeof world.authority, "%s/pki/authority/registry.vkey", world.pki);
    world.forge.time = clock_wall();
    world_sign_registry();
    forge_takes_effect(&world.forge, 1, world.forge.registry, NULL); /* 0 */
    world_take_crl("root");
    world_take_crl("issuing");
    world.members[MEN] = world_take_member("TN-GOV-MEN", world.chains[MEN]);
    world.members[MI] = world_take_member("TN-GOV-MI", world.chains[MI]); /* 4 */
    return 0;
}

int world_finish(void **state)
{
    (void)state;
    world.forge.member = NULL;
    signer_free(world.members[MEN]);
    signer_free(world.members[MI]);
    buffer_free(&world.file);
    forge_free(&world.forge);
    remove_folder(world.pki);
    return 0;
}

uint64_t world_exchange(unsigned n, const char *purpose, int responder)
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

void world_object_path(const uint8_t hash[HASH_SIZE], char path[256])
{
    char hex[2 * HASH_SIZE + 1];
    hex_encode(hash, HASH_SIZE, hex);
    snprintf(path, 256, "%s/trust/%s", world.forge.ledger, hex);
}
