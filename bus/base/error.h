#ifndef WASL_BASE_ERROR_H
#define WASL_BASE_ERROR_H
/*
 * What went wrong in our own environment (a file, a library, a configuration), in words for the person who
 * has to mend it: what happened, to what, what to do. Never personal data, never key material.
 *
 * Three kinds of failure have three tools. A peer's fault is an enum refusal (refusal.h), counted and
 * answered. Our environment's is a struct error with a -1 return. Our own bug aborts (BUG_ON).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum error_kind {
    ERROR_NONE = 0,
    ERROR_USAGE,     /* the caller's words are off */
    ERROR_CONFIG,    /* a configuration or registry file is wrong */
    ERROR_IO,        /* file, socket, disk */
    ERROR_FULL,      /* a disk, map or quota is full */
    ERROR_INTEGRITY, /* stored or received data is not what was signed */
    ERROR_CRYPTO,    /* a key or a cryptographic operation */
    ERROR_NOT_FOUND, /* what was asked for does not exist */
    ERROR_MEMORY,
};

struct error {
    enum error_kind kind;
    char text[512];
};

/* Sets e (which may be NULL) and returns -1, so that a caller can say: return error_set(e, ERROR_IO, "...");
 */
int error_set(struct error *e, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts words in front of an error's text ("while opening X: ..."); returns -1. */
int error_prefix(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Our own bug: prints where and aborts, in every build. */
#define BUG_ON(condition)                                                                                    \
    do {                                                                                                     \
        if (__builtin_expect(!!(condition), 0)) {                                                            \
            fprintf(stderr, "bug: %s at %s:%d\n", #condition, __FILE__, __LINE__);                           \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

#endif
