#include "fuzz_country.h"

#include "base/error.h"
#include "fuzz.h"

struct country *fuzz_country(void)
{
    static bool made;
    struct country *c = country();
    char command[96];
    if (made)
        return c;
    made = true;
    snprintf(command, sizeof command, "rm -rf '%s'", c->folder);
    FUZZ_CHECK(system(command) == 0);
    return c;
}

struct registry *fuzz_registry(void)
{
    static struct registry *registry;
    if (registry == NULL) {
        const struct country *c = fuzz_country();
        const char *keys[] = {c->authority_vkey};
        const struct registry_authority authority = {keys, 1, 1};
        registry = registry_open_signed(buffer_bytes(&c->registry), NULL, &authority, NULL, NULL);
        FUZZ_CHECK(registry != NULL);
    }
    return registry_ref(registry);
}
