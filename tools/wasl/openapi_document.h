#ifndef WASL_TOOL_OPENAPI_DOCUMENT_H
#define WASL_TOOL_OPENAPI_DOCUMENT_H
/*
 * An OpenAPI (3.0, 3.1) or Swagger (2.0) document, YAML or JSON, as a tree whose nodes know their lines. It
 * comes from strangers: at most DESCRIPTION_MOST bytes and 64 levels, one document, no anchors or aliases (a
 * few of them unfold into more than any memory), no key twice, no key that is not a text, no NUL.
 *
 * All strings are the document's and live as long as it does.
 */
#include "base/faults.h"

#include <yaml.h>

struct openapi;

/* name is what faults call it. NULL with at least one fault. */
struct openapi *openapi_load(struct bytes text, const char *name, struct faults *faults);
void openapi_free(struct openapi *document); /* NULL is harmless */

const char *openapi_version(const struct openapi *document); /* "3.0.3"; "2.0" */
bool openapi_is_swagger(const struct openapi *document);     /* 2.0 */
const yaml_node_t *openapi_root(const struct openapi *document);

/* All take NULL for a node, and give NULL, false or 0 then. */
unsigned openapi_line(const yaml_node_t *node);
const char *openapi_text(const yaml_node_t *node); /* of a scalar */
/* The value of a mapping's key. */
const yaml_node_t *openapi_member(const struct openapi *document, const yaml_node_t *node, const char *key);
/* The text of a mapping's key. */
const char *openapi_member_text(const struct openapi *document, const yaml_node_t *node, const char *key);
/* By position. False past the end, and for other kinds of nodes. key may be NULL. */
bool openapi_pair(const struct openapi *document, const yaml_node_t *node, size_t i, const yaml_node_t **key,
                  const yaml_node_t **value);
const yaml_node_t *openapi_item(const struct openapi *document, const yaml_node_t *node, size_t i);
/* What "#/components/schemas/Person" names; NULL: nothing in this document. */
const yaml_node_t *openapi_find(const struct openapi *document, const char *reference);

#endif
