#ifndef WASL_FRONT_HEAD_H
#define WASL_FRONT_HEAD_H
/*
 * Where a request's head and body end must not depend on who reads them: behind a proxy that reads them
 * otherwise, a part of one client's request would be taken for another's. libmicrohttpd 0.9.75 is generous:
 * it takes a bare LF for a line's end, joins a folded line to the *name* of the field before, cuts at a NUL,
 * takes several blanks for one, the first of two Content-Lengths, and any Transfer-Encoding for a body
 * without end. It leaves the texts where they were received, though, with zeroes in place of the separators:
 * so the distances between them tell what stood there. This judges those distances (as numbers, nothing is
 * read there) and the fields that say how long the body is. Whatever is not exactly `METHOD SP target SP
 * version CRLF *(name ":" OWS value CRLF) CRLF` is refused.
 */
#include "base/bytes.h"

struct head {
    uintptr_t begin, next; /* where the next text must stand */
    bool odd;              /* something stands elsewhere */
    bool bad_field;
    bool old_version, chunked;
    unsigned lengths, encodings; /* Content-Length and Transfer-Encoding fields */
    bool bad_length, bad_encoding, bad_version;
};

/* The request line's three texts, each where it was received and as long as strlen says. */
void head_begin(struct head *head, const char *method, const char *target, size_t target_len,
                const char *version);
/* Each field, in order; value without the blanks before it. */
void head_field(struct head *head, struct bytes name, struct bytes value);
/* NULL when the head can be read in one way only, else words for people. size: bytes from the method to the
 * end of the empty line. After words, the connection must be closed: nobody knows where the next request
 * begins. */
const char *head_judge(const struct head *head, size_t size);

#endif
