#include "ledger/ledger_internal.h"

#include "base/clock.h"
#include "base/error.h"
#include "crypto/hash.h"

#include <inttypes.h>
#include <string.h>

#define STOPPED_MOST ((size_t)1 << 20)

static const char *stopped_path(const struct ledger *ledger, struct buffer *path)
{
    buffer_printf(path, "%s/STOPPED", ledger->folder);
    buffer_append(path, "", 1);
    return (const char *)path->data;
}

/* A bus that was stopped for cause does not run on: 0 when there is no such cause. */
static int check_stopped(const struct ledger *ledger, struct error *e)
{
    struct buffer path = {0}, text = {0};
    struct error why = {0};
    int result = 0;

    if (file_read(stopped_path(ledger, &path), STOPPED_MOST, &text, &why) == 0) {
        const uint8_t *end = text.len == 0 ? NULL : memchr(text.data, '\n', text.len);
        int len = end == NULL ? 0 : (int)(end - text.data < 300 ? end - text.data : 300);

        result = error_set(e, ERROR_INTEGRITY, "this ledger was stopped: %.*s (see %s)", len,
                           len > 0 ? (const char *)text.data : "", (const char *)path.data);
    } else if (why.kind != ERROR_NOT_FOUND) {
        result = error_set(e, why.kind, "%s", why.text);
    }
    buffer_free(&path);
    buffer_free(&text);
    return result;
}

struct ledger *ledger_open(const struct ledger_options *options, struct error *e)
{
    struct ledger *ledger = memory_zeroed(1, sizeof(*ledger));
    const struct tree_reader reader = {segment_read_tile, ledger};

    pthread_mutex_init(&ledger->lock, NULL);
    ledger->folder = string_copy(options->folder);
    ledger->signer = options->signer;
    ledger->tree = tree_new(&reader);
    if (check_stopped(ledger, e) != 0 || segment_open(ledger, options, e) != 0 ||
        ledger_check(ledger, e) != 0) {
        ledger_close(ledger);
        return NULL;
    }
    return ledger;
}

void ledger_close(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    store_abort(ledger->txn);
    tree_free(ledger->tree);
    store_close(ledger->store);
    buffer_free(&ledger->note);
    buffer_free(&ledger->scratch);
    pthread_mutex_destroy(&ledger->lock);
    free(ledger->folder);
    free(ledger);
}

void ledger_checkpoint(struct ledger *ledger, struct buffer *note, struct checkpoint *checkpoint)
{
    pthread_mutex_lock(&ledger->lock);
    if (note != NULL)
        buffer_append_bytes(note, buffer_bytes(&ledger->note));
    if (checkpoint != NULL)
        *checkpoint = ledger->checkpoint;
    pthread_mutex_unlock(&ledger->lock);
}

uint64_t ledger_size(struct ledger *ledger)
{
    pthread_mutex_lock(&ledger->lock);
    uint64_t size = ledger->checkpoint.size;
    pthread_mutex_unlock(&ledger->lock);
    return size;
}

double ledger_used(struct ledger *ledger)
{
    return store_used(ledger->store);
}

uint64_t ledger_last_time(const struct ledger *ledger)
{
    return ledger->time;
}

void ledger_set_registry(struct ledger *ledger, uint64_t version, const uint8_t hash[HASH_SIZE])
{
    ledger->registry_version = version;
    memcpy(ledger->registry_hash, hash, HASH_SIZE);
}

uint64_t ledger_next_time(const struct ledger *ledger)
{
    return ledger->now > ledger->time ? ledger->now : ledger->time + 1;
}

int ledger_begin(struct ledger *ledger, uint64_t now, struct error *e)
{
    BUG_ON(ledger->txn != NULL);
    if (ledger->dead)
        return error_set(e, ERROR_IO,
                         "a commit of the ledger has failed: this process must end and start anew");
    ledger->txn = store_write(ledger->store, e);
    if (ledger->txn == NULL)
        return -1;
    ledger->now = now;
    ledger->failed = false;
    /* What is let go of has expired before any entry of this batch, and put.c refuses what has: so a message
     * cannot come back in the moment in which its id is forgotten. */
    if (exchange_clean(ledger, ledger_next_time(ledger), e) != 0) {
        store_abort(ledger->txn);
        ledger->txn = NULL;
        return -1;
    }
    return 0;
}

int ledger_abort(struct ledger *ledger, struct error *e)
{
    if (ledger->txn == NULL)
        return 0;
    store_abort(ledger->txn);
    ledger->txn = NULL;
    ledger->time = ledger->committed_time;
    /* Nothing of that size has been signed, so it may still be signed with other entries. */
    if (tree_load(ledger->tree, ledger->checkpoint.size, e) != 0) {
        ledger->dead = true;
        return -1;
    }
    return 0;
}

static int write_tile(void *arg, unsigned level, uint64_t number, unsigned width, const uint8_t *hashes,
                      struct error *e)
{
    struct ledger *ledger = arg;
    uint8_t key[9];

    segment_tile_key(level, number, key);
    return store_put(ledger->txn, ledger->tables[TABLE_TILES], bytes_make(key, 9),
                     bytes_make(hashes, (size_t)width * HASH_SIZE), e);
}

/* Keeps the note with those of the last CHECKPOINTS_KEPT commits. */
static int keep_checkpoint(struct ledger *ledger, uint64_t size, struct bytes note, struct error *e)
{
    const MDB_dbi table = ledger->tables[TABLE_CHECKPOINTS];
    struct bytes key, value;
    uint8_t row[8];
    MDB_stat stat;

    put_u64be(row, size);
    if (store_append(ledger->txn, table, bytes_make(row, 8), note, e) != 0)
        return -1;
    int code = mdb_stat(store_txn_raw(ledger->txn), table, &stat);
    if (code != 0)
        return store_error(e, code, "counting checkpoints");
    if (stat.ms_entries <= CHECKPOINTS_KEPT)
        return 0;
    int found = store_seek(ledger->txn, table, bytes_make(NULL, 0), &key, &value, e);
    if (found != 1 || key.len != 8)
        return found < 0 ? -1
                         : error_set(e, ERROR_INTEGRITY, "the ledger's table checkpoints has no valid form");
    memcpy(row, key.data, 8);
    return store_delete(ledger->txn, table, bytes_make(row, 8), e) < 0 ? -1 : 0;
}

int ledger_commit(struct ledger *ledger, struct error *e)
{
    struct checkpoint next = {.size = tree_size(ledger->tree)};
    struct buffer note = {0};
    struct store_txn *txn;
    int result = -1;

    BUG_ON(ledger->txn == NULL);
    if (ledger->failed) {
        error_set(e, ERROR_IO, "a batch of which a part could not be put cannot be committed");
        goto out;
    }
    const bool grown = next.size > ledger->checkpoint.size;
    if (grown) {
        strcpy(next.origin, ledger->signer->verifier.name);
        if (tree_root(ledger->tree, next.size, next.root, e) != 0 ||
            tree_dirty(ledger->tree, write_tile, ledger, e) != 0)
            goto out;
        checkpoint_sign(&next, ledger->signer, &note);
        if (keep_checkpoint(ledger, next.size, buffer_bytes(&note), e) != 0)
            goto out;
    }
    txn = ledger->txn;
    ledger->txn = NULL;
    if (store_commit(txn, e) != 0)
        goto out;
    ledger->committed_time = ledger->time;
    if (grown) {
        tree_clean(ledger->tree);
        pthread_mutex_lock(&ledger->lock);
        buffer_clear(&ledger->note);
        buffer_append_bytes(&ledger->note, buffer_bytes(&note));
        ledger->checkpoint = next;
        pthread_mutex_unlock(&ledger->lock);
    }
    result = 0;
out:
    if (result != 0) {
        store_abort(ledger->txn);
        ledger->txn = NULL;
        ledger->dead = true;
    }
    buffer_free(&note);
    return result;
}

int ledger_stop(struct ledger *ledger, const char *words, struct bytes their_note, struct error *e)
{
    struct buffer path = {0}, text = {0};
    char time[28];

    /* The first line is what an operator is told at the next start. */
    for (const char *p = words; *p != '\0'; p++)
        buffer_append(&text, *p == '\n' ? " " : p, 1);
    clock_format(clock_wall(), time);
    buffer_printf(&text, "\nat %s\n\n--- our latest checkpoint\n", time);
    ledger_checkpoint(ledger, &text, NULL);
    buffer_append_string(&text, "--- the checkpoint that it could not extend\n");
    buffer_append_bytes(&text, their_note);
    int result = file_write_atomically(stopped_path(ledger, &path), buffer_bytes(&text), 0600, e);
    buffer_free(&path);
    buffer_free(&text);
    return result;
}
