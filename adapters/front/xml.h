#ifndef WASL_FRONT_XML_H
#define WASL_FRONT_XML_H
/* The little XML that the front writes: faults and the list of clients. */
#include "base/bytes.h"

/* <name>text</name>, text escaped. XML 1.0 has no control characters but tab, CR and LF: they become '?'. */
void xml_element(struct buffer *out, const char *name, const char *text);

#endif
