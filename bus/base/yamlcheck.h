#ifndef WASL_BASE_YAMLCHECK_H
#define WASL_BASE_YAMLCHECK_H
/*
 * The walk of yamlfile: every fault of a document against a libcyaml schema. Stricter than libcyaml, which
 * takes "12abc" and octal "010" for numbers, any word for true, and the last of two equal keys.
 */
#include "faults.h"
#include <cyaml/cyaml.h>
#include <yaml.h>

void yamlcheck(yaml_document_t *document, const cyaml_schema_value_t *schema, const char *name,
               struct faults *faults);

#endif
