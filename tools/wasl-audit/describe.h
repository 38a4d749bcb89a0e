#ifndef WASL_AUDIT_DESCRIBE_H
#define WASL_AUDIT_DESCRIBE_H
/* An entry in words, on standard output: a name and a value on each line. */
#include "record.h"

void describe(const char *name, const char *value); /* nothing when there is no value */
void describe_hex(const char *name, const uint8_t *data, size_t len);
/* utc: times in UTC instead of the local zone. */
void describe_entry(const struct record *record, bool utc);
void describe_header(const struct record *record, bool utc); /* of an entry that has one */

#endif
