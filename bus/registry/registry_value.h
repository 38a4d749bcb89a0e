#ifndef WASL_REGISTRY_VALUE_H
#define WASL_REGISTRY_VALUE_H
/* Single values of registry.yaml: each function judges one form and says what is wrong in static words (NULL:
 * right). */
#include "base/bytes.h"
#include "tlog/note.h"

/* "65536", "64KiB", "1MiB", "2GiB": a whole number above 0, at most 16 GiB. */
const char *value_size(const char *text, uint64_t *out);
/* RFC 3339, or a date (its first moment, UTC). */
const char *value_time(const char *text, uint64_t *out);
/* 32 bytes as 64 hexadecimal digits, or as base64; not all zero. */
const char *value_hex_key(const char *text, uint8_t out[32]);
const char *value_base64_key(const char *text, uint8_t out[32]);
const char *value_vkey(const char *text, enum note_key_type type, struct note_verifier *out);
/* Text for people: one line, at most 200 bytes. */
const char *value_name(const char *text);
/* A distinguished name as RFC 2253 writes it; only what can be judged without the certificate. */
const char *value_subject_name(const char *text);
/* Exactly one PEM certificate of a certification authority, and nothing else. */
const char *value_anchor(const char *pem);
const char *value_method(const char *text);
/* Methods that RFC 9110 calls safe. */
bool value_method_safe(const char *method);

#endif
