#include "wasl/registry_file.h"

#include "wasl/command.h"

#include <string.h>

void registry_trust_add(struct registry_trust *trust, const char *vkey)
{
    if (trust->key_count == trust->key_room) {
        size_t room = trust->key_room + 16;
        const char **keys = memory_zeroed(room, sizeof *keys);
        for (size_t i = 0; i < trust->key_count; i++)
            keys[i] = trust->keys[i];
        free(trust->keys);
        trust->keys = keys;
        trust->key_room = room;
    }
    trust->keys[trust->key_count++] = vkey;
}

void registry_trust_free(struct registry_trust *trust)
{
    free(trust->keys);
    *trust = (struct registry_trust){0};
}

static bool is_signed(struct bytes file)
{
    static const char first[] = "wasl-registry/";
    return file.len >= strlen(first) && memcmp(file.data, first, strlen(first)) == 0;
}

static bool signed_by_itself(struct bytes file, const struct registry *r)
{
    struct registry_authority authority = registry_authority_of(r);
    struct registry *again = registry_open_signed(file, NULL, &authority, NULL, NULL);
    registry_free(again);
    return again != NULL;
}

static struct registry *open_trusted(struct bytes file, const struct registry_trust *trust,
                                     struct faults *faults, struct error *e)
{
    if (trust->previous == NULL) {
        struct registry_authority pinned = {trust->keys, trust->key_count,
                                            trust->threshold != 0 ? trust->threshold
                                                                  : (unsigned)trust->key_count};
        return registry_open_signed(file, NULL, &pinned, faults, e);
    }
    struct buffer before = {0};
    struct registry *previous = NULL, *r = NULL;
    if (file_read(trust->previous, REGISTRY_FILE_MOST, &before, e) == 0) {
        previous = registry_open_unjudged(buffer_bytes(&before), faults, e);
        if (previous == NULL)
            error_prefix(e, "%s: ", trust->previous);
        else
            r = registry_open_signed(file, previous, NULL, faults, e);
    }
    registry_free(previous);
    buffer_free(&before);
    return r;
}

int registry_read(const char *path, const struct registry_trust *trust, struct registry_read *out)
{
    struct error e = {0};
    struct faults faults = {0};
    struct buffer file = {0};
    int result = WASL_GOOD;
    *out = (struct registry_read){0};
    if (file_read(path, REGISTRY_FILE_MOST, &file, &e) != 0) {
        result = command_failed(&e);
        goto out;
    }
    struct bytes bytes = buffer_bytes(&file);
    out->is_signed = is_signed(bytes);
    out->trusted = out->is_signed && (trust->previous != NULL || trust->key_count > 0);
    if (!out->is_signed)
        out->registry = registry_parse(bytes, path, &faults);
    else if (out->trusted)
        out->registry = open_trusted(bytes, trust, &faults, &e);
    else
        out->registry = registry_open_unjudged(bytes, &faults, &e);
    out->self_signed = out->is_signed && out->registry != NULL && signed_by_itself(bytes, out->registry);
    if (out->registry == NULL) {
        fwrite(faults.text.data, 1, faults.text.len, stderr);
        if (faults.count > 0) {
            fprintf(stderr, "wasl: %s: %u fault%s\n", path, faults.count, faults.count == 1 ? "" : "s");
            result = WASL_REFUSED;
        } else {
            error_prefix(&e, "%s: ", path);
            result = command_failed(&e);
        }
    }

out:
    faults_free(&faults);
    buffer_free(&file);
    return result;
}
