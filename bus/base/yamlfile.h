#ifndef WASL_BASE_YAMLFILE_H
#define WASL_BASE_YAMLFILE_H
/*
 * YAML files for people. libcyaml's schema is the one description of a file's form; libcyaml itself stops at
 * the first fault, so we first walk the document against that schema and report every fault with its path and
 * line, then let libcyaml load it into structs. The document's marks stay, so faults of meaning can name a
 * line too.
 */
#include "bytes.h"
#include "faults.h"
#include <cyaml/cyaml.h>

struct error;
struct yamlfile;

/* Parses the text (name is what faults call it). Duplicate keys, aliases, nesting over 16 and texts over 16
 * MiB are faults. NULL with at least one fault when it is not YAML or has another form than the schema says.
 */
struct yamlfile *yamlfile_parse(struct bytes text, const char *name, const cyaml_schema_value_t *schema,
                                struct faults *faults);
void yamlfile_free(struct yamlfile *file); /* also frees what yamlfile_root gave; NULL is harmless */
/* The structs that the schema describes, owned by file. */
const void *yamlfile_root(const struct yamlfile *file);
/* Records a fault of meaning at a path such as "members[2].subsystems[0].code"; the line is looked up
 * (nearest parent where the path itself is not in the file). */
void yamlfile_fault(const struct yamlfile *file, struct faults *faults, const char *path, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));
/* Line (from 1) of a path; 0 when not found. */
unsigned yamlfile_line(const struct yamlfile *file, const char *path);

#endif
