#ifndef WASL_REGISTRY_QUERY_H
#define WASL_REGISTRY_QUERY_H
/* The query of a forwarded request line, judged by both adapters on exactly the bytes that are forwarded. */
#include "base/bytes.h"

/*
 * Can it be read in one way only? Bytes of RFC 3986's query and '[' ']' (which clients send unescaped in
 * names of parameters), escapes that are whole, none of them NUL; what is escaped is UTF-8. What the
 * parameters mean is the service's business: double encoding is legal here (an address inside an address).
 */
bool query_unambiguous(struct bytes query);

#endif
