#ifndef WASL_AUDIT_EXITS_H
#define WASL_AUDIT_EXITS_H
/* Exit codes: scripts of auditors rely on them. */
#include "base/error.h"

enum exit_code {
    EXIT_GOOD = 0,
    EXIT_NONE = 1,      /* nothing found */
    EXIT_USAGE = 2,     /* the words on the command line are off */
    EXIT_INTEGRITY = 3, /* what was read is not what was signed */
    EXIT_IO = 6,        /* file, socket, disk */
};

/* Prints "wasl-audit: ..." on standard error and says what to exit with. */
static inline int exit_with(const struct error *e)
{
    fprintf(stderr, "wasl-audit: %s\n", e->text);
    switch (e->kind) {
    case ERROR_USAGE:
    case ERROR_CONFIG:
        return EXIT_USAGE;
    case ERROR_INTEGRITY:
    case ERROR_CRYPTO:
        return EXIT_INTEGRITY;
    default:
        return EXIT_IO;
    }
}

#endif
