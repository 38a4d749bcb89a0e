#ifndef WASL_TOOL_MEMBER_INIT_H
#define WASL_TOOL_MEMBER_INIT_H
/* A new member's folder of keys; certs/README.md has its layout. */
#include "base/bytes.h"

struct error;

struct member_init {
    const char *member;  /* TN/GOV/MI */
    const char *subject; /* RFC 2253; NULL: CN=<member>,O=Wasl,C=<instance, if it is two letters> */
    bool rsa;
    unsigned days;                           /* of the sealing key */
    const char *trust_anchor;                /* its name in the registry */
    const char *name_ar, *name_fr, *name_en; /* NULL: the identifier, for the authority to replace */
    uint64_t now;
};
/* Makes the folder whole or not at all; never overwrites. The registry fragment is appended to `fragment`
 * too. */
int member_init(const struct member_init *init, const char *folder, struct buffer *fragment, struct error *e);

#endif
