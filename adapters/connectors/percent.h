#ifndef WASL_CONNECTORS_PERCENT_H
#define WASL_CONNECTORS_PERCENT_H
/* Percent-encoding (RFC 3986) and UTF-8, for fronts and connectors. */
#include "base/bytes.h"

/* Appends the decoded bytes. False (out unchanged) when an escape is cut or not hexadecimal, or decodes to
 * NUL. '+' is an ordinary byte: this is not a form. */
bool percent_decode(struct bytes text, struct buffer *out);
/* Well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF. */
bool utf8_valid(struct bytes text);

#endif
