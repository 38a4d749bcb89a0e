#ifndef WASL_LEDGER_TRUSTSTORE_H
#define WASL_LEDGER_TRUSTSTORE_H
/* Registry versions, certificate chains and CRLs by SHA-256, kept as long as an entry names them: one file
 * each, <folder>/<2 hex>/<64 hex>, written whole and synced. Thread safe. */
#include "base/bytes.h"

#define TRUST_OBJECT_MOST ((size_t)16 << 20)

struct error;
struct truststore;

struct truststore *truststore_open(const char *folder, struct error *e);
void truststore_close(struct truststore *store);
/* Durable when it returns; hash is set. Harmless when it is there. */
int truststore_put(struct truststore *store, struct bytes object, uint8_t hash[HASH_SIZE], struct error *e);
/* 1 (appended; the bytes are checked against the hash: ERROR_INTEGRITY), 0 there is none, -1. */
int truststore_get(struct truststore *store, const uint8_t hash[HASH_SIZE], struct buffer *out,
                   struct error *e);

#endif
