#include "crypto/trust.h"
#include "checks.h"
#include "country.h"

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

        struct buffer second = {0};

        pki_crl(&issuing, order == 0 ? &newer : &older, &second);
        assert_int_equal(trust_add_crl(trust, buffer_bytes(&second), NULL), order);
        buffer_free(&second);
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

/* What is remembered of a list must be its issuer's word. */
static void a_crl_is_proven_by_an_anchor_or_by_a_ca_of_a_chain(void **state)
{
    struct trust *trust = trust_new();
    struct chain *chain = good_chain();
    struct trust_crl_info first, info;
    struct buffer der = {0};

    (void)state;
    add_anchor(trust, "root", &root);
    add_crl(trust, &issuing, (struct pki_crl){.number = 41});
    assert_false(trust_crl_signed(trust, 0, NULL));
    assert_true(trust_crl_signed(trust, 0, chain));
    trust_crl_info(trust, 0, &first);
    assert_string_equal(first.number, "41");
    assert_true(first.next_update > 0);
    assert_true(first.name[0] != 0);
    trust_free(trust);

    trust = trust_new();
    add_anchor(trust, "root", &root);
    add_crl(trust, &root, (struct pki_crl){.number = 42});
    assert_true(trust_crl_signed(trust, 0, NULL));
    trust_crl_info(trust, 0, &info);
    assert_memory_not_equal(info.issuer, first.issuer, HASH_SIZE);
    trust_free(trust);

    /* The issuer's name and another's key. */
    trust = trust_new();
    add_anchor(trust, "root", &root);
    struct pki_ca impostor = {issuing.certificate, foreign.key};
    pki_crl(&impostor, &(struct pki_crl){.number = 43}, &der);
    assert_int_equal(trust_add_crl(trust, buffer_bytes(&der), NULL), 0);
    assert_false(trust_crl_signed(trust, 0, chain));
    buffer_free(&der);
    chain_free(chain);
    trust_free(trust);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_revoked_certificate_is_refused),
        cmocka_unit_test(a_revoked_issuing_ca_takes_its_members_along),
        cmocka_unit_test(without_the_crl_of_each_issuer_revocation_is_unknown),
        cmocka_unit_test(a_crl_signed_by_another_key_counts_for_nothing),
        cmocka_unit_test(a_namesakes_crl_neither_serves_nor_disturbs),
        cmocka_unit_test(the_highest_crl_number_wins_in_either_order),
        cmocka_unit_test(a_crl_serves_stale_within_the_grace_and_not_beyond),
        cmocka_unit_test(a_crl_of_the_future_is_not_believed_yet),
        cmocka_unit_test(a_crl_that_cannot_be_ordered_or_is_partial_is_refused),
        cmocka_unit_test(a_crl_is_proven_by_an_anchor_or_by_a_ca_of_a_chain),
        cmocka_unit_test(crl_hashes_name_the_crls_in_a_stable_order),
    };

    return cmocka_run_group_tests(tests, make_country, free_country);
}
