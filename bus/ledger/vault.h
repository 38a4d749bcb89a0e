#ifndef WASL_LEDGER_VAULT_H
#define WASL_LEDGER_VAULT_H
/*
 * Bodies that must be kept (escrowed day keys, later documents and evidence): sealed bytes, encrypted once
 * more under a record key of their own that lives outside LMDB (base/keyfile.h). Destroying the record key
 * erases; deleting an LMDB row does not. Order: record keys, then bodies, synced; then the ledger's commit.
 * What has no entry is collected at start. One thread (the ledger's writer) puts and destroys; any thread may
 * get.
 */
#include "base/bytes.h"

/* A sealed body of one chunk with its slots. Larger ones will lie beside it as files of their own. */
#define VAULT_RECORD_MOST ((size_t)512 << 10)

struct error;
struct vault;

struct vault_record {
    uint8_t leaf[HASH_SIZE]; /* of the message whose body it is */
    struct bytes data;
};
struct vault *vault_open(const char *folder, size_t map_size, struct error *e);
void vault_close(struct vault *vault);
/* All durable when it returns. A record that is there already is left as it is. */
int vault_put(struct vault *vault, const struct vault_record *records, size_t count, struct error *e);
/* 1 (appended), 0 there is none, or it is destroyed; -1. */
int vault_get(struct vault *vault, const uint8_t leaf[HASH_SIZE], struct buffer *out, struct error *e);
/* 1 destroyed (durably), 0 there is none, -1. */
int vault_destroy(struct vault *vault, const uint8_t leaf[HASH_SIZE], struct error *e);
/* Destroys every record for which `known` says 0 (1 keep, -1 cannot say: ends it): what a crash left without
 * an entry. */
int vault_collect(struct vault *vault, int (*known)(void *arg, const uint8_t leaf[HASH_SIZE]), void *arg,
                  struct error *e);

#endif
