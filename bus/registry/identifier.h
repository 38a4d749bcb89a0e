#ifndef WASL_REGISTRY_IDENTIFIER_H
#define WASL_REGISTRY_IDENTIFIER_H
/*
 * Identifiers of members, subsystems and services: parts of ASCII letters, digits, '.', '_' and '-', each
 * beginning with a letter or digit, 1 to 64 bytes; joined by '/'; 200 bytes at most as a whole. Nothing that
 * could be confused with another, no NUL, no escape. instance/class/member[/subsystem[/service]]
 * TN/GOV/MI/civil/person
 */
#include "base/bytes.h"

#define IDENTIFIER_MOST 200

bool identifier_part_valid(struct bytes part);
/* Number of parts (1 to 5) of a valid identifier; 0 when it is not valid. */
unsigned identifier_parts(struct bytes id);
/* Length of the first n parts with their slashes: identifier_prefix("TN/GOV/MI/civil", 3) is 9. 0 when
 * shorter. */
size_t identifier_prefix(struct bytes id, unsigned n);
/* Codes of purposes, operations, retention classes and media types: the same alphabet plus '/' and '+', 1
 * to 64. */
bool code_valid(struct bytes code);

#endif
