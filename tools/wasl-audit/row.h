#ifndef WASL_AUDIT_ROW_H
#define WASL_AUDIT_ROW_H
/* One line of the log: what an entry says, joined with the request it is about where it only names the
 * exchange; and its three forms. */
#include "exchanges.h"
#include "record.h"

struct row {
    const struct record *record;
    const struct header *header; /* its own, or the request's; NULL when there is none */
    char exchange[37];           /* empty: it is about none */
    char service[IDENTIFIER_MOST + CODE_MOST + 2];
    const char *outcome;
    unsigned refusal;
};
/* exchanges: the requests seen so far, for the join; row points into it and into record. */
void row_make(struct row *row, const struct record *record, struct exchanges *exchanges);

enum row_form { ROW_SHORT, ROW_JSONL, ROW_CSV };
/* Appends one line with its LF. */
void row_put(const struct row *row, enum row_form form, bool utc, struct buffer *out);
/* An entry that cannot be read is shown, never skipped. */
void row_put_unreadable(uint64_t index, enum row_form form, struct buffer *out);
void row_put_heading(enum row_form form, struct buffer *out); /* of CSV; nothing for the others */

#endif
