#ifndef WASL_TESTS_UNIT_SCRATCH_H
#define WASL_TESTS_UNIT_SCRATCH_H
/* A folder of a test's own, gone when the test is over: cmocka_unit_test_setup_teardown(test, scratch_make,
 * scratch_remove). scratch_path(state, "name") is good until its eighth successor. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline int scratch_make(void **state)
{
    const char *base = getenv("TMPDIR");
    char *folder = malloc(4096);
    snprintf(folder, 4096, "%s/wasl-test-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(folder) == NULL)
        return -1;
    *state = folder;
    return 0;
}

static inline int scratch_unlink(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

/* A folder with everything in it. */
static inline int scratch_delete(const char *folder)
{
    return nftw(folder, scratch_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int scratch_remove(void **state)
{
    int result = scratch_delete(*state);
    free(*state);
    return result;
}

static inline const char *scratch_path(void **state, const char *name)
{
    static char paths[8][8192];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", (const char *)*state, name);
    return path;
}

#define in_scratch(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

#endif
