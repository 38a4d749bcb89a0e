/* wasl-audit replay: what is told of an exchange, by what was in force then, and by another registry. */
#include "forge_world.h"

#include "base/clock.h"
#include "base/error.h"
#include "crypto/hash.h"

#include <jansson.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define REPLAY(...)                                                                                          \
    run_tool("WASL_AUDIT_TOOL", NULL, "replay", "--dir", world.forge.ledger, "--registry", world.registry,   \
             "--authority", world.authority, "--utc", __VA_ARGS__, NULL)

static int replay(void)
{
    forge_write(&world.forge, 0);
    int code = REPLAY("-o", "text");
    print_error("%.*s", (int)run_output.len, (const char *)run_output.data);
    return code;
}

static unsigned count_of(const char *text)
{
    unsigned count = 0;
    struct bytes rest = buffer_bytes(&run_output);
    for (const uint8_t *at; (at = memmem(rest.data, rest.len, text, strlen(text))) != NULL; count++)
        rest = bytes_make(at + 1, rest.len - (size_t)(at + 1 - rest.data));
    return count;
}

/* An admitted request by MEN that nothing follows. */
static struct header ask(unsigned n)
{
    struct header request = forge_request(&world.forge, n);
    world.forge.member = world.members[MEN];
    forge_message(&world.forge, ENTRY_ADMITTED, &request, 0);
    return request;
}

static uint64_t answer(const struct header *request, unsigned type)
{
    struct header response = forge_response(&world.forge, request);
    world.forge.member = world.members[MI];
    return forge_message(&world.forge, type, &response, 0);
}

static uint64_t refuse(unsigned n, const char *purpose, enum refusal reason)
{
    struct header request = forge_request(&world.forge, n);
    strcpy(request.purpose, purpose);
    world.forge.member = world.members[MEN];
    return forge_message(&world.forge, ENTRY_REFUSED, &request, reason);
}

/* Something that the ledger's time goes on by. */
static void later(unsigned seconds)
{
    world.forge.time += seconds * MICROSECONDS;
    struct entry entry = {.type = ENTRY_ADMINISTRATION, .note = bytes_of_string("later")};
    forge_entry(&world.forge, &entry);
}

static void remove_object(const uint8_t hash[HASH_SIZE])
{
    char path[256];
    world_object_path(hash, path);
    assert_int_equal(unlink(path), 0);
}

static void an_answered_exchange_is_told_with_all_that_was_in_force(void **state)
{
    (void)state;
    world_exchange(1, "SCHOOL-ENROLMENT", MI); /* 5, 6 */
    assert_int_equal(replay(), 0);
    assert_true(output_has("exchange 00000002-0000-4000-8000-000000000000: answered after 1.000 ms"));
    assert_true(output_has(
        "TN/GOV/MEN/enrolment asked the service TN/GOV/MI/civil/person, operation identity, for the "
        "purpose SCHOOL-ENROLMENT (legal basis LAW-1)"));
    assert_true(output_has("entry 5: the request of TN/GOV/MEN is admitted"));
    assert_true(output_has("entry 6: the answer of TN/GOV/MI is recorded"));
    assert_true(output_has("signature     good, ECDSA P-256"));
    assert_true(output_has("issued by CN="));
    assert_true(output_has("in force by entry 3: "));
    assert_true(output_has("revocation    not revoked then, by list "));
    assert_true(output_has("version 1 was in force: "));
    assert_true(
        output_has("permits TN/GOV/MEN/enrolment to ask TN/GOV/MI/civil/person for SCHOOL-ENROLMENT (LAW-1) "
                   "until 2033-01-01T00:00:00.000000Z; operations: all; fields: /name; no quota"));
    assert_int_equal(count_of("good: entry and tiles lead to the checkpoint of 7 entries"), 2);
    assert_true(output_has("complete: yes, asked once and answered once"));
    assert_true(output_has("1 exchange: 1 answered\nGOOD\n"));
}

static void a_certificate_revoked_today_does_not_spoil_what_was_before_and_one_revoked_then_does(void **state)
{
    (void)state;
    world_exchange(1, "SCHOOL-ENROLMENT", MI); /* 5, 6 */
    world_make_pki("revoke TN/GOV/MI");
    later(3600);               /* 7 */
    world_take_crl("issuing"); /* 8 */
    assert_int_equal(replay(), 0);
    assert_true(output_has("not revoked then"));
    later(3600);                               /* 9 */
    world_exchange(2, "SCHOOL-ENROLMENT", MI); /* 10, 11 */
    assert_int_equal(replay(), 3);
    assert_int_equal(count_of("WRONG"), 1);
    assert_true(
        output_has("WRONG  entry 11: admitted, although by what was in force then: The signing certificate "
                   "is revoked"));
    assert_true(output_has("REVOKED then, by list "));
    assert_int_equal(REPLAY("--exchange", "00000002-0000-4000-8000-000000000000"), 0);
    assert_int_equal(REPLAY("--exchange", "00000003-0000-4000-8000-000000000000"), 3);
}

static void each_exchange_is_judged_by_its_own_registry(void **state)
{
    (void)state;
    world_exchange(1, "SCHOOL-ENROLMENT", MI); /* 5, 6 by version 1 */
    world.purpose = "STATISTICS";
    world.grant = "  per_day: 7\n";
    world_sign_registry();
    later(60);                                 /* 7 names version 2 */
    world_exchange(2, "STATISTICS", MI);       /* 8, 9 */
    later(60);                                 /* 10 */
    world_exchange(3, "SCHOOL-ENROLMENT", MI); /* 11, 12: no longer granted */
    assert_int_equal(replay(), 3);
    assert_int_equal(count_of("WRONG"), 1);
    assert_true(
        output_has("WRONG  entry 11: admitted, although by the registry of then: There is a grant, but not"));
    assert_true(output_has("version 1 was in force"));
    assert_true(output_has(
        "for STATISTICS (LAW-1) until 2033-01-01T00:00:00.000000Z; operations: all; fields: /name; "
        "at most 7 a day"));
    assert_true(
        output_has("grant         none: wrong_purpose: A grant exists, but not for this purpose; granted: "
                   "STATISTICS."));
}

static void a_registry_that_was_removed_is_named_and_never_guessed(void **state)
{
    uint8_t first[HASH_SIZE];
    char hex[2 * HASH_SIZE + 1], words[256];
    (void)state;
    memcpy(first, world.forge.registry, HASH_SIZE);
    world_exchange(1, "SCHOOL-ENROLMENT", MI); /* 5, 6 by version 1 */
    world_sign_registry();
    later(60);
    world_exchange(2, "SCHOOL-ENROLMENT", MI); /* 8, 9 by version 2 */
    assert_int_equal(replay(), 0);
    remove_object(first);
    assert_int_equal(replay(), 3);
    hex_encode(first, HASH_SIZE, hex);
    snprintf(
        words, sizeof words,
        "WRONG  entry 5: it cannot be judged: the registry %s, named by entry 0, is not in the trust store",
        hex);
    assert_true(output_has(words));
    assert_false(output_has("WRONG  entry 8"));
    assert_false(output_has("WRONG  entry 9"));
    assert_int_equal(REPLAY("--exchange", "00000003-0000-4000-8000-000000000000"), 0);
}

static void a_chain_or_a_revocation_list_that_was_removed_is_named_and_never_guessed(void **state)
{
    char path[256], kept[300];
    (void)state;
    world_exchange(1, "SCHOOL-ENROLMENT", MI);
    world_object_path(world.chains[MI], path);
    snprintf(kept, sizeof kept, "%s.kept", path);
    assert_int_equal(rename(path, kept), 0);
    assert_int_equal(replay(), 3);
    assert_true(output_has("WRONG  entry 6: the trust store has no object "));
    assert_true(output_has("the chain of its certificate (named by entry 4)"));
    assert_false(output_has("WRONG  entry 5"));
    assert_int_equal(rename(kept, path), 0);
    assert_int_equal(replay(), 0);
    world_object_path(world.crl, path); /* of the issuing CA, entry 2 */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(replay(), 3);
    assert_true(output_has(strrchr(path, '/') + 1));
    assert_true(output_has("WRONG  entry 5: it cannot be judged: the revocation list "));
    assert_true(output_has(", named by entry 2, is not in the trust store"));
}

static void a_request_without_a_response_is_open_within_its_time_and_wrong_behind_it(void **state)
{
    (void)state;
    ask(1); /* 5 */
    assert_int_equal(replay(), 0);
    assert_true(output_has("complete: still open where the ledger ends"));
    later(85); /* 6: its minute and a moment for the bus are not over */
    assert_int_equal(replay(), 0);
    later(10); /* 7 */
    assert_int_equal(replay(), 3);
    assert_true(output_has("WRONG  entry 5: its exchange has neither ended nor is it within its time"));
    assert_true(output_has(": unfinished\n"));
}

static void a_late_answer_is_told_with_its_exchange_and_one_to_nothing_is_wrong(void **state)
{
    (void)state;
    struct header slow = ask(1); /* 5 */
    world.forge.time += 20 * MICROSECONDS;
    forge_end(&world.forge, ENTRY_TIMED_OUT, &slow, REFUSAL_PROVIDER_TIMEOUT); /* 6 */
    world_exchange(2, "SCHOOL-ENROLMENT", MI);                                 /* 7, 8 */
    answer(&slow, ENTRY_LATE);                                                 /* 9 */
    assert_int_equal(replay(), 0);
    assert_true(output_has("exchange 00000002-0000-4000-8000-000000000000: timed_out after 20.001 s"));
    assert_true(output_has("entry 9: an answer of TN/GOV/MI came late"));
    assert_true(output_has("2 exchanges: 1 answered, 1 ended without an answer"));
    const char *text = (const char *)run_output.data;
    assert_true(strstr(text, "entry 9:") < strstr(text, "entry 7:"));
    struct header nothing = forge_request(&world.forge, 3);
    answer(&nothing, ENTRY_ADMITTED); /* 10 */
    assert_int_equal(replay(), 3);
    assert_true(output_has("WRONG  entry 10: an answer to a request that was not admitted"));
}

static void a_refusal_is_compared_with_the_registry_of_then(void **state)
{
    (void)state;
    refuse(1, "STATISTICS", REFUSAL_WRONG_PURPOSE); /* 5: rightly */
    refuse(2, "STATISTICS", REFUSAL_PROVIDER_BUSY); /* 6: no registry's matter */
    assert_int_equal(replay(), 0);
    assert_true(output_has(
        "reason        what was in force then says the same: A grant exists, but not for this purpose"));
    assert_true(output_has("reason        none that a registry could give"));
    refuse(3, "SCHOOL-ENROLMENT", REFUSAL_NO_GRANT); /* 7: wrongly */
    assert_int_equal(replay(), 3);
    assert_int_equal(count_of("WRONG"), 1);
    assert_true(
        output_has("WRONG  entry 7: refused (no_grant), although by what was in force then: Granted for "
                   "purpose SCHOOL-ENROLMENT"));
}

static void an_altered_byte_spoils_the_receipt_of_its_entry_alone(void **state)
{
    char path[256];
    struct buffer bundle = {0};
    struct error e = {0};
    (void)state;
    world_exchange(1, "SCHOOL-ENROLMENT", MI);
    world_exchange(2, "SCHOOL-ENROLMENT", MI);
    assert_int_equal(replay(), 0);
    snprintf(path, sizeof path, "%s/tile/entries/000.p/9", world.forge.ledger);
    assert_int_equal(file_read(path, 1 << 20, &bundle, &e), 0);
    size_t at = 0;
    for (unsigned i = 0; i < 6; i++)
        at += 2 + get_u16be(bundle.data + at);
    bundle.data[at + 2 + get_u16be(bundle.data + at) - 1] ^= 1; /* the last byte of entry 6: its signature */
    write_text(path, bundle.data, bundle.len);
    buffer_free(&bundle);
    assert_int_equal(REPLAY("-o", "text"), 3);
    assert_true(output_has("WRONG  entry 6: it is not the entry that was signed"));
    assert_true(output_has("NOT GOOD: it does not lead to the checkpoint"));
    assert_false(output_has("WRONG  entry 5"));
    assert_false(output_has("WRONG  entry 7"));
    assert_int_equal(REPLAY("--exchange", "00000003-0000-4000-8000-000000000000"),
                     3); /* somebody's entry is another */
}

static void another_registry_is_asked_the_same_question(void **state)
{
    char document[256];
    struct buffer text = {0};
    (void)state;
    world_exchange(1, "SCHOOL-ENROLMENT", MI);      /* 5, 6 */
    world_exchange(2, "SCHOOL-ENROLMENT", MI);      /* 7, 8 */
    refuse(3, "STATISTICS", REFUSAL_WRONG_PURPOSE); /* 9 */
    refuse(4, "STATISTICS", REFUSAL_BAD_SIGNATURE); /* 10: nobody proven; but the signature is good */
    forge_write(&world.forge, 0);
    assert_int_equal(REPLAY("--policy", world.registry), 3);
    assert_true(output_has("other registry  version 1 of TN, signed by the authority given"));
    assert_int_equal(count_of("by the other registry: the same"), 3);
    world.purpose = "STATISTICS";
    world_document(&text);
    snprintf(document, sizeof document, "%s/other.yaml", world.forge.folder);
    write_text(document, text.data, text.len);
    assert_int_equal(REPLAY("--policy", document), 3);
    assert_true(output_has("other registry  version 2 of TN, a registry document, not signed"));
    assert_int_equal(
        count_of("by the other registry: WOULD HAVE BEEN REFUSED: wrong_purpose: A grant exists"), 2);
    assert_int_equal(count_of("by the other registry: WOULD HAVE BEEN ADMITTED"), 1);
    assert_int_equal(count_of("by the other registry: not judged: nobody is proven"), 1);
    assert_true(output_has(
        "         2  would_be_refused   TN/GOV/MEN/enrolment -> TN/GOV/MI/civil/person  wrong_purpose"));
    assert_true(output_has("         1  would_be_admitted  TN/GOV/MEN/enrolment -> TN/GOV/MI/civil/person"));
    buffer_free(&text);
    write_text(document, "members: [", 10);
    assert_int_equal(REPLAY("--policy", document), 2);
    assert_int_equal(REPLAY("--policy", "/nowhere"), 6);
}

static void a_period_begins_and_ends_with_the_first_entry_of_an_exchange(void **state)
{
    char from[28], to[28];
    (void)state;
    struct header early = ask(1); /* 5 */
    later(10);
    clock_format(world.forge.time, from);
    world_exchange(2, "SCHOOL-ENROLMENT", MI);
    answer(&early, ENTRY_ADMITTED); /* of the one that began before */
    struct header within = ask(3);
    later(10);
    clock_format(world.forge.time, to);
    later(10);
    answer(&within, ENTRY_ADMITTED);
    world_exchange(4, "SCHOOL-ENROLMENT", MI);
    forge_write(&world.forge, 0);
    assert_int_equal(REPLAY("--since", from, "--until", to), 0);
    assert_true(output_has("2 exchanges: 2 answered\nGOOD\n"));
    assert_true(output_has("exchange 00000003-"));
    assert_true(output_has("exchange 00000004-"));
    assert_int_equal(REPLAY("--consumer", "TN/GOV/XX"), 1);
    assert_int_equal(REPLAY("--provider", "TN/GOV/MI", "--outcome", "answered"), 0);
    assert_true(output_has("4 exchanges: 4 answered"));
}

static void what_is_told_does_not_depend_on_the_number_of_threads(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 200; n++) {
        if (n % 3 == 0)
            refuse(n, "STATISTICS", REFUSAL_WRONG_PURPOSE);
        else if (n % 50 == 10)
            ask(n);
        else
            world_exchange(n, "SCHOOL-ENROLMENT", n % 40 == 5 ? MEN : MI);
        world.forge.time += MICROSECONDS;
    }
    forge_write(&world.forge, 0);
    assert_int_equal(REPLAY("--threads", "1", "-o", "jsonl"), 3);
    struct buffer one = {0};
    buffer_append_bytes(&one, buffer_bytes(&run_output));
    assert_int_equal(REPLAY("--threads", "4", "-o", "jsonl"), 3);
    assert_true(bytes_equal(buffer_bytes(&one), buffer_bytes(&run_output)));
    buffer_free(&one);
}

/* A certificate whose names attack a terminal, for the key of the member at hand. */
static struct signer *hostile_signer(uint8_t object[HASH_SIZE])
{
    char path[128];
    struct error e = {0};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L);
    X509_NAME *name = X509_get_subject_name(certificate);
    static const char words[] = "\x1b]0;owned\x07 \xe2\x80\xae\nGOOD";
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)words, -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    snprintf(path, sizeof path, "%s/hostile.key.pem", world.forge.folder);
    write_text(path, "", 0);
    assert_int_equal(chmod(path, 0600), 0);
    FILE *f = fopen(path, "w");
    assert_true(f != NULL && PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1 &&
                fclose(f) == 0);
    struct signer *signer = signer_open_file(path, certificate, &e);
    assert_non_null(signer);
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    uint8_t hash[HASH_SIZE];
    sha256(bytes_make(der, (size_t)len), hash);
    forge_object(&world.forge, bytes_make(der, (size_t)len), object);
    forge_takes_effect(&world.forge, 2, object, hash);
    OPENSSL_free(der);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return signer;
}

static void what_a_ledger_says_harms_no_terminal(void **state)
{
    uint8_t object[HASH_SIZE];
    (void)state;
    struct signer *signer = hostile_signer(object); /* 5 */
    struct header request = forge_request(&world.forge, 1);
    world.forge.member = signer;
    forge_message(&world.forge, ENTRY_ADMITTED, &request, 0);                           /* 6 */
    forge_message_over(&world.forge, &request, REFUSAL_WRONG_SIGNER, "\x1b[31m\nGOOD"); /* 7 */
    assert_int_equal(replay(), 3);
    assert_true(output_has("WRONG  entry 6: admitted, although by what was in force then"));
    assert_true(output_has("CN=\\1B]0\\;owned\\07 "));
    assert_true(output_has("it came over the link of \\x1b[31m\\x0aGOOD"));
    for (size_t i = 0; i < run_output.len; i++)
        assert_true(run_output.data[i] >= ' ' || run_output.data[i] == '\n');
    assert_false(output_has("\nGOOD"));
    assert_false(output_has("\xe2\x80\xae"));
    assert_int_equal(REPLAY("-o", "jsonl"), 3);
    for (size_t i = 0; i < run_output.len; i++)
        assert_true(run_output.data[i] >= ' ' || run_output.data[i] == '\n');
    assert_false(output_has("\\u001b"));
    signer_free(signer);
}

/* A revocation list of the issuing CA that takes effect. */
static void take_crl_number(X509 *issuer, EVP_PKEY *key, long number)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)(world.forge.time / MICROSECONDS) - 3600),
              *next = ASN1_TIME_set(NULL, (time_t)(world.forge.time / MICROSECONDS) + 86400);
    ASN1_INTEGER *value = ASN1_INTEGER_new();
    uint8_t hash[HASH_SIZE];
    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer));
    X509_CRL_set1_lastUpdate(crl, now);
    X509_CRL_set1_nextUpdate(crl, next);
    ASN1_INTEGER_set(value, number);
    assert_int_equal(X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, 0), 1);
    assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(crl, &der);
    forge_object(&world.forge, bytes_make(der, (size_t)len), hash);
    forge_takes_effect(&world.forge, 3, hash, NULL);
    OPENSSL_free(der);
    ASN1_INTEGER_free(value);
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    X509_CRL_free(crl);
}

static void a_year_of_revocation_lists_leaves_the_latest_of_each_issuer(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/pki/ca/issuing.crt.pem", world.pki);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    X509 *issuer = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    snprintf(path, sizeof path, "%s/pki/ca/issuing.key.pem", world.pki);
    f = fopen(path, "r");
    assert_non_null(f);
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    assert_true(issuer != NULL && key != NULL);
    for (long number = 100; number < 465; number++)
        take_crl_number(issuer, key, number);
    world_exchange(1, "SCHOOL-ENROLMENT", MI);
    assert_int_equal(replay(), 0);
    assert_true(output_has("not revoked then, by list 464 of "));
    EVP_PKEY_free(key);
    X509_free(issuer);
}

static void each_line_of_jsonl_is_an_exchange_and_the_last_the_sums(void **state)
{
    (void)state;
    world_exchange(1, "SCHOOL-ENROLMENT", MI);
    refuse(2, "STATISTICS", REFUSAL_WRONG_PURPOSE);
    forge_write(&world.forge, 0);
    assert_int_equal(REPLAY("-o", "jsonl", "--policy", world.registry), 0);
    const char *line = (const char *)run_output.data;
    json_t *objects[3];
    for (unsigned i = 0; i < 3; i++) {
        const char *end = memchr(line, '\n', run_output.len);
        assert_non_null(end);
        objects[i] = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(objects[i]);
        line = end + 1;
    }
    assert_ptr_equal(line, run_output.data + run_output.len);
    json_t *step = json_array_get(json_object_get(objects[0], "steps"), 0);
    assert_int_equal(json_integer_value(json_object_get(step, "entry")), 5);
    assert_string_equal(json_string_value(json_object_get(step, "signature")), "good");
    assert_string_equal(json_string_value(json_object_get(step, "trusted")), "good");
    assert_true(json_is_true(json_object_get(step, "receipt")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(step, "grant"), "purpose")),
                        "SCHOOL-ENROLMENT");
    assert_true(json_is_string(
        json_object_get(json_object_get(json_object_get(step, "certificate"), "crl"), "number")));
    assert_int_equal(json_integer_value(json_object_get(objects[0], "duration_us")), 1000);
    assert_string_equal(json_string_value(json_object_get(objects[1], "end")), "refused");
    json_t *summary = json_object_get(objects[2], "summary");
    assert_int_equal(json_integer_value(json_object_get(summary, "exchanges")), 2);
    assert_int_equal(json_array_size(json_object_get(summary, "policy_counts")), 2);
    for (unsigned i = 0; i < 3; i++)
        json_decref(objects[i]);
}

static void without_an_authority_nothing_is_judged(void **state)
{
    (void)state;
    world_exchange(1, "SCHOOL-ENROLMENT", MI);
    forge_write(&world.forge, 0);
    assert_int_equal(run_tool("WASL_AUDIT_TOOL", NULL, "replay", "--dir", world.forge.ledger, NULL), 2);
    snprintf(world.authority, sizeof world.authority, "%s/pki/bus/ledger.vkey", world.pki);
    assert_int_not_equal(REPLAY("--utc"), 0);
    assert_false(output_has("GOOD"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_begin, world_finish)
    const struct CMUnitTest tests[] = {
        T(an_answered_exchange_is_told_with_all_that_was_in_force),
        T(a_certificate_revoked_today_does_not_spoil_what_was_before_and_one_revoked_then_does),
        T(each_exchange_is_judged_by_its_own_registry),
        T(a_registry_that_was_removed_is_named_and_never_guessed),
        T(a_chain_or_a_revocation_list_that_was_removed_is_named_and_never_guessed),
        T(a_request_without_a_response_is_open_within_its_time_and_wrong_behind_it),
        T(a_late_answer_is_told_with_its_exchange_and_one_to_nothing_is_wrong),
        T(a_refusal_is_compared_with_the_registry_of_then),
        T(an_altered_byte_spoils_the_receipt_of_its_entry_alone),
        T(another_registry_is_asked_the_same_question),
        T(a_period_begins_and_ends_with_the_first_entry_of_an_exchange),
        T(what_is_told_does_not_depend_on_the_number_of_threads),
        T(what_a_ledger_says_harms_no_terminal),
        T(a_year_of_revocation_lists_leaves_the_latest_of_each_issuer),
        T(each_line_of_jsonl_is_an_exchange_and_the_last_the_sums),
        T(without_an_authority_nothing_is_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
