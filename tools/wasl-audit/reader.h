#ifndef WASL_AUDIT_READER_H
#define WASL_AUDIT_READER_H
/*
 * The one way in which auditors' tools read a ledger: checkpoint, tiles, entry bundles and trust objects by
 * their C2SP paths, from the bus's audit socket or from a folder with the same paths. What comes in is
 * hostile until it is proven: sizes are bounded and exact, paths are made here. Missing or misshapen data is
 * ERROR_INTEGRITY and named; a socket or disk that fails is ERROR_IO.
 */
#include "base/bytes.h"
#include "tlog/checkpoint.h"
#include "tlog/tree.h"

struct error;
struct reader;

/* where: a unix socket (with or without "unix:") or a folder. NULL with e set. */
struct reader *reader_open(const char *where, struct error *e);
void reader_close(struct reader *reader); /* NULL is harmless */

/* Latest checkpoint. With keys it must bear a good signature of one of them; without, it is only read. note
 * may be NULL. 1; 0 the ledger is empty; -1. */
int reader_checkpoint(struct reader *reader, const struct note_verifier *keys, size_t count,
                      struct buffer *note, struct checkpoint *out, struct error *e);
/* out has room for width * 32. A wider tile serves. */
int reader_tile(struct reader *reader, unsigned level, uint64_t number, unsigned width, uint8_t *out,
                struct error *e);
/* out is replaced. 1: it is of that width and must end with its last entry. 0: a wider one serves, the caller
 * stops after `width` entries. -1: there is none. */
int reader_bundle(struct reader *reader, uint64_t number, unsigned width, struct buffer *out,
                  struct error *e);
/* Object of the trust store, checked against its hash; out is replaced. 1, 0 there is none, -1. */
int reader_object(struct reader *reader, const uint8_t hash[HASH_SIZE], struct buffer *out, struct error *e);
/* For proofs. */
struct tree_reader reader_for_tree(struct reader *reader);

/* Entries in order, a bundle at a time. */
struct cursor {
    struct reader *reader;
    uint64_t next, end; /* entries still to come: [next, end) */
    uint64_t size;      /* of the tree */
    struct buffer bundle;
    struct bytes rest;
};
void cursor_start(struct cursor *cursor, struct reader *reader, uint64_t size, uint64_t from, uint64_t to);
/* 1: *index and *entry (valid until the next call) are set; 0 at the end; -1. */
int cursor_next(struct cursor *cursor, uint64_t *index, struct bytes *entry, struct error *e);
void cursor_end(struct cursor *cursor);

#endif
