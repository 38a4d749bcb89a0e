/* Certificate chains and revocation lists as bytes: what is read is exactly DER and is written again to the
 * same bytes. */
#include "fuzz_country.h"
#include "fuzz.h"

#include "base/error.h"
#include "crypto/crl_list.h"
#include "crypto/hash.h"

#include <openssl/err.h>

void fuzz_setup(void)
{
    fuzz_country();
}

void fuzz_seeds(void)
{
    struct buffer der = {0};
    chain_der(country()->chain[MI], &der);
    fuzz_seed_with(0, buffer_bytes(&der));
    chain_der(country()->chain[MEN], &der);
    fuzz_seed_with(0, buffer_bytes(&der));
    buffer_free(&der);
    fuzz_seed_with(1, buffer_bytes(&country()->crl));
    struct registry *r = fuzz_registry();
    const char *name;
    struct bytes pem;
    if (registry_anchor(r, 0, &name, &pem))
        fuzz_seed_with(2, pem);
    registry_free(r);
    for (uint8_t form = 3; form < 5; form++)
        fuzz_seed_with(form, bytes_make("\x02\x00\x00\x11\x01\x01\x03\x00\x40\x02\x01\x02", 12));
}

static void judge(struct chain *chain, const struct bytes *exactly)
{
    struct buffer der = {0};
    uint8_t hash[HASH_SIZE];
    if (chain == NULL)
        return;
    FUZZ_CHECK(chain_count(chain) >= 1 && chain_count(chain) <= CHAIN_MOST);
    chain_der(chain, &der);
    FUZZ_CHECK(exactly == NULL || bytes_equal(buffer_bytes(&der), *exactly));
    buffer_clear(&der);
    chain_certificate_der(chain, 0, &der);
    sha256(buffer_bytes(&der), hash);
    FUZZ_CHECK(memcmp(hash, chain_leaf_hash(chain), HASH_SIZE) == 0);
    char *subject = chain_subject(chain);
    free(subject);
    buffer_free(&der);
    chain_free(chain);
}

static void revocation(struct bytes data)
{
    struct crl_list *list = crl_list_new();
    struct error e = {0};
    uint8_t given[HASH_SIZE];
    if (crl_list_add(list, data, given, &e) == 0) {
        const struct crl *crl = crl_list_at(list, 0);
        uint8_t hash[HASH_SIZE];
        FUZZ_CHECK(crl != NULL && crl_list_at(list, 1) == NULL);
        sha256(buffer_bytes(&crl->der), hash);
        FUZZ_CHECK(memcmp(hash, crl->hash, HASH_SIZE) == 0 && memcmp(hash, given, HASH_SIZE) == 0);
        /* The same again changes nothing. */
        struct buffer copy = {0};
        buffer_append_bytes(&copy, buffer_bytes(&crl->der));
        (void)crl_list_add(list, buffer_bytes(&copy), given, &e);
        FUZZ_CHECK(crl_list_at(list, 1) == NULL);
        buffer_free(&copy);
    } else {
        FUZZ_CHECK(e.text[0] != 0 && crl_list_at(list, 0) == NULL);
    }
    crl_list_free(list);
}

void fuzz_target(struct fuzz_input *in)
{
    unsigned form = fuzz_u8(in) % 5;
    struct buffer made = {0};
    struct error e = {0};
    if (form >= 3) {
        if (form == 3)
            chain_der(country()->chain[MI], &made);
        else
            buffer_append_bytes(&made, buffer_bytes(&country()->crl));
        fuzz_edit(in, &made);
    }
    struct bytes data = form >= 3 ? buffer_bytes(&made) : fuzz_rest(in);
    if (form == 0 || form == 3)
        judge(chain_parse_der(data, &e), &data);
    else if (form == 2)
        judge(chain_parse_pem(data, &e), NULL);
    else
        revocation(data);
    ERR_clear_error();
    buffer_free(&made);
}
