/* From bytes to a registry without a fault, or to nothing but faults. */
#include "registry/registry_internal.h"

#include "crypto/hash.h"

struct registry *registry_build(struct buffer *file, struct bytes document, const char *name,
                                struct faults *faults)
{
    struct registry *r = memory_zeroed(1, sizeof *r);
    atomic_init(&r->references, 1);
    r->file = *file;
    *file = (struct buffer){0};
    r->document = document;
    unsigned before = faults->count;
    r->yaml = yamlfile_parse(document, name, &registry_schema, faults);
    if (r->yaml == NULL)
        goto fail;
    r->form = yamlfile_root(r->yaml);
    registry_load(r, faults);
    registry_check(r, faults);
    if (faults->count != before)
        goto fail;
    sha256(buffer_bytes(&r->file), r->hash);
    return r;

fail:
    registry_free(r);
    return NULL;
}

struct registry *registry_parse(struct bytes document, const char *name, struct faults *faults)
{
    struct buffer file = {0};
    buffer_append_bytes(&file, document);
    return registry_build(&file, buffer_bytes(&file), name, faults);
}
