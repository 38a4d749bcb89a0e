#ifndef WASL_AUDIT_TEXT_H
#define WASL_AUDIT_TEXT_H
/* Output that a hostile ledger cannot turn against who reads it: neither a terminal nor a spreadsheet. */
#include "base/bytes.h"

/* Time with its zone: "2026-11-22T06:55:56.123456+01:00", or with Z when utc. */
void text_time(uint64_t microseconds, bool utc, struct buffer *out);
/* A point in time: RFC 3339 with its zone, a date (midnight UTC), or how long before `now`: "90s", "15m",
 * "2h", "7d". */
bool text_parse_time(const char *text, uint64_t now, uint64_t *out);
/* Valid UTF-8 as it is; control characters, marks that change the direction of writing, and what is not UTF-8
 * as \xNN. */
void text_put(struct bytes text, struct buffer *out);
/* One CSV cell in quotes; a value that a spreadsheet would take for a formula gets an apostrophe in front. */
void text_put_cell(struct bytes text, struct buffer *out);
void text_put_hex(struct bytes data, struct buffer *out);

#endif
