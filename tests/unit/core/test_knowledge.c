/* By what an adapter judges: what lists from the bus do to those it has. */
#include "core/knowledge.h"
#include "country.h"

#include "base/clock.h"
#include "base/error.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CRLS_MOST 256 /* of a trust set */

static struct knowledge *open_knowledge(const char *folder)
{
    struct error e = {0};
    static char *keys[1]; /* pinned for as long as the knowledge is open */
    keys[0] = country()->authority_vkey;
    struct registry_authority authority = {(const char *const *)keys, 1, 1};
    struct knowledge *k = knowledge_open(folder, "TN", &authority, NULL, DAY_MICROSECONDS, &e);
    if (k == NULL)
        fail_msg("%s", e.text);
    return k;
}

static struct knowledge *fresh(char folder[96])
{
    struct error e = {0};
    country_state(folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    struct knowledge *k = open_knowledge(folder);
    assert_int_equal(knowledge_take_registry(k, buffer_bytes(&country()->registry), &e), 0);
    return k;
}

static int take(struct knowledge *k, long number, int revoked)
{
    struct buffer der = {0};
    struct error e = {0};
    country_crl(number, revoked, &der);
    int result = knowledge_take_crl(k, buffer_bytes(&der), &e);
    buffer_free(&der);
    return result;
}

static void take_forged(struct knowledge *k, long first, int count)
{
    EVP_PKEY *own = country()->ca_key;
    country()->ca_key = EVP_EC_gen("P-256");
    for (int i = 0; i < count; i++)
        assert_int_equal(take(k, first + i, MEMBERS), 0);
    EVP_PKEY_free(country()->ca_key);
    country()->ca_key = own;
}

static enum refusal judge(struct knowledge *k, int m)
{
    struct verified_key key;
    char subject[64];
    snprintf(subject, sizeof(subject), "CN=%s,O=Wasl,C=TN", country_member[m]);
    return trust_verify(knowledge_trust(k), country()->chain[m], "root", subject, clock_wall(), &key);
}

static void a_forged_crl_from_the_bus_displaces_nothing_also_after_a_restart(void **state)
{
    char folder[96];
    struct knowledge *k = fresh(folder);
    (void)state;
    assert_int_equal(take(k, 3, MEN), 0);
    take_forged(k, 1000, 2);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(judge(k, MI), REFUSAL_NONE);
        assert_int_equal(judge(k, MEN), REFUSAL_CERTIFICATE_REVOKED);
        assert_int_equal(take(k, 2, MEMBERS), -1); /* it does not go back */
        knowledge_close(k);
        k = open_knowledge(folder);
    }
    assert_int_equal(take(k, 4, MI), 0);
    assert_int_equal(judge(k, MI), REFUSAL_CERTIFICATE_REVOKED);
    assert_int_equal(judge(k, MEN), REFUSAL_NONE);
    knowledge_close(k);
}

static void forged_crls_do_not_take_the_room_of_the_next_good_one(void **state)
{
    char folder[96];
    struct knowledge *k = fresh(folder);
    (void)state;
    assert_int_equal(take(k, 3, MEN), 0);
    take_forged(k, 1000, CRLS_MOST - 1);
    assert_int_equal(trust_crl_hashes(knowledge_trust(k), NULL, 0), CRLS_MOST);
    take_forged(k, 5000, 1); /* the last that still fits makes room */
    assert_int_equal(trust_crl_hashes(knowledge_trust(k), NULL, 0), 2);
    assert_int_equal(judge(k, MEN), REFUSAL_CERTIFICATE_REVOKED);
    take_forged(k, 6000, CRLS_MOST - 2);
    assert_int_equal(take(k, 4, MI), 0);
    assert_int_equal(judge(k, MI), REFUSAL_CERTIFICATE_REVOKED);
    assert_int_equal(judge(k, MEN), REFUSAL_NONE);
    knowledge_close(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forged_crl_from_the_bus_displaces_nothing_also_after_a_restart),
        cmocka_unit_test(forged_crls_do_not_take_the_room_of_the_next_good_one),
    };
    return cmocka_run_group_tests_name("core-knowledge", tests, NULL, country_teardown);
}
