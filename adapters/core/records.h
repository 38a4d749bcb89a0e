#ifndef WASL_ADAPTERS_CORE_RECORDS_H
#define WASL_ADAPTERS_CORE_RECORDS_H
/*
 * What our own adapter refuses is recorded too: the ledger shows attempts, not only what came through. Each
 * is a REFUSAL message, kept here until its receipt, a refusal or its time. Bounded; what is not recorded is
 * said in the log.
 */
#include "core/ask.h"
#include "registry/decide.h"
#include "tlog/tree.h"

struct common;
struct records;

struct records *records_new(struct common *common);
void records_free(struct records *records); /* NULL is harmless */

/* decision may be NULL. */
void records_make(struct records *records, const struct ask *ask, enum refusal refusal,
                  const struct decision *decision);
/* It has its receipt, or never will. True when it was one of these. */
bool records_drop(struct records *records, const uint8_t leaf[HASH_SIZE]);
void records_resubmit(struct records *records); /* a new session is linked */
void records_tick(struct records *records);

#endif
