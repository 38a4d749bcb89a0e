#include "manners/credential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void leads_to(const char *path, const char *expected)
{
    static const char folder[] = "/etc/wasl/bus.yaml";
    char *placed = credential_path(path, folder, 10);
    assert_string_equal(placed, expected);
    free(placed);
}

static void a_path_begins_at_its_folder_unless_it_is_absolute(void **state)
{
    (void)state;
    leads_to("link.key", "/etc/wasl/link.key");
    leads_to("/srv/link.key", "/srv/link.key");
    char *placed = credential_path("link.key", "bus.yaml", 0);
    assert_string_equal(placed, "link.key");
    free(placed);
}

static void a_credential_is_where_the_manager_put_it(void **state)
{
    (void)state;
    setenv("CREDENTIALS_DIRECTORY", "/run/credentials/wasl-bus.service", 1);
    leads_to("credential:link.key", "/run/credentials/wasl-bus.service/link.key");
    /* A name, not a way out of that folder. */
    leads_to("credential:../other.service/link.key", "credential:../other.service/link.key");
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void a_credential_without_a_manager_keeps_its_words_for_the_fault(void **state)
{
    (void)state;
    leads_to("credential:link.key", "credential:link.key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_begins_at_its_folder_unless_it_is_absolute),
        cmocka_unit_test(a_credential_is_where_the_manager_put_it),
        cmocka_unit_test(a_credential_without_a_manager_keeps_its_words_for_the_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
