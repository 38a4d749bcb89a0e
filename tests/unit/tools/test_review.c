/* wasl-audit verify --registry: what the bus admitted is judged again by what was in force then. */
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
    world_exchange(1, "SCHOOL-ENROLMENT", MI);
    assert_int_equal(verify(), 0);
    assert_true(output_has("judged by the registry and revocation lists of then"));
}

static void a_request_that_was_admitted_without_a_grant_is_found(void **state)
{
    (void)state;
    assert_int_equal(world_exchange(1, "STATISTICS", MI), 5);
    assert_int_equal(verify(), 3);
    assert_true(output_has(
        "entry 5: admitted, although by the registry of then: There is a grant, but not for this"));
    assert_false(output_has("entry 6"));
}

static void an_answer_that_another_member_signed_is_found(void **state)
{
    (void)state;
    world_exchange(1, "SCHOOL-ENROLMENT", MEN);
    assert_int_equal(verify(), 3);
    assert_true(output_has("entry 6: admitted, although by what was in force then"));
    assert_false(output_has("entry 5"));
}

static void a_message_is_judged_by_the_revocations_of_then_and_not_of_today(void **state)
{
    (void)state;
    world_exchange(1, "SCHOOL-ENROLMENT", MI); /* 5, 6: before */
    world_make_pki("revoke TN/GOV/MI");
    world.forge.time += 60 * MICROSECONDS;
    world_take_crl("issuing"); /* 7 */
    assert_int_equal(verify(), 0);
    world.forge.time += 60 * MICROSECONDS;
    world_exchange(2, "SCHOOL-ENROLMENT", MI); /* 8, 9: after */
    assert_int_equal(verify(), 3);
    assert_true(output_has(
        "entry 9: admitted, although by what was in force then: The signing certificate is revoked"));
    assert_false(output_has("entry 6"));
    assert_false(output_has("entry 8"));
}

/* The bus judges again what waited behind a change, so there is no grace behind one. */
static void what_is_written_right_behind_a_revocation_is_judged_by_it(void **state)
{
    (void)state;
    world_make_pki("revoke TN/GOV/MI");
    world_exchange(1, "SCHOOL-ENROLMENT", MI); /* 5, 6 */
    world_take_crl("issuing");                 /* 7 */
    assert_int_equal(verify(), 0);
    world_exchange(2, "SCHOOL-ENROLMENT", MI); /* 8, 9 */
    assert_int_equal(verify(), 3);
    assert_true(output_has(
        "entry 9: admitted, although by what was in force then: The signing certificate is revoked"));
    assert_false(output_has("entry 6"));
}

static void what_is_written_right_behind_a_suspension_is_judged_by_it(void **state)
{
    (void)state;
    world_exchange(1, "SCHOOL-ENROLMENT", MI); /* 5, 6 */
    world.suspended = "TN/GOV/MI";
    world_sign_registry();
    world_exchange(2, "SCHOOL-ENROLMENT", MI); /* 7, 8 */
    assert_int_equal(verify(), 3);
    assert_true(output_has("entry 8: admitted, although the registry of then suspends its signer"));
    assert_false(output_has("entry 6"));
}

static void an_entry_cannot_say_that_its_registry_is_another_version(void **state)
{
    (void)state;
    world_exchange(1, "SCHOOL-ENROLMENT", MI); /* 5, 6 */
    world.forge.version = 7;
    world_exchange(2, "SCHOOL-ENROLMENT", MI); /* 7, 8 */
    assert_int_equal(verify(), 3);
    assert_true(output_has("entry 7: it says that version 7 of the registry was in force, but the one that "
                           "it names is version 1"));
    assert_false(output_has("entry 6"));
}

static void an_entry_with_a_message_names_its_registry(void **state)
{
    (void)state;
    uint8_t registry[HASH_SIZE];
    memcpy(registry, world.forge.registry, HASH_SIZE);
    world_exchange(1, "SCHOOL-ENROLMENT", MI); /* 5, 6 */
    memset(world.forge.registry, 0, HASH_SIZE);
    world_exchange(2, "SCHOOL-ENROLMENT", MI); /* 7, 8 */
    memcpy(world.forge.registry, registry, HASH_SIZE);
    assert_int_equal(verify(), 3);
    assert_true(output_has("entry 7: it does not name the registry that it was judged by"));
    assert_false(output_has("entry 6"));
}

static void a_registry_of_another_authority_is_not_believed(void **state)
{
    (void)state;
    world_exchange(1, "SCHOOL-ENROLMENT", MI);
    snprintf(world.authority, sizeof world.authority, "%s/pki/bus/ledger.vkey", world.pki);
    assert_int_equal(verify(), 3);
    assert_false(output_has("GOOD"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_begin, world_finish)
    const struct CMUnitTest tests[] = {
        T(what_was_admitted_by_the_registry_of_then_is_good),
        T(a_request_that_was_admitted_without_a_grant_is_found),
        T(an_answer_that_another_member_signed_is_found),
        T(a_message_is_judged_by_the_revocations_of_then_and_not_of_today),
        T(what_is_written_right_behind_a_revocation_is_judged_by_it),
        T(what_is_written_right_behind_a_suspension_is_judged_by_it),
        T(an_entry_cannot_say_that_its_registry_is_another_version),
        T(an_entry_with_a_message_names_its_registry),
        T(a_registry_of_another_authority_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
