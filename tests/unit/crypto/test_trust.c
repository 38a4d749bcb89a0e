#include "crypto/trust.h"
#include "crypto/signature.h"
#include "checks.h"
#include "country.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>

static void a_good_chain_gives_its_key(void **state)
{
    struct trust *trust = good_trust();
    struct chain *chain = good_chain();
    struct verified_key key;

    (void)state;
    assert_int_equal(trust_verify(trust, chain, "national", SUBJECT, NOW, &key), REFUSAL_NONE);
    assert_int_equal(EVP_PKEY_eq(key.key, member_key), 1);
    assert_int_equal(key.algorithm, SIGNATURE_ECDSA_P256);
    assert_false(key.crl_stale);
    chain_free(chain);
    trust_free(trust);
}

static void a_chain_with_its_root_or_with_strangers_between_is_as_good(void **state)
{
    (void)state;
    assert_int_equal(
        judge(chain_of(leaf_with((struct pki_request){0}), issuing.certificate, root.certificate)),
        REFUSAL_NONE);
    assert_int_equal(
        judge(chain_of(leaf_with((struct pki_request){0}), foreign.certificate, issuing.certificate)),
        REFUSAL_NONE);
    assert_int_equal(judge(chain_of(leaf_with((struct pki_request){0}), NULL, NULL)),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
}

static void another_members_anchor_does_not_serve(void **state)
{
    struct trust *trust = good_trust();
    struct chain *chain = good_chain();
    struct chain *with_root =
        chain_of(leaf_with((struct pki_request){0}), issuing.certificate, root.certificate);
    struct chain *theirs =
        chain_of(pki_certificate(&foreign, &(struct pki_request){.name = "TN/GOV/MI", .key = member_key}),
                 foreign.certificate, NULL);
    struct verified_key key;

    (void)state;
    assert_int_equal(trust_verify(trust, chain, "external", SUBJECT, NOW, &key),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
    assert_int_equal(trust_verify(trust, with_root, "external", SUBJECT, NOW, &key),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
    assert_int_equal(trust_verify(trust, theirs, "national", SUBJECT, NOW, &key),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
    assert_int_equal(trust_verify(trust, theirs, "external", SUBJECT, NOW, &key), REFUSAL_NONE);
    /* Not from the cache either: what was good under one anchor is asked anew under the other. */
    assert_int_equal(trust_verify(trust, theirs, "national", SUBJECT, NOW, &key),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
    assert_int_equal(trust_verify(trust, chain, "no such anchor", SUBJECT, NOW, &key),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
    chain_free(chain);
    chain_free(with_root);
    chain_free(theirs);
    trust_free(trust);
}

static void another_subject_does_not_serve(void **state)
{
    struct trust *trust = good_trust();
    struct chain *chain = good_chain();
    struct verified_key key;
    char *subject = chain_subject(chain);

    (void)state;
    assert_string_equal(subject, SUBJECT);
    free(subject);
    assert_int_equal(trust_verify(trust, chain, "national", SUBJECT, NOW, &key), REFUSAL_NONE);
    assert_int_equal(trust_verify(trust, chain, "national", "CN=TN/GOV/MAS,O=Wasl", NOW, &key),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
    assert_int_equal(trust_verify(trust, chain, "national", "", NOW, &key), REFUSAL_CERTIFICATE_UNTRUSTED);
    assert_int_equal(trust_verify(trust, chain, "nationalC", "N=TN/GOV/MI,O=Wasl", NOW, &key),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
    chain_free(chain);
    trust_free(trust);
}

static void a_forged_leaf_is_untrusted(void **state)
{
    struct pki_ca impostor = {.certificate = issuing.certificate, .key = foreign.key};

    (void)state;
    assert_int_equal(judge(chain_of(pki_certificate(&impostor, &(struct pki_request){.name = "TN/GOV/MI",
                                                                                     .key = member_key}),
                                    issuing.certificate, NULL)),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
}

static void a_certificate_serves_only_within_its_time(void **state)
{
    (void)state;
    assert_int_equal(judge_leaf((struct pki_request){.not_before = -9, .not_after = 1}), REFUSAL_NONE);
    assert_int_equal(judge_leaf((struct pki_request){.not_before = -9, .not_after = -1}),
                     REFUSAL_CERTIFICATE_EXPIRED);
    assert_int_equal(judge_leaf((struct pki_request){.not_before = 5, .not_after = 9}),
                     REFUSAL_CERTIFICATE_EXPIRED);
}

static void only_a_certificate_for_signing_messages_serves(void **state)
{
    (void)state;
    assert_int_equal(judge_leaf((struct pki_request){.extended = "-"}), REFUSAL_NONE);
    assert_int_equal(judge_leaf((struct pki_request){.extended = "clientAuth," TRUST_SIGNING_OID}),
                     REFUSAL_NONE);
    assert_int_equal(judge_leaf((struct pki_request){.extended = "clientAuth"}),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
    assert_int_equal(judge_leaf((struct pki_request){.extended = "emailProtection,serverAuth"}),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
    assert_int_equal(
        judge_leaf((struct pki_request){.key_usage = "critical,digitalSignature,nonRepudiation"}),
        REFUSAL_NONE);
    assert_int_equal(judge_leaf((struct pki_request){.key_usage = "critical,keyAgreement"}),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
    assert_int_equal(judge_leaf((struct pki_request){.key_usage = "-"}), REFUSAL_CERTIFICATE_UNTRUSTED);
    assert_int_equal(judge_leaf((struct pki_request){.basic_constraints = "critical,CA:TRUE",
                                                     .key_usage = "critical,digitalSignature,keyCertSign"}),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
}

static void only_the_three_algorithms_serve(void **state)
{
    static const struct {
        const char *kind;
        enum refusal refusal;
    } kinds[] = {{"RSA2048", REFUSAL_NONE},
                 {"ED25519", REFUSAL_NONE},
                 {"P-384", REFUSAL_CERTIFICATE_UNTRUSTED},
                 {"RSA3072", REFUSAL_CERTIFICATE_UNTRUSTED},
                 {"RSA1024", REFUSAL_CERTIFICATE_UNTRUSTED}};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        EVP_PKEY *key = pki_key(kinds[i].kind);

        assert_int_equal(judge_leaf((struct pki_request){.key = key}), kinds[i].refusal);
        EVP_PKEY_free(key);
    }
    assert_int_equal(judge_leaf((struct pki_request){.digest = EVP_sha1()}), REFUSAL_CERTIFICATE_UNTRUSTED);
}

static void a_member_certificate_issues_nothing(void **state)
{
    struct pki_ca member = {.certificate = leaf_with((struct pki_request){0}), .key = member_key};
    struct pki_request request = {.name = "TN/GOV/MI", .key = member_key};

    (void)state;
    assert_int_equal(
        judge(chain_of(pki_certificate(&member, &request), member.certificate, issuing.certificate)),
        REFUSAL_CERTIFICATE_UNTRUSTED);
    X509_free(member.certificate);
}

static void a_ca_that_does_not_say_so_issues_nothing(void **state)
{
    /* May sign certificates, and has no basic constraints: X509_check_ca takes it for a CA of sorts. */
    struct pki_ca bare = {.key = pki_key("P-256")};
    struct trust *trust = good_trust();

    (void)state;
    bare.certificate = leaf_with((struct pki_request){.name = "Bare",
                                                      .key = bare.key,
                                                      .basic_constraints = "-",
                                                      .extended = "-",
                                                      .key_usage = "critical,keyCertSign,cRLSign"});
    assert_true(X509_check_ca(bare.certificate) > 1);
    add_crl(trust, &bare, (struct pki_crl){.number = 1});
    assert_int_equal(judge_at(trust,
                              chain_of(pki_certificate(&bare, &(struct pki_request){.name = "TN/GOV/MI",
                                                                                    .key = member_key}),
                                       bare.certificate, issuing.certificate),
                              NOW),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
    trust_free(trust);
    pki_ca_free(&bare);
}

static void an_issuing_ca_can_be_the_anchor(void **state)
{
    struct trust *trust = trust_new();

    (void)state;
    add_anchor(trust, "national", &issuing);
    add_crl(trust, &issuing, (struct pki_crl){.number = 1});
    assert_int_equal(judge_at(trust, chain_of(leaf_with((struct pki_request){0}), NULL, NULL), NOW),
                     REFUSAL_NONE);
    assert_int_equal(
        judge_at(trust, chain_of(leaf_with((struct pki_request){0}), issuing.certificate, NULL), NOW),
        REFUSAL_NONE);
    trust_free(trust);

    trust = trust_new();
    add_anchor(trust, "national", &issuing);
    assert_int_equal(judge_at(trust, good_chain(), NOW), REFUSAL_REVOCATION_UNKNOWN);
    trust_free(trust);
}

static void an_anchor_that_is_no_ca_is_refused(void **state)
{
    struct trust *trust = trust_new();
    struct buffer pem = {0};
    struct error e = {0};
    X509 *leaf = leaf_with((struct pki_request){0});

    (void)state;
    pki_pem(leaf, &pem);
    assert_int_equal(trust_add_anchor(trust, "national", buffer_bytes(&pem), &e), -1);
    assert_int_equal(e.kind, ERROR_CRYPTO);
    assert_int_equal(trust_add_anchor(trust, "national", bytes_of_string("nothing"), &e), -1);
    assert_int_equal(trust_add_anchor(trust, "national", bytes_make(NULL, 0), &e), -1);
    buffer_free(&pem);
    X509_free(leaf);
    trust_free(trust);
}

static void a_verdict_is_remembered_for_its_time_only(void **state)
{
    struct trust *trust = trust_with((struct pki_crl){.number = 1, .next_update = 300 * PKI_DAY});
    struct chain *chain =
        chain_of(leaf_with((struct pki_request){.not_before = -3 * PKI_DAY, .not_after = 3 * PKI_DAY}),
                 issuing.certificate, NULL);
    struct verified_key key;
    EVP_PKEY *first;

    (void)state;
    assert_int_equal(trust_verify(trust, chain, "national", SUBJECT, NOW, &key), REFUSAL_NONE);
    first = key.key;
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(trust_verify(trust, chain, "national", SUBJECT, NOW + i, &key), REFUSAL_NONE);
    assert_int_equal(trust_judged(trust), 1);
    assert_ptr_equal(key.key, first);
    /* The CRL begins one day before now, the certificate ends three days after. */
    assert_int_equal(trust_verify(trust, chain, "national", SUBJECT, NOW + 3 * DAY, &key),
                     REFUSAL_CERTIFICATE_EXPIRED);
    assert_int_equal(trust_verify(trust, chain, "national", SUBJECT, NOW - 2 * DAY, &key),
                     REFUSAL_REVOCATION_UNKNOWN);
    assert_int_equal(trust_judged(trust), 3);
    assert_int_equal(trust_verify(trust, chain, "national", SUBJECT, NOW, &key), REFUSAL_NONE);
    assert_int_equal(trust_judged(trust), 3);
    chain_free(chain);
    trust_free(trust);
}

/* One leaf may be shown with other ways up. */
static void a_verdict_is_of_the_whole_chain_and_not_of_its_leaf(void **state)
{
    struct trust *trust = good_trust();
    X509 *leaf = leaf_with((struct pki_request){0});
    struct verified_key key;

    (void)state;
    assert_int_equal(X509_up_ref(leaf), 1);
    struct chain *whole = chain_of(leaf, issuing.certificate, NULL);
    struct chain *alone = chain_of(leaf, NULL, NULL);
    assert_memory_equal(chain_leaf_hash(whole), chain_leaf_hash(alone), HASH_SIZE);
    assert_memory_not_equal(chain_hash(whole), chain_hash(alone), HASH_SIZE);
    assert_int_equal(trust_verify(trust, whole, "national", SUBJECT, NOW, &key), REFUSAL_NONE);
    assert_int_equal(trust_verify(trust, alone, "national", SUBJECT, NOW, &key),
                     REFUSAL_CERTIFICATE_UNTRUSTED);
    chain_free(whole);
    chain_free(alone);
    trust_free(trust);
}

struct judging {
    struct trust *trust;
    struct chain *good;
    struct chain *revoked;
    bool right;
};

static void *judge_many(void *arg)
{
    struct judging *j = arg;
    struct verified_key key;

    j->right = true;
    for (unsigned i = 0; i < 300; i++) {
        uint64_t now = NOW + (uint64_t)(i % 3) * DAY;

        if (trust_verify(j->trust, j->good, "national", SUBJECT, now, &key) != REFUSAL_NONE ||
            EVP_PKEY_get_bits(key.key) != 256 ||
            trust_verify(j->trust, j->revoked, "national", SUBJECT, now, &key) != REFUSAL_CERTIFICATE_REVOKED)
            j->right = false;
    }
    trust_free(j->trust);
    return NULL;
}

static void threads_judge_by_one_set(void **state)
{
    X509 *leaf = leaf_with((struct pki_request){0});
    struct trust *trust = trust_with((struct pki_crl){.number = 2, .revoked = leaf});
    struct chain *good = good_chain();
    struct chain *revoked = chain_of(leaf, issuing.certificate, NULL);
    struct judging judgings[4];
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        judgings[i] = (struct judging){trust_ref(trust), good, revoked, false};
        assert_int_equal(pthread_create(&threads[i], NULL, judge_many, &judgings[i]), 0);
    }
    trust_free(trust); /* the threads' references keep it */
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(judgings[i].right);
    }
    chain_free(good);
    chain_free(revoked);
}

static void only_what_leads_to_the_anchor_is_worth_keeping(void **state)
{
    struct trust *trust = good_trust();
    X509 *leaf = leaf_with((struct pki_request){.not_before = -9 * PKI_DAY, .not_after = -PKI_DAY});
    struct buffer good = {0}, kept = {0};
    struct pki_ca pretender;
    struct chain *chain, *path;

    (void)state;
    pki_der(leaf, &good);
    pki_der(issuing.certificate, &good);
    /* Expired, and with a stranger between. */
    chain = chain_of(leaf, foreign.certificate, issuing.certificate);
    path = trust_path(trust, chain, "national", SUBJECT);
    assert_non_null(path);
    chain_der(path, &kept);
    assert_true(bytes_equal(buffer_bytes(&good), buffer_bytes(&kept)));
    assert_null(trust_path(trust, chain, "external", SUBJECT));
    assert_null(trust_path(trust, chain, "national", "CN=TN/GOV/MAS,O=Wasl"));
    chain_free(path);
    chain_free(chain);

    /* A CA that only bears the name of the real one: no error of time comes before that of the signature. */
    pki_issuing(&pretender, &root, "Issuing");
    leaf = pki_certificate(&pretender, &(struct pki_request){.name = "TN/GOV/MI",
                                                             .key = member_key,
                                                             .not_before = -9 * PKI_DAY,
                                                             .not_after = -PKI_DAY});
    chain = chain_of(leaf, issuing.certificate, NULL);
    assert_null(trust_path(trust, chain, "national", SUBJECT));
    chain_free(chain);
    pki_ca_free(&pretender);
    buffer_free(&good);
    buffer_free(&kept);
    trust_free(trust);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_chain_gives_its_key),
        cmocka_unit_test(a_chain_with_its_root_or_with_strangers_between_is_as_good),
        cmocka_unit_test(another_members_anchor_does_not_serve),
        cmocka_unit_test(another_subject_does_not_serve),
        cmocka_unit_test(a_forged_leaf_is_untrusted),
        cmocka_unit_test(a_certificate_serves_only_within_its_time),
        cmocka_unit_test(only_a_certificate_for_signing_messages_serves),
        cmocka_unit_test(only_the_three_algorithms_serve),
        cmocka_unit_test(a_member_certificate_issues_nothing),
        cmocka_unit_test(a_ca_that_does_not_say_so_issues_nothing),
        cmocka_unit_test(an_issuing_ca_can_be_the_anchor),
        cmocka_unit_test(an_anchor_that_is_no_ca_is_refused),
        cmocka_unit_test(a_verdict_is_remembered_for_its_time_only),
        cmocka_unit_test(a_verdict_is_of_the_whole_chain_and_not_of_its_leaf),
        cmocka_unit_test(threads_judge_by_one_set),
        cmocka_unit_test(only_what_leads_to_the_anchor_is_worth_keeping),
    };

    return cmocka_run_group_tests(tests, make_country, free_country);
}
