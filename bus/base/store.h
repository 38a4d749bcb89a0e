#ifndef WASL_BASE_STORE_H
#define WASL_BASE_STORE_H
/*
 * LMDB, with its errors translated once, sizes fixed at open, and the rules of a shared house: one
 * environment opened once in a process, one thread owns the write transaction, readers are short (slice long
 * reads).
 */
#include "bytes.h"
#include <lmdb.h>

struct error;
struct store;
struct store_txn;

struct store_options {
    size_t map_size;       /* bytes; the quota. Admission should stop at 80 % (store_used) */
    unsigned most_tables;  /* named tables */
    unsigned most_readers; /* 0: 126 */
    bool create;           /* make folder and environment where missing */
    bool no_sync;          /* only for scratch data in tests and caches that can be rebuilt */
};

/* From now on a page of a store that the disk no longer has (a file that was cut off, a failing disk) ends
 * the process with this exit code and with words, not by SIGBUS without any. Called once, by a daemon's main.
 */
void store_say_lost_pages(int exit_code);

/* Opens the folder (mode 0700). Errors: ERROR_IO, ERROR_NOT_FOUND, ERROR_CONFIG (opened twice in this
 * process). */
struct store *store_open(const char *folder, const struct store_options *options, struct error *e);
void store_close(struct store *store); /* NULL is harmless */
/* Named table, opened (and created when the store was opened with create) in a transaction of its own. 0 or
 * -1. */
int store_table(struct store *store, const char *name, MDB_dbi *table, struct error *e);
/* Share of the map in use, 0.0 to 1.0. */
double store_used(struct store *store);
void store_check_readers(struct store *store); /* frees slots of dead readers: at start and each minute */

struct store_txn *store_write(struct store *store, struct error *e);
struct store_txn *store_read(struct store *store, struct error *e);
/* Commits (for a writer: everything is on disk when it returns 0) and frees the transaction, also when it
 * fails. */
int store_commit(struct store_txn *txn, struct error *e);
void store_abort(struct store_txn *txn);       /* NULL is harmless */
MDB_txn *store_txn_raw(struct store_txn *txn); /* for cursors */

/* 1: found, value points into the map until the transaction ends; 0: no such key; -1: e is set. */
int store_get(struct store_txn *txn, MDB_dbi table, struct bytes key, struct bytes *value, struct error *e);
int store_put(struct store_txn *txn, MDB_dbi table, struct bytes key, struct bytes value, struct error *e);
/* Key must be greater than every key in the table: packs pages, and refuses to overwrite (ERROR_INTEGRITY).
 */
int store_append(struct store_txn *txn, MDB_dbi table, struct bytes key, struct bytes value, struct error *e);
/* 1 deleted, 0 there was none, -1. */
int store_delete(struct store_txn *txn, MDB_dbi table, struct bytes key, struct error *e);
/* First pair with key >= from. 1, 0 at the end, -1. key and value point into the map. */
int store_seek(struct store_txn *txn, MDB_dbi table, struct bytes from, struct bytes *key,
               struct bytes *value, struct error *e);
/* Last pair. 1, 0 when the table is empty, -1. */
int store_last(struct store_txn *txn, MDB_dbi table, struct bytes *key, struct bytes *value, struct error *e);

/* A foreign LMDB code in our words; returns -1. For callers that use cursors. */
int store_error(struct error *e, int lmdb_code, const char *what);

#endif
