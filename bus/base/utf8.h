#ifndef WASL_BASE_UTF8_H
#define WASL_BASE_UTF8_H
/* UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing above U+10FFFF. */
#include "bytes.h"

/* Length of the character that text begins with, and its code point; 0 when there is none. */
size_t utf8_character(struct bytes text, uint32_t *point);
bool utf8_valid(struct bytes text);
/* Control characters, line separators and marks that turn the direction of writing could make one line look
 * like another. What is shown to people has them escaped. */
bool utf8_harmless(uint32_t point);

#endif
