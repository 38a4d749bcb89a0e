#ifndef WASL_ADAPTERS_CORE_ASK_SEAL_H
#define WASL_ADAPTERS_CORE_ASK_SEAL_H
/* What an ask becomes on the wire: a REQUEST sealed to its provider, or the REFUSAL that records why it did
 * not. */
#include "core/ask.h"
#include "core/parcel.h"
#include "registry/decide.h"

struct common;

/*
 * A REQUEST for what was decided; decision holds its service, operation and grant. key: the day key of now,
 * NULL: no pseudonyms. h: the header as signed. NULL with e set: ERROR_CONFIG when the provider cannot be
 * sealed to.
 */
struct parcel *ask_seal(struct common *common, const struct ask *ask, const struct decision *decision,
                        const uint8_t *key, struct header *h, struct error *e);
/* A REFUSAL that lives for `lifetime`; decision may be NULL. Takes the day key itself, when it is escrowed.
 * NULL with e set. */
struct parcel *ask_seal_refusal(struct common *common, const struct ask *ask, enum refusal refusal,
                                const struct decision *decision, uint64_t lifetime, struct error *e);

#endif
