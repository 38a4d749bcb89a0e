#ifndef WASL_FRONT_FAULT_H
#define WASL_FRONT_FAULT_H
/* A refusal as X-Road's clients know it: {"type","message","detail"} or the same in XML. */
#include "base/bytes.h"
#include "base/refusal.h"

enum fault_spelling {
    FAULT_SPELLING_7_8, /* server.serverproxy.access_denied */
    FAULT_SPELLING_OLD, /* Server.ServerProxy.AccessDenied */
};
struct fault {
    enum refusal refusal;
    const char *words; /* NULL: those of the refusal's table */
    uint8_t id[16];    /* of the exchange; a fresh one where nothing was recorded */
};
/* out has room for FAULT_TYPE_MOST. */
#define FAULT_TYPE_MOST 96
void fault_type(enum refusal refusal, enum fault_spelling spelling, char *out);
/* 500 when the type begins with "server" or "Server", else 400. */
unsigned fault_status(const char *type);
void fault_body(const struct fault *fault, enum fault_spelling spelling, bool xml, struct buffer *out);

#endif
