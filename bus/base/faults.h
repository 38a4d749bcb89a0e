#ifndef WASL_BASE_FAULTS_H
#define WASL_BASE_FAULTS_H
/* Every fault of a file for people, in order of line: "registry.yaml:12: grants[3].purpose: ...". */
#include "bytes.h"
#include <stdarg.h>

struct faults {
    struct buffer text; /* one fault a line, LF after each; of the first thousand */
    unsigned count;     /* of all */
};
void faults_free(struct faults *faults);

/* Adds one fault of the file `name` behind those of earlier and the same lines. path says where in the file;
 * it may be empty. */
void faults_add(struct faults *faults, const char *name, unsigned line, const char *path, const char *format,
                va_list args) __attribute__((format(printf, 5, 0)));

#endif
