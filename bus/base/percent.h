#ifndef WASL_BASE_PERCENT_H
#define WASL_BASE_PERCENT_H
/* Percent-encoding (RFC 3986). */
#include "bytes.h"

/* Appends the decoded bytes. False (out unchanged) when an escape is cut or not hexadecimal, or decodes to
 * NUL. '+' is an ordinary byte: this is not a form. */
bool percent_decode(struct bytes text, struct buffer *out);

#endif
