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
        assert_int_equal(trust_add_crl(trust, buffer_bytes(&second), NULL), 0);
        buffer_free(&second);
        assert_int_equal(judge_at(trust, chain_of(leaf, issuing.certificate, NULL), NOW),
                         REFUSAL_CERTIFICATE_REVOKED);
        trust_free(trust);

        /* Of an anchor, whose signature needs no chain, the older one is not kept. */
        trust = trust_new();
        add_anchor(trust, "national", &root);
        add_crl(trust, &root, (struct pki_crl){.number = order == 0 ? 9 : 10});
        pki_crl(&root, &(struct pki_crl){.number = order == 0 ? 10 : 9}, &second);
        assert_int_equal(trust_add_crl(trust, buffer_bytes(&second), NULL), order);
        buffer_free(&second);
        assert_int_equal(trust_crl_hashes(trust, NULL, 0), 1);
        trust_free(trust);
    }
}

/* Lists of the issuer's name and key id with numbers above its own, under another key. */
static void add_forged(struct trust *trust, const struct pki_ca *ca, int count)
{
    struct pki_ca forger = {.certificate = ca->certificate, .key = foreign.key};

    for (int i = 0; i < count; i++)
        add_crl(trust, &forger, (struct pki_crl){.number = 1000 + i});
}

static const struct pki_ca *const authors[] = {&root, &issuing};

static void forged_crls_with_higher_numbers_displace_nothing_in_either_order(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++)
        for (size_t a = 0; a < 2; a++) {
            X509 *leaf = leaf_with((struct pki_request){0});
            struct trust *trust = trust_new();

            add_anchor(trust, "national", &root);
            if (order == 0)
                add_forged(trust, authors[a], 3);
            add_crl(trust, &root, (struct pki_crl){.number = 5});
            add_crl(trust, &issuing, (struct pki_crl){.number = 5, .revoked = leaf});
            if (order == 1)
                add_forged(trust, authors[a], 3);
            assert_int_equal(judge_at(trust, good_chain(), NOW), REFUSAL_NONE);
            assert_int_equal(judge_at(trust, chain_of(leaf, issuing.certificate, NULL), NOW),
                             REFUSAL_CERTIFICATE_REVOKED);
            trust_free(trust);
        }
}

static void an_issuer_that_has_only_forged_crls_stays_closed(void **state)
{
    (void)state;
    for (size_t a = 0; a < 2; a++) {
        struct trust *trust = trust_new();

        add_anchor(trust, "national", &root);
        add_crl(trust, authors[1 - a], (struct pki_crl){.number = 5});
        add_forged(trust, authors[a], 2);
        assert_int_equal(judge_at(trust, good_chain(), NOW), REFUSAL_REVOCATION_UNKNOWN);
        trust_free(trust);
    }
}

/* What a set of the same anchors is that takes over all of another. */
static struct trust *next_set(const struct trust *before)
{
    struct trust *trust = trust_new();
    size_t count = trust_crl_hashes(before, NULL, 0);

    add_anchor(trust, "national", &root);
    for (size_t i = 0; i < count; i++)
        assert_true(trust_take_crl(trust, before, i, NULL) >= 0);
    return trust;
}

static void what_a_chain_has_proven_puts_the_older_ones_out_and_the_forged_ones_wait(void **state)
{
    struct trust *trust = trust_new(), *next;
    struct trust_crl_info info;
    struct buffer der = {0};
    size_t current = 0;

    (void)state;
    add_anchor(trust, "national", &root);
    add_crl(trust, &root, (struct pki_crl){.number = 1});
    for (int number = 5; number < 9; number++)
        add_crl(trust, &issuing, (struct pki_crl){.number = number});
    add_forged(trust, &issuing, 2);
    assert_int_equal(trust_crl_hashes(trust, NULL, 0), 7);
    assert_int_equal(judge_at(trust, good_chain(), NOW), REFUSAL_NONE);
    for (size_t i = 0; i < 7; i++) {
        trust_crl_info(trust, i, &info);
        current += info.current;
        assert_true(!info.current || info.proven);
        assert_true(!info.current || strcmp(info.number, "1") == 0 || strcmp(info.number, "8") == 0);
    }
    assert_int_equal(current, 2);

    next = next_set(trust);
    trust_free(trust);
    assert_int_equal(trust_crl_hashes(next, NULL, 0), 4);
    /* Before any chain has shown itself to this set: the number does not go back. */
    pki_crl(&issuing, &(struct pki_crl){.number = 7}, &der);
    assert_int_equal(trust_add_crl(next, buffer_bytes(&der), NULL), 1);
    buffer_free(&der);
    pki_crl(&issuing, &(struct pki_crl){.number = 9}, &der);
    assert_int_equal(trust_add_crl(next, buffer_bytes(&der), NULL), 0);
    assert_int_equal(trust_crl_hashes(next, NULL, 0), 4);
    buffer_free(&der);
    assert_int_equal(judge_at(next, good_chain(), NOW), REFUSAL_NONE);
    trust_free(next);
}

/* A CA can give its own issuing CA any name, and its lists any key id. */
static void a_ca_does_not_displace_the_list_of_another_whose_name_it_bears(void **state)
{
    X509 *leaf = leaf_with((struct pki_request){0});
    struct pki_ca namesake, disguised;
    struct trust *trust = trust_new(), *next;
    struct chain *chain;

    (void)state;
    pki_issuing(&namesake, &root, "Issuing");
    disguised = (struct pki_ca){.certificate = issuing.certificate, .key = namesake.key};
    add_anchor(trust, "national", &root);
    add_crl(trust, &root, (struct pki_crl){.number = 1});
    add_crl(trust, &issuing, (struct pki_crl){.number = 5, .revoked = leaf});
    add_crl(trust, &disguised, (struct pki_crl){.number = 1000});
    chain = chain_of(X509_dup(leaf), namesake.certificate, NULL);
    for (size_t i = 0; i < 3; i++)
        trust_prove_crl(trust, i, chain);
    chain_free(chain);
    for (int round = 0; round < 2; round++) {
        next = next_set(trust);
        trust_free(trust);
        trust = next;
        assert_int_equal(trust_crl_hashes(trust, NULL, 0), 3);
        assert_int_equal(judge_at(trust, chain_of(X509_dup(leaf), issuing.certificate, NULL), NOW),
                         REFUSAL_CERTIFICATE_REVOKED);
        assert_int_equal(judge_at(trust, good_chain(), NOW), REFUSAL_NONE);
    }
    trust_free(trust);
    X509_free(leaf);
    pki_ca_free(&namesake);
}

int __real_X509_CRL_verify(X509_CRL *crl, EVP_PKEY *key);
int __wrap_X509_CRL_verify(X509_CRL *crl, EVP_PKEY *key);

static unsigned verified;

int __wrap_X509_CRL_verify(X509_CRL *crl, EVP_PKEY *key)
{
    verified++;
    return __real_X509_CRL_verify(crl, key);
}

static void a_forged_crl_is_verified_once_however_often_it_is_asked_for(void **state)
{
    struct trust *trust = trust_new();
    struct chain *chain = good_chain();
    unsigned first;

    (void)state;
    add_anchor(trust, "national", &root);
    add_crl(trust, &root, (struct pki_crl){.number = 1});
    add_crl(trust, &issuing, (struct pki_crl){.number = 5});
    add_forged(trust, &issuing, 4);
    verified = 0;
    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < 6; i++)
            trust_prove_crl(trust, i, chain);
        first = round == 0 ? verified : first;
        assert_int_equal(judge_at(trust, good_chain(), NOW), REFUSAL_NONE);
    }
    assert_int_equal(first, 5); /* control: each of the issuer's name, once */
    assert_int_equal(verified, first);
    chain_free(chain);
    trust_free(trust);
}

static void more_crls_than_there_is_room_for_are_refused_and_harm_none_that_are_here(void **state)
{
    struct trust *trust = trust_new();
    struct pki_ca forger = {.certificate = issuing.certificate, .key = foreign.key};
    struct buffer der = {0};
    struct error e = {0};

    (void)state;
    add_anchor(trust, "national", &root);
    add_crl(trust, &root, (struct pki_crl){.number = 1});
    add_crl(trust, &issuing, (struct pki_crl){.number = 5});
    add_forged(trust, &issuing, 254);
    pki_crl(&forger, &(struct pki_crl){.number = 5000}, &der);
    assert_int_equal(trust_add_crl(trust, buffer_bytes(&der), &e), -1);
    assert_int_equal(e.kind, ERROR_CONFIG);
    assert_int_equal(trust_crl_hashes(trust, NULL, 0), 256);
    buffer_free(&der);
    /* One that puts another out needs no room. */
    pki_crl(&root, &(struct pki_crl){.number = 2}, &der);
    assert_int_equal(trust_add_crl(trust, buffer_bytes(&der), &e), 0);
    assert_int_equal(trust_crl_hashes(trust, NULL, 0), 256);
    buffer_free(&der);
    assert_int_equal(judge_at(trust, good_chain(), NOW), REFUSAL_NONE);
    trust_free(trust);
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

/* So that what a set becomes does not depend on which judgement came first. */
static void a_set_that_only_judges_proves_no_crl_by_it(void **state)
{
    (void)state;
    for (int only = 0; only < 2; only++) {
        struct trust *trust = trust_new();
        struct chain *chain = good_chain();
        struct verified_key key;
        struct trust_crl_info info;
        bool proven = true;

        add_anchor(trust, "national", &root);
        add_crl(trust, &root, (struct pki_crl){.number = 1});
        add_crl(trust, &issuing, (struct pki_crl){.number = 2});
        if (only == 1)
            trust_judge_only(trust);
        assert_int_equal(trust_verify(trust, chain, "national", SUBJECT, NOW, &key), REFUSAL_NONE);
        for (size_t i = 0; i < 2; i++) {
            trust_crl_info(trust, i, &info);
            proven = proven && info.proven;
        }
        assert_int_equal(proven, only == 0);
        for (size_t i = 0; i < 2; i++)
            assert_true(trust_prove_crl(trust, i, chain));
        chain_free(chain);
        trust_free(trust);
    }
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
    assert_false(trust_prove_crl(trust, 0, NULL));
    trust_crl_info(trust, 0, &first);
    assert_false(first.proven);
    assert_true(trust_prove_crl(trust, 0, chain));
    assert_true(trust_prove_crl(trust, 0, NULL));
    trust_crl_info(trust, 0, &first);
    assert_true(first.proven && first.current);
    assert_string_equal(first.number, "41");
    assert_true(first.next_update > 0);
    assert_true(first.name[0] != 0);
    trust_free(trust);

    trust = trust_new();
    add_anchor(trust, "root", &root);
    add_crl(trust, &root, (struct pki_crl){.number = 42});
    trust_crl_info(trust, 0, &info);
    assert_true(info.proven);
    assert_memory_not_equal(info.issuer, first.issuer, HASH_SIZE);
    trust_free(trust);

    /* The issuer's name and another's key. */
    trust = trust_new();
    add_anchor(trust, "root", &root);
    struct pki_ca impostor = {issuing.certificate, foreign.key};
    pki_crl(&impostor, &(struct pki_crl){.number = 43}, &der);
    assert_int_equal(trust_add_crl(trust, buffer_bytes(&der), NULL), 0);
    assert_false(trust_prove_crl(trust, 0, chain));
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
        cmocka_unit_test(forged_crls_with_higher_numbers_displace_nothing_in_either_order),
        cmocka_unit_test(an_issuer_that_has_only_forged_crls_stays_closed),
        cmocka_unit_test(what_a_chain_has_proven_puts_the_older_ones_out_and_the_forged_ones_wait),
        cmocka_unit_test(a_ca_does_not_displace_the_list_of_another_whose_name_it_bears),
        cmocka_unit_test(a_forged_crl_is_verified_once_however_often_it_is_asked_for),
        cmocka_unit_test(more_crls_than_there_is_room_for_are_refused_and_harm_none_that_are_here),
        cmocka_unit_test(a_crl_serves_stale_within_the_grace_and_not_beyond),
        cmocka_unit_test(a_crl_of_the_future_is_not_believed_yet),
        cmocka_unit_test(a_crl_that_cannot_be_ordered_or_is_partial_is_refused),
        cmocka_unit_test(a_set_that_only_judges_proves_no_crl_by_it),
        cmocka_unit_test(a_crl_is_proven_by_an_anchor_or_by_a_ca_of_a_chain),
        cmocka_unit_test(crl_hashes_name_the_crls_in_a_stable_order),
    };

    return cmocka_run_group_tests(tests, make_country, free_country);
}
