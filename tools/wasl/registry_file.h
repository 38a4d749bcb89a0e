#ifndef WASL_TOOL_REGISTRY_FILE_H
#define WASL_TOOL_REGISTRY_FILE_H
/* Reading a registry from disk as the commands do: a document, or a signed file. */
#include "registry/registry.h"

#define REGISTRY_FILE_MOST ((size_t)17 << 20)

struct registry_trust {
    const char *previous; /* path of a signed file; NULL */
    const char **keys;    /* vkeys that the caller trusts */
    size_t key_count, key_room;
    unsigned threshold; /* 0: all of them */
};
void registry_trust_add(struct registry_trust *trust, const char *vkey);
void registry_trust_free(struct registry_trust *trust);

struct registry_read {
    struct registry *registry;
    bool is_signed;
    bool trusted;     /* signed by keys, or following a previous version, that the caller named */
    bool self_signed; /* signed by the keys that it names itself: whole, but by whom is for the reader to know
                       */
};
/* Prints every fault on standard error. WASL_GOOD, or the exit code after saying why. */
int registry_read(const char *path, const struct registry_trust *trust, struct registry_read *out);

#endif
