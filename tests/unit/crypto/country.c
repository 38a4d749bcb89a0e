#include "country.h"
#include "checks.h"

#include <openssl/err.h>

struct pki_ca root;
struct pki_ca issuing;
struct pki_ca foreign;
EVP_PKEY *member_key;

int make_country(void **state)
{
    (void)state;
    pki_root(&root, "Root", "P-256");
    pki_issuing(&issuing, &root, "Issuing");
    pki_root(&foreign, "Foreign", "P-256");
    member_key = pki_key("P-256");
    return 0;
}

int free_country(void **state)
{
    (void)state;
    pki_ca_free(&root);
    pki_ca_free(&issuing);
    pki_ca_free(&foreign);
    EVP_PKEY_free(member_key);
    return 0;
}

X509 *leaf_with(struct pki_request wish)
{
    wish.name = wish.name == NULL ? "TN/GOV/MI" : wish.name;
    wish.key = wish.key == NULL ? member_key : wish.key;
    return pki_certificate(&issuing, &wish);
}

struct chain *chain_of(X509 *leaf, X509 *second, X509 *third)
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

struct chain *good_chain(void)
{
    return chain_of(leaf_with((struct pki_request){0}), issuing.certificate, NULL);
}

void add_anchor(struct trust *trust, const char *name, const struct pki_ca *ca)
{
    struct buffer pem = {0};

    pki_pem(ca->certificate, &pem);
    assert_int_equal(trust_add_anchor(trust, name, buffer_bytes(&pem), NULL), 0);
    buffer_free(&pem);
}

void add_crl(struct trust *trust, const struct pki_ca *ca, struct pki_crl crl)
{
    struct buffer der = {0};

    pki_crl(ca, &crl, &der);
    assert_int_equal(trust_add_crl(trust, buffer_bytes(&der), NULL), 0);
    buffer_free(&der);
}

struct trust *trust_with(struct pki_crl issuing_crl)
{
    struct trust *trust = trust_new();

    add_anchor(trust, "national", &root);
    add_anchor(trust, "external", &foreign);
    add_crl(trust, &root, (struct pki_crl){.number = 1, .next_update = 400 * PKI_DAY});
    add_crl(trust, &foreign, (struct pki_crl){.number = 1, .next_update = 400 * PKI_DAY});
    add_crl(trust, &issuing, issuing_crl);
    return trust;
}

struct trust *good_trust(void)
{
    return trust_with((struct pki_crl){.number = 1});
}

enum refusal judge_at(struct trust *trust, struct chain *chain, uint64_t now)
{
    struct verified_key key;
    enum refusal refusal = trust_verify(trust, chain, "national", SUBJECT, now, &key);

    assert_true((refusal == REFUSAL_NONE) == (key.key != NULL));
    assert_int_equal(ERR_peek_error(), 0);
    chain_free(chain);
    return refusal;
}

enum refusal judge(struct chain *chain)
{
    struct trust *trust = good_trust();
    enum refusal refusal = judge_at(trust, chain, NOW);

    trust_free(trust);
    return refusal;
}

enum refusal judge_leaf(struct pki_request wish)
{
    return judge(chain_of(leaf_with(wish), issuing.certificate, NULL));
}
