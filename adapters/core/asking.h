#ifndef WASL_ADAPTERS_CORE_ASKING_H
#define WASL_ADAPTERS_CORE_ASKING_H
/*
 * The consumer's side. An ask is judged by the registry, sealed, signed and SUBMITted; it ends with the
 * response that checks out, with a refusal, or with its time. A refusal of our own is recorded as a REFUSAL
 * message.
 */
#include "core/ask.h"
#include "core/delivery.h"
#include "core/session.h"

struct common;
struct waiting;
struct asking;

struct asking *asking_new(struct common *common, struct waiting *waiting);
/* Ends every ask with STOPPED. */
void asking_free(struct asking *asking); /* NULL is harmless */

void asking_take(struct asking *asking, struct ask *ask);       /* owns it */
void asking_deliver(struct asking *asking, struct delivery *d); /* a RESPONSE; owns it */
/* True when it was about something of ours. */
bool asking_refused(struct asking *asking, const struct session_refused *refused);
bool asking_receipt(struct asking *asking, const uint8_t leaf[HASH_SIZE]); /* of a REFUSAL message */
/* Every ask under way ends with that refusal. */
void asking_end_all(struct asking *asking, enum refusal refusal);
void asking_resubmit(struct asking *asking);     /* a new session is linked */
void asking_keys_changed(struct asking *asking); /* a day key was escrowed: asks that wait for it go on */
void asking_tick(struct asking *asking);

#endif
