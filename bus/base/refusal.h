#ifndef WASL_BASE_REFUSAL_H
#define WASL_BASE_REFUSAL_H
/* Why an exchange was refused. The numbers are on the wire and in the ledger: never re-used, never changed.
 * One table (refusal.def) is the source of the codes, the X-Road fault types, the words and the remedies. */
#include <stdbool.h>

enum refusal {
    REFUSAL_NONE = 0,
#define REFUSAL(number, name, xroad, words, remedy) REFUSAL_##name = number,
#include "refusal.def"
#undef REFUSAL
};

/* Lower-case name, "grant_expired"; "unknown_refusal" for a number that this version does not know. */
const char *refusal_name(unsigned code);
/* X-Road 7.8 fault type, "server.serverproxy.access_denied". */
const char *refusal_xroad_type(unsigned code);
/* One English sentence for people; what to do about it. */
const char *refusal_words(unsigned code);
const char *refusal_remedy(unsigned code);
/* Is a message refused with this before its signature had been found good? Then nobody is proven to have made
 * it, and whatever it says may be anybody's. */
bool refusal_signer_unproven(unsigned code);
/* The code of a name; REFUSAL_NONE when there is none. */
enum refusal refusal_by_name(const char *name);
/* The codes in the table's order; REFUSAL_NONE past the last. */
enum refusal refusal_at(unsigned i);

#endif
