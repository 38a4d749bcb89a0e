#include "state.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int state_default_path(const char *origin, struct buffer *path, struct error *e)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state != NULL && *state == '/')
        buffer_printf(path, "%s/wasl-audit/", state);
    else if (home != NULL && *home == '/')
        buffer_printf(path, "%s/.local/state/wasl-audit/", home);
    else
        return error_set(e, ERROR_USAGE,
                         "neither XDG_STATE_HOME nor HOME is set: say with --state where to remember the "
                         "checkpoint");
    /* The origin comes from a signed checkpoint, and still may not choose a path. */
    for (const char *p = origin; *p != '\0'; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                     *p == '-' || (*p == '.' && p != origin);
        buffer_append(path, plain ? p : "_", 1);
    }
    buffer_append(path, ".checkpoint", sizeof ".checkpoint");
    return 0;
}

int state_load(const char *path, const struct note_verifier *keys, size_t count, struct checkpoint *out,
               struct error *e)
{
    struct buffer note = {0};
    int result = -1;
    if (file_read(path, NOTE_MOST, &note, e) != 0) {
        if (e->kind == ERROR_NOT_FOUND)
            result = 0;
    } else if (!checkpoint_open(buffer_bytes(&note), keys, count, out)) {
        error_set(
            e, ERROR_INTEGRITY,
            "%s: not a checkpoint that the ledger key given has signed. If it is that of another ledger "
            "of the same name, say with --state where this one is to be remembered",
            path);
    } else {
        result = 1;
    }
    buffer_free(&note);
    return result;
}

static void make_folders(char *path)
{
    for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        mkdir(path, 0700); /* what is missing in the end shows when the file is written */
        *p = '/';
    }
}

int state_save(const char *path, struct bytes note, struct error *e)
{
    char *copy = string_copy(path);
    make_folders(copy);
    free(copy);
    return file_write_atomically(path, note, 0600, e);
}
