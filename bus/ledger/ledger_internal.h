#ifndef WASL_LEDGER_INTERNAL_H
#define WASL_LEDGER_INTERNAL_H
/* What the files of the ledger share. The tables, byte for byte, are in README.md. */
#include "base/store.h"
#include "ledger/ledger.h"
#include "tlog/tree.h"

#include <pthread.h>

#define LEDGER_FORMAT          1
#define CHECKPOINTS_KEPT       256                 /* notes of recent checkpoints */
#define CLEANED_AT_ONCE        512                 /* rows of the replay index let go of in one batch */
#define QUOTAS_AT_ONCE         64                  /* rows of past days let go of in one batch */
#define OPEN_PAST_EXPIRY       (60 * MICROSECONDS) /* an open exchange is looked at again after that */
#define SEEN_ROOTS             1024
#define DAY_KEYS_MOST          64 /* of one member and day: one is enough, others come after a loss */
#define REMEMBERED_PAST_EXPIRY (300 * MICROSECONDS)  /* an ended one is let go of */
#define QUOTA_ZONE             (3600 * MICROSECONDS) /* quotas are counted by days in UTC+1 */
#define NOT_YET                UINT64_MAX

enum ledger_table {
    TABLE_META,
    TABLE_ENTRIES,
    TABLE_TILES,
    TABLE_CHECKPOINTS,
    TABLE_EXCHANGES,
    TABLE_OPEN,
    TABLE_EXPIRY,
    TABLE_SUBJECT_KEYS,
    TABLE_KEPT,
    TABLE_QUOTA,
    TABLE_OBJECTS,
    TABLES
};

struct ledger {
    char *folder;
    const struct note_signer *signer;
    struct store *store; /* of the open segment */
    uint64_t first;      /* its first index */
    MDB_dbi tables[TABLES];

    /* The writer's. */
    struct tree *tree;
    struct store_txn *txn; /* of the batch being put together */
    uint64_t now;          /* clock of that batch */
    uint64_t time;         /* of the last entry */
    uint64_t committed_time;
    bool failed; /* something in this batch could not be put: it can only be abandoned */
    bool dead;   /* a commit has failed: this process must not go on */
    uint64_t registry_version;
    uint8_t registry_hash[HASH_SIZE];
    struct buffer scratch;
    struct {
        uint64_t size; /* 0: empty */
        uint8_t root[HASH_SIZE];
    } seen[SEEN_ROOTS]; /* roots of sizes on disk that members have named, by size modulo this */

    /* Everybody's. */
    pthread_mutex_t lock;
    struct buffer note; /* of the latest checkpoint on disk */
    struct checkpoint checkpoint;
};

/* --- segment.c: the folder, its tables, and reading from them --- */

int segment_open(struct ledger *ledger, const struct ledger_options *options, struct error *e);
/* In a transaction: 1, 0, -1. The value points into the map. */
int segment_entry(struct ledger *ledger, struct store_txn *txn, uint64_t index, struct bytes *entry,
                  struct error *e);
/* The one place where tiles are read. 1 with width * 32 bytes in *hashes, 0, -1. */
int segment_tile(struct ledger *ledger, struct store_txn *txn, unsigned level, uint64_t number,
                 unsigned width, struct bytes *hashes, struct error *e);
void segment_tile_key(unsigned level, uint64_t number, uint8_t key[9]);
/* tree_reader over the open segment; arg is the ledger. */
int segment_read_tile(void *arg, unsigned level, uint64_t number, unsigned width, uint8_t *out,
                      struct error *e);
/* Note of the checkpoint of exactly that size: 1 (appended), 0, -1. */
int segment_checkpoint(struct ledger *ledger, struct store_txn *txn, uint64_t size, struct buffer *note,
                       struct error *e);

/* --- check.c --- */

/* Recomputes the open segment against its last checkpoint; leaves the tree, the time and the checkpoint taken
 * up. */
int ledger_check(struct ledger *ledger, struct error *e);

/* --- exchange.c: what must be known of exchanges, all in the batch's transaction --- */

enum exchange_state {
    EXCHANGE_OPEN = 1,    /* admitted, no terminal entry yet */
    EXCHANGE_ENDED = 2,   /* admitted, and ended */
    EXCHANGE_SETTLED = 3, /* its first entry was its last: a refusal, or a day key. Nothing may answer it */
};
struct exchange {
    enum exchange_state state;
    uint64_t request;  /* index of its first entry */
    uint64_t terminal; /* of its terminal entry, NOT_YET while open */
    uint64_t late;     /* of the first late response, or NOT_YET */
    uint64_t deadline, expires;
    uint8_t leaf[HASH_SIZE];
    uint8_t terms[HASH_SIZE]; /* over consumer, provider, service, operation and purpose */
};
void exchange_terms(const struct header *header, uint8_t terms[HASH_SIZE]);
int exchange_find(struct ledger *ledger, const uint8_t id[16], struct exchange *out,
                  struct error *e); /* 1, 0, -1 */
/* Writes a new one with its rows in open and expiry. */
int exchange_add(struct ledger *ledger, const uint8_t id[16], const struct exchange *exchange,
                 struct error *e);
int exchange_change(struct ledger *ledger, const uint8_t id[16], const struct exchange *exchange,
                    struct error *e);
/* Open -> ended by the entry at `terminal`. */
int exchange_end(struct ledger *ledger, const uint8_t id[16], struct exchange *exchange, uint64_t terminal,
                 struct error *e);
/* The open exchange with the lowest request index: 1, 0, -1. */
int exchange_first_open(struct ledger *ledger, uint8_t id[16], struct error *e);
/* Lets go of what has expired before `time`; bounded. */
int exchange_clean(struct ledger *ledger, uint64_t time, struct error *e);

/* The day key of a member in the entry at index; its body, by leaf, is one that the vault keeps. */
int subject_key_add(struct ledger *ledger, struct bytes member, uint32_t day, const uint8_t leaf[HASH_SIZE],
                    uint64_t index, struct error *e);
int subject_key_find(struct ledger *ledger, struct store_txn *txn, struct bytes member, uint32_t day,
                     struct error *e); /* 1, 0, -1 */
/* How many day keys of that member and day there are, up to DAY_KEYS_MOST; -1. */
int subject_key_count(struct ledger *ledger, struct bytes member, uint32_t day, struct error *e);
/* Counts one more of the day, unless it has `most` already: 1 counted, 0 used up, -1. */
int quota_take(struct ledger *ledger, const uint8_t grant[32], uint64_t time, uint64_t most, struct error *e);

/* --- put.c --- */

/* The bus time that the next entry will have. */
uint64_t ledger_next_time(const struct ledger *ledger);

#endif
