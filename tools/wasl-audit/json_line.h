#ifndef WASL_AUDIT_JSON_LINE_H
#define WASL_AUDIT_JSON_LINE_H
/* JSON, one object a line, that a hostile ledger cannot turn against a terminal either (text.h). */
#include "base/bytes.h"

#include <jansson.h>

/* A string, as text_put writes it. A new reference. */
json_t *json_safe(struct bytes text);
/* Appends the object and an LF, and drops the reference. */
void json_line(json_t *object, struct buffer *out);

#endif
