#ifndef WASL_AUDIT_SOURCE_H
#define WASL_AUDIT_SOURCE_H
/* The options that all commands share: where the ledger is read, and whose keys are believed. */
#include "reader.h"
#include "registry/registry.h"

#include <argp.h>

#define SOURCE_DEFAULT "/run/wasl-bus/audit.sock"

struct source {
    const char *where;
    const char *registry_file;
    const char *authority[16]; /* vkeys */
    size_t authority_count;
    unsigned threshold;
    struct note_verifier keys[NOTE_SIGNATURES_MOST]; /* of the ledger */
    size_t key_count;
    struct registry *registry; /* NULL when none was given */
    struct reader *reader;
    struct buffer held[16]; /* texts of the authority's keys */
};

extern const struct argp source_argp; /* a child parser; its input is a struct source */

/* Opens the registry (whose ledger keys are then believed) and the reader. 0, -1 with e set. */
int source_open(struct source *source, struct error *e);
/* Who may sign the registry, by the options. */
struct registry_authority source_authority(const struct source *source);
void source_close(struct source *source);

#endif
