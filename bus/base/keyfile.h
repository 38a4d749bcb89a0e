#ifndef WASL_BASE_KEYFILE_H
#define WASL_BASE_KEYFILE_H
/*
 * A file of 32-byte keys in fixed slots, each overwritten in place and synced when it is destroyed: an
 * unlinked file's bytes stay on the disk, and so do LMDB's deleted ones. Slot 0 on; the file grows by whole
 * blocks. Mode 0600. What is promised is the overwrite of the file's block; remapped or older blocks of a
 * disk are outside it.
 *
 * A destroyed slot is never used again. Threads may share a keyfile; processes may not (it is locked).
 *
 * File: "wasl-keyfile/1\n" padded to 64 bytes, then slots of 64 bytes: state (0 free, 1 used, 2 destroyed), 7
 * zero, tag (24 bytes, the caller's), key (32).
 */
#include "bytes.h"

#define KEYFILE_KEY 32
#define KEYFILE_TAG 24

struct error;
struct keyfile;

struct keyfile *keyfile_open(const char *path, bool create, struct error *e);
void keyfile_close(struct keyfile *file);
/* A fresh random key in a free slot; durable when it returns. */
int keyfile_create(struct keyfile *file, const uint8_t tag[KEYFILE_TAG], uint64_t *slot,
                   uint8_t key[KEYFILE_KEY], struct error *e);
/* Several at once, one sync. */
int keyfile_create_many(struct keyfile *file, size_t count, const uint8_t (*tags)[KEYFILE_TAG],
                        uint64_t *slots, uint8_t (*keys)[KEYFILE_KEY], struct error *e);
/* 1 there is one, 0 free or destroyed, -1 error. */
int keyfile_get(struct keyfile *file, uint64_t slot, uint8_t tag[KEYFILE_TAG], uint8_t key[KEYFILE_KEY],
                struct error *e);
uint64_t keyfile_slots(struct keyfile *file); /* number of slots, used or not */
/* Overwrites the key in place and syncs. Harmless when it is already destroyed. */
int keyfile_destroy(struct keyfile *file, uint64_t slot, struct error *e);

#endif
