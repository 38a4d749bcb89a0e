#include "crypto/trust.h"
#include "base/clock.h"
#include "crypto/signature.h"
#include "checks.h"
#include "pki.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>

#define NOW     (PKI_NOW * MICROSECONDS)
#define DAY     DAY_MICROSECONDS
#define SUBJECT "CN=TN/GOV/MI,O=Wasl"

/* A national root with an issuing CA, and the root of somebody else; keys are made once. */
static struct pki_ca root;
static struct pki_ca issuing;
static struct pki_ca foreign;
static EVP_PKEY *member_key;

static int make_country(void **state)
{
    (void)state;
    pki_root(&root, "Root", "P-256");
    pki_issuing(&issuing, &root, "Issuing");
    pki_root(&foreign, "Foreign", "P-256");
    member_key = pki_key("P-256");
    return 0;
}

static int free_country(void **state)
{
    (void)state;
    pki_ca_free(&root);
    pki_ca_free(&issuing);
    pki_ca_free(&foreign);
    EVP_PKEY_free(member_key);
    return 0;
}

/* A member's certificate with this one wish, everything else good. */
static X509 *leaf_with(struct pki_request wish)
{
    wish.name = wish.name == NULL ? "TN/GOV/MI" : wish.name;
    wish.key = wish.key == NULL ? member_key : wish.key;
    return pki_certificate(&issuing, &wish);
}

/* Takes the leaf over. */
static struct chain *chain_of(X509 *leaf, X509 *second, X509 *third)
{
    struct buffer der = {0};
    struct chain *chain;

    pki_der(leaf, &der);
    if (second != NULL)
        pki_der(second, &der);
    if (third != NULL)
        pki_der(third, &der);
    chain = chain_parse_der(buffer_bytes(&der), NULL);
    assert_non_null(chain);
    buffer_free(&der);
    X509_free(leaf);
    return chain;
}

static struct chain *good_chain(void)
{
    return chain_of(leaf_with((struct pki_request){0}), issuing.certificate, NULL);
}

static void add_anchor(struct trust *trust, const char *name, const struct pki_ca *ca)
{
    struct buffer pem = {0};

    pki_pem(ca->certificate, &pem);
    assert_int_equal(trust_add_anchor(trust, name, buffer_bytes(&pem), NULL), 0);
    buffer_free(&pem);
}

static void add_crl(struct trust *trust, const struct pki_ca *ca, struct pki_crl crl)
{
    struct buffer der = {0};

    pki_crl(ca, &crl, &der);
    assert_int_equal(trust_add_crl(trust, buffer_bytes(&der), NULL), 0);
    buffer_free(&der);
}

/* Anchors "national" and "external" (of one length), with good CRLs of root and foreign, and this one of the
 * issuing CA. */
static struct trust *trust_with(struct pki_crl issuing_crl)
{
    struct trust *trust = trust_new();

    add_anchor(trust, "national", &root);
    add_anchor(trust, "external", &foreign);
    add_crl(trust, &root, (struct pki_crl){.number = 1, .next_update = 400 * PKI_DAY});
    add_crl(trust, &foreign, (struct pki_crl){.number = 1, .next_update = 400 * PKI_DAY});
    add_crl(trust, &issuing, issuing_crl);
    return trust;
}

static struct trust *good_trust(void)
{
    return trust_with((struct pki_crl){.number = 1});
}

/* Judges a chain at a time, and frees it. */
static enum refusal judge_at(struct trust *trust, struct chain *chain, uint64_t now)
{
    struct verified_key key;
    enum refusal refusal = trust_verify(trust, chain, "national", SUBJECT, now, &key);

    assert_true((refusal == REFUSAL_NONE) == (key.key != NULL));
    assert_int_equal(ERR_peek_error(), 0);
    chain_free(chain);
    return refusal;
}

static enum refusal judge(struct chain *chain)
{
    struct trust *trust = good_trust();
    enum refusal refusal = judge_at(trust, chain, NOW);

    trust_free(trust);
    return refusal;
}

static enum refusal judge_leaf(struct pki_request wish)
{
    return judge(chain_of(leaf_with(wish), issuing.certificate, NULL));
}

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

static void a_revoked_certificate_is_refused(void **state)
{
    X509 *leaf = leaf_with((struct pki_request){0});
    struct trust *trust = trust_with((struct pki_crl){.number = 2, .revoked = leaf});

    (void)state;
    assert_int_equal(judge_at(trust, chain_of(leaf, issuing.certificate, NULL), NOW),
                     REFUSAL_CERTIFICATE_REVOKED);
    assert_int_equal(judge_at(trust, good_chain(), NOW), REFUSAL_NONE);
    trust_free(trust);
}

static void a_revoked_issuing_ca_takes_its_members_along(void **state)
{
    struct trust *trust = trust_new();

    (void)state;
    add_anchor(trust, "national", &root);
    add_crl(trust, &root, (struct pki_crl){.number = 1, .revoked = issuing.certificate});
    add_crl(trust, &issuing, (struct pki_crl){.number = 1});
    assert_int_equal(judge_at(trust, good_chain(), NOW), REFUSAL_CERTIFICATE_REVOKED);
    trust_free(trust);
}

static void without_the_crl_of_each_issuer_revocation_is_unknown(void **state)
{
    struct trust *trust = trust_new();

    (void)state;
    add_anchor(trust, "national", &root);
    add_crl(trust, &root, (struct pki_crl){.number = 1});
    assert_int_equal(judge_at(trust, good_chain(), NOW), REFUSAL_REVOCATION_UNKNOWN);
    trust_free(trust);

    trust = trust_new();
    add_anchor(trust, "national", &root);
    add_crl(trust, &issuing, (struct pki_crl){.number = 1});
    assert_int_equal(judge_at(trust, good_chain(), NOW), REFUSAL_REVOCATION_UNKNOWN);
    trust_free(trust);
}

static void a_crl_signed_by_another_key_counts_for_nothing(void **state)
{
    struct pki_ca impostor = {.certificate = issuing.certificate, .key = foreign.key};
    struct trust *trust = trust_new();

    (void)state;
    add_anchor(trust, "national", &root);
    add_crl(trust, &root, (struct pki_crl){.number = 1});
    add_crl(trust, &impostor, (struct pki_crl){.number = 1});
    assert_int_equal(judge_at(trust, good_chain(), NOW), REFUSAL_REVOCATION_UNKNOWN);
    trust_free(trust);
}

static void a_namesakes_crl_neither_serves_nor_disturbs(void **state)
{
    struct pki_ca namesake;
    X509 *leaf = leaf_with((struct pki_request){0});
    struct trust *trust = good_trust();
    struct chain *chains[2] = {NULL, NULL};

    (void)state;
    pki_issuing(&namesake, &foreign, "Issuing");
    add_crl(trust, &namesake,
            (struct pki_crl){
                .number = 50, .revoked = leaf, .last_update = -2 * PKI_DAY, .next_update = -PKI_DAY});
    assert_int_equal(trust_crl_hashes(trust, NULL, 0), 4);
    /* Also where the chain brings the namesake's certificate along. */
    chains[0] = chain_of(X509_dup(leaf), namesake.certificate, issuing.certificate);
    chains[1] = chain_of(leaf, issuing.certificate, NULL);
    trust_set_crl_grace(trust, 5 * DAY);
    for (size_t i = 0; i < 2; i++) {
        struct verified_key key;

        assert_int_equal(
            trust_verify(trust, chains[i], "national", SUBJECT, NOW + i * 10 * MICROSECONDS, &key),
            REFUSAL_NONE);
        assert_false(key.crl_stale); /* its age is nobody's business */
        chain_free(chains[i]);
    }
    trust_free(trust);
    pki_ca_free(&namesake);
}

static void the_highest_crl_number_wins_in_either_order(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        X509 *leaf = leaf_with((struct pki_request){0});
        /* Both of the same second: OpenSSL's own store would take the first. */
        struct pki_crl older = {.number = 9};
        struct pki_crl newer = {.number = 10, .revoked = leaf};
        struct trust *trust = trust_with(order == 0 ? older : newer);

        add_crl(trust, &issuing, order == 0 ? newer : older);
        assert_int_equal(trust_crl_hashes(trust, NULL, 0), 3);
        assert_int_equal(judge_at(trust, chain_of(leaf, issuing.certificate, NULL), NOW),
                         REFUSAL_CERTIFICATE_REVOKED);
        trust_free(trust);
    }
}

static void a_crl_serves_stale_within_the_grace_and_not_beyond(void **state)
{
    struct trust *trust = trust_with((struct pki_crl){.number = 1, .next_update = 7 * PKI_DAY});
    struct chain *chain = good_chain();
    struct verified_key key;

    (void)state;
    trust_set_crl_grace(trust, 2 * DAY);
    for (int round = 0; round < 2; round++) { /* judged, and then from the cache */
        assert_int_equal(trust_verify(trust, chain, "national", SUBJECT, NOW + 7 * DAY - 1, &key),
                         REFUSAL_NONE);
        assert_false(key.crl_stale);
        assert_int_equal(trust_verify(trust, chain, "national", SUBJECT, NOW + 7 * DAY, &key), REFUSAL_NONE);
        assert_true(key.crl_stale);
        assert_int_equal(trust_verify(trust, chain, "national", SUBJECT, NOW + 9 * DAY - 1, &key),
                         REFUSAL_NONE);
        assert_true(key.crl_stale);
        assert_int_equal(trust_verify(trust, chain, "national", SUBJECT, NOW + 9 * DAY, &key),
                         REFUSAL_REVOCATION_UNKNOWN);
        /* Each round judges the fresh window, the stale one and the end: a place in the cache holds one
         * window. The stale one is judged once and then remembered. */
        assert_int_equal(trust_judged(trust), round == 0 ? 3 : 6);
    }
    chain_free(chain);
    trust_free(trust);

    trust = trust_with((struct pki_crl){.number = 1, .next_update = 7 * PKI_DAY});
    assert_int_equal(judge_at(trust, good_chain(), NOW + 7 * DAY), REFUSAL_REVOCATION_UNKNOWN);
    trust_free(trust);
}

static void a_crl_of_the_future_is_not_believed_yet(void **state)
{
    struct trust *trust = trust_with((struct pki_crl){.number = 1, .last_update = 60});

    (void)state;
    assert_int_equal(judge_at(trust, good_chain(), NOW), REFUSAL_REVOCATION_UNKNOWN);
    assert_int_equal(judge_at(trust, good_chain(), NOW + 61 * MICROSECONDS), REFUSAL_NONE);
    trust_free(trust);
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

static void a_crl_that_cannot_be_ordered_or_is_partial_is_refused(void **state)
{
    static const struct pki_crl bad[] = {
        {.number = -1},
        {.number = 5, .delta = true},
        {.number = 5, .partial = "onlyuser:TRUE"},
    };
    struct trust *trust = trust_new();
    struct error e = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct buffer der = {0};

        pki_crl(&issuing, &bad[i], &der);
        assert_int_equal(trust_add_crl(trust, buffer_bytes(&der), &e), -1);
        assert_int_equal(e.kind, ERROR_CRYPTO);
        buffer_free(&der);
    }
    assert_int_equal(trust_add_crl(trust, bytes_of_string("nothing"), &e), -1);
    assert_int_equal(trust_crl_hashes(trust, NULL, 0), 0);
    trust_free(trust);
}

static void crl_hashes_name_the_crls_in_a_stable_order(void **state)
{
    struct buffer ders[3] = {{0}};
    uint8_t hashes[2][3][HASH_SIZE];
    const struct pki_ca *cas[3] = {&root, &issuing, &foreign};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        pki_crl(cas[i], &(struct pki_crl){.number = 1}, &ders[i]);
    for (size_t order = 0; order < 2; order++) {
        struct trust *trust = trust_new();

        for (size_t i = 0; i < 3; i++)
            assert_int_equal(trust_add_crl(trust, buffer_bytes(&ders[order == 0 ? i : 2 - i]), NULL), 0);
        assert_int_equal(trust_crl_hashes(trust, hashes[order], 3), 3);
        for (size_t i = 0; i < 3; i++) {
            uint8_t hash[HASH_SIZE];
            struct bytes der = trust_crl_der(trust, i);

            assert_int_equal(EVP_Digest(der.data, der.len, hash, NULL, EVP_sha256(), NULL), 1);
            assert_memory_equal(hash, hashes[order][i], HASH_SIZE);
        }
        trust_free(trust);
    }
    assert_memory_equal(hashes[0], hashes[1], sizeof(hashes[0]));
    for (size_t i = 0; i < 3; i++)
        buffer_free(&ders[i]);
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

static void a_chain_survives_der_and_pem(void **state)
{
    struct chain *chain = good_chain();
    struct chain *again;
    struct buffer der = {0};
    struct buffer one = {0};
    struct buffer pem = {0};

    (void)state;
    assert_int_equal(chain_count(chain), 2);
    chain_der(chain, &der);
    chain_certificate_der(chain, 0, &one);
    chain_certificate_der(chain, 1, &one);
    assert_true(bytes_equal(buffer_bytes(&der), buffer_bytes(&one)));
    pki_pem(chain_leaf(chain), &pem);
    buffer_append_string(&pem, "words between\n");
    pki_pem(chain_certificate(chain, 1), &pem);
    again = chain_parse_pem(buffer_bytes(&pem), NULL);
    assert_non_null(again);
    assert_memory_equal(chain_leaf_hash(chain), chain_leaf_hash(again), HASH_SIZE);
    buffer_clear(&one);
    chain_der(again, &one);
    assert_true(bytes_equal(buffer_bytes(&der), buffer_bytes(&one)));
    chain_free(chain);
    chain_free(again);
    buffer_free(&der);
    buffer_free(&one);
    buffer_free(&pem);
}

static void a_chain_with_anything_else_in_it_is_refused(void **state)
{
    struct chain *chain = good_chain();
    struct buffer der = {0};
    struct buffer ber = {0};
    struct buffer many = {0};
    struct error e = {0};

    (void)state;
    chain_certificate_der(chain, 0, &der);
    assert_null(chain_parse_der(bytes_make(NULL, 0), &e));
    assert_null(chain_parse_der(bytes_make(der.data, der.len - 1), &e));
    /* The same certificate in BER, its length in three bytes instead of two: another hash for the same words.
     */
    assert_int_equal(der.data[1], 0x82);
    buffer_append(&ber, "\x30\x83\x00", 3);
    buffer_append(&ber, der.data + 2, der.len - 2);
    assert_null(chain_parse_der(buffer_bytes(&ber), &e));
    for (int i = 0; i < CHAIN_MOST; i++)
        buffer_append_bytes(&many, buffer_bytes(&der));
    chain_free(chain);
    chain = chain_parse_der(buffer_bytes(&many), &e);
    assert_non_null(chain);
    buffer_append_bytes(&many, buffer_bytes(&der));
    assert_null(chain_parse_der(buffer_bytes(&many), &e));
    buffer_append(&der, "x", 1);
    assert_null(chain_parse_der(buffer_bytes(&der), &e));
    assert_null(chain_parse_pem(bytes_of_string("no certificate"), &e));
    assert_null(chain_parse_pem(
        bytes_of_string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), &e));
    assert_int_equal(e.kind, ERROR_CRYPTO);
    assert_int_equal(ERR_peek_error(), 0);
    chain_free(chain);
    buffer_free(&der);
    buffer_free(&ber);
    buffer_free(&many);
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
        cmocka_unit_test(a_revoked_certificate_is_refused),
        cmocka_unit_test(a_revoked_issuing_ca_takes_its_members_along),
        cmocka_unit_test(without_the_crl_of_each_issuer_revocation_is_unknown),
        cmocka_unit_test(a_crl_signed_by_another_key_counts_for_nothing),
        cmocka_unit_test(a_namesakes_crl_neither_serves_nor_disturbs),
        cmocka_unit_test(the_highest_crl_number_wins_in_either_order),
        cmocka_unit_test(a_crl_serves_stale_within_the_grace_and_not_beyond),
        cmocka_unit_test(a_crl_of_the_future_is_not_believed_yet),
        cmocka_unit_test(an_issuing_ca_can_be_the_anchor),
        cmocka_unit_test(an_anchor_that_is_no_ca_is_refused),
        cmocka_unit_test(a_crl_that_cannot_be_ordered_or_is_partial_is_refused),
        cmocka_unit_test(crl_hashes_name_the_crls_in_a_stable_order),
        cmocka_unit_test(a_verdict_is_remembered_for_its_time_only),
        cmocka_unit_test(threads_judge_by_one_set),
        cmocka_unit_test(a_chain_survives_der_and_pem),
        cmocka_unit_test(a_chain_with_anything_else_in_it_is_refused),
    };

    return cmocka_run_group_tests(tests, make_country, free_country);
}
