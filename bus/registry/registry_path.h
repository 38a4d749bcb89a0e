#ifndef WASL_REGISTRY_PATH_H
#define WASL_REGISTRY_PATH_H
/* Where in the file a walk stands, so that a fault can name its path and line. */
#include "base/yamlfile.h"

struct registry_path {
    const struct yamlfile *yaml;
    struct faults *faults;
    size_t len;
    char text[256];
};
void registry_path_begin(struct registry_path *at, const struct yamlfile *yaml, struct faults *faults);
/* Goes into "members[3]"; returns what registry_path_leave needs. */
size_t registry_path_enter(struct registry_path *at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void registry_path_leave(struct registry_path *at, size_t where);
/* A fault at `key` of this place, or (NULL) at the place itself. */
void registry_path_fault(struct registry_path *at, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
