#ifndef WASL_BENCH_HTTP_WISH_H
#define WASL_BENCH_HTTP_WISH_H
/* What is asked for, and what the answer has to be: read from a file, since paths name people and the command
 * line is everybody's to read. A line is {"path": "/persons/...", "subject": "IUC:...", "answer": {...}}. */
#include "base/bytes.h"

#include <jansson.h>

struct error;

struct http_wish {
    struct buffer request; /* the whole HTTP request */
    json_t *answer;        /* status 200 and this */
};
struct http_wishes {
    struct http_wish *all;
    size_t count;
};
/* The same in each request. */
struct http_words {
    const char *client, *service,
        *purpose; /* TN/GOV/MEN/enrolment, TN/GOV/MI/civil/person, SCHOOL-ENROLMENT */
};

/* 0, or -1 with e set (ERROR_CONFIG with the line's number: not what was meant, or a line break in a value).
 * Free in either case. */
int http_wishes_read(const char *path, const struct http_words *words, struct http_wishes *out,
                     struct error *e);
void http_wishes_free(struct http_wishes *wishes);

#endif
