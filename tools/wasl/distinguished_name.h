#ifndef WASL_TOOL_DISTINGUISHED_NAME_H
#define WASL_TOOL_DISTINGUISHED_NAME_H
/* Subjects as RFC 2253 writes them (last part first), to and from OpenSSL's names. */
#include "base/bytes.h"
#include <openssl/x509.h>

struct error;
/* "CN=TN/GOV/MI,O=Wasl,C=TN"; UTF-8, with \, and \XX escapes; one attribute a part. NULL with e set. */
X509_NAME *distinguished_name_parse(const char *text, struct error *e);
/* Appends it as `openssl x509 -nameopt RFC2253` prints it, which is what the registry compares. */
int distinguished_name_format(const X509_NAME *name, struct buffer *out, struct error *e);

#endif
